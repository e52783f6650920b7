"""The headline table, the paper's tables filled with a run's numbers, and the paper's own numbers."""
