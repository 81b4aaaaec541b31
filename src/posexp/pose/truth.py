"""Ground truth from the files that people have: our tables, COCO, DeepLabCut, wide CSV."""

from __future__ import annotations

import contextlib
import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posexp.errors import TableError
from posexp.pose.sequence import PoseSequence, numbers
from posexp.pose.skeleton import BLAZEPOSE33, COCO17, common_joints

if TYPE_CHECKING:
    import pandas as pd

_BOX_SHARE = 0.53  # of a box that a person fills; as in CrowdPose and xtcocotools
SUFFIXES = (".parquet", ".json", ".csv")

_FORMATS = (
    "a keypoint table (.parquet or .csv), COCO keypoints (.json), DeepLabCut's .csv, "
    "or a .csv with the columns {joint}_x, {joint}_y in px"
)


@dataclass(frozen=True)
class GroundTruth:
    """Where the joints really are, in some or all frames of a video.

    Parameters
    ----------
    poses : PoseSequence
        ``image`` in px, NaN where a joint is not labelled; ``visibility`` 1 where a joint can be
        seen, 0 where it is hidden, when the source says so.
    timed : bool
        Whether ``poses.time`` is from the source. Formats without times get the frame number.
    area : (T,) float64 array, optional
        px^2 of the person, when the source gives it (COCO: ``area``, or 0.53 of ``bbox``).
    """

    poses: PoseSequence
    timed: bool = True
    area: NDArray[np.float64] | None = None


def truth_beside(video: Path) -> Path | None:
    """The ground truth that lies beside a video: ``clip.truth.csv`` for ``clip.mp4``."""
    for suffix in SUFFIXES:
        path = video.with_name(f"{video.stem}.truth{suffix}")
        with contextlib.suppress(OSError):  # a name too long for the system
            if path.is_file():
                return path
    return None


def read_truth(path: str | Path, width: int, height: int) -> GroundTruth:
    """Read ground truth; the format is told from the name and the first lines.

    Parameters
    ----------
    path : path
        A keypoint table as posexp writes it; COCO keypoints JSON with one person per image;
        DeepLabCut CSV with one individual; or a CSV with ``{joint}_x, {joint}_y`` in px and, if
        there is one, ``frame`` (else the rows are the frames from 0).
    width, height : int
        Of the upright frame of the video, px.

    Returns
    -------
    GroundTruth
        Joints by name: ``LeftKnee``, ``knee_l`` and ``left knee`` are all ``left_knee``.

    Raises
    ------
    TableError
        For a file of no such format, of another size, with frames that appear twice, with
        columns missing, or without a joint that posexp knows.
    """
    path = Path(path)
    if not path.is_file():
        raise TableError(path, "expected a file with ground truth, found none", "Check the path")
    try:
        if path.suffix.lower() == ".parquet":
            truth = GroundTruth(PoseSequence.read(path))
        elif path.suffix.lower() == ".json":
            truth = _read_coco(path, width, height)
        elif path.suffix.lower() == ".csv":
            truth = _read_csv(path, width, height)
        else:
            raise TableError(path.name, f"expected {_FORMATS}, got {path.suffix or 'no suffix'}")
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(path.name, f"expected {_FORMATS}, got {error}") from error
    size = truth.poses.width, truth.poses.height
    if size != (width, height):
        raise _other_size(path.name, f"{size[0]}x{size[1]} px", width, height)
    return truth


def align(
    poses: PoseSequence, truth: GroundTruth, part: bool
) -> tuple[PoseSequence, PoseSequence, NDArray[np.float64], list[str]]:
    """Bring a sequence and its truth to the same frames and joints.

    Parameters
    ----------
    poses : PoseSequence
        What a variant saw.
    truth : GroundTruth
        Of the same video.
    part : bool
        Leave out truth of frames that the sequence lacks.

    Returns
    -------
    seen, labels : PoseSequence
        Reduced to the truth's frames and the joints that both have.
    area : (F,) float64 array
        px^2 of the person, for OKS: the truth's, or 0.53 of the box around its labelled COCO
        joints (around all, when it has none of these), the share that is usual for keypoint data
        without outlines. It is the same whichever joints the sequence has.
    notes : list of str
        What a person should know, a line each.

    Raises
    ------
    TableError
        When size, joints, frames or times do not fit.
    """
    known, subject = truth.poses, truth.poses.source or "truth"
    if (known.width, known.height) != (poses.width, poses.height):
        raise TableError(
            subject, f"expected truth for {poses.width}x{poses.height} px, got "
            f"{known.width}x{known.height}", "Is it the truth of this video?",
        )  # fmt: skip
    joints = common_joints(known.skeleton, poses.skeleton)
    if not joints:
        raise TableError(
            subject, f"expected joints such as {', '.join(poses.skeleton.joints[:3])}, got "
            f"{', '.join(known.skeleton.joints[:3])}: none in common",
        )  # fmt: skip
    chosen = np.isin(known.frame, poses.frame)
    if not chosen.any() or (not part and not chosen.all()):
        raise TableError(
            subject, f"expected frames of {_span(poses)}, got {_span(known)}: "
            f"{int((~chosen).sum())} of {len(known)} are not in the video",
            "Is it the truth of this video?",
        )  # fmt: skip
    rows = np.searchsorted(poses.frame, known.frame[chosen])
    seen = poses.select(joints).take(rows)
    person = known.take(np.flatnonzero(chosen))
    labels = person.select(joints)
    if truth.timed:
        _check_times(subject, seen, labels, poses)
    else:
        labels = replace(labels, time=seen.time)
    notes = []
    dense = len(labels) > 1 and bool((np.diff(labels.frame) == 1).all())
    if dense and not part and len(labels) < len(poses):
        notes.append(
            f"{subject}: labels {len(labels)} of {len(poses)} frames; only these are evaluated"
        )
    area = truth.area[chosen] if truth.area is not None else np.full(len(labels), np.nan)
    return seen, labels, np.where(area > 0, area, _BOX_SHARE * _box_area(person)), notes


def _check_times(
    subject: str, seen: PoseSequence, labels: PoseSequence, poses: PoseSequence
) -> None:
    if len(poses) < 2:
        return
    interval = float(np.median(np.diff(poses.time)))
    off = np.abs(labels.time - seen.time)
    if (off > 0.5 * interval).any():
        row = int(np.argmax(off > 0.5 * interval))
        raise TableError(
            subject, f"expected frame {labels.frame[row]} at {seen.time[row]:.3f} s, got "
            f"{labels.time[row]:.3f} s: another frame rate or another beginning",
            "Is it the truth of this video? Leave the column time out to go by frame numbers",
        )  # fmt: skip


def joint_name(text: str) -> str | None:
    """The name in posexp of a joint as others spell it; None for a joint that is not known.

    Case, separators and the place of the side do not matter: ``LeftKnee``, ``knee_l``,
    ``L-Knee``.
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)
    sides = [_SIDES[word.lower()] for word in words if word.lower() in _SIDES]
    rest = [word.lower() for word in words if word.lower() not in _SIDES]
    name = "_".join([*sides[:1], *rest])
    return name if len(sides) < 2 and name in BLAZEPOSE33.joints else None


_DEEPLABCUT_HEADS = ("scorer", "individuals", "bodyparts", "coords")
_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}


def _read_csv(path: Path, width: int, height: int) -> GroundTruth:
    import pandas as pd

    with path.open(newline="", encoding="utf-8-sig") as file:
        header = next(csv.reader(file), [])
    if header[:1] == ["scorer"]:
        return _read_deeplabcut(path, width, height)
    try:
        table = pd.read_csv(path, float_precision="round_trip", encoding="utf-8-sig")
    except ValueError as error:
        raise TableError(path.name, f"expected {_FORMATS}, got {error}") from error
    if any(str(column).endswith("_confidence") for column in table):
        _check_frames(path.name, table.get("frame", ()))
        return GroundTruth(PoseSequence.from_table(table, width, height, source=path.name))
    return _read_wide(path, table, width, height)


def _read_wide(path: Path, table: pd.DataFrame, width: int, height: int) -> GroundTruth:
    names = [str(c)[:-2] for c in table if str(c).endswith(("_x", "_y"))]
    names = list(dict.fromkeys(names))
    missing = [f"{n}_{axis}" for n in names for axis in "xy" if f"{n}_{axis}" not in table]
    if missing or not names:
        what = f"columns are missing: {', '.join(missing)}" if names else "got no such columns"
        raise TableError(path.name, f"expected {{joint}}_x and {{joint}}_y in px; {what}")
    pairs = [numbers(path.name, table[[f"{n}_x", f"{n}_y"]]) for n in names]
    frames = table["frame"] if "frame" in table else np.arange(len(table))
    times = numbers(path.name, table[["time"]])[:, 0] if "time" in table else None
    return _assemble(path, names, np.stack(pairs, axis=1), frames, width, height, times=times)


def _read_deeplabcut(path: Path, width: int, height: int) -> GroundTruth:
    """Header rows scorer, (individuals,) bodyparts, coords; then a row per labelled frame."""
    import pandas as pd

    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in csv.reader(file) if line]
    heads = {line[0]: line for line in lines if line[0] in _DEEPLABCUT_HEADS}
    body = [line for line in lines if line[0] not in _DEEPLABCUT_HEADS]
    coords, parts = heads.get("coords", []), heads.get("bodyparts", [])
    columns = [c for c, what in enumerate(coords) if what in ("x", "y")]
    if not columns or any(len(line) != len(coords) for line in (parts, *body)):
        raise TableError(
            path.name, "expected DeepLabCut's rows bodyparts and coords (x, y), and rows of the "
            "same length below",
        )  # fmt: skip
    people = sorted({heads["individuals"][c] for c in columns} if "individuals" in heads else ())
    if len(people) > 1:
        raise TableError(
            path.name, f"expected one individual, got {', '.join(people)}",
            "Keep one person's columns",
        )  # fmt: skip
    names = list(dict.fromkeys(parts[c] for c in columns))
    place = {(parts[c], coords[c]): c for c in columns}
    missing = [f"{n} {axis}" for n in names for axis in "xy" if (n, axis) not in place]
    if missing:
        raise TableError(path.name, f"columns are missing: {', '.join(missing)}")
    order = [place[n, axis] for n in names for axis in "xy"]
    cells = pd.DataFrame([[line[c] or "nan" for c in order] for line in body], columns=order)
    image = numbers(path.name, cells).reshape(len(body), len(names), 2)
    # One index column of numbers or paths; newer files split the path over three.
    labels = [line[columns[0] - 1] for line in body]
    return _assemble(path, names, image, _frames_of(labels), width, height)


def _read_coco(path: Path, width: int, height: int) -> GroundTruth:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        images = sorted(data["images"], key=lambda image: image["id"])
        category = next(c for c in data["categories"] if "keypoints" in c)
        names = [str(name) for name in category["keypoints"]]
        labels = [a for a in data["annotations"] if a.get("keypoints")]
        points = np.array([a["keypoints"] for a in labels], float).reshape(-1, len(names), 3)
        sizes = {(int(i.get("width", width)), int(i.get("height", height))) for i in images}
        files = [str(image.get("file_name", "")) for image in images]
        rows = {image["id"]: row for row, image in enumerate(images)}
        which = [rows[a["image_id"]] for a in labels]
        area = np.array([_coco_area(a) for a in labels])
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise TableError(
            path.name, "expected COCO keypoints (images, annotations, categories with "
            f"keypoints), got a file where {type(error).__name__} {error} is in the way",
        ) from error  # fmt: skip
    if len(sizes) > 1 or (sizes and sizes != {(width, height)}):
        got = " and ".join(f"{w}x{h} px" for w, h in sorted(sizes))
        raise _other_size(path.name, got, width, height)
    frames = np.array(_frames_of(files), dtype=int)
    for row in which:
        if which.count(row) > 1:
            raise TableError(
                path.name, f"expected one person per image, got {which.count(row)} in "
                f"{files[row] or 'an image'}", "Keep the annotations of one person",
            )  # fmt: skip
    image = np.where(points[..., 2:] > 0, points[..., :2], np.nan)
    # 0 not labelled, 1 labelled but hidden, 2 labelled and visible.
    visibility = (points[..., 2] == 2).astype(float)
    return _assemble(
        path, names, image, frames[which], width, height, visibility=visibility, area=area
    )


def _coco_area(label: dict[str, Any]) -> float:
    """Of the outline, as COCO's evaluation takes it, else by the box; NaN without both."""
    *_, width, height = label.get("bbox") or (0, 0)
    return float(label.get("area") or _BOX_SHARE * float(width) * float(height) or np.nan)


def _assemble(
    path: Path,
    names: Sequence[str],
    image: NDArray[np.float64],
    frames: Any,
    width: int,
    height: int,
    times: NDArray[np.float64] | None = None,
    visibility: NDArray[np.float64] | None = None,
    area: NDArray[np.float64] | None = None,
) -> GroundTruth:
    """Sort by frame, keep the joints that are known, and check what can be checked."""
    known = {index: joint for index, name in enumerate(names) if (joint := joint_name(name))}
    if not known:
        raise TableError(
            path.name, f"expected joints such as left_knee, got {', '.join(names[:6]) or 'none'}",
            f"Name the joints as posexp does: {', '.join(BLAZEPOSE33.joints[11:17])}, ...",
        )  # fmt: skip
    if len(set(known.values())) < len(known):
        twice = sorted({j for j in known.values() if list(known.values()).count(j) > 1})
        raise TableError(path.name, f"expected each joint once, got several {', '.join(twice)}")
    frames = _check_frames(path.name, frames)
    if not len(frames):
        raise TableError(path.name, "expected labelled frames, got none")
    order = np.argsort(frames)
    image = image[order][:, list(known)]
    labelled = np.isfinite(image).all(axis=-1)
    image = np.where(labelled[..., None], image, np.nan)
    _check_pixels(path.name, image[labelled], width, height)
    if visibility is not None:
        visibility = np.where(labelled, visibility[order][:, list(known)], 0)
    timed = times is not None
    poses = PoseSequence(
        skeleton=BLAZEPOSE33.subset(known.values()),
        frame=frames[order],
        time=times[order] if times is not None else frames[order].astype(float),
        image=image.astype(np.float32),
        confidence=labelled.astype(np.float32),
        width=width, height=height,
        visibility=visibility,  # type: ignore[arg-type]
        source=path.name, model="truth", confidence_meaning="1 where the joint is labelled",
    )  # fmt: skip
    return GroundTruth(poses, timed, area[order] if area is not None else None)


def _check_frames(subject: str, frames: Any) -> NDArray[np.int64]:
    import pandas as pd

    values = pd.to_numeric(pd.Series(frames), errors="coerce").to_numpy(float)
    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        raise TableError(subject, "expected a whole number for every frame")
    unique, counts = np.unique(values, return_counts=True)
    if (counts > 1).any():
        worst = int(unique[counts > 1][0])
        raise TableError(
            subject, f"expected each frame once, got frame {worst} {counts.max()} times",
            "Remove the duplicate rows",
        )  # fmt: skip
    return values.astype(np.int64)


def _check_pixels(subject: str, points: NDArray[np.float64], width: int, height: int) -> None:
    if not len(points):
        raise TableError(subject, "expected labelled joints, got only empty cells")
    if np.abs(points).max() <= 2:
        raise TableError(
            subject, f"expected positions in px, got none beyond {np.abs(points).max():g}",
            f"Multiply x by {width} and y by {height}",
        )  # fmt: skip
    outside = ((points < 0) | (points > (width, height))).any(axis=-1).mean()
    swapped = ((points[:, ::-1] < 0) | (points[:, ::-1] > (width, height))).any(axis=-1).mean()
    if outside > 0.5 and swapped > 0.5:
        got = f"x up to {points[:, 0].max():.0f}, y up to {points[:, 1].max():.0f}"
        raise _other_size(subject, got, width, height)


def _other_size(subject: str, got: str, width: int, height: int) -> TableError:
    return TableError(
        subject, f"expected truth for a video of {width}x{height} px, got {got}",
        "Is it the truth of this video, labelled at this size?",
    )  # fmt: skip


def _frames_of(labels: Sequence[str]) -> list[int]:
    """Frame numbers of ``12``, ``12.0`` or ``img0012.png``; positions where these are none."""
    stems = [Path(label.replace("\\", "/")).name for label in labels]
    found = [re.search(r"(\d+)(?:\.\w*)?$", stem) for stem in stems]
    if not all(found):
        return list(range(len(labels)))
    return [int(number[1]) for number in found if number]


def _box_area(person: PoseSequence) -> NDArray[np.float64]:
    """(F,) px^2 of the box around the labelled COCO joints: more joints, no larger a person."""
    image = person.image.astype(float)
    coco = [i for i, joint in enumerate(person.skeleton.joints) if joint in COCO17.joints]
    image = image[:, coco or slice(None)]
    known = np.isfinite(image)
    high = np.where(known, image, -np.inf).max(axis=1)
    low = np.where(known, image, np.inf).min(axis=1)
    return np.asarray(np.maximum(high - low, 0).prod(axis=-1))


def _span(poses: PoseSequence) -> str:
    return f"{poses.frame[0]} to {poses.frame[-1]}"
