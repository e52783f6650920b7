"""Fine-tuning examples and benchmark problems, from wherever they come, as the tables `examples` and `problems`."""
