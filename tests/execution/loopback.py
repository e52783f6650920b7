"""The proxy of the tests calls a completion in this process as if it were in a cell."""

from collections import deque
from collections.abc import Callable, Collection
from typing import Any

from ibft.execution.python import candidate
from ibft.execution.python.calls import Calls
from ibft.execution.python.grader import Proxy
from ibft.execution.python.value_codec import loads


class Loopback:
    """A channel to a function, that counts what is sent together."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._answers = function, deque[bytes]()
        self.together: list[int] = []

    def send(self, lines: bytes) -> None:
        requests = lines.splitlines()
        self.together.append(len(requests))
        self._answers.extend(candidate._answer(self._function, loads(line))[0] for line in requests)

    def receive(self) -> bytes:
        return self._answers.popleft()


def proxied(channel: Loopback, *, looks_ahead: bool = True, right_answers: Collection[str] | None = ()) -> Proxy:
    calls = Calls(channel, (lambda: None) if looks_ahead else None)  # type: ignore[arg-type]
    return Proxy(calls, {}, right_answers)
