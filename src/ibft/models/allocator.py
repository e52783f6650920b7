"""Keep a job's resident memory close to what it uses."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names of glibc's <malloc.h>
_BYTES = 256 * 1024


def return_freed_memory() -> None:
    """Let glibc hand freed tensors back to the system at once; other C libraries are left alone.

    Activations and logits come in ever new sizes. Left to itself glibc keeps freed ones in a heap that fragments: a
    training job on a CPU held 3.1 GiB, and 2.1 GiB with this, in the same time.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _BYTES)
        mallopt(_M_TRIM_THRESHOLD, _BYTES)
