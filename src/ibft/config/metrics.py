"""Pass@k and Pass@k^(m)."""

from pydantic import Field

from ibft.config.section import Positive, Section


class Metrics(Section):
    k: tuple[Positive, ...] = Field((1, 5, 10), min_length=1, description="of Pass@k")
    strict_k: Positive = Field(10, description="k of Pass@k^(m)")
    strict_m: tuple[Positive, ...] = Field((2, 5, 10), min_length=1, description="the m of Pass@k^(m)")
    bootstrap: Positive = Field(2000, description="resamples of the problems behind each 95% interval")
