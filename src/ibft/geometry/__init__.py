"""Measure where the most and the least memorized examples lie in a model's hidden space (paper Figure 5)."""
