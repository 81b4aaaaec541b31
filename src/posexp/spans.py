"""Where the seconds go: each one is that of the innermost span that is open when it passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Value = TypeVar("Value")

REST = "the rest"
"""What passes in no span."""


class Spans:
    """Seconds by the names of spans, all of one thread, so that they add up to its time.

    Attributes
    ----------
    seconds : dict
        In the order in which the spans were opened first.
    beside : dict
        What other threads did meanwhile.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.beside: dict[str, float] = {}
        self._open = [REST]
        self._since = time.perf_counter()

    def open(self, name: str) -> None:
        """From now on, the seconds are those of `name`."""
        self._count()
        self._open.append(name)
        self.seconds.setdefault(name, 0.0)

    def close(self) -> None:
        """From now on, they are again those of the span around it."""
        self._count()
        self._open.pop()

    def lines(self) -> str:
        """A line for each, their sum, and what passed beside them."""
        self._count()
        shown = [(name, s) for name, s in self.seconds.items() if name != REST]
        shown += [(REST, self.seconds[REST]), ("in all", sum(self.seconds.values()))]
        shown += [(f"beside: {name}", seconds) for name, seconds in self.beside.items()]
        return "\n".join(f"  {name:<32} {seconds:7.2f} s" for name, seconds in shown)

    def _count(self) -> None:
        now, name = time.perf_counter(), self._open[-1]
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now


_current: ContextVar[Spans | None] = ContextVar("spans", default=None)  # a new thread has none


@contextmanager
def recorded(before: float = 0.0) -> Iterator[Spans]:
    """Record the spans that this thread opens; `before` are the seconds that Python took so far."""
    spans = Spans()
    if before:
        spans.seconds["start: Python"] = before
    token = _current.set(spans)
    try:
        yield spans
    finally:
        _current.reset(token)


def told() -> str:
    """What is recorded so far, a line for each span; empty where nothing is."""
    spans = _current.get()
    return spans.lines() if spans else ""


@contextmanager
def span(name: str) -> Iterator[None]:
    """What passes in here, but for spans in it, is said to be `name` where it is recorded."""
    spans = _current.get()
    if spans is None:
        yield
        return
    spans.open(name)
    try:
        yield
    finally:
        spans.close()


def awaited(name: str, items: Iterable[Value]) -> Iterator[Value]:
    """The same items; what passes until the next one is there is said to be `name`."""
    rest, end = iter(items), object()
    while True:
        with span(name):
            item = next(rest, end)
        if item is end:
            return
        yield item  # type: ignore[misc]


def beside(name: str, work: Callable[[], Value]) -> Callable[[], Value]:
    """`work` for another thread; its seconds are told beside those of this one."""
    spans = _current.get()

    def timed() -> Value:
        began = time.perf_counter()
        try:
            return work()
        finally:
            if spans is not None:
                spans.beside[name] = time.perf_counter() - began

    return timed
