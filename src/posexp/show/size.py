"""How large a person is in a picture, by which lines and cuts are measured."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from posexp.pose.sequence import Floats
from posexp.pose.skeleton import BODY, Skeleton

_LIMBS = 2.4
"""Lengths of all limbs and the trunk's sides together, as a share of a standing person's height:
the median of real and rendered clips."""

_MEMORY = 1.0  # s of which the size is an average
_STEP = 1.2  # by how much it changes before it is taken


def size_of(skeleton: Skeleton, points: Floats) -> float:
    """About how high the person would stand in this picture, px; NaN when nothing is seen.

    By the lengths of the limbs, which bending and sitting change little. Of a skeleton without a
    body, the longer side of the joints' box.

    Parameters
    ----------
    points : (J, 2) array
        x, y in px; NaN is left out.
    """
    ends = _limbs(skeleton)
    lengths = np.hypot(*(points[ends[:, 0]] - points[ends[:, 1]]).T)
    lengths = lengths[np.isfinite(lengths)]
    if lengths.size:
        return float(lengths.mean()) * len(ends) / _LIMBS
    seen = np.isfinite(points).all(axis=1)
    return float(np.ptp(points[seen], axis=0).max()) if seen.any() else math.nan


@lru_cache(maxsize=8)
def _limbs(skeleton: Skeleton) -> NDArray[np.int64]:
    """(n, 2) the joints at the ends of the edges between body joints."""
    limbs = [skeleton.indices(edge) for edge in skeleton.edges if {*edge} <= {*BODY}]
    return np.array(limbs, np.int64).reshape(-1, 2)


class SteadySize:
    """A size that follows a person through a video without flickering, by no later frame.

    An average of the last second, which is taken only when it has changed by a fifth: a line whose
    width goes by it keeps this width, but for a step now and then.
    """

    def __init__(self) -> None:
        self._sum, self._weight, self._time = 0.0, 0.0, 0.0
        self._taken = math.nan

    def update(self, size: float, time: float) -> float:
        """Take the size in a frame, px, NaN where nobody is seen; what to draw by, NaN before any.

        Parameters
        ----------
        time : float
            Of the frame, s; not before the last one's.
        """
        if size > 0 and math.isfinite(size):
            keep = math.exp((self._time - time) / _MEMORY)
            self._sum = keep * self._sum + math.log(size)
            self._weight = keep * self._weight + 1
            self._time = time
            average = math.exp(self._sum / self._weight)
            if not 1 / _STEP < average / self._taken < _STEP:
                self._taken = average
        return self._taken
