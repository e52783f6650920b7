"""A new key with its default reruns nothing, and a default that changes is noticed.

`defaults.json` holds the first default of every key. Lines are added to it, and none is ever changed or removed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter

from ibft.config.jobs import Sample
from ibft.config.loading import load_file
from ibft.config.section import Section
from ibft.config.sections import LoRA, Method, Scoring, Training
from tests.conftest import REPOSITORY

FIRST_DEFAULTS = Path(__file__).with_name("defaults.json")
CONFIGS = [REPOSITORY / "config" / name for name in ("config.yaml", "paper.yaml")]


def sections_of(value: Any) -> Iterator[Section]:
    if isinstance(value, Section):
        yield value
        for name in type(value).model_fields:
            yield from sections_of(getattr(value, name))
    elif isinstance(value, dict):
        for each in value.values():
            yield from sections_of(each)


def kinds_of(kind: type[Section]) -> Iterator[type[Section]]:
    for own in kind.__subclasses__():
        if own.__module__.startswith("ibft.config.") and vars(own).get("__annotations__"):  # it has keys of its own
            yield own
        yield from kinds_of(own)


def default_of(kind: type[Section], key: str) -> Any:
    """A default as JSON values; where it is a section, the keys that it sets otherwise than that section does."""
    default = kind.model_fields[key].get_default(call_default_factory=True)
    if isinstance(default, Section):
        return default.model_dump(mode="json", exclude_defaults=True)
    return TypeAdapter(Any).dump_python(default, mode="json")


def test_a_changed_default_is_declared() -> None:
    first = json.loads(FIRST_DEFAULTS.read_text())
    for kind in kinds_of(Section):
        assert kind.redefined <= set(kind.model_fields)
        for key in [name for name, field in kind.model_fields.items() if not field.is_required()]:
            name, now = f"{kind.__name__}.{key}", default_of(kind, key)
            assert key in first.get(kind.__name__, {}), f"add {name}: {json.dumps(now)} to {FIRST_DEFAULTS.name}"
            was = first[kind.__name__][key]
            assert now == was or key in kind.redefined, (
                f"the default of {name} was {was} and is {now}, and a job is not told its defaults: add {key!r} to "
                f"{kind.__name__}.redefined, and leave {FIRST_DEFAULTS.name} as it is"
            )


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_what_a_job_is_told_gives_back_every_section(path: Path) -> None:
    config = load_file(path)
    for section in sections_of(config):
        assert type(section).model_validate_json(section.as_json()) == section
    scoring = config.memorization.as_scoring().as_json()
    kept = set(Scoring.model_fields)
    assert Scoring.model_validate_json(scoring).model_dump() == config.memorization.model_dump(include=kept)


@pytest.mark.parametrize(
    "section",
    [
        Training(),
        Training(epochs=1, lora=LoRA(rank=4)),
        Method(kind="ibft", layer=1),
        Method(kind="ibft", layer=1.0),
        Method(kind="ft", selection={"by": "mink", "keep_fraction": 0.5}),
        Sample(variant="model/data/base/seed0", temperature=1),
    ],
    ids=repr,
)
def test_numbers_come_back_of_the_same_type(section: Section) -> None:
    assert repr(type(section).model_validate_json(section.as_json())) == repr(section)


def test_a_job_is_not_told_of_defaults() -> None:
    assert Scoring().as_json() == "{}"
    assert Scoring(max_length=64, batch_tokens=4096).as_json() == '{"max_length":64}'
    assert Scoring(max_length=64).as_json(without=("max_length",)) == "{}"
    assert Training(epochs=2, seeds=(1, 2)).without("epochs") == Training(seeds=(1, 2))


def test_a_job_is_told_of_a_default_that_was_another_one() -> None:
    class Inner(Section):
        redefined: ClassVar[frozenset[str]] = frozenset({"rank"})
        rank: int = 16
        alpha: float = 32

    class Outer(Section):
        inner: Inner = Inner()
        epochs: int = 3

    assert Outer().as_json() == '{"inner":{"rank":16}}'
    assert Outer(inner=Inner(rank=32)).as_json() == '{"inner":{"rank":32}}'
    assert Outer.model_validate_json(Outer().as_json()) == Outer()


def test_a_text_is_told_in_ascii() -> None:
    told = Method(kind="ft", label="日本 \u202e").as_json()
    assert told.isascii()
    assert Method.model_validate_json(told).label == "日本 \u202e"
