"""Locks that say who is alive: the system takes them back however their owner ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from posexp.errors import TrackingError

_PATIENCE = 120.0  # s


def lock_of(path: Path) -> FileLock:
    """A lock that the system takes back when its owner dies, whatever the clock says."""
    return FileLock(path, thread_local=False, timeout=_PATIENCE)


def acquired(lock: FileLock) -> bool:
    """Whether nobody has it, which means that it is ours now."""
    try:
        lock.acquire(blocking=False)
    except (Timeout, OSError):  # what cannot be opened is nobody's to take
        return False
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of something that takes a moment; TrackingError when it is not to be had."""
    lock = lock_of(path)
    try:
        lock.acquire()
    except Timeout as error:
        raise TrackingError(
            path, f"another process has held this lock for {lock.timeout:.0f} s: it hangs, or its "
            "machine sleeps", "Wake or end it",
        ) from error  # fmt: skip
    except OSError as error:
        raise TrackingError(
            path, f"cannot be locked ({error.strerror or error})",
            "Let it be written, or set tracking.folder to a folder of yours",
        ) from error  # fmt: skip
    try:
        yield
    finally:
        lock.release()


def store_lock(folder: Path) -> contextlib.AbstractContextManager[None]:
    """One process at a time makes or mends the store in a folder."""
    return locked(folder / ".store.lock")
