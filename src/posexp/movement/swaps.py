"""Left and right, where a model took one for the other for some frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.movement.filters import Array
from posexp.pose.sequence import PoseSequence

_SWITCH = 0.02  # of the body's size: what a change of mind costs
_STAYS = 0.002  # of the body's size, per frame: the model is taken to be right more often than not
_FAR = 0.2  # of the body's size: an outlier is no worse for being farther, on either side
_FASTEST = 2.0  # times: a velocity is carried over a gap of at most so many steps


def swapped(poses: PoseSequence) -> NDArray[np.bool_]:
    """Of each pair of joints, in which frames left and right are those of the other side.

    The assignment of least cost over the whole clip (Viterbi, IEEE Trans Inf Theory 1967). A frame
    costs what each joint jumps, up to a fifth of the body's size, from where a constant velocity
    would have taken it; a change between swapped and not, and each frame that is swapped, cost a
    little more. So a pair that is swapped for the whole clip is left as it is: nothing tells.

    Parameters
    ----------
    poses : PoseSequence
        T frames.

    Returns
    -------
    (P, T) array of bool
        For the P pairs of the skeleton, in its order.
    """
    pairs = _pairs(poses)
    found = np.zeros((len(pairs), len(poses)), bool)
    size = body_size(poses)
    if len(poses) < 3 or not pairs or not size > 0:
        return found
    # (T, P, 2 joints, 2 coordinates); gaps are bridged, and cost nothing there.
    points = poses.image[:, np.array(pairs)].astype(float) / size
    known = np.isfinite(points).all(axis=(2, 3))
    for pair in range(len(pairs)):
        rows = np.flatnonzero(known[:, pair])
        if rows.size:
            for joint in range(2):
                for axis in range(2):
                    track = points[:, pair, joint, axis]
                    track[:] = np.interp(poses.time, poses.time[rows], track[rows])
        else:
            points[:, pair] = 0.0
    costs = _costs(poses.time, points) * known[2:, :, None, None, None]
    return _cheapest(costs).T & known.T


def without_swaps(poses: PoseSequence, which: NDArray[np.bool_]) -> PoseSequence:
    """The poses with left and right exchanged, pair by pair, where `which` (P, T) says so."""
    arrays: dict[str, Any] = {}
    for name in ("image", "confidence", "depth", "world", "visibility"):
        value = getattr(poses, name)
        if value is not None:
            value = value.copy()
            for (left, right), rows in zip(_pairs(poses), which, strict=True):
                value[rows, left], value[rows, right] = value[rows, right], value[rows, left]
            arrays[name] = value
    return replace(poses, **arrays)


def _pairs(poses: PoseSequence) -> list[tuple[int, int]]:
    index = poses.skeleton.index
    return [(index(left), index(right)) for left, right in poses.skeleton.symmetries]


def body_size(poses: PoseSequence) -> float:
    """The median diagonal of the box around all joints, px; NaN without any."""
    found = poses.image[poses.found]
    if not len(found):
        return float("nan")
    sides = np.nanmax(found, axis=1) - np.nanmin(found, axis=1)
    return float(np.median(np.hypot(*sides.T)))


def _costs(times: Array, points: Array) -> Array:
    """(T - 2, P, 2, 2, 2) of being swapped or not two frames before, the frame before, and now."""
    both = np.stack([points, points[:, :, ::-1]], axis=2)  # (T, P, swapped or not, joint, axis)
    steps = np.diff(times)
    ahead = np.minimum(steps[1:] / steps[:-1], _FASTEST)[:, None, None, None, None, None]
    first, second = both[:-2, :, :, None], both[1:-1, :, None, :]
    expected = second + (second - first) * ahead
    apart = both[2:, :, None, None] - expected[:, :, :, :, None]
    return np.asarray(np.minimum(np.linalg.norm(apart, axis=-1), _FAR).sum(axis=-1))


def _cheapest(costs: Array) -> NDArray[np.bool_]:
    """(T, P) whether swapped, on the cheapest way through `costs`."""
    frames, pairs = costs.shape[0] + 2, costs.shape[1]
    change = _SWITCH * (1 - np.eye(2)) + _STAYS * np.array([0.0, 1.0])  # before, now
    total = np.tile(_STAYS * np.array([0.0, 1.0])[:, None] + change, (pairs, 1, 1))
    came_from = np.empty((frames, pairs, 2, 2), np.intp)
    for row, cost in enumerate(costs, 2):
        ways = total[..., None] + cost + change  # (P, two before, before, now)
        came_from[row] = ways.argmin(axis=1)
        total = ways.min(axis=1)
    states = np.empty((frames, pairs), np.intp)
    ends = total.reshape(pairs, 4).argmin(axis=1)
    states[-2], states[-1] = ends // 2, ends % 2
    each = np.arange(pairs)
    for row in range(frames - 1, 1, -1):
        states[row - 2] = came_from[row, each, states[row - 1], states[row]]
    return states.astype(bool)
