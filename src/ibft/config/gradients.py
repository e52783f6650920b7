"""GraNd and EL2N."""

from typing import Literal

from pydantic import Field

from ibft.config.section import Few, Positive, Section


class Gradients(Section):
    """GraNd and EL2N (Paul et al. 2021) on the LoRA parameters."""

    initialisations: Few = Field(2, description="adapter initialisations that the norm is averaged over")
    warmup_steps: int = Field(20, ge=0, le=1_000_000, description="FT steps before scoring; 0 scores at initialisation")
    reduction: Literal["mean", "sum"] = Field("mean", description="of the token losses of one example")
    batch_tokens: Positive = 4096
    shards: Few = Field(1, description="jobs that share the scoring of one dataset; another number scores again")
