"""Intervals and tests for means over problems (or examples) and training seeds, and Holm's correction."""
