"""The rule for files at isolation level `landlock`, which needs no privilege and no namespace (Linux 5.13 and later).

What is not allowed here is refused: every file outside the shown folders, and, where the kernel knows how to, TCP,
abstract sockets and signals to processes outside. What Landlock does not cover (looking whether a path exists) stays
possible; the system-call filter covers the rest.
"""

import errno
import os
import struct
from collections.abc import Sequence

from ibft.execution.sandbox import kernel

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REMOVE_FILE, _MAKE_FOLDER, _MAKE_FILE, _TRUNCATE = 1 << 5, 1 << 7, 1 << 8, 1 << 14
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_WRITE = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_FILE | _MAKE_FOLDER | _MAKE_FILE | _TRUNCATE
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE  # the rights that make sense for a single file
_RIGHTS_OF_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many of the file rights each version knows

_GET_VERSION = 1
_PATH_BENEATH = 1


def version() -> int:
    """Return the kernel's Landlock version.

    Raises:
        OSError: it has none, or it is switched off.
    """
    try:
        return kernel.syscall("landlock_create_ruleset", None, 0, _GET_VERSION)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP):
            raise OSError(error.errno, "this kernel offers no Landlock") from None
        raise


def ruleset(readable: list[str], writable: Sequence[str] = ()) -> int:
    """Return a descriptor of rules that leave only these paths within reach, for `restrict`.

    Raises:
        OSError: this kernel offers no Landlock.
    """
    known = version()
    rights = (1 << _RIGHTS_OF_VERSION[min(known, 5)]) - 1
    tcp = 3 if known >= 4 else 0
    scopes = 3 if known >= 6 else 0  # abstract sockets and signals
    attributes = struct.pack("QQQ", rights, tcp, scopes)[: 8 if known < 4 else 16 if known < 6 else 24]
    made = kernel.syscall("landlock_create_ruleset", attributes, len(attributes), 0)
    for paths, wanted in ((readable, _READ), (writable, _WRITE)):
        for path in paths:
            _allow(made, path, wanted & rights)
    return made


def restrict(made: int) -> None:
    """From now on this process and its children reach only what the rules allow. Needs no_new_privs."""
    kernel.syscall("landlock_restrict_self", made, 0)


def around(shown: list[str], hidden: list[str]) -> list[str]:
    """Return paths that together hold all of `shown` but nothing of `hidden`: Landlock cannot take back what it allows.

    A folder with something hidden in it is replaced by what it holds, so it cannot be listed itself. Links are left
    out: what they lead to is shown where it lies, or not at all.
    """
    places = {os.path.realpath(path) for path in hidden}
    return list(dict.fromkeys(part for path in shown for part in _around(os.path.realpath(path), places)))


def _around(path: str, hidden: set[str]) -> list[str]:
    if path in hidden:
        return []
    if not any(place.startswith(f"{path}/") for place in hidden):
        return [path]
    return [part for entry in os.scandir(path) if not entry.is_symlink() for part in _around(entry.path, hidden)]


def _allow(made: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = rights if os.path.isdir(path) else rights & _ON_FILES  # noqa: PTH112
        kernel.syscall("landlock_add_rule", made, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)
