"""Events that a person has set, in place of those that are found: put in order, and checked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from posexp.errors import TableError
from posexp.movement.events import EVENTS, SLACK, Moments, Seen
from posexp.movement.filters import Array

_NEEDED = ("rise_start", "standing")
_ORDERS = {
    "sit_to_stand": ("lean_start", "rise_start", "standing", "sit_start", "seated"),
    "squat": ("sit_start", "seated", "rise_start", "standing"),
}
_MAY_OVERLAP = (("standing", "sit_start"), ("seated", "rise_start"))
"""Events of a rise and of the way down beside it, which are found each by itself."""


def grouped(marks: Sequence[tuple[str, float]], squat: bool = False) -> pd.DataFrame:
    """Events as they lie on a time axis, as a row for each rise.

    Parameters
    ----------
    marks : sequence of (str, float)
        Name of the event and its time, s, in any order.
    squat : bool
        Whether the way down comes before the rise.

    Returns
    -------
    DataFrame
        The columns of `EVENTS`, s; NaN where there is no such event.

    Raises
    ------
    TableError
        For an event that belongs to no rise, or twice to the same.
    """
    rises = np.sort([time for name, time in marks if name == "rise_start"])
    rows = np.full((len(rises), len(EVENTS)), np.nan)
    for name, time in sorted(marks, key=lambda mark: mark[1]):
        if name in ("sit_start", "seated") and squat:
            row = int(np.searchsorted(rises, time - SLACK))
        elif name in ("sit_start", "seated"):
            row = int(np.searchsorted(rises, time - SLACK)) - 1
        elif name == "lean_start":
            row = int(np.searchsorted(rises, time))
        else:
            row = int(np.searchsorted(rises, time, "right")) - 1
        said = name.replace("_", " ")
        if not 0 <= row < len(rises):
            raise TableError(
                "events", f"the {said} at {time:.2f} s belongs to no rise",
                "Set the rise start of its repetition too, or remove it",
            )  # fmt: skip
        column = EVENTS.index(name)
        if np.isfinite(rows[row, column]):
            raise TableError(
                "events", f"repetition {row + 1} has two of {said}, at {rows[row, column]:.2f} and "
                f"{time:.2f} s", "Remove one of them",
            )  # fmt: skip
        rows[row, column] = time
    return pd.DataFrame(rows, columns=list(EVENTS))


def checked_for(events: pd.DataFrame, times: Array) -> pd.DataFrame:
    """As `checked`, for a clip whose frames are at `times`, s; TableError too where it has none."""
    if not len(times):
        raise TableError("events", "expected a clip with frames, got none")
    return checked(events, float(times[0]), float(times[-1]))


def checked(events: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    """The events of each repetition, in order of time.

    Parameters
    ----------
    events : DataFrame
        With the columns of `EVENTS`, s; ``rise_start`` and ``standing`` in every row, the others
        empty where not known. Other columns are left out.
    first, last : float
        Of the clip, s.

    Raises
    ------
    TableError
        For a column that is missing, a cell that is no number, a time outside of the clip, events
        out of order, or repetitions that overlap.
    """
    missing = [name for name in EVENTS if name not in events]
    if missing:
        raise TableError(
            "events", f"expected the columns {', '.join(EVENTS)}; missing: {', '.join(missing)}"
        )
    try:
        table = events[list(EVENTS)].apply(pd.to_numeric).astype(float)
    except (ValueError, TypeError) as error:
        raise TableError("events", f"expected times in s, got {error}") from error
    table = table.sort_values("rise_start").reset_index(drop=True)
    before: dict[str, float] = {}
    order = _ORDERS[activity_of_events(table) or "sit_to_stand"]
    for number, row in enumerate(table.to_dict("records"), 1):
        _check_row(number, row, order, first, last)
        if before:
            _check_pair(number, before, row)
        before = row
    return table


def activity_of_events(events: pd.DataFrame) -> str | None:
    """``squat`` where whoever it is goes down before each rise; None where it is not known."""
    down = events[["sit_start", "seated"]].min(axis=1)
    middle = events[["rise_start", "standing"]].mean(axis=1)
    known = down.notna() & middle.notna()
    if not known.any():
        return None
    return "squat" if (down < middle)[known].all() else "sit_to_stand"


def moments_at(seen: Seen, activity: str, events: pd.DataFrame) -> list[Moments]:
    """The moments of repetitions whose events are known; how far and fast up, as it is seen."""
    return [
        Moments(**times, **_rise(seen, activity, times["rise_start"], times["standing"]))
        for times in events[list(EVENTS)].to_dict("records")
    ]


def _rise(seen: Seen, activity: str, start: float, standing: float) -> dict[str, float]:
    """How far up, px, and its highest velocity, px/s; NaN where nothing is seen."""
    ends, fastest = np.full(2, np.nan), np.nan
    for part in seen.path(activity):
        at = np.array([start, standing])
        inside = (at >= part.time[0]) & (at <= part.time[-1])
        ends[inside] = np.interp(at[inside], part.time, part.value)
        rows: Array = part.velocity[(part.time >= start) & (part.time <= standing)]
        fastest = float(np.fmax(fastest, rows.max(initial=-np.inf))) if rows.size else fastest
    return {"rise": float(ends[1] - ends[0]), "peak_velocity": fastest}


def _check_row(
    number: int, row: dict[str, float], order: Sequence[str], first: float, last: float
) -> None:
    known = {name: row[name] for name in EVENTS if np.isfinite(row[name])}
    if lacking := [name for name in _NEEDED if name not in known]:
        raise TableError(
            "events", f"repetition {number}: expected a time for {' and '.join(lacking)}, got none",
            "Only the others may be empty",
        )  # fmt: skip
    if "lean_start" in known and "lean_start" not in order:
        raise TableError(
            "events", f"repetition {number}: a squat goes down first and has no lean_start",
            "Leave it empty, or put sit_start after standing",
        )  # fmt: skip
    for name, time in known.items():
        if not first <= time <= last:
            raise TableError(
                "events", f"repetition {number}: expected {name} in the clip, {first:.2f} to "
                f"{last:.2f} s, got {time:.2f} s",
            )  # fmt: skip
    names = [name for name in order if name in known]
    for one, other in itertools.pairwise(names):
        slack = SLACK if (one, other) in _MAY_OVERLAP else 0.0
        equal = (one, other) == ("lean_start", "rise_start")
        apart = known[other] - known[one] + slack
        if apart < 0 or (apart == 0 and not equal):
            raise TableError(
                "events", f"repetition {number}: expected {one} before {other}, got "
                f"{known[one]:.2f} and {known[other]:.2f} s",
            )  # fmt: skip


def _check_pair(number: int, before: dict[str, float], row: dict[str, float]) -> None:
    """Of two repetitions the second must begin when the first has ended."""
    known = [row[name] for name in ("sit_start", "seated") if row[name] < row["rise_start"]]
    start = min([row["rise_start"], *known])
    end = np.nanmax([before["standing"], before["sit_start"], before["seated"]])
    lean = row["lean_start"]  # somebody may lean for the next before they are seated
    if start < end - SLACK or lean < before["standing"] or row["rise_start"] < before["standing"]:
        raise TableError(
            "events", f"repetition {number} overlaps the one before: it begins at "
            f"{np.nanmin([start, lean]):.2f} s, that one ends at {end:.2f} s",
        )  # fmt: skip
