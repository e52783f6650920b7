"""The journal of a run of verdicts, in the order of its samples: what a killed run need not judge again.

Unlike `ibft.store.journal` it is read and written as a stream, because there may be millions of samples. One line with
the key, then one line per sample: a checksum and the verdict without its program, which follows from the sample.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ibft.execution.verdict import Status, Verdict

logger = logging.getLogger(__name__)


class VerdictJournal:
    """The verdicts on the first `count` samples of one input, valid only under `key`.

    Opening it discards a journal that has another key and cuts a half-written tail off.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.count, self._start, intact_bytes = _intact(path, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("ab")
        self._stream.truncate(intact_bytes)
        if not intact_bytes:
            self._start = self._stream.write(_line(key))
            self._stream.flush()
        if self.count:
            logger.info("%d samples are already judged in %s; continuing after them", self.count, path)

    def finished(self) -> Iterator[Verdict]:
        """The verdicts that an earlier run left, with empty programs."""
        with self.path.open("rb") as stream:
            stream.seek(self._start)
            for _, line in zip(range(self.count), stream, strict=False):
                status, *facts = json.loads(line[_CHECKSUM + 1 :])
                detail, official_passed, stderr_clean, isolation, wall_s = facts
                yield Verdict(Status(status), detail, official_passed, stderr_clean, "", isolation, wall_s)

    def append(self, verdict: Verdict) -> None:
        """Record the verdict on the next sample, and hand it to the operating system before returning."""
        facts = (verdict.official_passed, verdict.stderr_clean, verdict.isolation, verdict.wall_s)
        self._stream.write(_line(json.dumps([verdict.status, verdict.detail, *facts])))
        self._stream.flush()

    def remove(self) -> None:
        """Delete the journal: call it when the table that it stood for is committed."""
        self._stream.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()


_CHECKSUM = 16


def _line(text: str) -> bytes:
    content = text.encode()
    return hashlib.sha256(content).hexdigest()[:_CHECKSUM].encode() + b" " + content + b"\n"


def _intact(path: Path, key: str) -> tuple[int, int, int]:
    """How many whole entries `path` holds for `key`, where they start, and where they end."""
    if not path.exists():
        return 0, 0, 0
    with path.open("rb") as stream:
        if stream.readline() != _line(key):
            logger.info("%s belongs to other samples, settings or code; starting over", path)
            return 0, 0, 0
        start = end = stream.tell()
        count = 0
        for line in stream:
            if line != _line(line[_CHECKSUM + 1 : -1].decode("utf-8", "replace")):
                break
            count += 1
            end += len(line)
    return count, start, end
