"""A configuration whose names exist and whose settings do not contradict each other."""

from typing import Any, Self

from pydantic import ValidationError, field_validator, model_validator

from ibft.config.checks import contradictions, unknown_names
from ibft.config.messages import sentences
from ibft.config.section import Section, overridden
from ibft.config.sections import Experiment, Model, Sampling, Training
from ibft.config.unchecked import UncheckedConfig


class Config(UncheckedConfig):
    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        problems = list(unknown_names(self)) or list(contradictions(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @field_validator("methods", "models")
    @classmethod
    def _overrides_of_training_are_valid(cls, entries: dict[str, Any]) -> dict[str, Any]:
        errors: list[str] = []
        for name, entry in entries.items():
            is_model = isinstance(entry, Model)
            override = getattr(entry.exposure if is_model else entry, "training", {})
            place = f"models.{name}.exposure.training." if is_model else f"methods.{name}.training."
            try:
                overridden(Training(), override)
            except ValidationError as error:
                errors += sentences(error, Training, place)
            if "seeds" in override:
                errors.append(f"{place}seeds: set training.seeds, or an experiment's, which all its methods share")
        if errors:
            raise ValueError("\n".join(errors))
        return entries

    @field_validator("experiments")
    @classmethod
    def _overrides_are_valid(cls, experiments: dict[str, Experiment]) -> dict[str, Experiment]:
        errors: list[str] = []
        for name, experiment in experiments.items():
            for section, override in (("training", experiment.training), ("sampling", experiment.sampling)):
                defaults: Section = Training() if section == "training" else Sampling()
                try:
                    overridden(defaults, override)
                except ValidationError as error:
                    errors += sentences(error, type(defaults), f"experiments.{name}.{section}.")
        if errors:
            raise ValueError("\n".join(errors))
        return experiments
