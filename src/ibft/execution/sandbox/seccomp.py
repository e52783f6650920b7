"""System-call filters: what a completion may ask of the kernel.

Three answers: allowed; EPERM for what a completion has no business with; ENOSYS for everything that is not named, so
that the C library takes its fallback for calls younger than this list. A few calls depend on an argument. Calls are
named here; `syscalls` has their numbers, and what a machine lacks is left out of its filters.
"""

# ruff: noqa: SIM905 - names read better as words than as a list of strings

import ctypes
import errno
import functools
import os
import socket
import struct
from enum import StrEnum

from ibft.execution.sandbox import kernel
from ibft.execution.sandbox.syscalls import Architecture, of_this_machine

_COMPUTING = """
    read write close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn
    pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore madvise dup dup2 pause
    nanosleep getitimer alarm setitimer getpid sendfile exit uname flock fsync fdatasync ftruncate getdents getcwd
    chdir fchdir rename mkdir rmdir link unlink symlink readlink umask gettimeofday getrlimit getrusage sysinfo
    times getuid getgid geteuid getegid getppid getpgrp getgroups getresuid getresgid getpgid getsid capget
    rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack statfs fstatfs sched_getparam sched_getscheduler
    arch_prctl gettid readahead time futex sched_getaffinity epoll_create getdents64 set_tid_address restart_syscall
    fadvise64 clock_gettime clock_getres clock_nanosleep exit_group epoll_wait epoll_ctl mkdirat newfstatat unlinkat
    renameat linkat symlinkat readlinkat faccessat pselect6 ppoll set_robust_list get_robust_list sync_file_range
    epoll_pwait fallocate eventfd2 epoll_create1 dup3 pipe2 preadv pwritev getcpu sched_getattr renameat2 getrandom
    copy_file_range statx rseq close_range faccessat2 futex_waitv
""".split()
# At level `landlock` these would reach the host's files: Landlock does not cover them (`truncate`: before Linux 6.2).
_ATTRIBUTES = "truncate chmod fchmod fchmodat utimensat".split()
_PROCESSES = """
    clone fork vfork execve wait4 kill setpgid setsid prctl waitid prlimit64 seccomp landlock_create_ruleset
    landlock_add_rule landlock_restrict_self
""".split()
# `timer_create` would send a program any signal, SIGKILL too, which would look like the system's.
_NEVER = """
    shmget shmat shmctl socket connect accept sendto recvfrom sendmsg recvmsg shutdown bind listen socketpair semget
    msgget ptrace setuid setgid setreuid setregid setgroups setresuid setresgid capset rt_sigqueueinfo mknod
    personality setpriority sched_setparam sched_setscheduler pivot_root setrlimit chroot mount umount2 swapon
    reboot sethostname init_module tkill sched_setaffinity io_setup lookup_dcookie timer_create tgkill mq_open
    kexec_load add_key request_key keyctl ioprio_set mknodat unshare splice tee vmsplice accept4 rt_tgsigqueueinfo
    perf_event_open fanotify_init name_to_handle_at open_by_handle_at setns process_vm_readv process_vm_writev
    finit_module sched_setattr memfd_create bpf execveat userfaultfd pidfd_send_signal io_uring_setup open_tree
    move_mount fsopen fsmount pidfd_open pidfd_getfd mount_setattr memfd_secret
""".split()

_SOCKET_KIND = 0xF  # the part of a socket's type that is no flag
_FIONBIO = 0x5421  # of ioctl: `fcntl` can do the same
# fcntl may duplicate, set flags and lock; then once more duplicate, and size a pipe. Between and beyond lie leases,
# on which other programs would wait, and owners, whom the kernel would signal.
_FIRST_COMMANDS, _MORE_COMMANDS = range(8), range(1030, 1033)
_CLONE_THREAD = 0x00010000
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
        program(which, of_this_machine())


def install(which: Filter) -> None:
    """Filter this process and all its children for good. Needs no_new_privs, or CAP_SYS_ADMIN."""
    lines = program(which, of_this_machine())
    code = ctypes.create_string_buffer(lines, len(lines))
    descriptor = struct.pack("HxxxxxxP", len(lines) // 8, ctypes.addressof(code))
    set_mode_filter = 1
    kernel.syscall("seccomp", set_mode_filter, 0, descriptor)


@functools.cache
def program(which: Filter, machine: Architecture) -> bytes:
    """Return the filter as classic BPF: a binary search for the call's number among runs of calls with one answer.

    The kernel tries every number when a filter is set, so a chain of comparisons would cost each cell several times
    as much.
    """
    answers = {machine.numbers[call]: answer for call, answer in _answers(which).items() if call in machine.numbers}
    runs = [(0, answers.get(0, _UNKNOWN))]
    for number in range(1, max(answers) + 2):
        answer = answers.get(number, _UNKNOWN)
        if answer != runs[-1][1]:
            runs.append((number, answer))
    if machine.foreign is not None:
        runs.append((machine.foreign, _FATAL))
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, machine.audit),
        *_FATAL,
        (_LOAD, 0, 0, _NUMBER),
        *_search(runs),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def _answers(which: Filter) -> dict[str, _Lines]:
    """For each call that is named here, the lines that answer it."""
    privileged = _ALLOWED if which is Filter.TOOLCHAIN else _REFUSED
    answers = (
        dict.fromkeys(_COMPUTING, _ALLOWED)
        | dict.fromkeys(_NEVER, _REFUSED)
        | dict.fromkeys((*_ATTRIBUTES, *_PROCESSES), privileged)
        | {
            "open": _without_lone_truncation(_ARGUMENTS[1]),
            "openat": _without_lone_truncation(_ARGUMENTS[2]),
            "fcntl": _HARMLESS_COMMANDS,
            "ioctl": _NO_DEVICE,
        }
    )
    if which in (Filter.PYTHON, Filter.THREADLESS):
        answers |= {"socketpair": _JOINED_STREAMS_ONLY, "sendto": _WITHOUT_FLAGS, "recvfrom": _WITHOUT_FLAGS}
        answers["ioctl"] = _NON_BLOCKING_ONLY
    if which is Filter.PYTHON:
        answers["clone"] = _THREADS_ONLY
    if which is Filter.THREADLESS:
        answers["clone"] = ((_RETURN, 0, 0, _ERRNO | errno.EAGAIN),)  # as where a limit is reached
    if which is Filter.SIMULATOR:
        answers["execve"] = _ALLOWED
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
