"""Where two runs of one video follow different people."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from posexp.pose.sequence import PoseSequence

APART = 0.75
"""Share of the torso length: further from each other, two poses are of different people."""

LASTING = 0.2
"""s; what is shorter is a pose that went astray, or people who pass each other."""


def different_people(
    first: PoseSequence, second: PoseSequence, torso: float, thresholds: tuple[float, float]
) -> NDArray[np.bool_]:
    """In which frames two runs follow different people.

    Two poses are of different people where the median distance of their joints is more than
    `APART` torso lengths: of the body joints that both have, each left and right one taken
    together as their middle, so that swapped sides are no other person. It is asked where both
    runs have seen somebody: at least half of those joints with a confidence from their threshold.
    Then less than `LASTING` s together, between times apart, is still apart; less than `LASTING` s
    apart is not; and frames in which one has seen nobody are like those on both sides of them.

    Parameters
    ----------
    first, second : PoseSequence
        The same T frames and joints.
    torso : float
        px.
    thresholds : (float, float)
        Confidence from which a joint counts as seen, for each.

    Returns
    -------
    (T,) bool array
        True where they follow different people.
    """
    skeleton = first.skeleton
    pairs = [pair for pair in skeleton.symmetries if set(pair) <= set(skeleton.body)]
    rows = [skeleton.indices(pair) for pair in pairs] or [
        [i] for i in skeleton.indices(skeleton.body)
    ]
    middles = [
        np.stack([poses.image[:, row].astype(float).mean(axis=1) for row in rows], axis=1)
        for poses in (first, second)
    ]
    distance = np.linalg.norm(middles[0] - middles[1], axis=-1)
    body = [index for row in rows for index in row]
    seen = np.isfinite(distance).mean(axis=1) >= 0.5
    for poses, threshold in zip((first, second), thresholds, strict=True):
        seen &= (poses.confidence[:, body] >= threshold).mean(axis=1) >= 0.5
    different = np.zeros(len(first), bool)
    if not seen.any() or not torso > 0:
        return different
    known = np.flatnonzero(seen)
    apart = np.nanmedian(distance[known], axis=1) > APART * torso
    time = first.time[known]
    step = float(np.median(np.diff(first.time))) if len(first) > 1 else LASTING
    for state in (False, True):  # short times together first, then short times apart
        between = list(_runs(apart))
        inner = between if state else between[1:-1]
        for begin, end in inner:
            if apart[begin] == state and time[end - 1] - time[begin] + step < LASTING - 1e-9:
                apart[begin:end] = not state
    for begin, end in _runs(apart):
        if apart[begin]:
            different[known[begin] : known[end - 1] + 1] = True
    return different


def stretches(different: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first row, last row) of each stretch of True."""
    return [(begin, end - 1) for begin, end in _runs(different) if different[begin]]


def _runs(states: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(begin, end) of equal states, end not included."""
    edges = np.flatnonzero(np.diff(states)) + 1
    return zip([0, *edges], [*edges, len(states)], strict=True) if len(states) else iter(())
