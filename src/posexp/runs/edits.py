"""What a person changes in a run: read and checked, put into its poses, and written down."""

from __future__ import annotations

import difflib
import getpass
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from posexp.errors import TableError
from posexp.files import at_home, save_table, whole
from posexp.movement.events import EVENTS
from posexp.movement.uncertainty import match
from posexp.pose.sequence import PoseSequence

Table: TypeAlias = pd.DataFrame | str | Path
"""Or where a CSV of it is."""

Change: TypeAlias = tuple[int, str, str, str]
"""Of a repetition or frame, by its number: which event or joint, before and after."""

AUTOMATIC_POSES, AUTOMATIC_EVENTS = "keypoints/automatic.parquet", "movement/automatic.csv"
"""What the program had found, in a run that a person has edited."""

EDITS, LABELS = "edits/edits.csv", "edits/labels.csv"
"""Every change; and the joints that were set, as ground truth."""

COLUMNS = ("what", "repetition", "frame", "name", "before", "after", "who", "when")
"""Of `EDITS`: ``what`` is ``event`` or ``keypoint``, ``name`` an event or a joint."""

_SAME_S, _SAME_PX = 1e-4, 1e-3  # closer than that is what tables round to


@dataclass(frozen=True)
class Edits:
    """Changes of a run, checked.

    Parameters
    ----------
    poses : PoseSequence
        With the keypoints changed.
    events : DataFrame, optional
        Those of every repetition, in place of what is found; None where nobody has set them.
    table : DataFrame
        `COLUMNS`, a row for each change, those of the runs that it was edited from first.
    before : PoseSequence, optional
        As the model gave them, where keypoints were changed.
    found : DataFrame, optional
        The repetitions as they were found, where any were.
    """

    poses: PoseSequence
    events: pd.DataFrame | None
    table: pd.DataFrame
    before: PoseSequence | None = None
    found: pd.DataFrame | None = None

    @property
    def sentence(self) -> str:
        """``2 events; 3 joints in 2 frames, of which depth and world are not known``."""
        events, points = (self.table[self.table["what"] == w] for w in ("event", "keypoint"))
        said = []
        if len(events):
            said.append(f"{len(events)} event{'s' if len(events) > 1 else ''}")
        if len(points):
            places = points[["frame", "name"]].drop_duplicates()
            frames = places["frame"].nunique()
            said.append(
                f"{len(places)} joint{'s' if len(places) > 1 else ''} in {frames} "
                f"frame{'s' if frames > 1 else ''}"
                + (", of which depth and world are not known" if self._in_space else "")
            )
        return "; ".join(said)

    @property
    def _in_space(self) -> bool:
        return self.poses.world is not None or self.poses.depth is not None

    def write(self, folder: Path) -> None:
        """`EDITS`, `LABELS`, and what was there before; `folder` is that of the artifacts."""
        for name in (EDITS, AUTOMATIC_POSES, AUTOMATIC_EVENTS):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save_table(self.table, folder / EDITS)
        if self.before is not None:
            self.before.to_parquet(folder / AUTOMATIC_POSES)
        if self.found is not None:
            save_table(self.found, folder / AUTOMATIC_EVENTS)
        labels = self.labels()
        if len(labels):
            with whole(folder / LABELS) as part:
                labels.to_csv(part, index=False)

    def labels(self) -> pd.DataFrame:
        """``frame, time`` (s) and ``{joint}_x, {joint}_y`` (px) of the joints that were set.

        Empty where a joint was not, or was taken away: that is no statement of where it is.
        """
        poses, points = self.poses, self.table[self.table["what"] == "keypoint"]
        places = [
            (int(row), name)
            for row, name in zip(
                np.searchsorted(poses.frame, points["frame"].to_numpy(int)), points["name"],
                strict=True,
            )
            if np.isfinite(poses.joint(name)[row]).all()
        ]  # fmt: skip
        joints = [joint for joint in poses.skeleton.joints if joint in {name for _, name in places}]
        rows = sorted({row for row, _ in places})
        columns: dict[str, Any] = {"frame": poses.frame[rows], "time": poses.time[rows]}
        for joint in joints:
            here = np.array([(row, joint) in places for row in rows])
            at = np.where(here[:, None], poses.joint(joint)[rows].astype(float), np.nan)
            columns |= {f"{joint}_x": at[:, 0], f"{joint}_y": at[:, 1]}
        return pd.DataFrame(columns)


def read_edits(name: str, given: Table) -> pd.DataFrame:
    """A table that is one already, or a CSV; TableError for what cannot be read."""
    if isinstance(given, pd.DataFrame):
        return given
    path = at_home(Path(given))
    try:
        return pd.read_csv(path, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise TableError(
            path, f"expected a CSV of {name}, got {error}", "Check the path"
        ) from error


def moved_joints(poses: PoseSequence, points: pd.DataFrame) -> tuple[PoseSequence, list[Change]]:
    """Poses with some joints where a person has put them, and the changes.

    Parameters
    ----------
    points : DataFrame
        ``frame, joint, x, y``, px of the upright picture; x and y empty where the joint is not to
        be seen.

    Returns
    -------
    PoseSequence, list of tuple
        An edited joint has confidence 1 (and visibility 1), one taken away NaN and 0; depth and
        world coordinates of both are NaN: nobody has set these. And ``frame, joint, before,
        after`` of those that differ.

    Raises
    ------
    TableError
        For columns that are missing, an unknown joint, a frame that the run does not have, a joint
        that is given twice, half a point or one outside of the picture.
    """
    wanted = ("frame", "joint", "x", "y")
    missing = [column for column in wanted if column not in points]
    if missing:
        raise _error(f"expected the columns {', '.join(wanted)}; missing: {', '.join(missing)}")
    try:
        numbers = points[["frame", "x", "y"]].apply(pd.to_numeric).to_numpy(float)
    except (ValueError, TypeError) as error:
        raise _error(f"expected frames and px, got {error}") from error
    arrays = {
        name: value.copy()
        for name in ("image", "confidence", "depth", "world", "visibility")
        if (value := getattr(poses, name)) is not None
    }
    rows = {int(frame): row for row, frame in enumerate(poses.frame)}
    seen: set[tuple[int, str]] = set()
    changes = []
    for (frame, x, y), joint in zip(numbers, map(str, points["joint"]), strict=True):
        _check_point(poses, rows, frame, joint, x, y)
        row, column = rows[int(frame)], poses.skeleton.index(joint)
        if (row, joint) in seen:
            raise _error(f"expected {joint} in frame {frame:.0f} once, got it twice")
        seen.add((row, joint))
        before, after = poses.image[row, column].astype(float), np.array([x, y])
        if np.allclose(before, after, rtol=0, atol=_SAME_PX, equal_nan=True):
            continue
        there = float(np.isfinite(x))
        arrays["image"][row, column] = after
        for name in ("confidence", "visibility"):
            if name in arrays:
                arrays[name][row, column] = there
        for name in ("depth", "world"):
            if name in arrays:
                arrays[name][row, column] = np.nan
        changes.append((int(frame), joint, _point(before), _point(after)))
    return replace(poses, **arrays), changes


def moved_events(before: pd.DataFrame, after: pd.DataFrame) -> list[Change]:
    """Number, event, before and after of the events that differ; empty where there is none.

    Repetitions are the same where their rises overlap; those that are gone have their old number.
    """
    rises = ["rise_start", "standing"]
    partners = match(after[rises].to_numpy(float), before[rises].to_numpy(float))
    nothing = dict.fromkeys(EVENTS, np.nan)
    old, new = (table[list(EVENTS)].to_dict("records") for table in (before, after))
    pairs = [
        (number, nothing if partner is None else old[partner], new[number - 1])
        for number, partner in enumerate(partners, 1)
    ]
    pairs += [(row + 1, old[row], nothing) for row in range(len(old)) if row not in partners]
    return [
        (number, event, _time(one[event]), _time(other[event]))
        for number, one, other in pairs
        for event in EVENTS
        if not np.isclose(one[event], other[event], rtol=0, atol=_SAME_S, equal_nan=True)
    ]


def changes_of(events: Sequence[Change], points: Sequence[Change]) -> pd.DataFrame:
    """`COLUMNS` of changes of events and of keypoints, by this user, now."""
    about = (_user(), datetime.now(timezone.utc).isoformat(timespec="seconds"))
    rows = [("event", number, None, *rest, *about) for number, *rest in events]
    rows += [("keypoint", None, frame, *rest, *about) for frame, *rest in points]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"repetition": "Int64", "frame": "Int64"})


def _check_point(
    poses: PoseSequence, rows: dict[int, int], frame: float, joint: str, x: float, y: float
) -> None:
    if joint not in poses.skeleton.joints:
        near = difflib.get_close_matches(joint.lower(), poses.skeleton.joints, 3)
        hint = f"Did you mean {' or '.join(near)}?" if near else ""
        known = ", ".join(poses.skeleton.joints)
        raise _error(f"no joint {joint!r} in this run", hint or f"It has {known}")
    if frame not in rows:
        raise _error(
            f"expected a frame from {poses.frame[0]} to {poses.frame[-1]}, got {frame:g}"
            if len(poses) else f"expected a frame of the run, which has none; got {frame:g}"
        )  # fmt: skip
    if np.isfinite(x) != np.isfinite(y):
        raise _error(f"{joint} in frame {frame:.0f}: expected x and y, or neither, got one of them")
    if np.isfinite(x) and not (0 <= x <= poses.width and 0 <= y <= poses.height):
        raise _error(
            f"{joint} in frame {frame:.0f}: expected a place in the picture of {poses.width}x"
            f"{poses.height} px, got {x:g}, {y:g}"
        )


def _error(problem: str, remedy: str = "") -> TableError:
    return TableError("keypoints", problem, remedy)


def _point(at: Any) -> str:
    return f"{at[0]:.2f} {at[1]:.2f}" if np.isfinite(at).all() else ""


def _time(value: float) -> str:
    return f"{value:.4f}" if np.isfinite(value) else ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # an account without a name, as in some containers
        return ""
