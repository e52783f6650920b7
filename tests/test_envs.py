"""The conda environments pin what uv.lock pins."""

import tomllib

import pytest
import yaml

from tests.conftest import REPOSITORY

LOCKED = {(p["name"], p.get("version")) for p in tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]}


@pytest.mark.parametrize("path", sorted((REPOSITORY / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_pin_is_the_locked_version(path) -> None:
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    pins = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
    assert pins
    for pin in pins:
        assert tuple(pin.split("==")) in LOCKED


def test_every_rule_names_an_environment_that_exists() -> None:
    for rules in (REPOSITORY / "rules").glob("*.smk"):
        text = rules.read_text()
        named = [line.strip().strip('"') for line in text.splitlines() if line.strip().startswith('"../envs/')]
        assert len(named) == sum(line.strip() == "shell:" for line in text.splitlines()), rules.name
        assert all((rules.parent / name).resolve().is_file() for name in named)
