"""Python text that ends with a function's signature and docstring, as problems give it."""

import ast
import warnings

NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # raised by `parse`


def is_stub(text: str) -> bool:
    """Return true if `text` is Python that ends with a function whose body is a docstring and nothing else."""
    function = _last_function(text)
    return function is not None and len(function.body) == 1 and ast.get_docstring(function, clean=False) is not None


def without_docstring(stub: str) -> str:
    """Cut a stub after its signature; text that is no stub, or has both on one line, stays as it is."""
    function = _last_function(stub)
    if function is None or not is_stub(stub) or function.body[0].lineno == function.lineno:
        return stub
    return "\n".join(stub.split("\n")[: function.body[0].lineno - 1])


def _last_function(text: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    tree = parsed(text)
    last = tree.body[-1] if tree and tree.body else None
    return last if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef) else None


def parsed(text: str) -> ast.Module | None:
    """Return the tree of `text`; None where it is not Python."""
    try:
        return parse(text)
    except NOT_PYTHON:
        return None


def parse(text: str) -> ast.Module:
    """Parse `text` without a warning.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is not Python (`NOT_PYTHON` names them all).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd escapes in somebody else's strings
        return ast.parse(text)
