"""Tables print a run's numbers: the headline table, and the paper's tables next to the paper's own numbers."""
