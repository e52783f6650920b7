"""Base models: fetched once into a safetensors folder, then loaded from there by every stage."""
