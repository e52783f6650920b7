"""Overlap of fine-tuning data with benchmarks."""

from pydantic import Field

from ibft.config.section import Positive, Ratio, Section


class Contamination(Section):
    """When a fine-tuning example counts as overlapping with a benchmark. A token is a word, a number or a symbol."""

    ngram: Positive = Field(8, description="tokens of the n-grams that are looked for in both")
    overlap: Ratio = Field(0.5, description="share of a problem's tokens that shared n-grams must cover")
    covered: Positive = Field(20, description="and how many tokens that must be at least: a shorter match is an idiom")
    substring: Positive = Field(50, description="tokens that must be shared in one run; either of the two is enough")
    drop: bool = Field(False, description="leave such examples out before anything is scored or trained")
