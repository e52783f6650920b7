"""Extraction: how code is taken out of what a model wrote."""

from ibft.extraction.catalogue import EXTRACTORS, extract

__all__ = ["EXTRACTORS", "extract"]
