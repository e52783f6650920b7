"""Greedy tokens by llama.cpp itself, through the C interface of the library that its wheel brings."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest


@cache
def _open(file: Path) -> Any:
    package = pytest.importorskip("llama_cpp_py_sync", reason="llama.cpp's wheel is not installed here")
    try:
        return package.Llama(str(file), n_ctx=512, n_threads=1, seed=0)
    except RuntimeError as error:  # the wheel asks for glibc 2.38
        pytest.skip(f"llama.cpp's wheel does not load here: {error}")


def tokens_of(file: Path, text: str) -> list[int]:
    return list(_open(file).tokenize(text, add_special=True, parse_special=True))


def greedy_tokens(file: Path, text: str, count: int) -> list[int]:
    """Continue `text` by the likeliest token, `count` times; no token ends it."""
    llama = _open(file)
    llama._clear_context_state()
    past = llama._eval_tokens(tokens_of(file, text), 0)
    found: list[int] = []
    for _ in range(count):
        logits = llama._lib.llama_get_logits_ith(llama._ctx, -1)
        found.append(max(range(_vocabulary(llama)), key=logits.__getitem__))
        past = llama._eval_tokens(found[-1:], past)
    return found


def _vocabulary(llama: Any) -> int:
    """Return how many tokens there are, which is an attribute or a method."""
    found = llama.n_vocab
    return int(found() if callable(found) else found)
