"""The channel carries lines of JSON between a completion and its grader.

Candidate: `{"ready": true}` or `{"failed": [status, detail]}`, then one answer per call; grader:
`{"args": [...], "kwargs": {...}}`.
"""

import os

from ibft.execution.python.value_codec import MAX_BYTES, CannotCrossError

_AT_FIRST, _AT_A_TIME = 1 << 16, 1 << 20  # bytes that are read: nearly all messages are short


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
