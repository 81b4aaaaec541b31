"""Poses made clean for angles and times, step by step, with a record of what was changed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posexp.errors import ConfigError, ModelError, check_choice
from posexp.models import registry
from posexp.models.model import Model
from posexp.movement.angles import angles
from posexp.movement.filters import BRIDGED, CUTOFF, fill_gaps, low_pass, outliers
from posexp.movement.swaps import body_size, swapped, without_swaps
from posexp.movement.view import View, view
from posexp.pose.sequence import PoseSequence
from posexp.settings import CLEANINGS

_WINDOW = 0.3  # s around a value that may be an outlier
_LIMIT = 4.0  # standard deviations
_SHAKE = 0.01  # of the body's size: the standard deviation that any model may have

_COORDINATES = ("image", "depth", "world")


@dataclass(frozen=True)
class Step:
    """One step of the cleaning.

    Parameters
    ----------
    name : str
        What was done.
    parameters : dict
        With what, in s, Hz, standard deviations, or shares.
    changed : int
        How many keypoints (a joint in a frame) it changed.
    share : float
        The same as a share of the keypoints that there were before it; 0..1.
    """

    name: str
    parameters: dict[str, float]
    changed: int
    share: float


@dataclass(frozen=True)
class Cleaned:
    """What `clean` returns.

    Parameters
    ----------
    poses : PoseSequence
        Clean. Confidence and visibility are the model's, of the side that they were found to belong
        to, also where a gap was filled; confidence is 0 where there are no coordinates.
    steps : tuple of Step
        In order; none for ``none``.
    """

    poses: PoseSequence
    steps: tuple[Step, ...] = ()

    @cached_property
    def angles(self) -> pd.DataFrame:
        """As `movement.angles.angles` tells them."""
        return angles(self.poses)

    @cached_property
    def view(self) -> View:
        """From where the person is seen."""
        return view(self.poses)

    def described(self) -> list[dict[str, Any]]:
        """The steps as plain data, for a file."""
        return [asdict(step) for step in self.steps]


def clean(poses: PoseSequence, how: str = "standard") -> Cleaned:
    """Make poses clean; the raw ones stay as they are.

    1. Joints whose confidence is below `Model.unsure` of the model are dropped.
    2. Left and right are put back (`movement.swaps.swapped`).
    3. Outliers are dropped (`movement.filters.outliers`): 0.3 s, 4 standard deviations.
    4. Gaps of up to 0.2 s are filled by a cubic spline; longer ones stay NaN.
    5. Low-pass at 6 Hz, without delay (`movement.filters.low_pass`).

    Parameters
    ----------
    poses : PoseSequence
        As a model gave them.
    how : {"standard", "none"}
        ``none`` changes nothing.

    Returns
    -------
    Cleaned
        Coordinates in the picture, depth and world alike; NaN where nothing is known.

    Raises
    ------
    ConfigError
        For another `how`.
    """
    check_choice("cleaning", how, CLEANINGS)
    if how == "none" or not len(poses):
        return Cleaned(poses)
    steps = []

    def note(
        name: str, changed: NDArray[np.bool_], before: PoseSequence, **parameters: float
    ) -> None:
        known = int(_known(before).sum())
        count = int(changed.sum())
        steps.append(Step(name, parameters, count, count / known if known else 0.0))

    least = _unsure(poses.model)
    unsure = _known(poses) & (poses.confidence < least)
    note("unsure joints dropped", unsure, poses, confidence=least)
    now = _without(poses, unsure)

    which = swapped(now)
    both = np.zeros(now.confidence.shape, bool)
    for (left, right), rows in zip(now.skeleton.symmetries, which, strict=True):
        both[rows, now.skeleton.index(left)] = both[rows, now.skeleton.index(right)] = True
    note("left and right put back", both, now)
    now = without_swaps(now, which)

    least = _SHAKE * body_size(now)
    far = outliers(now.time, _columns(now.image), _WINDOW, _LIMIT, least)
    far = far.reshape(now.image.shape).any(axis=2)
    note("outliers dropped", far, now, window_s=_WINDOW, standard_deviations=_LIMIT,
         least_px=least)  # fmt: skip
    now = _without(now, far)

    filled = _each(now, fill_gaps)
    note("gaps filled", _known(filled) & ~_known(now), now, longest_s=BRIDGED)

    smooth = _each(filled, low_pass)
    note("low-pass", _known(filled), filled, cutoff_hz=CUTOFF, order=4)
    sides = without_swaps(poses, which)
    confidence = np.where(_known(smooth), sides.confidence, 0)
    return Cleaned(replace(smooth, confidence=confidence), tuple(steps))


def _unsure(model: str) -> float:
    """`Model.unsure` of a variant; that of an unknown one where it is not installed here."""
    try:
        return float(registry.model(model).unsure)
    except (ConfigError, ModelError):
        return Model.unsure


def _known(poses: PoseSequence) -> NDArray[np.bool_]:
    """(T, J)."""
    return np.isfinite(poses.image).all(axis=2)


def _without(poses: PoseSequence, which: NDArray[np.bool_]) -> PoseSequence:
    """Without the coordinates of some keypoints (T, J)."""
    arrays: dict[str, Any] = {}
    for name in _COORDINATES:
        value = getattr(poses, name)
        if value is not None:
            arrays[name] = value.copy()
            arrays[name][which] = np.nan
    return replace(poses, confidence=np.where(which, 0, poses.confidence), **arrays)


def _each(poses: PoseSequence, function: Any) -> PoseSequence:
    """With each coordinate over time as `function` makes it."""
    arrays: dict[str, Any] = {}
    for name in _COORDINATES:
        value = getattr(poses, name)
        if value is not None:
            arrays[name] = function(poses.time, _columns(value)).reshape(value.shape)
    return replace(poses, **arrays)


def _columns(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """(T, n) of whatever comes after the frames."""
    return values.reshape(len(values), math.prod(values.shape[1:])).astype(np.float64)
