"""Samples that were not drawn here."""

from typing import Literal

from pydantic import Field

from ibft.config.sampling import Profile
from ibft.config.section import Label, Name, Section, Temperature


class ImportedSamples(Section):
    """Completions that somebody else drew: judged, measured and shown as one more method, named like this entry.

    `model` and `dataset` may be names of this configuration, and then stand beside its own methods, or any others.
    """

    source: str = Field(pattern=r"^path:.+$", description="path:FILE, JSON Lines with task_id and completion")
    model: Name = Field(description="that wrote them")
    dataset: Name = Field(description="that the model was fine-tuned on, or beside whose methods it is shown")
    benchmark: Name = Field(description="whose problems they answer, each equally often")
    temperature: Temperature = Field(description="that they were drawn at")
    profile: Profile | Literal["as-is"] = Field(
        "as-is", description="whose extractor takes the code out; as-is: a completion is run exactly as it is"
    )
    label: Label | None = None
