"""Measures of model computations: time, memory, and the floor that the hardware sets."""
