"""The verdict on a Python completion."""
