"""Frames made in a thread one ahead of who takes them."""

from __future__ import annotations

import contextlib
import ctypes
import queue
import sys
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

from posexp.spans import span

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, made in a thread one ahead of who takes them; errors come through."""
    _share_one_heap()
    made: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def make() -> None:
        error: BaseException | None = StopIteration()
        source = iter(items)
        try:
            while not stopped.is_set():
                made.put((next(source), None))
        except BaseException as failure:  # also StopIteration; it is raised where it is awaited
            error = failure
        finally:
            if isinstance(source, Generator):
                source.close()
            made.put((None, error))

    thread = threading.Thread(target=make, name="posexp-ahead", daemon=True)
    thread.start()
    try:
        while True:
            with span("extraction: wait for decoder"):
                item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        while thread.is_alive():  # it may wait for room
            with contextlib.suppress(queue.Empty):
                made.get(timeout=0.01)
        thread.join()


def _share_one_heap() -> None:
    """Keep glibc from a heap per thread.

    One thread makes 4K frames and another drops them; kept apart, such heaps grew to 2 GB.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX
