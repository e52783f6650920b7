"""The conda environments pin what uv.lock pins."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
import yaml

from ibft.store.code_digest import imports_of
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


RULES = re.compile(r"^rule (\w+):.*?envs/(\w+)\.yaml.*?IBFT_SCRIPTS/(\w+\.py)", re.MULTILINE | re.DOTALL)
SCRIPTS = REPOSITORY / "workflow" / "scripts"
DISTRIBUTIONS = packages_distributions()


def test_every_script_finds_what_it_imports_in_its_environment() -> None:
    text = "\n".join(path.read_text() for path in sorted((REPOSITORY / "rules").glob("*.smk")))
    found = RULES.findall(text)
    assert len(found) > 15
    for rule, environment, script in found:
        dependencies = yaml.safe_load((REPOSITORY / "envs" / f"{environment}.yaml").read_text())["dependencies"]
        pins = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
        installed = set().union(*(with_requirements(normal(pin.split("==")[0])) for pin in pins))
        missing = {name for name in imported(SCRIPTS / script) if not distributions(name) & installed}
        assert not missing, f"{rule} runs {script} in envs/{environment}.yaml, which lacks {sorted(missing)}"


def distributions(package: str) -> set[str]:
    return {normal(name) for name in DISTRIBUTIONS.get(package, [package])}


def normal(distribution: str) -> str:
    """Its name as registries compare names."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def imported(script: Path) -> set[str]:
    """Top-level packages, besides ours and the standard library's, that a script imports, through our modules too."""
    loaded = (REPOSITORY / "src" / "ibft" / "figures").glob("*.py") if script.name == "draw_figure.py" else ()
    pending, seen, names = {script, *loaded}, set(), set()
    while pending:
        path = pending.pop()
        seen.add(path)
        pending |= {module for module in imports_of(path) if module.suffix == ".py"} - seen
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"ibft"}


@cache
def with_requirements(distribution: str) -> frozenset[str]:
    """It and all that it needs, as far as this environment has them."""
    found, pending = set(), {distribution}
    while pending:
        name = pending.pop()
        found.add(name)
        try:
            needed = [line for line in requires(name) or [] if "extra ==" not in line]
        except PackageNotFoundError:  # vLLM, which is not installed here
            continue
        pending |= {normal(re.split(r"[^\w.-]", line)[0]) for line in needed} - found
    return frozenset(found)
