"""The memory that glibc keeps."""

from __future__ import annotations

import contextlib
import ctypes
import sys


def tidy_heap() -> None:
    """Keep glibc from a heap per thread, and have it give back what is free.

    One thread makes 4K frames and another drops them; kept apart, such heaps grew to 2 GB. What
    has been read of a video, up to 300 MB, would else stay beside the figures of its run.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(-8, 1)  # M_ARENA_MAX
            libc.malloc_trim(0)
