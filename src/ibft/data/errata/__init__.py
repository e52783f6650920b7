"""Errata: known defects of published problems, one file per harness. They are told, never mended here."""
