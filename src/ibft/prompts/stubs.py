"""Python text that ends with a function's signature and docstring, as problems give it."""

import ast
import warnings

NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # raised by `parse`


def is_stub(text: str) -> bool:
    """Whether `text` is Python that ends with a function of which there is no more than a docstring."""
    function = _last_function(text)
    return function is not None and len(function.body) == 1 and ast.get_docstring(function, clean=False) is not None


def without_docstring(stub: str) -> str:
    """A stub up to the end of its signature; text that is no stub, or has both on one line, as it is."""
    function = _last_function(stub)
    if function is None or not is_stub(stub) or function.body[0].lineno == function.lineno:
        return stub
    return "\n".join(stub.split("\n")[: function.body[0].lineno - 1])


def _last_function(text: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    tree = parsed(text)
    last = tree.body[-1] if tree and tree.body else None
    return last if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef) else None


def parsed(text: str) -> ast.Module | None:
    """The tree of `text`; None where it is not Python."""
    try:
        return parse(text)
    except NOT_PYTHON:
        return None


def parse(text: str) -> ast.Module:
    """The tree of `text`, without warnings.

    Raises:
        one of NOT_PYTHON.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd escapes in somebody else's strings
        return ast.parse(text)
