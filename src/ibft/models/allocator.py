"""Keep the memory of freed tensors for the next ones, in a heap that does not fragment."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names of glibc's <malloc.h>
_MIB = 1024 * 1024
_OWN_MAPPING = 32 * _MIB  # the largest threshold that glibc accepts
_KEPT = 1024 * _MIB


def keep_freed_memory() -> None:
    """Let glibc reuse the memory of freed tensors; other C libraries are left alone.

    Activations come and go in every micro-batch. Handed back to the system they cost a page fault for every 4 KiB of
    the next ones, and the system fills each page with zeros. Left to itself glibc moves its thresholds with what is
    freed, and hands the top of the heap back at once.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _OWN_MAPPING)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
