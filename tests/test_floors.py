"""A package imports only from lower floors, and nothing imports in a circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

SOURCE = REPOSITORY / "src"
# The ground floor first. A package may import from the floors below its own.
FLOORS = (
    {"visible", "paths"},
    {"runtime"},
    {"store", "statistics"},
    {"config"},
    {"data", "prompts"},
    {"models", "extraction"},
    {"contamination", "memorization", "selection", "training", "sampling", "execution", "geometry", "metrics"},
    {"gradients", "barrier", "synthesis"},  # stages that do as others do: train a warm-up, tell scores apart, assemble
    {"figures", "tables"},
    {"report"},
    {"graph"},
    {"plan", "sharing", "watch"},
    {"commands"},
    {"api"},
    {"cli"},
)
HOUSED = {"labels": "config"}  # modules of no package that stand on the floor of one
# Plain data, whose names the configuration may give: on the ground floor.
REGISTRIES = {"ibft.figures.catalogue", "ibft.selection.criteria"}
FLOOR = {package: number for number, floor in enumerate(FLOORS) for package in floor}

Imports = dict[str, set[str]]


def names_of_modules() -> dict[str, Path]:
    found = {}
    for path in SOURCE.rglob("*.py"):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        found[name] = path
    return found


def imported(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import that runs: those under `if TYPE_CHECKING:` do not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        yield from imported(node)


@pytest.fixture(scope="module")
def imports() -> Imports:
    """The modules of `ibft` that each of them imports."""
    modules = names_of_modules()
    found: Imports = {}
    for module, path in modules.items():
        names: set[str] = set()
        for node in imported(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            else:
                assert node.level == 0, f"{path}: a relative import"
                full = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= {name if name in modules else str(node.module) for name in full}
        found[module] = {name for name in names if name.split(".")[0] == "ibft"}
        assert found[module] <= set(modules), f"{path} imports {found[module] - set(modules)}, which are not there"
    return found


def package(module: str) -> str:
    """The package of `ibft` that a module belongs to."""
    name = f"{module}.ibft".split(".")[1]
    return "paths" if module in REGISTRIES else HOUSED.get(name, name)


def folder(module: str, modules: Imports) -> str:
    is_package = any(other.startswith(f"{module}.") for other in modules)
    return module if is_package or module in REGISTRIES else module.rpartition(".")[0]


def circle(graph: Imports) -> str | None:
    """A circle of imports as a sentence; None where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return None


def test_registries_import_nothing(imports: Imports) -> None:
    assert all(imports[registry] == set() for registry in REGISTRIES)


def test_every_package_has_a_floor(imports: Imports) -> None:
    assert {package(module) for module in imports} - {"ibft"} == set(FLOOR)


def test_a_package_imports_only_from_lower_floors(imports: Imports) -> None:
    upwards = [
        f"{module} (floor {FLOOR[package(module)]}) imports {other} (floor {FLOOR[package(other)]})"
        for module, others in imports.items()
        for other in others
        if package(other) not in (package(module), "ibft") and FLOOR[package(other)] >= FLOOR[package(module)]
    ]
    assert upwards == []


def test_no_modules_import_each_other_in_a_circle(imports: Imports) -> None:
    assert circle(imports) is None


def test_no_folders_import_each_other_in_a_circle(imports: Imports) -> None:
    """A folder and one inside it count as one here: the outer one puts together what the inner ones offer."""
    graph: Imports = {}
    for module, others in imports.items():
        here = folder(module, imports)
        there = {folder(other, imports) for other in others}
        graph.setdefault(here, set()).update(other for other in there if not within(here, other))
    assert circle(graph) is None


def within(folder: str, other: str) -> bool:
    """Return true if one of the two holds the other, or both are the same."""
    if folder in REGISTRIES or other in REGISTRIES:
        return folder == other
    return f"{folder}.".startswith(f"{other}.") or f"{other}.".startswith(f"{folder}.")


def test_a_circle_is_found() -> None:
    chain = {name: {other} for name, other in pairwise("abcd")}
    assert circle(chain) is None
    found = circle(chain | {"d": {"b"}})
    assert found is not None
    assert set(found.split(" <- ")) == set("bcd")
