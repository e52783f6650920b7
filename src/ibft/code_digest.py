"""Digest of a script and of all `ibft` modules that it imports: how the workflow knows that code has changed.

Snakemake tracks scripts by time stamp, so a fresh checkout reruns everything and an edit with an old time stamp is
missed. This digest depends on content alone. Comments, formatting and docstrings are left out of it: they change no
result. Files beside a module that are not Python (templates, data) count as part of the package that holds them.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[1]


def code_digest(script: Path) -> str:
    """A short digest of `script` and, transitively, of every module of `ibft` that it imports by name."""
    pending, seen = set(imports_of(script)), {script}
    while pending:
        module = pending.pop()
        if module not in seen:
            seen.add(module)
            pending |= imports_of(module)
    digest = hashlib.sha256()
    for path in sorted(seen, key=str):
        digest.update(_content(path))
    return digest.hexdigest()[:16]


@cache
def _content(path: Path) -> bytes:
    if path.suffix != ".py":
        return path.read_bytes()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode()


@cache
def imports_of(path: Path) -> frozenset[Path]:
    """The files of `ibft` that one Python file imports by name, and what lies beside them; none for other files."""
    if path.suffix != ".py":
        return frozenset()
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(file for name in names if name.split(".")[0] == "ibft" for file in _files(name))


def _files(name: str) -> list[Path]:
    """The files behind a dotted name, which may also be a function or class of a module: then there are none."""
    place = _SOURCE.joinpath(*name.split("."))
    packages = [parent / "__init__.py" for parent in (place, *place.parents) if _SOURCE in parent.parents]
    module = place.with_suffix(".py")
    found = [file for file in (module, *packages) if file.exists()]
    if module.exists() or (place / "__init__.py").exists():
        folder = place if place.is_dir() else place.parent
        found += [f for f in folder.iterdir() if f.is_file() and f.suffix not in (".py", ".pyc", ".typed")]
    return found
