"""Measure how much of a benchmark stands, word for word, in the fine-tuning data."""
