"""Memory that was freed is used again without a page fault."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = textwrap.dedent(
    """
    import resource, sys
    from ibft.models.allocator import keep_freed_memory

    def activations():
        kept = [bytearray(b"x" * (2**21 + 2**18 * (number % 5))) for number in range(40)]
        kept.clear()

    if sys.argv[1] == "keeping":
        keep_freed_memory()
    activations()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        activations()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    """
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt belongs to glibc")
def test_what_was_freed_is_used_again() -> None:
    faults = {
        mode: int(subprocess.run([sys.executable, "-c", PROGRAM, mode], check=True, capture_output=True).stdout)
        for mode in ("keeping", "as glibc does")
    }
    assert faults["keeping"] < 1000
    assert faults["as glibc does"] > 10 * faults["keeping"], "glibc keeps it by itself, so the test shows nothing"
