"""MBPP and MBPP+: a text and tests that call the function by its name, in place of HumanEval's `check`.

MBPP's own file calls the question `text` and its imports `test_setup_code`; the sanitized one and EvalPlus's MBPP+ call
them `prompt` and `test_imports`. MBPP+ has a program `test`, which holds the asserts of `test_list` and many more.
"""

import ast

from ibft.data.records import Problem, Record, text_field
from ibft.runtime.errors import UserError

_CANDIDATE = "candidate"


def mbpp_problem(record: Record) -> Problem:
    """Read one problem. As in EvalPlus, the prompt is a docstring of the question and the first assert.

    Raises:
        UserError: a field is missing, is of the wrong kind, or is no Python, or no assert calls a function of `code`.
    """
    where, row = record
    asserts, code = _lines(record, "test_list"), text_field(record, "code")
    question = text_field(record, "prompt" if "prompt" in row else "text").strip()
    imports = _lines(record, "test_imports") if "test_imports" in row else [str(row.get("test_setup_code") or "")]
    tests = text_field(record, "test") if "test" in row else "\n".join([*imports, *asserts])
    entry_point = _entry_point(where, code, "\n".join(asserts))
    return {
        "task_id": f"Mbpp/{row['task_id']}" if isinstance(row.get("task_id"), int) else text_field(record, "task_id"),
        "language": "python",
        "description": question,
        "prompt": f'"""\n{question}\n{asserts[0]}\n"""\n',
        "entry_point": entry_point,
        "tests": _check(where, tests, entry_point),
        "reference_solution": code.replace("\r\n", "\n"),
    }


def _lines(record: Record, key: str) -> list[str]:
    where, row = record
    lines = row.get(key)
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise UserError(f"{where}: {key!r} must be a list of strings")
    if key == "test_list" and not lines:
        raise UserError(f"{where}: {key!r} must hold an assert")
    return lines


def _entry_point(where: str, code: str, asserts: str) -> str:
    """Return the function of `code` that the asserts call; the last one that is defined, if they call several."""
    called = {node.id for node in ast.walk(_parsed(where, asserts)) if isinstance(node, ast.Name)}
    defined = [node.name for node in _parsed(where, code).body if isinstance(node, ast.FunctionDef)]
    tested = [name for name in defined if name in called]
    if not tested:
        raise UserError(f"{where}: 'test_list' must call a function that 'code' defines")
    return tested[-1]


def _check(where: str, tests: str, entry_point: str) -> str:
    """Return HumanEval's `check`, whose body is `tests` with another name for the function; imports stay above it."""
    tree = _parsed(where, tests)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == entry_point:
            node.id = _CANDIDATE
    above = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    inside = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    body = "\n".join(f"    {line}" for node in inside for line in ast.unparse(node).split("\n"))
    return "\n".join([*map(ast.unparse, above), f"def check({_CANDIDATE}):", body, ""])


def _parsed(where: str, code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{where}: its code or its tests are no Python: {error}") from None
