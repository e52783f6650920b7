"""What the benchmarks of model computations measure with: time, memory, and the floor that the hardware sets."""
