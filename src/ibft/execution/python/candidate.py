"""In the candidate's cell: run a completion and answer calls of its function, without seeing the tests.

`grader` makes these calls from a cell of its own.
"""

import errno
import time
from collections.abc import Callable
from typing import Any

from ibft.execution.python.channel import Channel
from ibft.execution.python.upstream import Sink, swallowed_streams
from ibft.execution.python.value_codec import CannotCrossError, Encoder, decode, dumps, loads
from ibft.execution.verdict import Status, describe

_MUTABLE = (list, dict, set)
_BYTES_HELD, _SECONDS_HELD = 1 << 18, 0.01  # of answers to calls that came together, before they are sent


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
            channel.send(dumps({"failed": [Status.SYNTAX_ERROR, describe(error)]}))
            return
        exec(code, namespace)  # noqa: S102 - the purpose of this process
    except BaseException as error:  # whatever the completion raises, SystemExit included, is its result
        channel.send(dumps({"failed": [_status_of(error), describe(error)]}))
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
        told = {"raised": [type(error).__name__, describe(error)], "status": _status_of(error)}
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
