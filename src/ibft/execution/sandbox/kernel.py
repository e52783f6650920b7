"""The few Linux system calls that Python's standard library does not offer, through ctypes.

`PyDLL` keeps the interpreter lock during a call: `clone` returns twice, and the second return must own the lock.
"""

import ctypes
import os
import signal

from ibft.execution.sandbox.syscalls import of_this_machine

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2


def syscall(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Call the kernel; strings and buffers are passed by address.

    Raises:
        OSError: what the kernel refused, with its errno; or the numbers of this machine's calls are not known.
    """
    number = of_this_machine().numbers[name]
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(int(_libc.syscall(ctypes.c_long(number), *converted)))


def clone(namespaces: int = 0) -> int:
    """Like `os.fork` without Python's hooks for it, which cost as much again, and with `namespaces` new to the child.

    Call it single-threaded.
    """
    return syscall("clone", namespaces | signal.SIGCHLD, 0, 0, 0, 0)


def prctl(option: int, first: int = 0, second: int = 0) -> int:
    zero = ctypes.c_ulong(0)
    return _checked(
        _libc.prctl(ctypes.c_int(option), ctypes.c_ulong(first), ctypes.c_ulong(second), zero, zero),
    )


def unshare(flags: int) -> None:
    _checked(_libc.unshare(ctypes.c_int(flags)))


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, options: str | None = None) -> None:
    """mount(2). The error names the target, because a bare EPERM helps nobody."""
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    result = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    _checked(result, target)


def umount(target: str, flags: int = 0) -> None:
    _checked(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), target)


def _checked(result: int, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result
