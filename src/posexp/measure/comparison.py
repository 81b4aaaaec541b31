"""What several runs saw of one video: where they agree, where not, and how they differ.

Every function takes the aligned sequences of a `Comparison` and gives a tidy DataFrame. Nothing
here says who is right: that takes ground truth (`posexp.evaluate`). Confidences are never ranked
between models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posexp.errors import TableError
from posexp.measure import kinematics, quality
from posexp.measure.different_people import different_people, stretches
from posexp.measure.metrics import PCK_THRESHOLDS, swaps
from posexp.models import registry
from posexp.pose.sequence import Floats, PoseSequence
from posexp.pose.skeleton import BODY

AGREEMENT = 0.1
"""Share of the torso length within which two positions count as the same."""

_APART = 0.3  # s between two frames that `Comparison.worst_frames` lists
_NAMED = 3  # stretches in a sentence
_LIMITS = 1.96  # standard deviations: 95 % of normal differences


class LoggedRun(Protocol):
    """What is needed of `posexp.Run`."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def params(self) -> dict[str, str]: ...
    @property
    def model(self) -> str: ...
    @property
    def video(self) -> Path | None: ...
    @property
    def video_sha256(self) -> str: ...
    @property
    def threshold(self) -> float | None: ...
    @property
    def edited(self) -> bool: ...

    def poses(self) -> PoseSequence:
        """Its keypoints."""
        ...


def compare(
    runs: Sequence[LoggedRun | PoseSequence] | Mapping[str, PoseSequence],
) -> Comparison:
    """Bring runs of one video to the same frames and joints.

    Parameters
    ----------
    runs : sequence of Run or PoseSequence, or mapping of label to PoseSequence
        Two or more. Labels are the models' names, with what differs where names do not. Each
        run has its own ``keypoints.confidence_threshold``, sequences have the default's.

    Returns
    -------
    Comparison
        Aligned by presentation time and joint name.

    Raises
    ------
    TableError
        For fewer than two runs, runs of different videos, without a joint or a moment in common.
    """
    thresholds: dict[str, float] = {}
    if isinstance(runs, Mapping):
        sequences = dict(runs)
    else:
        _check_same_video([run for run in runs if not isinstance(run, PoseSequence)])
        poses = [run if isinstance(run, PoseSequence) else run.poses() for run in runs]
        sequences = dict(zip(labels_of(runs), poses, strict=True))
        thresholds = dict(zip(sequences, map(threshold_of, runs), strict=True))
    if len(sequences) < 2:
        raise TableError("compare", f"expected two runs or more, got {len(sequences)}")
    sizes = {(s.width, s.height) for s in sequences.values()}
    if len(sizes) > 1:
        got = " and ".join(f"{w}x{h} px" for w, h in sorted(sizes))
        raise TableError("compare", f"expected runs of one video, got {got}")
    return Comparison(_on_common_frames(_on_common_joints(sequences)), thresholds)


@dataclass(frozen=True)
class Comparison:
    """Aligned sequences: R runs, the same T frames and J joints in each.

    Parameters
    ----------
    sequences : dict of str to PoseSequence
        By label.
    thresholds : dict of str to float
        By label, the confidence from which a joint counts as seen; `quality.THRESHOLD` for
        labels that are not in it.
    """

    sequences: dict[str, PoseSequence]
    thresholds: dict[str, float] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """Of the runs, in order."""
        return list(self.sequences)

    @property
    def time(self) -> NDArray[np.float64]:
        """(T,) s."""
        return next(iter(self.sequences.values())).time

    @property
    def frame(self) -> NDArray[np.int64]:
        """(T,) positions in the video."""
        return next(iter(self.sequences.values())).frame

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the J joints."""
        return next(iter(self.sequences.values())).skeleton.joints

    @cached_property
    def torso(self) -> float:
        """Median of the runs' torso lengths, px: the unit of shares between runs."""
        lengths = [quality.torso_length(s) for s in self.sequences.values()]
        known = [length for length in lengths if np.isfinite(length)]
        return float(np.median(known)) if known else float("nan")

    @property
    def body(self) -> list[int]:
        """Columns of the body joints; of all, when there are none."""
        skeleton = next(iter(self.sequences.values())).skeleton
        return skeleton.indices(skeleton.body)

    def threshold(self, label: str) -> float:
        """The confidence from which a joint of this run counts as seen."""
        return self.thresholds.get(label, quality.THRESHOLD)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every two labels."""
        return combinations(self.labels, 2)

    @cached_property
    def _different(self) -> dict[tuple[str, str], NDArray[np.bool_]]:
        return {
            (a, b): different_people(
                self.sequences[a], self.sequences[b], self.torso,
                (self.threshold(a), self.threshold(b)),
            )
            for a, b in self.pairs()
        }  # fmt: skip

    def different(self, first: str, second: str) -> NDArray[np.bool_]:
        """(T,) True where two runs follow different people, as `measure.different_people` says."""
        pair = (first, second)
        return self._different[pair if pair in self._different else (second, first)]

    def different_people(self) -> pd.DataFrame:
        """Where runs follow different people: a row per pair and stretch.

        These frames are left out of distances, agreement, limits of agreement, lag and swaps of
        that pair.

        Returns
        -------
        DataFrame
            ``first, second``, ``start, end`` (s, of the first and last frame), ``frames``.
        """
        rows = [
            {"first": a, "second": b, "start": float(self.time[begin]),
             "end": float(self.time[end]), "frames": end - begin + 1}
            for a, b in self.pairs() for begin, end in stretches(self.different(a, b))
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["first", "second", "start", "end", "frames"])

    def notes(self) -> list[str]:
        """What a reader must know of the figures: a sentence for each pair that parts."""
        lines = []
        table = self.different_people()
        for (first, second), part in table.groupby(["first", "second"], sort=False):
            pair = f"{first} and {second} follow different people"
            left = ~self.different(str(first), str(second))
            if not np.isfinite(self.distance(str(first), str(second))[left]).any():
                lines.append(f"{pair} throughout: there is nothing to compare between them")
                continue
            times = [f"from {r.start:.2f} s to {r.end:.2f} s" for r in part.itertuples()]
            if len(times) > _NAMED:
                times = [*times[:_NAMED], f"{len(times) - _NAMED} times more"]
            frames = f"{part['frames'].sum()} of {len(self.time)} frames are left out"
            lines.append(f"{pair} {', '.join(times)}: {frames} of what is between them")
        return lines

    def distance(self, first: str, second: str) -> NDArray[np.float64]:
        """(T, J) between two runs, px; NaN where one has nothing, and for different people."""
        a, b = self.sequences[first].image, self.sequences[second].image
        values = np.linalg.norm(a.astype(float) - b.astype(float), axis=-1)
        values[self.different(first, second)] = np.nan
        return np.asarray(values)

    def pairwise(self) -> pd.DataFrame:
        """Distances between runs by joint, and of the body joints together (``body``).

        Returns
        -------
        DataFrame
            ``first, second, joint, both`` (share of frames in which both runs have the joint),
            ``mean_px, median_px, p95_px, median_torso`` (share of the torso length; in those
            frames) and ``agree`` (share of all frames within `AGREEMENT`: where a run has nothing
            they do not agree). Without the frames of `different_people`; all NaN where none is
            left.
        """
        rows = []
        for first, second in self.pairs():
            distance = self.distance(first, second)[~self.different(first, second)]
            columns: list[tuple[str, Any]] = [(j, [i]) for i, j in enumerate(self.joints)]
            for joint, chosen in [*columns, ("body", self.body)]:
                values = distance[:, chosen]
                known = values[np.isfinite(values)]
                stats = (
                    (known.mean(), np.median(known), np.percentile(known, 95))
                    if known.size else (np.nan,) * 3
                )  # fmt: skip
                rows.append({
                    "first": first, "second": second, "joint": joint,
                    "both": _share(np.isfinite(values)),
                    **dict(zip(("mean_px", "median_px", "p95_px"), stats, strict=True)),
                    "median_torso": stats[1] / self.torso,
                    "agree": _share(values <= AGREEMENT * self.torso),
                })  # fmt: skip
        return pd.DataFrame(rows)

    def agreement_curve(self) -> pd.DataFrame:
        """``first, second, threshold`` (share of the torso length), ``agree``; body joints."""
        return pd.DataFrame([
            {"first": first, "second": second, "threshold": threshold,
             "agree": _share(distance <= threshold * self.torso)}
            for first, second in self.pairs()
            for same in [~self.different(first, second)]
            for distance in [self.distance(first, second)[same][:, self.body]]
            for threshold in PCK_THRESHOLDS
        ])  # fmt: skip

    def bland_altman(self) -> pd.DataFrame:
        """Bias and limits of agreement (Bland and Altman, Lancet 1986), first minus second.

        Returns
        -------
        DataFrame
            ``first, second, quantity`` (``left_knee_x`` ... in px, ``left_knee_angle`` ... in
            degrees), ``unit, bias, sd, lower, upper`` (bias -/+ 1.96 sd), ``n`` frames, without
            those of `different_people`. Frames of a video are no independent samples: the limits
            describe, they are no test.
        """
        rows = []
        for first, second in self.pairs():
            for quantity, unit, values in self._differences(first, second):
                known = values[np.isfinite(values) & ~self.different(first, second)]
                if known.size > 1:
                    bias, sd = float(known.mean()), float(known.std(ddof=1))
                    rows.append({
                        "first": first, "second": second, "quantity": quantity, "unit": unit,
                        "bias": bias, "sd": sd, "lower": bias - _LIMITS * sd,
                        "upper": bias + _LIMITS * sd, "n": known.size,
                    })  # fmt: skip
        columns = ["first", "second", "quantity", "unit", "bias", "sd", "lower", "upper", "n"]
        return pd.DataFrame(rows, columns=columns)

    def run_table(self, threshold: float | None = None) -> pd.DataFrame:
        """A row per run, each by itself: tracking, jitter and how constant bones are.

        Parameters
        ----------
        threshold : float, optional
            Confidence from which a joint counts as seen, for all; by default each run's own.

        Returns
        -------
        DataFrame
            ``run, model, threshold, tracked`` (share of frames), ``longest_gap_s``,
            ``jitter_residual_px, jitter_residual_torso`` (of the run's own torso length, as in
            its metrics), ``bone_cv`` (coefficient of variation of the bones' lengths: in space
            where the model gives world coordinates, else in the image, where it varies with the
            posture too) and ``bone_space``.
        """
        rows = []
        for label, poses in self.sequences.items():
            body = poses.select([self.joints[i] for i in self.body])
            seen = self.threshold(label) if threshold is None else threshold
            shake, of_torso = quality.jitter_of_body(body)
            complete = set(BODY) <= set(self.joints)
            rows.append({
                "run": label,
                "model": poses.model,
                "threshold": seen,
                "tracked": quality.tracked(poses, seen).mean() if complete else np.nan,
                "longest_gap_s": quality.longest_gap(poses, seen) if complete else np.nan,
                "jitter_residual_px": shake,
                "jitter_residual_torso": of_torso,
                "bone_cv": bone_variation(body),
                "bone_space": "image" if poses.world is None else "world",
            })  # fmt: skip
        return pd.DataFrame(rows)

    def confidence(self) -> pd.DataFrame:
        """``run, joint, p05, p25, median, p75, p95`` of the confidence, 0..1.

        For looking at one run at a time: the confidences of different models do not compare.
        """
        rows = []
        for label, poses in self.sequences.items():
            values = np.percentile(poses.confidence, [5, 25, 50, 75, 95], axis=0)
            for joint, column in zip(self.joints, values.T, strict=True):
                names = ("p05", "p25", "median", "p75", "p95")
                quantiles = dict(zip(names, map(float, column), strict=True))
                rows.append({"run": label, "joint": joint, **quantiles})
        return pd.DataFrame(rows)

    def overlap(self, threshold: float | None = None) -> pd.DataFrame:
        """``first, second, both_lost, only_first_lost, only_second_lost``: shares of frames.

        A frame is lost when fewer than half of the body joints reach `threshold`, by default
        each run's own.
        """
        lost = {
            label: ~quality.tracked(
                poses, self.threshold(label) if threshold is None else threshold
            )
            for label, poses in self.sequences.items()
            if set(BODY) <= set(self.joints)
        }
        return pd.DataFrame(
            [
                {"first": a, "second": b, "both_lost": (lost[a] & lost[b]).mean(),
                 "only_first_lost": (lost[a] & ~lost[b]).mean(),
                 "only_second_lost": (~lost[a] & lost[b]).mean()}
                for a, b in self.pairs() if a in lost
            ],
            columns=["first", "second", "both_lost", "only_first_lost", "only_second_lost"],
        )  # fmt: skip

    def timing(self) -> pd.DataFrame:
        """``first, second, lag_ms`` (positive: the first is later), ``swaps`` (joint pairs).

        A swap is a left joint of one run in the place of the other's right one, and the reverse.
        Both without the frames of `different_people`.
        """
        rows = []
        for first, second in self.pairs():
            a, b = self.sequences[first], self.sequences[second]
            names = [self.joints[i] for i in self.body]
            same = ~self.different(first, second)
            _, _, swapped = swaps(a, b, self.torso)
            a, b = _only(a, same), _only(b, same)
            rows.append({
                "first": first, "second": second,
                "lag_ms": 1000 * kinematics.lag(a.select(names), b.select(names)),
                "swaps": int(swapped[same].sum()),
            })  # fmt: skip
        return pd.DataFrame(rows)

    @cached_property
    def disagreement(self) -> NDArray[np.float64]:
        """(T,) mean distance of the body joints between the two runs furthest apart, in torsos.

        Where one run has nothing and the other has, it is the largest of the video, and a torso
        at least. NaN where the runs follow different people.
        """
        values = np.full(len(self.time), np.nan)
        alone = np.zeros(len(self.time), bool)
        for first, second in self.pairs():
            distance = self.distance(first, second)[:, self.body]
            known = np.isfinite(distance)
            count = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
            values = np.fmax(values, np.where(known, distance, 0).sum(axis=1) / count)
            found = (self.sequences[label].found for label in (first, second))
            alone |= np.logical_xor(*found) & ~self.different(first, second)
        if alone.any():
            values[alone] = np.fmax(self.torso, np.fmax.reduce(values))
        return np.asarray(values / self.torso)

    def worst_frames(self, count: int = 12) -> NDArray[np.intp]:
        """Rows where the runs disagree most, worst first, at least 0.3 s apart."""
        chosen: list[int] = []
        order = np.argsort(-np.nan_to_num(self.disagreement, nan=-1.0), kind="stable")
        for row in order:
            if len(chosen) == count or not np.isfinite(self.disagreement[row]):
                break
            if all(abs(self.time[row] - self.time[other]) >= _APART for other in chosen):
                chosen.append(int(row))
        return np.array(chosen, dtype=np.intp)

    def angles(self) -> pd.DataFrame:
        """``run, time`` (s) and angles of the image plane (degrees); a row per run and frame."""
        tables = []
        for label, poses in self.sequences.items():
            table = kinematics.angles(poses)
            table.insert(0, "time", poses.time)
            table.insert(0, "run", label)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def _differences(self, first: str, second: str) -> Iterator[tuple[str, str, Floats]]:
        a, b = self.sequences[first], self.sequences[second]
        for index in self.body:
            for axis, name in enumerate("xy"):
                values = a.image[:, index, axis].astype(float) - b.image[:, index, axis]
                yield f"{self.joints[index]}_{name}", "px", values
        table = kinematics.angle_difference(kinematics.angles(a), kinematics.angles(b))
        for column in table:
            yield f"{column}_angle", "deg", table[column].to_numpy()


def _only(poses: PoseSequence, rows: NDArray[np.bool_]) -> PoseSequence:
    """As if nothing had been found in other rows."""
    return replace(
        poses,
        image=np.where(rows[:, None, None], poses.image, np.nan),
        confidence=np.where(rows[:, None], poses.confidence, 0),
    )


def _share(values: NDArray[np.bool_]) -> float:
    """Of True; NaN of nothing."""
    return float(values.mean()) if values.size else float("nan")


def bone_variation(poses: PoseSequence) -> float:
    """Mean over the bones of standard deviation over mean of their length; NaN without bones.

    In space where there are world coordinates: a person's bones do not change their length.
    """
    points = poses.world if poses.world is not None else poses.image
    values = []
    for a, b in poses.skeleton.edges:
        i, j = poses.skeleton.indices((a, b))
        length = np.linalg.norm(points[:, i].astype(float) - points[:, j], axis=-1)
        length = length[np.isfinite(length)]
        if length.size > 1 and length.mean() > 0:
            values.append(length.std() / length.mean())
    return float(np.mean(values)) if values else float("nan")


def threshold_of(run: LoggedRun | PoseSequence) -> float:
    """The confidence from which a joint of a run counts as seen; the default's for a sequence."""
    given = None if isinstance(run, PoseSequence) else run.threshold
    return quality.THRESHOLD if given is None else given


def labels_of(runs: Sequence[LoggedRun | PoseSequence]) -> list[str]:
    """A short label for each run: its model, what tells equal models apart, and ``edited``."""
    params = [
        {} if isinstance(run, PoseSequence) else {
            key: value for key, value in run.params.items()
            if key.startswith("model.") or key == "person.who"
        }
        for run in runs
    ]  # fmt: skip
    names = [run.model or ("" if isinstance(run, PoseSequence) else run.name) for run in runs]
    labels = []
    for name, own in zip(names, params, strict=True):
        alike = [p for n, p in zip(names, params, strict=True) if n == name]
        differing = [k for k in own if len({p.get(k) for p in alike}) > 1]
        labels.append(" ".join([name or "run", *(_short(name, k, own[k]) for k in differing)]))
    labels = [
        f"{label} edited" if not isinstance(run, PoseSequence) and run.edited else label
        for label, run in zip(labels, runs, strict=True)
    ]
    return [
        label if labels.count(label) == 1 else f"{label} ({labels[: i + 1].count(label)})"
        for i, label in enumerate(labels)
    ]


def _short(model: str, key: str, value: str) -> str:
    if key == "person.who":
        return f"person={value}"
    option = key.partition(".")[2]
    if value in registry.choices(model).get(option, ()):  # a word that says what it is
        return value
    # Of a path or URL its end says enough.
    return f"{key.rpartition('.')[2]}={value.rstrip('/').rpartition('/')[2]}"


def _check_same_video(runs: Sequence[LoggedRun]) -> None:
    videos = {run.video_sha256 or run.id: str(run.video or "?") for run in runs}
    if len(videos) > 1:
        raise TableError(
            "compare", f"expected runs of one video, got {' and '.join(sorted(videos.values()))}",
            "Choose the runs of one of them",
        )  # fmt: skip


def _on_common_joints(sequences: dict[str, PoseSequence]) -> dict[str, PoseSequence]:
    first, *others = sequences.values()
    joints = [j for j in first.skeleton.joints if all(j in o.skeleton.joints for o in others)]
    if not joints:
        names = " and ".join(sequences)
        raise TableError("compare", f"expected joints in common, got none between {names}")
    return {label: poses.select(joints) for label, poses in sequences.items()}


def _on_common_frames(sequences: dict[str, PoseSequence]) -> dict[str, PoseSequence]:
    """Rows that show the same moment, within half of the shortest interval between frames."""
    coarse = min(sequences.values(), key=len)
    steps = [np.median(np.diff(s.time)) for s in sequences.values() if len(s) > 1]
    near = 0.5 * float(min(steps)) if steps else 0.01
    rows, kept = {}, np.ones(len(coarse), bool)
    for label, poses in sequences.items():
        right = np.clip(np.searchsorted(poses.time, coarse.time), 1, max(1, len(poses) - 1))
        right = np.minimum(right, len(poses) - 1)
        left = np.maximum(right - 1, 0)
        closer = np.abs(poses.time[left] - coarse.time) <= np.abs(poses.time[right] - coarse.time)
        rows[label] = np.where(closer, left, right)
        kept &= np.abs(poses.time[rows[label]] - coarse.time) <= near
    if not kept.any():
        raise TableError(
            "compare", "expected moments in common, got runs of different parts of the video"
        )
    return {label: poses.take(rows[label][kept]) for label, poses in sequences.items()}
