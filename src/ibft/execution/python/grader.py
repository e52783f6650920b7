"""In the grader's cell: run a problem's tests on a completion that answers from another cell, and give the verdict.

A proxy stands in place of the function, so that exit codes, printed markers, `__eq__` and stack frames decide nothing:
only plain values do, compared by the grader's own Python.
"""

import base64
import builtins
import hashlib
import marshal
import random
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ibft.execution.python import numpy_stand_in
from ibft.execution.python.calls import Call, Calls, OtherCallError
from ibft.execution.python.channel import Channel
from ibft.execution.python.value_codec import CannotCrossError, decode, loads, overwrite
from ibft.execution.verdict import Status, describe, one_line

# Raised in tests that map the function over their cases, these would skip the cases that remain.
_ENDS_OF_LOOPS = (StopIteration, StopAsyncIteration)
# A candidate may say these about itself. It can only lose by lying.
_ADMISSIBLE = (Status.SYNTAX_ERROR, Status.RUNTIME_ERROR, Status.MEMORY, Status.FORBIDDEN, Status.MALFORMED)


class CandidateLostError(BaseException):
    """The candidate ended, or sent what is no answer. No test may catch this by `except Exception`."""


class Proxy:
    """Stands for the completion's function in the tests."""

    def __init__(self, calls: Calls, names: dict[str, Any], right_answers: Collection[str] | None) -> None:
        """
        Args:
            names: where to look up exception classes that the problem defines.
            right_answers: digests of calls with their right answers; None: they are to be found out.
        """
        self._calls = calls
        self.foresee = calls.foresee
        self._names = names
        self._right_answers = None if right_answers is None else frozenset(right_answers)
        self._answered: tuple[Call, bytes] | None = None  # the call that the tests make next, and its answer
        self.found_right: list[str] = []
        self.raised: Exception | None = None  # what the last call raised inside the candidate
        self.raised_status = Status.RUNTIME_ERROR
        self.lost: tuple[Status, str] | None = None  # why no further call can be answered
        self.exact = True  # every value crossed as it was, so that upstream's tests see the same ones

    def is_right(self, *arguments: Any) -> bool:
        """Make a call, and return true if the answer is to the bit the one that the reference solution gave.

        If it is not, it answers the same call, which the tests make next.
        """
        self._answered = self._cross(arguments, {})
        if self._right_answers is None or _digest(*self._answered) not in self._right_answers:
            return False
        self._answered = None
        return True

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        was_answered = self._answered is not None
        call, line = self._answered or self._cross(arguments, keywords)
        self._answered = None
        with self._losing():
            answer = loads(line)
            is_exact = call.exact and answer.get("exact", True) is True
            self.exact = self.exact and is_exact
            if "raised" not in answer:
                if was_answered and self._right_answers is None and is_exact and not answer["changed"]:
                    self.found_right.append(_digest(call, line))  # if all tests pass
                return self._value(answer, arguments, keywords)
            self.raised = self._exception(answer)
        raise self.raised

    def _cross(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Call, bytes]:
        if self.lost:
            raise CandidateLostError
        call = self._calls.made(arguments, keywords)
        with self._losing():
            return call, self._calls.answer_to(call)

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """Note why no call can be answered any more.

        Raises:
            CandidateLostError: instead of what happened.
        """
        try:
            yield
        except (EOFError, OSError):
            raise self._lose(Status.RUNTIME_ERROR, "it ended before it answered") from None
        except (CannotCrossError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise self._lose(Status.MALFORMED, f"its answer is no plain value: {error}") from None
        except MemoryError:
            raise self._lose(Status.MEMORY, "its answer does not fit into memory") from None

    def _value(self, answer: dict[str, Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Return what the call returned; its changes to the arguments are made here as well."""
        for place, new in answer["changed"]:
            overwrite(keywords[place] if isinstance(place, str) else arguments[place], decode(new))
        if answer["changed"]:
            self._calls.arguments_changed()
        if "same" in answer:
            return arguments[answer["same"]]
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


def _digest(call: Call, answer: bytes) -> str:
    digest = hashlib.blake2b(call.line, digest_size=16)
    digest.update(answer)
    return digest.hexdigest()


class Graded(NamedTuple):
    status: Status
    detail: str
    exact: bool  # every value that crossed arrived as what it had left as
    right_answers: Sequence[str] = ()  # digests of calls with answers, where they were to be found out
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
    calls = Calls(channel, before_ahead if payload["looks_ahead"] else None)
    proxy = Proxy(calls, namespace, payload["right_answers"])
    try:
        # Tests may use helpers that the prompt defines; theirs are the problem's own, not the completion's.
        exec(payload["reference"], namespace)  # noqa: S102 - the problem's own code
        exec(marshal.loads(base64.b64decode(payload["tests"])), namespace)  # noqa: S102, S302 - as this Python compiled them
        check = namespace["check"]
    except Exception as error:
        return Graded(Status.HARNESS_ERROR, f"the problem's own code fails: {describe(error)}", exact=True)
    status, detail = _grade(check, proxy)
    return Graded(status, detail, proxy.exact, proxy.found_right, calls.were_sent_ahead)


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
    except OtherCallError:
        return Status.HARNESS_ERROR, "its tests do not make the calls that they foretell"
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
