"""Progress bars, where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

from posexp.errors import printable

Report = Callable[[int, "int | None"], None]
"""Told what is done, and what is expected where that is known."""


@contextmanager
def progress_bar(
    label: str, wanted: bool = True, position: int | None = None, unit: str = " frames"
) -> Iterator[Report]:
    """A bar of frames, or of bytes (unit "B"), and the function that moves it."""
    with tqdm(
        desc=printable(label), unit=unit, unit_scale=unit == "B", position=position,
        disable=not wanted or not watched(), dynamic_ncols=True, leave=position is None,
    ) as bar:  # fmt: skip

        def report(done: int, expected: int | None) -> None:
            bar.total = expected
            bar.update(done - bar.n)

        yield report


def watched() -> bool:
    """Whether a progress bar has somebody to look at it."""
    return "ipykernel" in sys.modules or sys.stderr.isatty()
