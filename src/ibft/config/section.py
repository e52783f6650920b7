"""Types that all sections of the configuration share: names, numbers and texts, each with the values that it refuses.

Sections are frozen, and refuse keys that they do not know. So that nothing is read as what nobody meant, `yes` is no
number, and no list says the same thing twice.
"""

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

LARGEST = 2**31 - 1  # of the tables' whole numbers


def _shown_in_full(value: float) -> float:
    """A number that is part of a path, where `%g` writes it: two that look equal there would be one."""
    if float(f"{value:g}") != value:
        raise ValueError(f"{value!r} has more digits than a path shows; write {value:g}")
    return value


def _without_exponent(value: float) -> float:
    if "e" in f"{value:g}":
        raise ValueError(f"{value!r} is too near to 0; valid are 0 and 0.0001 to 1000")
    return value


def _in_order(bounds: tuple[int, int]) -> tuple[int, int]:
    if bounds[0] >= bounds[1]:
        raise ValueError(f"{list(bounds)} is empty; the second number must be larger than the first")
    return bounds


Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100, description="becomes a folder name")
]
Label = Annotated[str, Field(max_length=200, description="how tables and plots call it")]
Ratio = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[Ratio, AfterValidator(_shown_in_full)]
Temperature = Annotated[float, Field(ge=0, le=1000), AfterValidator(_shown_in_full), AfterValidator(_without_exponent)]
Positive = Annotated[int, Field(ge=1, le=LARGEST)]
# The tokens of a pass; `auto` takes as many as a GPU's free memory holds, and on CPUs a number that ibft states.
Tokens = Literal["auto"] | Positive
Few = Annotated[int, Field(ge=1, le=10_000)]
Seed = Annotated[int, Field(ge=0, le=LARGEST)]
Range = Annotated[
    tuple[Annotated[int, Field(ge=0, le=10_000)], Positive],
    AfterValidator(_in_order),
    Field(description="from, and up to but without"),
]
Precision = Literal["float32", "bfloat16", "float16"]
TrainingPrecision = Literal["float32", "bfloat16", "float16", "nf4"]
Language = Literal["python", "verilog"]
Scope = Literal["sequence", "response"]


def or_a_list(schema: dict[str, Any]) -> None:
    """For editors: the key also takes a list, which makes the method a sweep (see `ibft.config.sweeps`)."""
    single = {name: value for name, value in schema.items() if name not in ("default", "description", "title")}
    for name in single:
        del schema[name]
    schema["anyOf"] = [single, {"type": "array", "items": single, "minItems": 1}]


class Section(BaseModel):
    """A section of the configuration.

    Attributes:
        redefined: keys whose default was another value in an earlier version; tests/config/defaults.json knows them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)
    redefined: ClassVar[frozenset[str]] = frozenset()

    def decisive(self, without: Collection[str] = ()) -> dict[str, Any]:
        """Return the keys that differ from their defaults, as JSON values: all that a job is told of the section.

        A new key with its default therefore reruns nothing. Keys in `redefined` are always among them, so that a
        change of a default reruns what it concerns.

        Args:
            without: keys that are left out.
        """
        values = self.model_dump(mode="json")
        return {
            name: _decisive(getattr(self, name), values[name])
            for name, field in type(self).model_fields.items()
            if name not in without and (name in self.redefined or _differs(getattr(self, name), field))
        }

    def without(self, *names: str) -> Self:
        """Return a copy in which these keys have their defaults, so that a job is not told of them."""
        fields = type(self).model_fields
        return self.model_copy(update={name: fields[name].get_default(call_default_factory=True) for name in names})

    def as_json(self, without: Collection[str] = ()) -> str:
        """`decisive` in ASCII, because Snakemake prints commands: no terminal obeys what a text in it says."""
        return json.dumps(self.decisive(without), separators=(",", ":"))

    @field_validator("*", mode="before")
    @classmethod
    def _is_what_was_meant(cls, value: Any, info: ValidationInfo) -> Any:
        values = value if isinstance(value, list | tuple) else (value,)
        field = cls.model_fields[info.field_name or ""]
        if any(isinstance(each, bool) for each in values) and not _takes_a_switch(field.annotation):
            raise ValueError(
                "yes, no, on, off, true and false are switches; put a text in quotes, write a number as one"
            )
        for each in values:
            if isinstance(each, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in each):
                raise ValueError("the text holds a null character or half a surrogate pair, which no file can")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _says_nothing_twice(cls, value: Any) -> Any:
        if isinstance(value, tuple):
            for position, each in enumerate(value):
                if each in value[:position]:
                    raise ValueError(f"{each!r} stands in the list twice")
        return value


def _decisive(value: Any, as_json: Any) -> Any:
    if isinstance(value, Section):
        return value.decisive()
    if isinstance(value, dict):
        return {name: _decisive(each, as_json[name]) for name, each in value.items()}
    return as_json


def _differs(value: Any, field: FieldInfo) -> bool:
    """Return true if a job must be told the value, or a key within it."""
    told_within = isinstance(value, Section) and bool(value.decisive())
    return told_within or bool(value != field.get_default(call_default_factory=True))


def _takes_a_switch(annotation: Any) -> bool:
    return annotation in (bool, Any) or any(map(_takes_a_switch, get_args(annotation)))


Kind = TypeVar("Kind", bound=Section)


def layer_index(layer: int | float, depth: int) -> int:
    """Return a layer, given as an index from 1 or as a fraction of the depth, as an index from 1."""
    return layer if isinstance(layer, int) else max(1, round(layer * depth))


def overridden(section: Kind, override: Mapping[str, Any]) -> Kind:
    """`section` with single keys replaced.

    Raises:
        ValidationError: a key is unknown, or its value is not valid.
    """
    return type(section).model_validate(deep_merge(section.model_dump(), override))


def deep_merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`override` laid over `base`: mappings are merged key by key, anything else is replaced."""
    merged = dict(base)
    for key, value in override.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = deep_merge(merged[key], value) if nested else value
    return merged
