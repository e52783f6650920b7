"""How far apart the model sees its training examples."""

from typing import Annotated, Literal

from pydantic import Field

from ibft.config.section import Name, Positive, Ratio, Section


class Geometry(Section):
    """Distances and angles between the most and the least memorized examples (paper Fig. 5)."""

    methods: tuple[Name, ...] | None = Field(
        None, description="methods whose models are measured; null: base, and FT and IB-FT on all data"
    )
    layer: Positive | Ratio = 2 / 3
    pooling: Literal["mean", "last"] = "mean"
    group: Annotated[float, Field(gt=0, le=0.5)] = Field(0.2, description="share of the examples in each group")
    pairs: Positive = 200
