"""Coresets: which examples a method is trained on."""
