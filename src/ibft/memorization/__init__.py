"""Measure how much of an example a model already knows: Min-K% Prob, Min-K%++, and their densities."""
