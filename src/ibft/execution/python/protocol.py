"""Judge a Python completion without showing it the tests.

Two cells and a channel between them. The *candidate* runs the completion and answers calls. The *grader*, which the
completion never touches, runs the problem's tests with a proxy in place of the function, so that exit codes, printed
markers, `__eq__` and stack frames decide nothing: only plain values do, compared by the grader's own Python.

The channel carries one JSON object a line. Candidate: `{"ready": true}` or `{"failed": [status, detail]}`, then one
answer per call; grader: `{"args": [...], "kwargs": {...}}`.
"""

import base64
import builtins
import errno
import json
import marshal
import os
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ibft.execution.python import numpy_stand_in
from ibft.execution.python.right_answers import REFERENCE_FUNCTION, Crossed, RightAnswers
from ibft.execution.python.upstream import Sink, swallowed_streams
from ibft.execution.python.value_codec import (
    MAX_BYTES,
    CannotCrossError,
    Encoder,
    call_line,
    decode,
    dumps,
    loads,
    overwrite,
)
from ibft.execution.verdict import Status, one_line

_AT_FIRST, _AT_A_TIME = 1 << 16, 1 << 20  # bytes that are read: nearly all messages are short
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
    while True:
        try:
            request = loads(channel.receive())
        except EOFError:
            return
        channel.send(_answer(function, request))


def _answer(function: Callable[..., Any], request: dict[str, Any]) -> bytes:
    arguments = [decode(wire) for wire in request["args"]]
    keywords = {name: decode(wire) for name, wire in request["kwargs"].items()}
    try:
        return dumps(_told(function(*arguments, **keywords), arguments, keywords, request))
    except CannotCrossError as error:
        return dumps({"raised": ["CannotCrossError", f"its answer holds {error}"], "status": Status.MALFORMED})
    except BaseException as error:  # as above; an iterator may raise only when it is read
        error.with_traceback(None)  # lets go of what filled the memory
        return dumps({"raised": [type(error).__name__, _describe(error)], "status": _status_of(error)})


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

    def __init__(self, channel: Channel, names: dict[str, Any]) -> None:
        self._channel = channel
        self._names = names  # where to look up exception classes that the problem defines
        self.raised: Exception | None = None  # what the last call raised inside the candidate
        self.raised_status = Status.RUNTIME_ERROR
        self.lost: tuple[Status, str] | None = None  # why no further call can be answered
        self.exact = True  # every value crossed as it was, so that upstream's tests see the same ones
        self.last = Crossed(b"", b"")

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if self.lost:
            raise CandidateLostError
        encoder = Encoder()
        request = call_line(encoder, arguments, keywords)
        try:
            self._channel.send(request)
            self.last = Crossed(request, self._channel.receive())
            answer = loads(self.last.answer)
            self.exact = self.exact and encoder.exact and answer.get("exact", True) is True
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

    def _value(self, answer: dict[str, Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Return what the call returned; its changes to the arguments are made here as well."""
        for place, new in answer["changed"]:
            overwrite(keywords[place] if isinstance(place, str) else arguments[place], decode(new))
        if "same" in answer:
            return arguments[answer["same"]]
        self.last = self.last._replace(value=answer["value"])
        return decode(answer["value"])

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


class Graded(NamedTuple):
    status: Status
    detail: str
    exact: bool  # every value that crossed arrived as what it had left as
    right_answers: Sequence[str] = ()  # digests, where they were to be found out


def run_grader(payload: dict[str, Any], channel: Channel) -> Graded:
    """Run the tests against the candidate at the other end of `channel`. The verdict is this function's alone."""
    failed = _opening(channel)
    if failed:
        return Graded(*failed, exact=True)
    random.seed(payload["seed"])  # the candidate's generator must not foretell what the tests draw
    sys.modules["numpy"] = numpy_stand_in.as_module()
    namespace: dict[str, Any] = {}
    proxy = Proxy(channel, namespace)
    try:
        # Tests may use helpers that the prompt defines; theirs are the problem's own, not the completion's.
        exec(payload["reference"], namespace)  # noqa: S102 - the problem's own code
        exec(marshal.loads(base64.b64decode(payload["tests"])), namespace)  # noqa: S102, S302 - as this Python compiled them
        check = namespace["check"]
    except Exception as error:
        return Graded(Status.HARNESS_ERROR, f"the problem's own code fails: {_describe(error)}", exact=True)
    found: list[str] = []
    if callable(reference := namespace.get(REFERENCE_FUNCTION)):
        answers = RightAnswers(reference, lambda: proxy.last, payload["right_answers"])
        namespace[REFERENCE_FUNCTION], found = answers, answers.found
    status, detail = _grade(check, proxy)
    return Graded(status, detail, proxy.exact, found)


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
