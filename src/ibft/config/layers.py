"""Settings laid over others."""

from collections.abc import Mapping
from typing import Any, TypeVar

from ibft.config.section import Section

Kind = TypeVar("Kind", bound=Section)


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
