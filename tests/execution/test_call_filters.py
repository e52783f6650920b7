"""The call filters of both architectures give each call its answer, in a simulator of the kernel's classic BPF."""

import ctypes
import errno
import os
import socket
import struct

import pytest

from ibft.execution.sandbox import syscalls
from ibft.execution.sandbox.seccomp import Filter, program
from ibft.execution.sandbox.syscalls import AARCH64, ARCHITECTURES, X86_64, Architecture

ALLOWED, KILLED = 0x7FFF0000, 0x80000000
DENIED = 0x00050000 | errno.EPERM
UNKNOWN = 0x00050000 | errno.ENOSYS
MOST_LINES = 4096  # BPF_MAXINSNS
ABSENT_ON_AARCH64 = {"open", "stat", "lstat", "access", "pipe", "dup2", "fork", "vfork", "mkdir", "unlink", "rename"}
THREAD = 0x003D0F00  # flags with which the C library starts one
both = pytest.mark.parametrize("machine", ARCHITECTURES.values(), ids=ARCHITECTURES)


def answer(which: Filter, machine: Architecture, call: str | int, *arguments: int, audit: int | None = None) -> int:
    """Run the filter as the kernel does on `struct seccomp_data`."""
    number = machine.numbers[call] if isinstance(call, str) else call
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("IIQ6Q", number, machine.audit if audit is None else audit, 0, *padded)
    lines = list(struct.iter_unpack("HBBI", program(which, machine)))
    assert len(lines) <= MOST_LINES
    place = accumulator = 0
    while True:
        operation, if_true, if_false, operand = lines[place]
        place += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x05:
                place += operand
            case 0x15:
                place += if_true if accumulator == operand else if_false
            case 0x35:
                place += if_true if accumulator >= operand else if_false
            case 0x45:
                place += if_true if accumulator & operand else if_false
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"no such operation: {operation:#x}")


@both
def test_calls_get_the_answer_that_each_filter_gives_them(machine: Architecture) -> None:
    for which in Filter:
        starts = ALLOWED if which is Filter.TOOLCHAIN else DENIED
        assert answer(which, machine, "read") == ALLOWED
        assert answer(which, machine, "futex_waitv") == ALLOWED
        assert answer(which, machine, "connect") == answer(which, machine, "ptrace") == DENIED
        assert answer(which, machine, "kill") == answer(which, machine, "seccomp") == starts
        assert answer(which, machine, "execve") == (ALLOWED if which is Filter.SIMULATOR else starts)
        assert answer(which, machine, 1000) == answer(which, machine, 0x3FFFFFFF) == UNKNOWN


@both
def test_arguments_decide_where_they_should(machine: Architecture) -> None:
    asked = (Filter.PYTHON, machine)
    new_stack = 0x7F0000000000
    assert answer(*asked, "clone", THREAD, new_stack) == ALLOWED
    assert answer(*asked, "clone", THREAD, 0) == answer(*asked, "clone", 17, new_stack) == DENIED
    assert answer(Filter.THREADLESS, machine, "clone", THREAD, new_stack) == 0x00050000 | errno.EAGAIN
    assert answer(*asked, "openat", 0, 0, os.O_RDWR | os.O_TRUNC) == ALLOWED
    assert answer(*asked, "openat", 0, 0, os.O_RDONLY | os.O_TRUNC) == DENIED
    assert answer(*asked, "fcntl", 0, 7) == answer(*asked, "fcntl", 0, 1030) == ALLOWED
    assert answer(*asked, "fcntl", 0, 8) == answer(*asked, "fcntl", 0, 1024) == DENIED
    assert answer(*asked, "socketpair", socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) == ALLOWED
    assert answer(*asked, "socketpair", socket.AF_UNIX, socket.SOCK_DGRAM) == DENIED
    assert answer(*asked, "sendto", 0, 0, 0, socket.MSG_OOB) == DENIED
    assert answer(*asked, "ioctl", 0, 0x5421) == ALLOWED
    assert answer(*asked, "ioctl", 0, 0x5413) == 0x00050000 | errno.ENOTTY


@both
def test_a_call_that_is_made_as_on_another_machine_is_fatal(machine: Architecture) -> None:
    i386, arm = 0x40000003, 0x40000028
    for audit in (i386, arm, *(other.audit for other in ARCHITECTURES.values() if other is not machine)):
        assert answer(Filter.PYTHON, machine, "read", audit=audit) == KILLED


def test_calls_of_x32_are_fatal_and_unknown_where_there_is_no_x32() -> None:
    assert answer(Filter.PYTHON, X86_64, 0x40000000) == answer(Filter.PYTHON, X86_64, 0x40000001) == KILLED
    assert answer(Filter.PYTHON, AARCH64, 0x40000000) == UNKNOWN


@both
def test_numbers_are_those_of_libseccomp(machine: Architecture) -> None:
    try:
        resolve = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name_arch
    except OSError:
        pytest.skip("libseccomp is not installed here")
    resolve.argtypes, resolve.restype = [ctypes.c_uint32, ctypes.c_char_p], ctypes.c_int
    named = {name for architecture in ARCHITECTURES.values() for name in architecture.numbers}
    theirs = {name: resolve(machine.audit, name.encode()) for name in named}
    assert machine.numbers == {name: number for name, number in theirs.items() if number >= 0}


def test_aarch64_lacks_the_oldest_calls_and_has_what_took_their_place() -> None:
    assert not ABSENT_ON_AARCH64 & set(AARCH64.numbers)
    assert {"openat", "newfstatat", "faccessat", "pipe2", "dup3", "clone", "mkdirat"} <= set(AARCH64.numbers)
    assert set(AARCH64.numbers) <= set(X86_64.numbers)


def test_a_machine_of_another_kind_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    uname = os.uname_result(("Linux", "host", "6.1", "1", "riscv64"))
    monkeypatch.setattr(os, "uname", lambda: uname)
    with pytest.raises(OSError, match="x86_64 and aarch64, and this machine is riscv64"):
        syscalls.of_this_machine()
