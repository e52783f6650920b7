"""Judge a Python completion without showing it the tests.

Two cells and a channel between them. The *candidate* runs the completion and answers calls. The *grader*, which the
completion never touches, runs the problem's tests with a proxy in place of the function, so that exit codes, printed
markers, `__eq__` and stack frames decide nothing: only plain values do, compared by the grader's own Python.

The channel carries one JSON object a line. Candidate: `{"ready": true}` or `{"failed": [status, detail]}`, then one
answer per call; grader: `{"args": [...], "kwargs": {...}}`.

EvalPlus's tests, which call the function with one of their inputs after the other, foretell these calls
(`source.foretold`), so that many cross at a time. The first go alone, and then ever more together.

They also compute what is right anew for every sample, by a function `ref_func`. What it returns is known since
the reference solution was run, as digests of a call and its right answer. An answer with such a digest is the right
one, so that `ref_func` runs only where an answer is another.
"""

import base64
import builtins
import errno
import hashlib
import json
import marshal
import operator
import os
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from ibft.execution.python import numpy_stand_in
from ibft.execution.python.upstream import Sink, swallowed_streams
from ibft.execution.python.value_codec import MAX_BYTES, CannotCrossError, Encoder, decode, dumps, loads, overwrite
from ibft.execution.verdict import Status, one_line

_AT_FIRST, _AT_A_TIME = 1 << 16, 1 << 20  # bytes that are read: nearly all messages are short
_MOST_AHEAD, _BYTES_AHEAD = 64, 1 << 16  # calls that are sent together, and the bytes that they may have
_BYTES_HELD, _SECONDS_HELD = 1 << 18, 0.01  # of answers, before they are sent
_MUTABLE = (list, dict, set)
# Raised in tests that map the function over their cases, these would skip the cases that remain.
_ENDS_OF_LOOPS = (StopIteration, StopAsyncIteration)
# A candidate may say these about itself. It can only lose by lying.
_ADMISSIBLE = (Status.SYNTAX_ERROR, Status.RUNTIME_ERROR, Status.MEMORY, Status.FORBIDDEN, Status.MALFORMED)


class Channel:
    """Lines of JSON over a file descriptor that may be a liar's."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._received = b""

    def send(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    @property
    def has_line(self) -> bool:
        """True if the next line is here already."""
        return b"\n" in self._received

    def receive(self) -> bytes:
        """Return the next line.

        Raises:
            EOFError: the other side is gone.
            CannotCrossError: what came is too long.
        """
        parts, length = [self._received], len(self._received)
        while (end := parts[-1].find(b"\n")) < 0:
            if length > MAX_BYTES:
                raise CannotCrossError(f"a value of more than {MAX_BYTES >> 20} MiB")
            parts.append(os.read(self._descriptor, _AT_FIRST if length < _AT_FIRST else _AT_A_TIME))
            if not parts[-1]:
                raise EOFError
            length += len(parts[-1])
        self._received = parts[-1][end + 1 :]
        parts[-1] = parts[-1][: end + 1]
        return b"".join(parts)


# --- the candidate's side -------------------------------------------------------------------------------------------


def run_candidate(payload: dict[str, Any], channel: Channel) -> None:
    """Run the completion and answer calls until the grader hangs up. Its globals are as empty as upstream's.

    What it prints is thrown away: upstream keeps it in memory, where honest programs have printed more than a file of
    ours may hold.
    """
    with swallowed_streams(Sink()):
        _load_and_answer(payload, channel)


def _load_and_answer(payload: dict[str, Any], channel: Channel) -> None:
    namespace: dict[str, Any] = {}
    try:
        try:
            code = compile(payload["program"], "<completion>", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            channel.send(dumps({"failed": [Status.SYNTAX_ERROR, _describe(error)]}))
            return
        exec(code, namespace)  # noqa: S102 - the purpose of this process
    except BaseException as error:  # whatever the completion raises, SystemExit included, is its result
        channel.send(dumps({"failed": [_status_of(error), _describe(error)]}))
        return
    function = namespace.get(payload["entry_point"])
    if not callable(function):
        channel.send(dumps({"failed": [Status.MALFORMED, f"it defines no function {payload['entry_point']}"]}))
        return
    channel.send(dumps({"ready": True}))
    held, since = b"", time.monotonic()
    while True:
        try:
            request = loads(channel.receive())
        except EOFError:
            return
        answer, returned = _answer(function, request)
        held += answer
        is_young = len(held) < _BYTES_HELD and time.monotonic() < since + _SECONDS_HELD
        if not (returned and channel.has_line and is_young):
            channel.send(held)
            held, since = b"", time.monotonic()


def _answer(function: Callable[..., Any], request: dict[str, Any]) -> tuple[bytes, bool]:
    """Return the line that tells what a call came to, and whether it returned a value that can cross."""
    arguments = [decode(wire) for wire in request["args"]]
    keywords = {name: decode(wire) for name, wire in request["kwargs"].items()}
    try:
        return dumps(_told(function(*arguments, **keywords), arguments, keywords, request)), True
    except CannotCrossError as error:
        told = {"raised": ["CannotCrossError", f"its answer holds {error}"], "status": Status.MALFORMED}
    except BaseException as error:  # as above; an iterator may raise only when it is read
        error.with_traceback(None)  # lets go of what filled the memory
        told = {"raised": [type(error).__name__, _describe(error)], "status": _status_of(error)}
    return dumps(told), False


def _told(value: Any, arguments: list[Any], keywords: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Return the message that tells what a call returned and what it changed."""
    encoder = Encoder()
    same = [i for i, argument in enumerate(arguments) if argument is value and isinstance(value, _MUTABLE)]
    # The value comes first: where it is an iterator, reading it may change arguments.
    told: dict[str, Any] = {"same": same[0]} if same else {"value": encoder.encode(value)}
    changed, exact = _changed(arguments, keywords, request)
    return {"changed": changed, **told, "exact": exact and encoder.exact}


def _changed(arguments: list[Any], keywords: dict[str, Any], request: dict[str, Any]) -> tuple[list[Any], bool]:
    """List the changes of the mutable arguments, as pairs of place and new value, and say whether these are exact.

    Few tests look at what is left in an argument, so an object in there is no reason to fail.
    """
    encoder = Encoder(stand_ins=True)
    before = [*enumerate(request["args"]), *request["kwargs"].items()]
    after = [*arguments, *keywords.values()]
    changed = []
    for (place, old), value in zip(before, after, strict=True):
        if isinstance(value, _MUTABLE):
            new = encoder.encode(value)
            if new != old:
                changed.append([place, new])
    return changed, encoder.exact


def _status_of(error: BaseException) -> Status:
    if isinstance(error, MemoryError):
        return Status.MEMORY
    if isinstance(error, OSError) and error.errno in (errno.EPERM, errno.EACCES, errno.EROFS):
        return Status.FORBIDDEN
    return Status.RUNTIME_ERROR


def _describe(error: BaseException) -> str:
    """Class and message in one line; the message may itself be hostile."""
    try:
        message = str(error)[:1000]
    except BaseException:  # a hostile __str__ has no message
        message = ""
    return one_line(f"{type(error).__name__}: {message}" if message else type(error).__name__)


# --- the grader's side --------------------------------------------------------------------------------------------


class CandidateLostError(BaseException):
    """The candidate ended, or sent what is no answer. No test may catch this by `except Exception`."""


class Proxy:
    """Stands for the completion's function in the tests."""

    def __init__(self, channel: Channel, names: dict[str, Any], before_ahead: Callable[[], None] | None = None) -> None:
        """
        Args:
            names: where to look up exception classes that the problem defines.
            before_ahead: called before the first calls that are sent ahead; None: each is sent when it is made.
        """
        self._channel = channel
        self._names = names
        self._before_ahead = before_ahead
        self._foreseen: deque[tuple[Any, ...]] = deque()  # arguments of calls to come
        self._ahead: deque[_Sent] = deque()  # calls to come that have been sent
        self._together = 1  # calls to send next time
        self.ahead = False  # some were sent before the tests made them
        self.raised: Exception | None = None  # what the last call raised inside the candidate
        self.raised_status = Status.RUNTIME_ERROR
        self.lost: tuple[Status, str] | None = None  # why no further call can be answered
        self.exact = True  # every value crossed as it was, so that upstream's tests see the same ones
        self.last = b"", b""  # the last call and its answer, as they crossed
        self.last_value: Any = None  # that the answer holds, encoded

    def foresee(self, calls: Iterable[Iterable[Any]]) -> None:
        """Take note of the calls to come, each with these arguments, in this order."""
        if self._before_ahead:
            self._foreseen.extend(map(tuple, calls))

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if self.lost:
            raise CandidateLostError
        is_sent = bool(self._ahead)
        call = self._ahead.popleft() if is_sent else _Sent.of(arguments, keywords)
        if is_sent and (keywords or not call.has(arguments)):
            raise self._lose(Status.HARNESS_ERROR, "its tests do not make the calls that they foretell")
        try:
            if not is_sent:
                self._send(call)
            self.last = call.request, self._channel.receive()
            answer = loads(self.last[1])
            self.exact = self.exact and call.exact and answer.get("exact", True) is True
            if "raised" not in answer:
                return self._value(answer, arguments, keywords)
            self.raised = self._exception(answer)
        except (EOFError, OSError):
            raise self._lose(Status.RUNTIME_ERROR, "it ended before it answered") from None
        except (CannotCrossError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise self._lose(Status.MALFORMED, f"its answer is no plain value: {error}") from None
        except MemoryError:
            raise self._lose(Status.MEMORY, "its answer does not fit into memory") from None
        raise self.raised

    def _send(self, call: "_Sent") -> None:
        """Send a call, with those that are foreseen to follow it."""
        if self._foreseen and call.has(self._foreseen.popleft()):
            self._look_ahead(len(call.request))
        else:
            self._foreseen.clear()
        self._channel.send(b"".join([call.request, *(ahead.request for ahead in self._ahead)]))

    def _look_ahead(self, size: int) -> None:
        while self._foreseen and len(self._ahead) + 1 < self._together and size < _BYTES_AHEAD:
            try:
                self._ahead.append(_Sent.of(self._foreseen.popleft(), {}))
            except CannotCrossError:
                self._foreseen.clear()
            else:
                size += len(self._ahead[-1].request)
        self._together = min(2 * self._together, _MOST_AHEAD)
        if self._ahead and self._before_ahead and not self.ahead:
            self._before_ahead()
            self.ahead = True

    def _value(self, answer: dict[str, Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Return what the call returned; its changes to the arguments are made here as well."""
        for place, new in answer["changed"]:
            overwrite(keywords[place] if isinstance(place, str) else arguments[place], decode(new))
        if "same" in answer:
            return arguments[answer["same"]]
        self.last_value = answer["value"]
        return decode(self.last_value)

    def _exception(self, answer: dict[str, Any]) -> Exception:
        """Return an exception of the same class name as the call raised there, so that tests can expect it."""
        name, message = map(str, answer["raised"])
        status = Status(answer["status"])
        if status not in _ADMISSIBLE:
            raise ValueError(status)
        if status is Status.MALFORMED:  # it did return, but something that cannot cross
            raise self._lose(status, message)
        kind = self._names.get(name, getattr(builtins, name, None))
        if not (isinstance(kind, type) and issubclass(kind, Exception)) or issubclass(kind, _ENDS_OF_LOOPS):
            raise self._lose(status, message)
        error = kind.__new__(kind)
        error.args = (message,)
        self.raised_status = status
        return error

    def _lose(self, status: Status, detail: str) -> CandidateLostError:
        self.lost = (status, one_line(detail))
        return CandidateLostError()


class _Sent(NamedTuple):
    """A call on its way."""

    arguments: tuple[Any, ...]
    request: bytes
    exact: bool

    @classmethod
    def of(cls, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> "_Sent":
        encoder = Encoder()
        return cls(arguments, _request(encoder, arguments, keywords), encoder.exact)

    def has(self, arguments: tuple[Any, ...]) -> bool:
        """Return true if these very objects are its arguments."""
        return len(arguments) == len(self.arguments) and all(map(operator.is_, arguments, self.arguments))


def _request(encoder: Encoder, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bytes:
    args = [encoder.encode(argument) for argument in arguments]
    return dumps({"args": args, "kwargs": {name: encoder.encode(value) for name, value in keywords.items()}})


class RightAnswers:
    """Stands for `ref_func` in the tests."""

    def __init__(self, function: Callable[..., Any], proxy: Proxy, known: Collection[str] | None) -> None:
        """
        Args:
            known: digests of calls with their right answers; None: they are to be found out.
        """
        self._function, self._proxy = function, proxy
        self._known = None if known is None else frozenset(known)
        self.found: list[str] = []

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        request, answer = self._proxy.last
        try:
            is_last_call = request == _request(Encoder(stand_ins=True), arguments, keywords)  # uses no iterator up
        except CannotCrossError:
            is_last_call = False
        if not is_last_call:
            return self._function(*arguments, **keywords)
        if self._known is None:
            return self._find_out(request, arguments, keywords)
        if _digest(request, answer) in self._known:
            return decode(self._proxy.last_value)
        return self._function(*arguments, **keywords)

    def _find_out(self, request: bytes, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        value, encoder = self._function(*arguments, **keywords), Encoder()
        try:
            # What a candidate says that returns this value and leaves its arguments alone.
            answer = dumps({"changed": [], "value": encoder.encode(value), "exact": True})
            arguments_are_as_before = request == _request(Encoder(stand_ins=True), arguments, keywords)
        except CannotCrossError:
            return value  # it is computed for every sample
        if encoder.exact and arguments_are_as_before:
            self.found.append(_digest(request, answer))
        return value


def _digest(request: bytes, answer: bytes) -> str:
    return hashlib.blake2b(request + answer, digest_size=16).hexdigest()


class Graded(NamedTuple):
    status: Status
    detail: str
    exact: bool  # every value that crossed arrived as what it had left as
    right_answers: Sequence[str] = ()  # digests, where they were to be found out
    ahead: bool = False  # calls were sent before the tests made them


def run_grader(payload: dict[str, Any], channel: Channel, before_ahead: Callable[[], None]) -> Graded:
    """Run the tests against the candidate at the other end of `channel`. The verdict is this function's alone.

    Args:
        before_ahead: called before calls are sent that the tests have not made yet.
    """
    failed = _opening(channel)
    if failed:
        return Graded(*failed, exact=True)
    random.seed(payload["seed"])  # the candidate's generator must not foretell what the tests draw
    sys.modules["numpy"] = numpy_stand_in.as_module()
    namespace: dict[str, Any] = {}
    proxy = Proxy(channel, namespace, before_ahead if payload["looks_ahead"] else None)
    try:
        # Tests may use helpers that the prompt defines; theirs are the problem's own, not the completion's.
        exec(payload["reference"], namespace)  # noqa: S102 - the problem's own code
        exec(marshal.loads(base64.b64decode(payload["tests"])), namespace)  # noqa: S102, S302 - as this Python compiled them
        check = namespace["check"]
    except Exception as error:
        return Graded(Status.HARNESS_ERROR, f"the problem's own code fails: {_describe(error)}", exact=True)
    found: list[str] = []
    if callable(right := namespace.get("ref_func")):
        namespace["ref_func"] = answers = RightAnswers(right, proxy, payload["right_answers"])
        found = answers.found
    status, detail = _grade(check, proxy)
    return Graded(status, detail, proxy.exact, found, proxy.ahead)


def _opening(channel: Channel) -> tuple[Status, str] | None:
    """Return why the completion cannot be called, as it says itself; null if it can."""
    try:
        opening = loads(channel.receive())
        if opening == {"ready": True}:
            return None
        status, detail = opening["failed"]
        return (Status(status), one_line(str(detail))) if status in _ADMISSIBLE else _nonsense()
    except EOFError:
        return Status.RUNTIME_ERROR, "it ended while it was loaded"
    except (CannotCrossError, LookupError, TypeError, ValueError):
        return _nonsense()


def _grade(check: Callable[[Proxy], Any], proxy: Proxy) -> tuple[Status, str]:  # noqa: PLR0911 - one per ending
    try:
        check(proxy)
    except CandidateLostError:
        return proxy.lost or _nonsense()
    except CannotCrossError as error:  # the reference solution was called alike, so this is about earlier answers
        return Status.MALFORMED, f"the tests pass on {error}"
    except AssertionError as error:
        return Status.WRONG_ANSWER, _describe(error)
    except MemoryError:
        return Status.MEMORY, "its answers do not fit into memory"
    except Exception as error:
        if error is proxy.raised:
            return proxy.raised_status, one_line(str(error.args[0]))
        return Status.WRONG_ANSWER, f"the tests stumble over its answer: {_describe(error)}"
    # A test that catches everything must not turn a lost candidate into a pass.
    return proxy.lost or (Status.PASSED, "")


def _nonsense() -> tuple[Status, str]:
    return Status.MALFORMED, "it does not speak the protocol"


def read_payload(descriptor: int) -> dict[str, Any]:
    """Return the JSON object in a memory file that the parent filled."""
    payload: dict[str, Any] = json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
    return payload
