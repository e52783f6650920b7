"""Isolation level `namespaces`: a world of its own for each worker (once), and for each sample (a cell).

The worker's world has no network, no /proc and a read-only root that holds nothing but the interpreter and the
Verilog toolchain. A cell adds process, mount and IPC namespaces and an empty scratch folder; its first process is
process 1, so that its end is the end of everything that it started.
"""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from ibft.execution.sandbox import kernel
from ibft.execution.sandbox.limits import MAX_DESCRIPTORS, die_with_parent

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
_KEPT_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC | 1024 | 2048  # the last two: noatime, nodiratime

SCRATCH = "/scratch"
NOBODY = 65534
# The new root is put together on top of /proc: a folder that always exists, holds nothing that is bound, and leaves
# no trace on the host's disk.
_STAGING = "/proc"


def enter_world(shown: list[str], hidden: list[str]) -> None:
    """Move this process for good into a world that shows only the paths in `shown`, read-only, and /dev/null.

    The folders in `hidden` are empty there.

    Raises:
        OSError: the kernel refuses one of the steps, so level `namespaces` is not to be had here.
    """
    if os.geteuid() == 0:
        # Real root builds the world with real privileges and becomes nobody only then: folders above the interpreter
        # may be closed to everybody else.
        # In a container that knows but one user there is no nobody; root is that unprivileged user then.
        lowest = NOBODY if _is_mapped(NOBODY) else 0
        write_maps = _fork_map_writer(lowest, lowest)
        kernel.unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
        _build_root(shown, hidden)
        _pivot()
        if lowest == NOBODY:
            os.setgroups([])
        kernel.unshare(CLONE_NEWUSER)
        write_maps()
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    else:
        write_maps = _fork_map_writer(os.geteuid(), os.getegid())
        kernel.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
        write_maps()
        _build_root(shown, hidden)
        _pivot()
    _become_first_process()


def _is_mapped(user: int) -> bool:
    """Return true if `user` exists in the user namespace of this process, as user and as group."""
    for map_file in ("uid_map", "gid_map"):
        ranges = [tuple(map(int, line.split())) for line in Path(f"/proc/self/{map_file}").read_text().splitlines()]
        if not any(first <= user < first + count for first, _, count in ranges):
            return False
    return True


def clone_cell() -> int:
    """`kernel.clone` with process, mount and IPC namespaces of its own for the child."""
    return kernel.clone(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC)


def mount_scratch(megabytes: int) -> None:
    """In a cell: an empty folder for its files, gone with it. Nothing in it can be executed."""
    options = f"size={megabytes}m,nr_inodes=1024,mode=700"
    kernel.mount("scratch", SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)


def _become_first_process() -> None:
    """Go on as process 1 of a process namespace, so that no cell outlives the server, however that ends.

    The process that came here stays behind, only to wait and to be killed in the server's place.
    """
    kernel.unshare(CLONE_NEWPID)
    server = os.fork()
    if server != 0:
        os.closerange(0, MAX_DESCRIPTORS)
        os.waitpid(server, 0)
        os._exit(0)
    die_with_parent()


def _build_root(shown: list[str], hidden: list[str]) -> None:
    kernel.mount("none", "/", None, MS_REC | MS_PRIVATE)
    with Path("/proc/self/mountinfo").open(errors="surrogateescape") as mounts:  # opened before it is covered
        kernel.mount("world", _STAGING, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
        bound = [target for path in ("/dev/null", *shown) if (target := _show(path))]
        # The kernel writes blanks in paths as octal numbers.
        points = [re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), line.split()[4]) for line in mounts]
    # Mounts below a shown folder came along with it, and have flags of their own.
    for point in points:
        if any(point == target or point.startswith(f"{target}/") for target in bound):
            _make_read_only(point)
    for path in hidden:
        kernel.mount("hidden", _STAGING + path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k")
    Path(_STAGING + SCRATCH).mkdir()


def _show(path: str) -> str | None:
    """Make `path` appear in the new root: symbolic links as such, everything else bound; where, if it was bound."""
    target = Path(_STAGING + path)
    mode = os.lstat(path).st_mode
    if os.path.lexists(target):
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        target.symlink_to(Path(path).readlink())
        return None
    target.mkdir() if stat.S_ISDIR(mode) else target.touch()
    kernel.mount(path, str(target), None, MS_BIND | MS_REC)
    return str(target)


def _make_read_only(point: str) -> None:
    # A mount made by somebody more privileged keeps its flags; asking for fewer is refused.
    kept = os.statvfs(point).f_flag & _KEPT_FLAGS
    device = 0 if stat.S_ISCHR(Path(point).stat().st_mode) else MS_NODEV
    kernel.mount("none", point, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | device | kept)


def _pivot() -> None:
    os.chdir(_STAGING)
    kernel.mount("none", _STAGING, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    kernel.syscall("pivot_root", b".", b".")
    kernel.umount(".", MNT_DETACH)
    os.chdir("/")


def _fork_map_writer(user: int, group: int) -> Callable[[], None]:
    """Return a function that makes `user` and `group` of the host appear as root in the user namespace of this process.

    Only a process outside that namespace may map somebody else than itself, so one is forked here, before the
    namespaces are entered; it still sees the host's /proc when the function is called.
    """
    reader, writer = os.pipe()
    process = os.getpid()
    helper = os.fork()
    if helper == 0:
        status = 1
        try:
            os.close(writer)
            if os.read(reader, 1):
                Path(f"/proc/{process}/setgroups").write_text("deny")
                Path(f"/proc/{process}/uid_map").write_text(f"0 {user} 1")
                Path(f"/proc/{process}/gid_map").write_text(f"0 {group} 1")
                status = 0
        finally:
            os._exit(status)
    os.close(reader)

    def write_maps() -> None:
        os.write(writer, b"!")
        os.close(writer)
        if os.waitpid(helper, 0)[1] != 0:
            raise PermissionError(f"user {user} could not be mapped into the user namespace")

    return write_maps
