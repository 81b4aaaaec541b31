"""The player's Python side: what it shows, handed over when it is made; the rest is JavaScript."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import pandas as pd
import traitlets
from numpy.typing import NDArray

from posexp.errors import PosexpError
from posexp.exports.write import ANGLES, REPETITIONS
from posexp.measure.comparison import Comparison
from posexp.movement.angles import angles
from posexp.movement.events import EVENTS
from posexp.notebook import media
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BODY, COCO17, REGIONS
from posexp.store import tags
from posexp.store.run import Run

_HERE = Path(__file__).parent
# Okabe and Ito's colours, the light ones first: they lie on video.
_COLORS = ("#56b4e9", "#e69f00", "#cc79a7", "#f0e442", "#009e73", "#d55e00", "#9999ff")
# Of one run, the sides as in the overlay, and the rest of the body.
_SHADES = {"left": "#4db6ff", "right": "#ff9f1c", "": "#f0e496"}
_NOTHING = 65535
_MANY = 2_000_000  # joints times frames; beyond it, only the joints that all variants see are sent


@dataclass(frozen=True)
class Findings:
    """What a run found beside keypoints, for the player; empty where nothing was looked for.

    Parameters
    ----------
    people : list of dict
        ``number, followed, time`` (s), ``box`` (px), one for each person and searched picture.
    track : (T, 4) array
        The followed person's box, px; NaN where lost.
    bands : list of dict
        ``start, end`` (s, of the first and last frame), ``kind``: ``lost`` or ``doubtful``.
    marks : list of dict
        Events: ``time`` (s), ``label``, and ``kind``, by which they are coloured.
    angles : DataFrame, optional
        Of the cleaned poses, a row per frame, degrees, as `posexp.movement.angles.angles`.
    doubt : str
        Why angles in the picture's plane are not to be trusted, if they are not.
    """

    people: list[dict[str, Any]] = field(default_factory=list)
    track: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 4), np.float32))
    bands: list[dict[str, Any]] = field(default_factory=list)
    marks: list[dict[str, Any]] = field(default_factory=list)
    angles: pd.DataFrame | None = None
    doubt: str = ""

    @classmethod
    def of(cls, run: Run) -> Findings:
        """From the run's files in ``person/``, ``movement/`` and ``angles/``."""
        of_frames = run.table(ANGLES)  # None in a run of an older version
        movement: dict[str, Any] = {
            "marks": _marks(run), "doubt": run.tags.get(tags.VIEW, ""),
            "angles": None if of_frames is None else of_frames.drop(columns=["frame", "time"]),
        }  # fmt: skip
        if tags.PEOPLE not in run.tags:
            return cls(**movement)
        sides = ["left", "top", "right", "bottom"]
        found = pd.read_csv(run.file(tags.PEOPLE_TABLE))
        people = [
            {"number": int(row.person), "followed": bool(row.followed), "time": float(row.time),
             "box": [float(getattr(row, side)) for side in sides]}
            for row in found.itertuples()
        ]  # fmt: skip
        if run.tags.get(tags.PERSON) == "nobody":
            return cls(people, **movement)
        track = pd.read_csv(run.file(tags.TRACK))
        bands = [
            band for kind in ("lost", "doubtful")
            for band in _stretches(track["time"], track["state"] == kind, kind)
        ]  # fmt: skip
        return cls(people, track[sides].to_numpy(np.float32), bands, **movement)


def _marks(run: Run) -> list[dict[str, Any]]:
    """The events of each repetition of a movement."""
    if tags.MOVEMENT not in run.tags:
        return []
    table = pd.read_csv(run.file(REPETITIONS))
    return [
        {"time": float(row[event]), "kind": event,
         "label": f"{row['repetition']:.0f} {event.replace('_', ' ')}"}
        for _, row in table.iterrows() for event in EVENTS
        if event in row and np.isfinite(row[event])
    ]  # fmt: skip


def _stretches(time: pd.Series, where: pd.Series, kind: str) -> list[dict[str, Any]]:
    """Each run of True, by the times of its first and last frame."""
    numbers = (where != where.shift()).cumsum()[where]
    return [
        {"start": float(part.iloc[0]), "end": float(part.iloc[-1]), "kind": kind}
        for _, part in time[where].groupby(numbers)
    ]


class Player(anywidget.AnyWidget):
    """One video, the skeletons of runs on it, and plots whose cursor follows.

    `player_of` makes it with all that it shows; everything per frame happens in the browser, and
    only ``frame`` goes back and forth.
    """

    _esm = "\n".join((_HERE / name).read_text("utf-8") for name in ("editing.js", "player.js"))
    _css = _HERE / "player.css"

    video_url = traitlets.Unicode().tag(sync=True)
    video_bytes = traitlets.Bytes().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    size = traitlets.List([640, 480]).tag(sync=True)
    runs = traitlets.List().tag(sync=True)
    points = traitlets.List().tag(sync=True)
    angles = traitlets.List().tag(sync=True)
    angle_names = traitlets.List().tag(sync=True)
    angle_doubt = traitlets.Unicode().tag(sync=True)
    joints = traitlets.List().tag(sync=True)
    joint = traitlets.Unicode().tag(sync=True)
    times = traitlets.Bytes().tag(sync=True)
    frames = traitlets.Bytes().tag(sync=True)
    disagreement = traitlets.Bytes().tag(sync=True)
    worst = traitlets.List().tag(sync=True)
    bands = traitlets.List().tag(sync=True)
    marks = traitlets.List().tag(sync=True)
    people = traitlets.List().tag(sync=True)
    track = traitlets.Bytes().tag(sync=True)
    pickable = traitlets.Bool(False).tag(sync=True)
    editable = traitlets.Bool(False).tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True)


def player_of(
    sequences: dict[str, PoseSequence],
    video: Path | None,
    comparison: Comparison | None = None,
    message: str = "",
    findings: Findings | None = None,
    pickable: bool = False,
    editable: bool = False,
) -> Player:
    """A player for aligned sequences of one video.

    Everything is handed over when the widget is made: what comes later counts against the Jupyter
    server's limit of data per second, which a long video exceeds.

    Parameters
    ----------
    sequences : dict of str to PoseSequence
        By label; the same frames in each.
    video : Path, optional
        What they were extracted from; None when it is not there.
    comparison : Comparison, optional
        For the distance between the runs and where they disagree most.
    message : str
        Shown above, when there is something to say.
    findings : Findings, optional
        What else is known, of a single run.
    pickable : bool
        Whether a click on the picture tells how to follow who is there, and may ask for it.
    editable : bool
        Whether events and joints may be changed, and a new run asked for with them.
    """
    first = next(iter(sequences.values()))
    findings = findings or Findings()
    url, copy = "", b""
    if video is not None:
        try:
            url, copy, said = _picture(video)
            message = " ".join([message, said]).strip()
        except PosexpError as error:
            message = " ".join([message, str(error)]).strip()
    common = [j for j in COCO17.joints if all(j in s.skeleton.joints for s in sequences.values())]
    tables = [angles(poses).drop(columns=["frame", "time"]) for poses in sequences.values()]
    if findings.angles is not None and len(findings.angles) == len(first):
        tables = [findings.angles]
    names = [str(name) for name in tables[0] if all(name in table for table in tables)]
    shades = _SHADES if len(sequences) == 1 else {}
    rows = [_Drawn(label, poses, i, shades) for i, (label, poses) in enumerate(sequences.items())]
    disagreement = comparison.disagreement if comparison is not None else np.empty(0)
    return Player(
        video_url=url,
        video_bytes=copy,
        message=message,
        size=[first.width, first.height],
        runs=[row.about for row in rows],
        points=[row.points for row in rows],
        angle_names=names,
        angle_doubt=findings.doubt,
        angles=[np.ascontiguousarray(table[names], np.float32).tobytes() for table in tables],
        joints=[*(j for j in BODY if j in common), *(j for j in common if j not in BODY)],
        joint="left_knee" if "left_knee" in common else next(iter(common), ""),
        times=np.ascontiguousarray(first.time, np.float64).tobytes(),
        frames=np.ascontiguousarray(first.frame, np.int32).tobytes(),
        disagreement=np.ascontiguousarray(disagreement, np.float32).tobytes(),
        worst=[int(row) for row in comparison.worst_frames(10)] if comparison is not None else [],
        bands=findings.bands + _parted(comparison),
        marks=findings.marks,
        people=findings.people,
        # Of other frames than the poses' it would be drawn at wrong times.
        track=findings.track.tobytes() if len(findings.track) == len(first) else b"",
        pickable=pickable,
        editable=editable and len(sequences) == 1 and len(first) > 0,
        frame=int(first.frame[0]) if len(first) else 0,
    )


def _picture(video: Path) -> tuple[str, bytes, str]:
    """The video's address or, where it has none, a small copy; and what to say of it."""
    try:
        return media.url_of(video), b"", ""
    except media.NoAddress as error:
        copy, ended = media.small_copy(video)
        part = "" if ended is None else f", of its first {ended:.1f} s"
        return "", copy, (
            f"{error.problem}: a small copy{part} is shown ({media.SENT_LINES} lines, "
            f"{media.SENT / 2**20:.0f} MB at most). {error.remedy} for the whole one."
        )  # fmt: skip


def _parted(comparison: Comparison | None) -> list[dict[str, Any]]:
    """Where runs follow different people, as bands of the plots."""
    if comparison is None:
        return []
    return [
        {"start": float(row.start), "end": float(row.end), "kind": "different"}
        for row in comparison.different_people().itertuples()
    ]


class _Drawn:
    """One run as the browser takes it."""

    def __init__(self, label: str, poses: PoseSequence, index: int, shades: dict[str, str]) -> None:
        if len(poses) * len(poses.skeleton) > _MANY:
            poses = poses.select([j for j in poses.skeleton.joints if j in COCO17.joints])
        joints = poses.skeleton.joints
        groups = {"all joints": joints, "body": BODY, **REGIONS}
        self.about = {
            "label": label,
            "color": _COLORS[index % len(_COLORS)],
            "joints": list(joints),
            "sides": [poses.skeleton.side(joint) for joint in joints],
            "shades": shades,
            "edges": [list(poses.skeleton.indices(edge)) for edge in poses.skeleton.edges],
            "groups": {
                name: [joints.index(j) for j in members if j in joints]
                for name, members in groups.items()
            },
        }
        self.points = _packed(poses).tobytes()


def _packed(poses: PoseSequence) -> NDArray[np.uint16]:
    """(T, J, 3) x and y as shares of the picture from -0.5 to 1.5, confidence; all 0..65534."""
    shares = poses.image.astype(np.float64) / (poses.width, poses.height)
    levels = np.clip((shares + 0.5) / 2, 0, 1) * 65534
    packed = np.full((*shares.shape[:2], 3), _NOTHING, np.uint16)
    known = np.isfinite(shares).all(axis=-1)
    packed[..., :2][known] = np.round(levels[known])
    packed[..., 2] = np.round(poses.confidence.astype(np.float64) * 65534)
    return packed
