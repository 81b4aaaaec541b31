"""How glibc keeps memory, for a process through which large pictures go."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of malloc.h


def tidy_heap() -> None:
    """One heap for all threads, which keeps what the next picture needs; what is free goes back.

    One thread makes 4K frames and another drops them: heaps of their own grew to 2 GB. A picture's
    memory that goes back to the system after each is paged in anew for the next one, 6 ms for the
    RGB of 4K. Kept after the last, up to 300 MB would lie beside the figures of a run.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(_ARENA_MAX, 1)
            # The second is the most that glibc took before 2.35.
            if libc.mallopt(_MMAP_THRESHOLD, 1 << 27) or libc.mallopt(_MMAP_THRESHOLD, 1 << 25):
                libc.mallopt(_TRIM_THRESHOLD, 1 << 28)
            libc.malloc_trim(0)
