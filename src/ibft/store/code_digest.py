"""Digest of a script and of what it reaches of `ibft`: how the workflow knows that code has changed.

Snakemake compares scripts by time stamp, so a fresh checkout reruns everything and an edit with an old time stamp is
missed. This digest depends on content alone, and on no more than can change a result (docs/adr/0015):

    counted         every module that a script imports, directly or through others, and files beside it that are not
                    Python (templates, data)
    by definition   of the tables, those that are imported, with all that their definitions name
    not counted     `NOT_COUNTED`, comments, docstrings and formatting
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

NOT_COUNTED = (
    "ibft.runtime",  # the frame of stages, progress and messages, which see no item and write no output
    "ibft.config",  # its values reach a job as JSON in `params`, which Snakemake compares
)
BY_DEFINITION = "ibft.store.schemas"
_SOURCE = Path(__file__).resolve().parents[2]


def code_digest(script: Path, *modules: str) -> str:
    """Return a short digest of `script` and, transitively, of every module of `ibft` that it imports by name.

    Args:
        modules: dotted names of those that it loads when it runs, which no import shows.
    """
    files, definitions = {script, *_files("ibft")}, set[str]()
    pending, seen = {*_imported(script), *modules}, set[str]()
    while pending:
        name = pending.pop()
        if name in seen or _is_in(name, NOT_COUNTED):
            continue
        seen.add(name)
        module, _, definition = name.rpartition(".")
        if module == BY_DEFINITION:
            definitions.add(definition)
            pending |= _imported(_module(module))
            continue
        found = _files(name)
        files.update(found)
        pending = pending.union(*map(_imported, found))
    digest = hashlib.sha256()
    for path in sorted(files, key=str):
        digest.update(_content(path))
    if definitions:
        digest.update(_definitions(_module(BY_DEFINITION), frozenset(definitions)))
    return digest.hexdigest()[:16]


@cache
def imports_of(path: Path) -> frozenset[Path]:
    """Return the files of `ibft` that one Python file imports by name, counted or not, and what lies beside them."""
    return frozenset(file for name in _imported(path) for file in _files(name))


@cache
def _content(path: Path) -> bytes:
    return _parsed(path.read_text()).code if path.suffix == ".py" else path.read_bytes()


class _Parsed(NamedTuple):
    """A module counts with its code, less comments and docstrings, and with the names of `ibft` that it imports."""

    code: bytes
    imported: frozenset[str]


@cache
def _parsed(text: str) -> _Parsed:
    tree = ast.parse(text)
    names: set[str] = set()
    for node in ast.walk(tree):
        _remove_docstring(node)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return _Parsed(ast.unparse(tree).encode(), frozenset(name for name in names if name.split(".")[0] == "ibft"))


def _remove_docstring(node: ast.AST) -> None:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


@cache
def _definitions(path: Path, names: frozenset[str]) -> bytes:
    """Return the statements that define `names` in a module, and those that define what these statements name.

    The whole module counts where it does not define one of the names.
    """
    statements = ast.parse(_content(path)).body
    places: dict[str, set[int]] = {}
    for place, statement in enumerate(statements):
        for name in _bound(statement):
            places.setdefault(name, set()).add(place)
    if not names <= set(places):
        return _content(path)
    nameless = {place for place, statement in enumerate(statements) if not any(_bound(statement))}
    kept, pending = set[int](), nameless.union(*(places[name] for name in names))
    while pending:
        place = pending.pop()
        kept.add(place)
        named = {node.id for node in ast.walk(statements[place]) if isinstance(node, ast.Name)}
        pending |= {other for name in named for other in places.get(name, ())} - kept
    return "\n".join(ast.unparse(statements[place]) for place in sorted(kept)).encode()


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at the top of a module defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        yield from (node.id for node in ast.walk(statement) if _is_stored(node) and isinstance(node, ast.Name))


def _is_stored(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store)


@cache
def _imported(path: Path) -> frozenset[str]:
    """Return the dotted names of `ibft` that a file imports; none for files that are not Python."""
    return _parsed(path.read_text()).imported if path.suffix == ".py" else frozenset()


def _is_in(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _module(name: str) -> Path:
    return _SOURCE.joinpath(*name.split(".")).with_suffix(".py")


@cache
def _files(name: str) -> tuple[Path, ...]:
    """Return the modules on the way to a dotted name, and the files beside the last of them.

    The last part of the name may be a function or a class. A package counts with its `__init__.py`.
    """
    parts = name.split(".")
    places = [_SOURCE.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
    found = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.exists()]
    return (*found, *_beside(found[-1].parent)) if found else ()


def _beside(folder: Path) -> Iterable[Path]:
    return (file for file in folder.iterdir() if file.is_file() and file.suffix not in (".py", ".pyc", ".typed"))
