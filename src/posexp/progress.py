"""Progress bars, where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm.auto import tqdm

from posexp.errors import printable


class Report(Protocol):
    """Told what is done, what is expected where that is known, and what is done instead now."""

    def __call__(self, done: int, expected: int | None, doing: str = "") -> None: ...


@contextmanager
def progress_bar(
    label: str, wanted: bool = True, position: int | None = None, unit: str = " frames"
) -> Iterator[Report]:
    """A bar of frames, or of bytes (unit "B"), and the function that moves it."""
    with tqdm(
        desc=printable(label), unit=unit, unit_scale=unit == "B", position=position,
        disable=not wanted or not watched(), dynamic_ncols=True, leave=position is None,
    ) as bar:  # fmt: skip

        def report(done: int, expected: int | None, doing: str = "") -> None:
            if bar.total is None and expected:
                bar.reset(expected)  # a notebook's bar stands at its end until then
            bar.total = expected
            bar.update(done - bar.n)
            if doing:
                bar.set_postfix_str(doing)

        yield report
        bar.postfix = None


def watched() -> bool:
    """Whether a progress bar has somebody to look at it."""
    return in_notebook() or sys.stderr.isatty()


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    return "ipykernel" in sys.modules
