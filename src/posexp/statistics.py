"""What one sequence says of itself: confidence, tracking and jitter."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posexp.poses import Floats, PoseSequence
from posexp.skeleton import BODY, REGIONS


def tracked(poses: PoseSequence, threshold: float) -> NDArray[np.bool_]:
    """(T,) True where at least half of the body joints have confidence >= `threshold`.

    The same rule for every model: MoveNet always returns a pose, BlazePose does not.
    """
    body = _body(poses)
    share = (body.confidence >= threshold).mean(axis=1)
    return np.asarray(body.found & (share >= 0.5))


def longest_gap(poses: PoseSequence, threshold: float) -> float:
    """S from the last tracked frame before the longest untracked stretch to the next one.

    At the ends of the video the stretch itself counts, and a video with nobody in it is one
    gap as long as itself.
    """
    seen = tracked(poses, threshold)
    if seen.all():
        return 0.0
    times = poses.time
    marks = np.concatenate([[times[0]], times[seen], [times[-1]]])
    rows = np.concatenate([[-1], np.flatnonzero(seen), [len(times)]])
    gaps = np.diff(marks)[np.diff(rows) > 1]
    return float(gaps.max())


def torso_length(poses: PoseSequence) -> float:
    """Median distance from mid-shoulder to mid-hip, px; NaN when no frame has a pose."""
    shoulders = poses.joint("left_shoulder") + poses.joint("right_shoulder")
    hips = poses.joint("left_hip") + poses.joint("right_hip")
    length = _nan(np.nanmedian, np.linalg.norm(shoulders - hips, axis=-1) / 2)
    return length or float("nan")  # joints that coincide have none that one could divide by


def jitter(poses: PoseSequence) -> Floats:
    """(J,) root mean square of the second difference over frames, px.

    ``|x[t+1] - 2 x[t] + x[t-1]|`` over every three successive frames with coordinates; NaN
    for a joint without any. Frames are taken as evenly spaced.
    """
    second = np.diff(poses.image.astype(np.float64), n=2, axis=0)
    return np.asarray(np.sqrt(_nan_mean((second**2).sum(axis=-1))))


def confidence_table(poses: PoseSequence, threshold: float) -> pd.DataFrame:
    """A row per joint: confidence statistics and jitter.

    Returns
    -------
    DataFrame
        ``joint, mean, median, sd, p05, p95`` (confidence, 0..1; frames without a pose count
        as 0), ``above`` (share of frames with confidence >= `threshold`), ``jitter_px`` and
        ``jitter_torso`` (share of the torso length).
    """
    values = poses.confidence.astype(np.float64)
    shake = jitter(poses)
    return pd.DataFrame(
        {
            "joint": poses.skeleton.joints,
            "mean": values.mean(axis=0),
            "median": np.median(values, axis=0),
            "sd": values.std(axis=0),
            "p05": np.percentile(values, 5, axis=0),
            "p95": np.percentile(values, 95, axis=0),
            "above": (values >= threshold).mean(axis=0),
            "jitter_px": shake,
            "jitter_torso": shake / torso_length(poses),
        }
    )


def summary(poses: PoseSequence, threshold: float) -> dict[str, float]:
    """Figures of the whole sequence, over the twelve body joints, by prefix.

    Returns
    -------
    dict
        ``confidence/...`` (0..1), ``tracking/...`` (frames, shares, s), ``jitter/...`` (px,
        and shares of the torso length). What cannot be had (NaN) is left out.
    """
    body = _body(poses)
    values = body.confidence.astype(np.float64)
    shake = float(np.sqrt(np.mean(jitter(body) ** 2)))
    torso = torso_length(poses)
    figures = {
        "confidence/mean": values.mean(),
        "confidence/median": np.median(values),
        "confidence/sd": values.std(),
        "confidence/p05": np.percentile(values, 5),
        "confidence/p95": np.percentile(values, 95),
        "confidence/above_threshold": (values >= threshold).mean(),
        **{
            f"confidence/{region}": body.select(joints).confidence.mean()
            for region, joints in REGIONS.items()
        },
        "tracking/frames": len(poses),
        "tracking/tracked_share": tracked(poses, threshold).mean(),
        "tracking/longest_gap_s": longest_gap(poses, threshold),
        "jitter/px": shake,
        "jitter/torso": shake / torso,
        "scale/torso_px": torso,
    }
    return {name: float(value) for name, value in figures.items() if np.isfinite(value)}


def confidence_series(poses: PoseSequence) -> dict[str, NDArray[np.float64]]:
    """(T,) mean confidence of the body and of its regions in every frame, 0..1."""
    groups = {"body": BODY, **REGIONS}
    return {
        f"frame_confidence/{name}": poses.select(joints).confidence.mean(axis=1, dtype=np.float64)
        for name, joints in groups.items()
    }


def _body(poses: PoseSequence) -> PoseSequence:
    return poses.select(BODY)


def _nan_mean(values: Floats) -> Floats:
    if not len(values):
        return np.full(values.shape[1], np.nan)
    with warnings.catch_warnings():
        # All NaN is an answer here, not an accident.
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=0))


def _nan(function: object, values: Floats) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(function(values))  # type: ignore[operator]
