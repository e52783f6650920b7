"""The `python-stdlib` data set: documented functions of the running interpreter's own standard library.

Source files are read and parsed, never imported. As in HumanEval, the instruction is a signature with its docstring;
the response is the whole function, without the docstring that has just been given. Which functions there are depends on
the interpreter's version.
"""

import ast
import logging
import sys
import sysconfig
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ibft.data.builtin.draw import interleaved, shuffled, stream

logger = logging.getLogger(__name__)

# Not libraries to program against, or on their way out (PEP 594, PEP 632).
_EXCLUDED = """
aifc antigravity asynchat asyncore audioop cgi cgitb chunk crypt distutils encodings ensurepip idlelib imghdr imp
lib2to3 mailcap msilib nntplib pipes pydoc_data smtpd sndhdr sunau telnetlib this turtle turtledemo uu xdrlib
"""
EXCLUDED_MODULES = frozenset(_EXCLUDED.split())
EXCLUDED_FOLDERS = frozenset({"test", "tests", "__pycache__", "site-packages", "dist-packages"})
RESPONSE_LINES = range(3, 41)
RESPONSE_CHARACTERS = 700
DOCSTRING_CHARACTERS = range(20, 401)


@dataclass(frozen=True)
class DocumentedFunction:
    module: str
    name: str
    instruction: str
    response: str


def generate(seed: int) -> pd.DataFrame:
    """Return all examples, with the columns of `ibft.store.schemas.EXAMPLES`; any first N are spread over the modules.

    `seed` chooses the order only.
    """
    found = distinct(library_functions(Path(sysconfig.get_path("stdlib"))))
    by_package: dict[str, list[DocumentedFunction]] = {}
    for function in found:
        by_package.setdefault(function.module.split(".")[0], []).append(function)
    logger.info("python-stdlib: %d functions of %d packages", len(found), len(by_package))
    rng = stream("python-stdlib", seed)
    groups = shuffled([shuffled(functions, rng) for functions in by_package.values()], rng)
    return pd.DataFrame(
        {
            "example_id": f"{function.module}.{function.name}",
            "instruction": function.instruction,
            "response": function.response,
            "language": "python",
            "source": f"{function.module}:{function.name}",
        }
        for function in interleaved(groups)
    )


def library_functions(library: Path) -> Iterator[DocumentedFunction]:
    """Yield the suitable functions of every public module below `library`, by module and then by position."""
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if parts and is_public(parts):
            with tokenize.open(path) as stream_:
                yield from functions_of(stream_.read(), ".".join(parts))


def is_public(parts: tuple[str, ...]) -> bool:
    """Return true if a module path such as ("json", "decoder") is one that people import."""
    return (
        parts[0] in sys.stdlib_module_names
        and parts[0] not in EXCLUDED_MODULES
        and EXCLUDED_FOLDERS.isdisjoint(parts)
        and not any(part.startswith("_") for part in parts)
    )


def functions_of(source: str, module: str) -> Iterator[DocumentedFunction]:
    """The public, documented, undecorated functions at the top level of `source` that are neither tiny nor long."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or node.decorator_list:
            continue
        docstring = ast.get_docstring(node)
        if docstring is None or len(node.body) < 2 or "deprecated" in docstring.lower():
            continue
        opening = node.body[0]  # the docstring
        if opening.lineno == node.lineno or node.body[1].lineno <= (opening.end_lineno or 0):
            continue  # it shares a line with code, so the two cannot be parted by lines
        signature = lines[node.lineno - 1 : opening.lineno - 1]
        body = lines[opening.end_lineno : node.end_lineno]
        instruction = "\n".join(lines[node.lineno - 1 : opening.end_lineno])
        response = "\n".join([*signature, *_without_blank_start(body)])
        if _suitable(docstring, response):
            yield DocumentedFunction(module, node.name, instruction, response)


def distinct(functions: Iterator[DocumentedFunction]) -> list[DocumentedFunction]:
    """Return `functions` without later ones of the same name in a module, the same question or the same answer."""
    kept: list[DocumentedFunction] = []
    seen: set[object] = set()
    for function in functions:
        keys = {(function.module, function.name), function.instruction, function.response}
        if seen.isdisjoint(keys):
            kept.append(function)
        seen |= keys
    return kept


def _without_blank_start(lines: list[str]) -> list[str]:
    first = next(index for index, line in enumerate(lines) if line.strip())
    return lines[first:]


def _suitable(docstring: str, response: str) -> bool:
    return (
        len(docstring) in DOCSTRING_CHARACTERS
        and len(response.splitlines()) in RESPONSE_LINES
        and len(response) <= RESPONSE_CHARACTERS
    )
