"""What is known of the person, frame by frame: as a table, and where it is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from posexp.pose.sequence import Floats

NOTES = {"lost": "person lost", "doubtful": "person may change"}
"""What the overlay says in a frame, by the state of the person in it."""


@dataclass(frozen=True)
class Seen:
    """What is known of the person in one frame.

    Parameters
    ----------
    frame, time : int, float
        Which, and when, s.
    state : {"seen", "lost", "found again", "doubtful"}
        Doubtful: there is a pose, and it may be another person's.
    box : (4,) array, optional
        Left, top, right, bottom of the body joints and the head, px; None while lost.
    """

    frame: int
    time: float
    state: str
    box: Floats | None


def track_table(track: Sequence[Seen]) -> pd.DataFrame:
    """A row per frame: ``frame``, ``time`` (s), ``state``, ``left, top, right, bottom`` (px)."""
    boxes = [np.full(4, np.nan) if row.box is None else row.box for row in track]
    sides = np.array(boxes, np.float64).reshape(-1, 4).round(1)
    table = pd.DataFrame(
        [(row.frame, row.time, row.state) for row in track], columns=["frame", "time", "state"]
    )
    return table.assign(**dict(zip(("left", "top", "right", "bottom"), sides.T, strict=True)))


def changes_of(track: pd.DataFrame) -> list[float]:
    """Times, s, at which a `track_table` may go over to another person.

    The person was found again after a loss, or a stretch of doubt began.
    """
    state = track["state"]
    begins = (state == "doubtful") & (state.shift() != "doubtful")
    return [float(time) for time in track["time"][(state == "found again") | begins]]
