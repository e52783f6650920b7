"""The secret behind the random numbers that tests draw: no completion can know it, and a rerun draws the same ones.

Problem, tests and program are known to whoever wrote the completion: a seed that followed from these alone could be
computed in advance, and with it every answer.
"""

import os
import secrets
from pathlib import Path

from ibft.runtime.errors import UserError

FILE_NAME = ".tests-key"
_BYTES = 32


def tests_key(path: Path) -> bytes:
    """Return the key in the file at `path`, which is made where it is absent. No cell can see it.

    Raises:
        UserError: the file holds something else.
    """
    if not path.exists():
        _make(path)
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise UserError(
            f"{path} holds {len(key)} bytes and no key of {_BYTES}: delete it, and verdicts whose tests draw random "
            "numbers may change"
        )
    return key


def _make(path: Path) -> None:
    """Write a new key under a temporary name and link it into place, so that of several jobs one makes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(secrets.token_bytes(_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            path.hardlink_to(new)
        except FileExistsError:
            return  # another job was faster
    finally:
        new.unlink(missing_ok=True)
