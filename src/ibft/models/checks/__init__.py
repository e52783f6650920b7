"""Checks of a model's files before any library loads them: folder, JSON, weights, architecture."""
