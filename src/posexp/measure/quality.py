"""What one sequence says of itself: confidence, tracking and jitter."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from posexp.measure import kinematics
from posexp.pose.sequence import Floats, PoseSequence
from posexp.pose.skeleton import BODY, REGIONS

THRESHOLD = 0.3
"""Confidence from which a joint counts as seen, where a run says nothing else."""

CUTOFF = 6.0
"""Hz; hardly anything of a person's movement is faster (Winter, Biomechanics and Motor Control of
Human Movement, 2009, ch. 2), so what is faster counts as jitter."""

_FEWEST = 5  # positions of which a jitter can be told
_FORGOTTEN = 0.3  # s; an impulse this far away has left no trace in the residual (1e-7)


def tracked(poses: PoseSequence, threshold: float) -> NDArray[np.bool_]:
    """(T,) True where at least half of the body joints were seen with confidence >= `threshold`.

    The same rule for every model: MoveNet always returns a pose, BlazePose does not.
    """
    return np.asarray(_seen(_body(poses), threshold).mean(axis=1) >= 0.5)


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
    """Median distance from mid-shoulder to mid-hip, px.

    NaN when no frame has these joints.
    """
    line = kinematics.trunk(poses)
    if line is None:
        return float("nan")
    length = _nan(np.nanmedian, np.linalg.norm(line, axis=-1))
    return length or float("nan")  # joints that coincide have none that one could divide by


def jitter(poses: PoseSequence) -> Floats:
    """(J,) what of each joint's path is faster than `CUTOFF`, px.

    The residual of a zero-phase low-pass: a cubic smoothing spline through the positions at their
    presentation times, whose gain 1 / (1 + (f / CUTOFF)^4) is that of a second-order Butterworth
    filter run forwards and backwards (Craven and Wahba 1979; Woltring 1986). Its energy is divided
    by what noise of 1 px would leave in it, at these very times. So the figure is the noise, as a
    root mean square distance from frame to frame, that would shake the joint as much: noise that
    is independent in every frame gives the same figure at every frame rate, smooth movement
    almost nothing. Noise that lasts longer than a frame counts by what of it is above `CUTOFF`.

    Returns
    -------
    array
        Over the frames with coordinates; gaps are bridged and add nothing. NaN for a joint with
        fewer than five positions, or fewer than 2 `CUTOFF` = 12 a second: there is nothing above
        `CUTOFF` in such a video (Nyquist), noise looks like movement in it.
    """
    energy, freedom = _residuals(poses)
    return np.asarray(np.sqrt(energy / freedom))


def jitter_of_body(poses: PoseSequence) -> tuple[float, float]:
    """`jitter` of the body joints together, px, and as a share of the sequence's torso length.

    Of all positions that were returned: a joint that never was neither adds nor takes. NaN where
    it cannot be told.
    """
    energy, freedom = _residuals(poses.select(poses.skeleton.body))
    known = np.isfinite(freedom)
    if not known.any():
        return float("nan"), float("nan")
    shake = float(np.sqrt(energy[known].sum() / freedom[known].sum()))
    return shake, shake / torso_length(poses)


def second_difference(poses: PoseSequence) -> Floats:
    """(J,) root mean square of the second difference over frames, px.

    ``|x[t+1] - 2 x[t] + x[t-1]|`` over every three successive frames with coordinates; NaN
    for a joint without any. Frames are taken as evenly spaced. It grows with the square of the
    interval between frames wherever something moves: for one frame rate only.
    """
    second = np.diff(poses.image.astype(np.float64), n=2, axis=0)
    return np.asarray(np.sqrt(_nan_mean((second**2).sum(axis=-1))))


def confidence_table(poses: PoseSequence, threshold: float) -> pd.DataFrame:
    """A row per joint: confidence statistics and jitter.

    Returns
    -------
    DataFrame
        ``joint, mean, median, sd, p05, p95`` (confidence, 0..1; frames without a pose count
        as 0), ``above`` (share of frames in which the joint was seen with confidence >=
        `threshold`), ``jitter_residual_px`` and ``jitter_residual_torso`` (`jitter`; share of
        the torso length), ``second_difference_px`` and ``second_difference_torso``.
    """
    values = poses.confidence.astype(np.float64)
    residual, second, torso = jitter(poses), second_difference(poses), torso_length(poses)
    return pd.DataFrame(
        {
            "joint": poses.skeleton.joints,
            "mean": values.mean(axis=0),
            "median": np.median(values, axis=0),
            "sd": values.std(axis=0),
            "p05": np.percentile(values, 5, axis=0),
            "p95": np.percentile(values, 95, axis=0),
            "above": _seen(poses, threshold).mean(axis=0),
            "jitter_residual_px": residual,
            "jitter_residual_torso": residual / torso,
            "second_difference_px": second,
            "second_difference_torso": second / torso,
        }
    )


def summary(poses: PoseSequence, threshold: float) -> dict[str, float]:
    """Figures of the whole sequence, over the twelve body joints, by prefix.

    Returns
    -------
    dict
        ``confidence/...`` (0..1), ``tracking/...`` (frames, shares, s), ``jitter/...`` (px,
        and shares of the torso length; ``residual`` is `jitter`). What cannot be had (NaN) is
        left out.
    """
    body = _body(poses)
    values = body.confidence.astype(np.float64)
    residual, of_torso = jitter_of_body(body)
    second = _nan(lambda v: np.sqrt(np.nanmean(v**2)), second_difference(body))
    torso = torso_length(poses)
    figures = {
        "confidence/mean": values.mean(),
        "confidence/median": np.median(values),
        "confidence/sd": values.std(),
        "confidence/p05": np.percentile(values, 5),
        "confidence/p95": np.percentile(values, 95),
        "confidence/above_threshold": _seen(body, threshold).mean(),
        **{
            f"confidence/{region}": body.select(joints).confidence.mean()
            for region, joints in REGIONS.items()
        },
        "tracking/frames": len(poses),
        "tracking/tracked_share": tracked(poses, threshold).mean(),
        "tracking/longest_gap_s": longest_gap(poses, threshold),
        "jitter/residual_px": residual,
        "jitter/residual_torso": of_torso,
        "jitter/second_difference_px": second,
        "jitter/second_difference_torso": second / torso,
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


def _seen(poses: PoseSequence, threshold: float) -> NDArray[np.bool_]:
    """(T, J) True where a joint has coordinates and confidence >= `threshold`, which may be 0."""
    return np.isfinite(poses.image).all(axis=-1) & (poses.confidence >= threshold)


def _residuals(poses: PoseSequence) -> tuple[Floats, Floats]:
    """(J,) energy above `CUTOFF`, px^2, and what noise of 1 px^2 a frame would leave of it."""
    energy, freedom = np.full((2, len(poses.skeleton)), np.nan)
    known = np.isfinite(poses.image).all(axis=-1)
    # Most often one pattern: all joints are there, or none.
    for pattern in np.unique(known, axis=1).T if len(known) else ():
        rows = np.flatnonzero(pattern)
        joints = (known == pattern[:, None]).all(axis=0)
        time, points = poses.time[rows], poses.image[np.ix_(rows, joints)].astype(np.float64)
        if len(rows) < _FEWEST or np.median(np.diff(time)) > 1.01 / (2 * CUTOFF):
            continue
        residual = _above_cutoff(time, points.reshape(len(rows), -1)).reshape(points.shape)
        energy[joints] = (residual**2).sum(axis=(0, 2))
        freedom[joints] = _noise_left(time)
    return energy, freedom


def _above_cutoff(time: Floats, signals: Floats) -> Floats:
    """(n, k) signals at (n,) times minus their cubic smoothing spline.

    Green and Silverman, Nonparametric Regression and Generalized Linear Models, 1994, sec. 2.3:
    y - spline = weight Q (R + weight Q'Q)^-1 Q'y, with Q taking second divided differences.
    """
    step = np.diff(time)
    weight = 1 / (np.median(step) * (2 * np.pi * CUTOFF) ** 4)
    before, after = 1 / step[:-1], 1 / step[1:]
    middle = -before - after
    band = np.zeros((3, len(middle)))
    band[2] = (step[:-1] + step[1:]) / 3 + weight * (before**2 + middle**2 + after**2)
    band[1, 1:] = step[1:-1] / 6 + weight * (middle[:-1] * before[1:] + after[:-1] * middle[1:])
    band[0, 2:] = weight * after[:-2] * before[2:]
    before, middle, after = (part[:, None] for part in (before, middle, after))
    bends = solveh_banded(
        band, before * signals[:-2] + middle * signals[1:-1] + after * signals[2:]
    )
    residual = np.zeros(signals.shape)
    residual[:-2] += before * bends
    residual[1:-1] += middle * bends
    residual[2:] += after * bends
    return weight * residual


def _noise_left(time: Floats) -> float:
    """What independent noise of 1 px^2 in each of (n,) frames leaves above `CUTOFF`, px^2.

    The sum of the squared responses to an impulse in each frame. Impulses far enough apart do not
    meet, so that a few passes measure all of them.
    """
    apart = min(len(time), int(np.ceil(_FORGOTTEN / np.median(np.diff(time)))))
    left = 0.0
    for first in range(apart):
        impulses = np.zeros((len(time), 1))
        impulses[first::apart] = 1
        left += float((_above_cutoff(time, impulses) ** 2).sum())
    return left


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
