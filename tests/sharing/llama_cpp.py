"""llama.cpp itself tokenizes and continues texts: a wheel brings its server."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xllamacpp


class LlamaCpp:
    """A server of llama.cpp, in this process."""

    def __init__(self, address: str) -> None:
        self._address = address

    def tokens_of(self, text: str) -> list[int]:
        return list(self._asked("/tokenize", content=text, add_special=True, parse_special=True)["tokens"])

    def greedy_tokens(self, text: str, count: int) -> list[int]:
        """Continue `text` by the likeliest token, `count` times; no token ends it."""
        settings = {"samplers": ["top_k"], "top_k": 1, "ignore_eos": True, "cache_prompt": False}
        answer = self._asked("/completion", prompt=text, n_predict=count, return_tokens=True, **settings)
        return list(answer["tokens"])

    def _asked(self, place: str, **question: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            self._address + place, json.dumps(question).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def served(file: Path) -> Iterator[LlamaCpp]:
    """Serve a GGUF file on one core."""
    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.n_ctx, settings.n_parallel, settings.warmup = 512, 1, False
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(settings)
    yield LlamaCpp(server.listening_address)
    del server
