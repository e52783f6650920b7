"""Extraction takes code out of what a model wrote: one extractor for each prompt profile."""

from ibft.extraction.catalogue import EXTRACTORS, extract

__all__ = ["EXTRACTORS", "extract"]
