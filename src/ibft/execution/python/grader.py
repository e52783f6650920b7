"""In the grader's cell: run a problem's tests on a completion that answers from another cell, and give the verdict.

A proxy stands in place of the function, so that exit codes, printed markers, `__eq__` and stack frames decide nothing:
only plain values do, compared by the grader's own Python.
"""

import base64
import builtins
import marshal
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ibft.execution.python import numpy_stand_in
from ibft.execution.python.channel import Channel
from ibft.execution.python.right_answers import REFERENCE_FUNCTION, Crossed, RightAnswers
from ibft.execution.python.value_codec import CannotCrossError, Encoder, call_line, decode, loads, overwrite
from ibft.execution.verdict import Status, describe, one_line

# Raised in tests that map the function over their cases, these would skip the cases that remain.
_ENDS_OF_LOOPS = (StopIteration, StopAsyncIteration)
# A candidate may say these about itself. It can only lose by lying.
_ADMISSIBLE = (Status.SYNTAX_ERROR, Status.RUNTIME_ERROR, Status.MEMORY, Status.FORBIDDEN, Status.MALFORMED)


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
        return Graded(Status.HARNESS_ERROR, f"the problem's own code fails: {describe(error)}", exact=True)
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
        return Status.WRONG_ANSWER, describe(error)
    except MemoryError:
        return Status.MEMORY, "its answers do not fit into memory"
    except Exception as error:
        if error is proxy.raised:
            return proxy.raised_status, one_line(str(error.args[0]))
        return Status.WRONG_ANSWER, f"the tests stumble over its answer: {describe(error)}"
    # A test that catches everything must not turn a lost candidate into a pass.
    return proxy.lost or (Status.PASSED, "")


def _nonsense() -> tuple[Status, str]:
    return Status.MALFORMED, "it does not speak the protocol"
