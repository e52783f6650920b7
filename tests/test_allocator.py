"""Freed memory goes back to the system, although small blocks that live on lie between the freed ones."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = textwrap.dedent(
    """
    import sys
    from ibft.models.allocator import return_freed_memory

    def resident_mib():
        with open("/proc/self/statm") as stream:
            return int(stream.read().split()[1]) * 4096 / 2**20

    if sys.argv[1] == "returning":
        return_freed_memory()
    bytearray(30 * 2**20)  # freed at once: glibc concludes that blocks below this size are better kept
    large, small = [], []
    for _ in range(300):
        large.append(bytearray(b"x" * 2**20))
        small.append(bytearray(b"x" * 2**12))
    full = resident_mib()
    large.clear()
    print(full - resident_mib())
    """
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt belongs to glibc")
def test_freed_memory_is_returned() -> None:
    freed = {
        mode: float(subprocess.run([sys.executable, "-c", PROGRAM, mode], check=True, capture_output=True).stdout)
        for mode in ("keeping", "returning")
    }
    assert freed["returning"] > 290
    assert freed["keeping"] < freed["returning"] - 20, "the program frees as much without, so the test shows nothing"
