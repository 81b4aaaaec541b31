"""Frames made in a thread one ahead of who takes them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from posexp.spans import span
from posexp.video.heap import tidy_heap

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, each made in a thread while the one before is in use; errors come through.

    No more than these two are kept here, and the one in use only by who took it: pictures are
    large.
    """
    tidy_heap()
    source = iter(items)
    try:
        with ThreadPoolExecutor(1, "posexp-ahead") as pool:
            made = pool.submit(_next, source)
            while True:
                with span("extraction: wait for decoder"):
                    taken = made.result()
                if not taken:
                    return
                made = pool.submit(_next, source)
                yield taken.pop()
    finally:
        if isinstance(source, Generator):
            source.close()
        tidy_heap()


def _next(source: Iterator[Item]) -> list[Item]:
    """The next item, if there is one."""
    for item in source:
        return [item]
    return []
