"""Datasets and benchmarks that ibft generates itself."""
