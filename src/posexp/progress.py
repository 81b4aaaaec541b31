"""Progress bars, where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from tqdm.auto import tqdm

from posexp.errors import printable

_COUNT = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}, {rate_fmt}]"
_ESTIMATE = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"
_SOON, _LITTLE = 3.0, 0.05  # s, and the share done, before which an estimate is worth nothing


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
            if doing:  # it must not look done, nor as if it hung
                bar.bar_format = f"{{desc}}: {_plain(doing)} ({{n_fmt}}{unit}, {{elapsed}})"
                bar.n = done
                bar.refresh()
                return
            bar.bar_format = _format(bar, done, expected)
            bar.update(done - bar.n)

        yield report
        bar.bar_format = _COUNT if bar.total else None


def _format(bar: Any, done: int, expected: int | None) -> str | None:
    """How a bar looks; tqdm's own way where its end is not known."""
    if not expected or bar.disable:
        return None
    known = bar.format_dict["elapsed"] > _SOON and done > _LITTLE * expected
    return _ESTIMATE if known else _COUNT


def _plain(text: str) -> str:
    """Text in which no brace is a format's."""
    return text.replace("{", "{{").replace("}", "}}")


def watched() -> bool:
    """Whether a progress bar has somebody to look at it."""
    return in_notebook() or sys.stderr.isatty()


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    return "ipykernel" in sys.modules
