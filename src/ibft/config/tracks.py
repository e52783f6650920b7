"""Which models, data, methods and benchmarks are run together."""

from typing import Any

from pydantic import Field

from ibft.config.sampling import Profile
from ibft.config.section import Name, Section


class Track(Section):
    """What is run together. `training` and `sampling` override single keys of the sections of the same name."""

    models: tuple[Name, ...] = Field(min_length=1)
    dataset: Name
    benchmarks: tuple[Name, ...] = Field(min_length=1)
    methods: tuple[Name, ...] = Field(min_length=1)
    profile: Profile = Field("chat", description="how examples and problems become prompts; see ibft.prompts")
    training: dict[str, Any] = Field({})
    sampling: dict[str, Any] = Field({})
