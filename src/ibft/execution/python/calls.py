"""The grader calls a completion's function: one call crosses after the other, or many together if they are foreseen.

EvalPlus's tests, which call the function with one of their inputs after the other, foretell these calls
(`source.foretold`). The first go alone, and then ever more together (docs/adr/0052).
"""

import operator
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ibft.execution.python.channel import Channel
from ibft.execution.python.value_codec import CannotCrossError, Encoder, call_line

_MOST_TOGETHER = 64
_BYTES_TOGETHER = 1 << 16  # a socket holds these, so that nobody waits to send while the other side waits as well


class OtherCallError(BaseException):
    """The tests do not make the calls that they foretell. No test may catch this by `except Exception`."""


class Call(NamedTuple):
    arguments: tuple[Any, ...]
    line: bytes
    exact: bool  # the arguments arrive as what they leave as
    is_sent: bool

    @classmethod
    def of(cls, arguments: tuple[Any, ...], keywords: dict[str, Any], *, is_sent: bool = False) -> "Call":
        encoder = Encoder()
        return cls(arguments, call_line(encoder, arguments, keywords), encoder.exact, is_sent)

    def has(self, arguments: tuple[Any, ...]) -> bool:
        """Return true if these very objects are its arguments."""
        return len(arguments) == len(self.arguments) and all(map(operator.is_, arguments, self.arguments))


class Calls:
    """Sends calls, and with them those that are foreseen to follow."""

    def __init__(self, channel: Channel, before_ahead: Callable[[], None] | None) -> None:
        """
        Args:
            before_ahead: called before the first calls that are sent ahead; None: each is sent when it is made.
        """
        self._channel = channel
        self._before_ahead = before_ahead
        self._foreseen: deque[tuple[Any, ...]] = deque()  # arguments of calls to come
        self._ahead: deque[Call] = deque()  # calls to come that have been sent
        self._together = 1  # calls to send next time
        self.were_sent_ahead = False

    def foresee(self, calls: Iterable[Iterable[Any]]) -> None:
        """Take note of the calls to come, each with these arguments, in this order."""
        if self._before_ahead:
            self._foreseen.extend(map(tuple, calls))

    def made(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Call:
        """Return the call that the tests make now.

        Raises:
            CannotCrossError: its arguments cannot cross.
            OtherCallError: another one was foretold, and has been sent.
        """
        if not self._ahead:
            return Call.of(arguments, keywords)
        call = self._ahead.popleft()
        if keywords or not call.has(arguments):
            raise OtherCallError
        return call

    def answer_to(self, call: Call) -> bytes:
        """Send the call that is made now, unless that has been done, and return the line that answers it.

        Raises:
            CannotCrossError: the answer is too long.
            EOFError, OSError: the completion is gone.
        """
        if not call.is_sent:
            self._send(call)
        return self._channel.receive()

    def arguments_changed(self) -> None:
        """Send no more ahead: the arguments of calls to come may share what a call has changed.

        Raises:
            OtherCallError: a call that has been sent does.
        """
        self._foreseen.clear()
        if any(ahead.line != Call.of(ahead.arguments, {}).line for ahead in self._ahead):
            raise OtherCallError

    def _send(self, call: Call) -> None:
        if self._foreseen and call.has(self._foreseen.popleft()):
            self._look_ahead(len(call.line))
        else:
            self._foreseen.clear()
        self._channel.send(b"".join([call.line, *(ahead.line for ahead in self._ahead)]))

    def _look_ahead(self, size: int) -> None:
        while self._foreseen and len(self._ahead) + 1 < self._together:
            try:
                call = Call.of(self._foreseen[0], {}, is_sent=True)
            except CannotCrossError:
                self._foreseen.clear()
                break
            size += len(call.line)
            if size > _BYTES_TOGETHER:
                break
            self._ahead.append(call)
            self._foreseen.popleft()
        self._together = min(2 * self._together, _MOST_TOGETHER)
        if self._ahead and self._before_ahead and not self.were_sent_ahead:
            self._before_ahead()
            self.were_sent_ahead = True
