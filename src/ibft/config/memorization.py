"""Min-K% Prob."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from ibft.config.section import Few, Name, Positive, Scope, Section


class Scoring(Section):
    """What a memorization score depends on."""

    k: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field((5, 10, 20, 30, 40, 50, 60), min_length=1)
    scope: Scope = "sequence"
    max_length: Positive = 2048
    batch_tokens: Positive = Field(4096, description="tokens per forward pass")


class Memorization(Scoring):
    """Min-K% Prob (Shi et al. 2023)."""

    k_selection: Annotated[int, Field(ge=1, le=100)] = Field(20, description="the k that selects, groups and plots")
    reference: Name | None = Field(
        None, description="dataset that no model can have seen: the weakest-memorization reference p2; tracks need it"
    )
    score_methods: tuple[Name, ...] | None = Field(
        None, description="methods whose models score their own dataset; null: base and FT on all data"
    )
    shards: Few = Field(1, description="jobs that share the scoring of one dataset; another number scores again")

    def as_scoring(self) -> Scoring:
        """Return the keys that scores depend on."""
        return Scoring.model_validate({name: getattr(self, name) for name in Scoring.model_fields})

    @model_validator(mode="after")
    def _k_selection_is_scored(self) -> Self:
        if self.k_selection not in self.k:
            raise ValueError(f"k_selection must be one of k: {list(self.k)}")
        return self
