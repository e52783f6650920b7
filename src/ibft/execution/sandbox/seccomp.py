"""System-call filters: what a completion may ask of the kernel.

Three answers: allowed; EPERM for what a completion has no business with; ENOSYS for everything that is not named, so
that the C library takes its fallback for calls younger than this list. A few calls depend on an argument.

The tables hold x86-64 numbers (`arch/x86/entry/syscalls/syscall_64.tbl` of Linux).
"""

import ctypes
import errno
import functools
import os
import socket
import struct
from enum import StrEnum

from ibft.execution.sandbox import kernel

# fmt: off
_COMPUTING = {
    "read": 0, "write": 1, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9,
    "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
    "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "access": 21, "pipe": 22, "select": 23, "sched_yield": 24,
    "mremap": 25, "msync": 26, "mincore": 27, "madvise": 28, "dup": 32, "dup2": 33, "pause": 34, "nanosleep": 35,
    "getitimer": 36, "alarm": 37, "setitimer": 38, "getpid": 39, "sendfile": 40, "exit": 60, "uname": 63, "flock": 73,
    "fsync": 74, "fdatasync": 75, "ftruncate": 77, "getdents": 78, "getcwd": 79, "chdir": 80, "fchdir": 81,
    "rename": 82, "mkdir": 83, "rmdir": 84, "link": 86, "unlink": 87, "symlink": 88, "readlink": 89, "umask": 95,
    "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104,
    "geteuid": 107, "getegid": 108, "getppid": 110, "getpgrp": 111, "getgroups": 115, "getresuid": 118,
    "getresgid": 120, "getpgid": 121, "getsid": 124, "capget": 125, "rt_sigpending": 127, "rt_sigtimedwait": 128,
    "rt_sigsuspend": 130, "sigaltstack": 131, "statfs": 137, "fstatfs": 138, "sched_getparam": 143,
    "sched_getscheduler": 145, "arch_prctl": 158, "gettid": 186, "readahead": 187, "time": 201, "futex": 202,
    "sched_getaffinity": 204, "epoll_create": 213, "getdents64": 217, "set_tid_address": 218, "restart_syscall": 219,
    "fadvise64": 221, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231,
    "epoll_wait": 232, "epoll_ctl": 233, "mkdirat": 258, "newfstatat": 262, "unlinkat": 263, "renameat": 264,
    "linkat": 265, "symlinkat": 266, "readlinkat": 267, "faccessat": 269, "pselect6": 270, "ppoll": 271,
    "set_robust_list": 273, "get_robust_list": 274, "sync_file_range": 277, "epoll_pwait": 281, "fallocate": 285,
    "eventfd2": 290, "epoll_create1": 291, "dup3": 292, "pipe2": 293, "preadv": 295, "pwritev": 296, "getcpu": 309,
    "sched_getattr": 315, "renameat2": 316, "getrandom": 318, "copy_file_range": 326, "statx": 332, "rseq": 334,
    "close_range": 436, "faccessat2": 439, "futex_waitv": 449,
}
# At level `landlock` these would reach the host's files: Landlock does not cover them (`truncate`: before Linux 6.2).
_ATTRIBUTES = {"truncate": 76, "chmod": 90, "fchmod": 91, "fchmodat": 268, "utimensat": 280}
_PROCESSES = {
    "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "wait4": 61, "kill": 62, "setpgid": 109, "setsid": 112,
    "prctl": 157, "waitid": 247, "prlimit64": 302, "seccomp": 317,
    "landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446,
}
# `timer_create` would send a program any signal, SIGKILL too, which would look like the system's.
_NEVER = {
    "shmget": 29, "shmat": 30, "shmctl": 31, "socket": 41, "connect": 42, "accept": 43, "sendto": 44, "recvfrom": 45,
    "sendmsg": 46, "recvmsg": 47, "shutdown": 48, "bind": 49, "listen": 50, "socketpair": 53, "semget": 64,
    "msgget": 68, "ptrace": 101, "setuid": 105, "setgid": 106, "setreuid": 113, "setregid": 114, "setgroups": 116,
    "setresuid": 117, "setresgid": 119, "capset": 126, "rt_sigqueueinfo": 129, "mknod": 133, "personality": 135,
    "setpriority": 141, "sched_setparam": 142, "sched_setscheduler": 144, "pivot_root": 155, "setrlimit": 160,
    "chroot": 161, "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "sethostname": 170,
    "init_module": 175, "tkill": 200, "sched_setaffinity": 203, "io_setup": 206, "lookup_dcookie": 212,
    "timer_create": 222, "tgkill": 234, "mq_open": 240, "kexec_load": 246, "add_key": 248, "request_key": 249,
    "keyctl": 250, "ioprio_set": 251, "mknodat": 259, "unshare": 272, "splice": 275, "tee": 276, "vmsplice": 278,
    "accept4": 288, "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "fanotify_init": 300,
    "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310,
    "process_vm_writev": 311, "finit_module": 313, "sched_setattr": 314, "memfd_create": 319, "bpf": 321,
    "execveat": 322, "userfaultfd": 323, "pidfd_send_signal": 424, "io_uring_setup": 425, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsmount": 432, "pidfd_open": 434, "pidfd_getfd": 438, "mount_setattr": 442,
    "memfd_secret": 447,
}
# fmt: on

# Calls that are judged by an argument.
_OPEN, _IOCTL, _FCNTL, _OPENAT = 2, 16, 72, 257
_SENDTO, _RECVFROM, _SOCKETPAIR = 44, 45, 53
_SOCKET_KIND = 0xF  # the part of a socket's type that is no flag
_FIONBIO = 0x5421  # of ioctl: `fcntl` can do the same
# fcntl may duplicate, set flags and lock; then once more duplicate, and size a pipe. Between and beyond lie leases,
# on which other programs would wait, and owners, whom the kernel would signal.
_FIRST_COMMANDS, _MORE_COMMANDS = range(8), range(1030, 1033)
_CLONE_THREAD = 0x00010000
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000
_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000

_LOAD, _JUMP, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _AND, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = (
    0,
    4,
    (16, 24, 32, 40),
)  # offsets in struct seccomp_data; of arguments, the lower half
_Line = tuple[int, int, int, int]  # operation, how many lines to skip if true, if false, operand
_Lines = tuple[_Line, ...]
_ALLOWED: _Lines = ((_RETURN, 0, 0, _ALLOW),)
_REFUSED: _Lines = ((_RETURN, 0, 0, _ERRNO | errno.EPERM),)
_UNKNOWN: _Lines = ((_RETURN, 0, 0, _ERRNO | errno.ENOSYS),)
_FATAL: _Lines = ((_RETURN, 0, 0, _KILL_PROCESS),)
# A thread needs a stack of its own, which the limit on memory counts.
_THREADS_ONLY: _Lines = (
    (_LOAD, 0, 0, _ARGUMENTS[0]),
    (_JUMP_SET, 0, 4, _CLONE_THREAD),
    (_LOAD, 0, 0, _ARGUMENTS[1]),
    (_JUMP_EQUAL, 0, 3, 0),
    (_LOAD, 0, 0, _ARGUMENTS[1] + 4),
    (_JUMP_EQUAL, 0, 1, 0),
    *_REFUSED,
    *_ALLOWED,
)
_HARMLESS_COMMANDS: _Lines = (
    (_LOAD, 0, 0, _ARGUMENTS[1]),
    (_JUMP_GREATER_EQUAL, 0, 3, _FIRST_COMMANDS.stop),
    (_JUMP_GREATER_EQUAL, 0, 1, _MORE_COMMANDS.start),
    (_JUMP_GREATER_EQUAL, 0, 1, _MORE_COMMANDS.stop),
    *_REFUSED,
    *_ALLOWED,
)
# An event loop of asyncio wakes itself by two joined ends of a stream. Unlike a datagram's, they take no address.
_JOINED_STREAMS_ONLY: _Lines = (
    (_LOAD, 0, 0, _ARGUMENTS[0]),
    (_JUMP_EQUAL, 0, 4, socket.AF_UNIX),
    (_LOAD, 0, 0, _ARGUMENTS[1]),
    (_AND, 0, 0, _SOCKET_KIND),
    (_JUMP_EQUAL, 0, 1, socket.SOCK_STREAM),
    *_ALLOWED,
    *_REFUSED,
)
_WITHOUT_FLAGS: _Lines = (  # no out-of-band data, of which kernels have often lost count
    (_LOAD, 0, 0, _ARGUMENTS[3]),
    (_JUMP_EQUAL, 0, 1, 0),
    *_ALLOWED,
    *_REFUSED,
)
_NO_DEVICE: _Lines = ((_RETURN, 0, 0, _ERRNO | errno.ENOTTY),)  # what every file says of an ioctl that is no device
_NON_BLOCKING_ONLY: _Lines = (
    (_LOAD, 0, 0, _ARGUMENTS[1]),
    (_JUMP_EQUAL, 0, 1, _FIONBIO),
    *_ALLOWED,
    *_NO_DEVICE,
)


class Filter(StrEnum):
    PYTHON = "python"  # one process with threads: nothing started, nobody signalled, no socket that leads out of it
    THREADLESS = "threadless"  # the same without threads
    SIMULATOR = "simulator"  # may become one program (vvp), and start none
    TOOLCHAIN = "toolchain"  # may start the compiler's programs, and set the next filter


def prepare() -> None:
    """Build all filters now, so that cells forked later find them ready."""
    for which in Filter:
        _program(which)


def install(which: Filter) -> None:
    """Filter this process and all its children for good. Needs no_new_privs, or CAP_SYS_ADMIN."""
    program = _program(which)
    code = ctypes.create_string_buffer(program, len(program))
    descriptor = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    set_mode_filter = 1
    kernel.syscall(kernel.SYS_SECCOMP, set_mode_filter, 0, descriptor)


@functools.cache
def _program(which: Filter) -> bytes:
    """Return the filter as classic BPF: a binary search for the call's number among runs of calls with one answer.

    The kernel tries every number when a filter is set, so a chain of comparisons would cost each cell several times
    as much.
    """
    answers = _answers(which)
    runs = [(0, answers.get(0, _UNKNOWN))]
    for number in range(1, max(answers) + 2):
        answer = answers.get(number, _UNKNOWN)
        if answer != runs[-1][1]:
            runs.append((number, answer))
    runs.append((_X32_BIT, _FATAL))
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH_X86_64),
        *_FATAL,
        (_LOAD, 0, 0, _NUMBER),
        *_search(runs),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def _answers(which: Filter) -> dict[int, _Lines]:
    """For each call that is named here, the lines that answer it."""
    privileged = _ALLOWED if which is Filter.TOOLCHAIN else _REFUSED
    answers = (
        dict.fromkeys(_COMPUTING.values(), _ALLOWED)
        | dict.fromkeys(_NEVER.values(), _REFUSED)
        | dict.fromkeys((_ATTRIBUTES | _PROCESSES).values(), privileged)
    )
    answers[_OPEN] = _without_lone_truncation(_ARGUMENTS[1])
    answers[_OPENAT] = _without_lone_truncation(_ARGUMENTS[2])
    answers[_FCNTL] = _HARMLESS_COMMANDS
    answers[_IOCTL] = _NO_DEVICE
    if which in (Filter.PYTHON, Filter.THREADLESS):
        answers |= {_SOCKETPAIR: _JOINED_STREAMS_ONLY, _SENDTO: _WITHOUT_FLAGS, _RECVFROM: _WITHOUT_FLAGS}
        answers[_IOCTL] = _NON_BLOCKING_ONLY
    if which is Filter.PYTHON:
        answers[kernel.SYS_CLONE] = _THREADS_ONLY
    if which is Filter.THREADLESS:
        answers[kernel.SYS_CLONE] = ((_RETURN, 0, 0, _ERRNO | errno.EAGAIN),)  # as where a limit is reached
    if which is Filter.SIMULATOR:
        answers[_PROCESSES["execve"]] = _ALLOWED
    return answers


def _search(runs: list[tuple[int, _Lines]]) -> _Lines:
    """Answer a call by the last of `runs`, sorted, whose first number is not above the call's."""
    if len(runs) == 1:
        return runs[0][1]
    middle = len(runs) // 2
    below, above = _search(runs[:middle]), _search(runs[middle:])
    return ((_JUMP_GREATER_EQUAL, 0, 1, runs[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above)


def _without_lone_truncation(flags: int) -> _Lines:
    """Refuse to empty a file that is not opened for writing, which Landlock does not notice before Linux 6.2."""
    return (
        (_LOAD, 0, 0, flags),
        (_JUMP_SET, 0, 4, os.O_TRUNC),
        (_AND, 0, 0, os.O_ACCMODE),
        (_JUMP_EQUAL, 2, 0, os.O_WRONLY),
        (_JUMP_EQUAL, 1, 0, os.O_RDWR),
        *_REFUSED,
        *_ALLOWED,
    )
