"""The section `barrier`: an experiment with known membership, on two bases that differ only in what they were shown."""

from pydantic import Field

from ibft.config.section import Name, Section


class Barrier(Section):
    """Every experiment that runs both bases gives arms, compared on the first dataset of its `measured_on`."""

    exposed: Name = Field(description="model that was shown a part of the dataset, the members")
    control: Name = Field(description="its twin: shown as many other examples, as often")
    dataset: Name = Field(description="members and others, on which both are fine-tuned")
