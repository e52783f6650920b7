"""How a model is fine-tuned before it is evaluated: FT, IB-FT, on all data or on a selection, or not at all."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ibft.config.section import Label, Name, Positive, Ratio, Scope, Section, Share, or_a_list
from ibft.selection import criteria


class Selection(Section):
    """Which examples a method is trained on."""

    by: criteria.Name
    keep: Share = Field(0.8, description="share of the examples", json_schema_extra=or_a_list)


class Method(Section):
    """One row of the paper's Table 1. Only `ibft` reads the keys from objective to normalize_hidden.

    A list for keep, alpha, beta, layer or bottleneck makes one method per value (see `ibft.config.sweeps`).
    """

    kind: Literal["base", "ft", "ibft"]
    selection: Selection | None = None
    objective: Literal["paper", "released-code"] = Field(
        "paper", description="released-code: KL also over prompt and padding, as docs/adr/0006 tells; ignores kl_scope"
    )
    alpha: float = Field(
        0.1, gt=0, description="strength of the IB regularizer (paper eq. IB-FT)", json_schema_extra=or_a_list
    )
    beta: float = Field(
        0.02,
        ge=0,
        description="weight of prediction inside the regularizer (paper eq. 6)",
        json_schema_extra=or_a_list,
    )
    layer: Positive | Ratio = Field(
        2 / 3, description="l*: an index from 1, or a fraction of the depth", json_schema_extra=or_a_list
    )
    bottleneck: Positive = Field(256, description="width d of z", json_schema_extra=or_a_list)
    kl_scope: Scope = Field("response", description="tokens over which KL is averaged; never padding")
    normalize_hidden: bool = Field(False, description="divide layer-l* states by their RMS before the bottleneck")
    label: Label | None = None
    sweep: Name | None = Field(None, description="filled in: the method whose lists of values this is one of")

    @model_validator(mode="after")
    def _base_is_not_trained(self) -> Self:
        if self.kind == "base" and self.selection:
            raise ValueError("a base model is not trained, so it takes no `selection`")
        return self
