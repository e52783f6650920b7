"""FT and IB-FT: one objective, one loop. FT is IB-FT without the bottleneck."""
