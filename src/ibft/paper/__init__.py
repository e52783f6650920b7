"""The paper's own results: its numbers, its table layouts, and where a run stands beside them."""
