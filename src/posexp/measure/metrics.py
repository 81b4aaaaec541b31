"""The field's metrics as plain functions: PCK, OKS and AP, Procrustes, left/right swaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.pose.sequence import Floats, PoseSequence
from posexp.pose.skeleton import COCO17

PCK_THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 11))
"""Shares of the torso length."""

OKS_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))

_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
    0.087, 0.087, 0.089, 0.089,
)  # fmt: skip
OKS_SIGMAS = dict(zip(COCO17.joints, _SIGMAS, strict=True))
"""COCO's standard deviations of human annotators, per joint."""


def pck(error: Floats, torso: float, threshold: float) -> float:
    """Percentage of correct keypoints, as a share: within `threshold` torso lengths of the truth.

    Yang and Ramanan, PAMI 2013, with the torso length (mid-shoulder to mid-hip) as the unit, as
    in BlazePose's evaluation (Bazarevsky et al. 2020).

    Parameters
    ----------
    error : array
        px; NaN is left out, infinity counts as wrong.
    torso : float
        px.
    threshold : float
        Share of `torso`.
    """
    labelled = ~np.isnan(error)
    if not labelled.any() or np.isnan(torso):
        return float("nan")
    return float((error[labelled] <= threshold * torso).mean())


def quantile(ordered: NDArray[np.float64], share: float) -> float:
    """By linear interpolation; infinite where one of the two neighbours is; NaN of nothing."""
    if not len(ordered):
        return float("nan")
    place = share * (len(ordered) - 1)
    low, high = ordered[int(np.floor(place))], ordered[int(np.ceil(place))]
    return float(high if np.isinf(high) or low == high else low + (place % 1) * (high - low))


def oks(
    error: NDArray[np.float64], sigmas: Sequence[float], area: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Object keypoint similarity: the mean of ``exp(-d^2 / (2 area (2 sigma)^2))`` over the joints.

    COCO keypoint evaluation (cocodataset.org/#keypoints-eval; Ronchi and Perona, ICCV 2017).

    Parameters
    ----------
    error : (F, J) array
        d, px; NaN where not labelled, infinite where missing.
    sigmas : (J,) sequence
        Per joint.
    area : (F,) array
        px^2.

    Returns
    -------
    (F,) array
        0..1; NaN where no joint is labelled.
    """
    labelled = ~np.isnan(error)
    variance = (2 * np.asarray(sigmas)) ** 2
    exponent = error**2 / (2 * variance * (area[:, None] + np.spacing(1)))
    similarity = np.where(labelled, np.exp(-np.where(labelled, exponent, 0)), 0).sum(axis=1)
    count = labelled.sum(axis=1)
    return np.asarray(similarity / np.where(count, count, np.nan))


def average_precision(
    similarity: NDArray[np.float64],
    scores: NDArray[np.floating[Any]],
    found: NDArray[np.bool_],
    threshold: float,
) -> float:
    """COCO's AP at one OKS threshold, for one person and at most one detection per frame.

    Precision at 101 recall levels, the detections taken in the order of their scores.

    Parameters
    ----------
    similarity, scores : (F,) arrays
        OKS and score of the detection in each frame.
    found : (F,) bool array
        False where there is no detection.
    threshold : float
        OKS from which on a detection is right.
    """
    order = np.argsort(-scores[found], kind="mergesort")
    right = (similarity[found] >= threshold)[order]
    recall = np.cumsum(right) / len(similarity)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    # Precision at a recall is the best that is reached at that recall or a higher one.
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    levels = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.append(precision, 0.0)[levels].mean())


def procrustes(
    points: NDArray[np.float64],
    reference: NDArray[np.float64],
    joints: Sequence[int] | slice = slice(None),
) -> NDArray[np.float64]:
    """(F, J, 3) `points` after the rotation, scale and shift of each frame that fit best.

    Least squares over `joints` without reflection (Umeyama, PAMI 1991). Joints that are NaN on
    either side do not steer it; fewer than three give NaN.
    """
    result = np.full_like(points, np.nan)
    steering = np.zeros(points.shape[1], bool)
    steering[joints] = True
    known = np.isfinite(points).all(axis=-1) & np.isfinite(reference).all(axis=-1) & steering
    for frame in np.flatnonzero(known.sum(axis=1) >= 3):
        chosen = known[frame]
        center, target = points[frame, chosen].mean(axis=0), reference[frame, chosen].mean(axis=0)
        a, b = points[frame, chosen] - center, reference[frame, chosen] - target
        u, s, vt = np.linalg.svd(a.T @ b)
        flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        energy = (a**2).sum()
        scale = (s * flip).sum() / energy if energy > 0 else 1.0
        result[frame] = scale * (points[frame] - center) @ (u * flip) @ vt + target
    return result


def swaps(
    poses: PoseSequence, truth: PoseSequence, torso: float
) -> tuple[list[tuple[str, str]], NDArray[np.bool_], NDArray[np.bool_]]:
    """Find left joints in the place of right ones, frame by frame and pair by pair.

    A pair is decidable where both joints are known on both sides and the true ones are more than
    a fifth of `torso` apart; it is swapped where the two distances after exchanging left and
    right sum to less than half of what they are as they stand.

    Returns
    -------
    pairs : list of (str, str)
        P pairs of a left and a right joint, of the truth's body joints (of all, when there are
        none).
    decidable, swapped : (F, P) bool arrays
        As defined above.
    """
    body = truth.skeleton.body
    pairs = [pair for pair in truth.skeleton.symmetries if set(pair) <= set(body)]
    decidable = np.zeros((len(truth), len(pairs)), bool)
    swapped = decidable.copy()
    for column, pair in enumerate(pairs):
        (left, right), (true_left, true_right) = map(poses.joint, pair), map(truth.joint, pair)
        straight = _distance(left, true_left) + _distance(right, true_right)
        crossed = _distance(left, true_right) + _distance(right, true_left)
        apart = _distance(true_left, true_right) > 0.2 * torso
        decidable[:, column] = apart & np.isfinite(straight)
        swapped[:, column] = decidable[:, column] & (crossed < 0.5 * straight)
    return pairs, decidable, swapped


def _distance(first: Floats, second: Floats) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(first.astype(float) - second.astype(float), axis=-1))
