"""How right a variant's repetitions and joint angles are, where the motion is known exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posexp.benchmark.rendering.events import EVENTS
from posexp.measure.metrics import quantile
from posexp.movement.angles import WORLD
from posexp.movement.cleaning import clean
from posexp.movement.repetitions import repetitions
from posexp.movement.uncertainty import match
from posexp.pose.sequence import PoseSequence

_JOINTS = {
    "knee": ("left_knee_flexion", "right_knee_flexion"),
    "hip": ("left_hip_flexion", "right_hip_flexion"),
    "trunk": ("trunk_lean",),
}


def movement_metrics(
    poses: PoseSequence, events: pd.DataFrame, true_angles: pd.DataFrame
) -> dict[str, float]:
    """Repetitions, moments and angles of what a variant saw, against the truth.

    Parameters
    ----------
    poses : PoseSequence
        Raw; cleaned here in the standard way.
    events, true_angles : DataFrame
        As `rendering.events` gives them.

    Returns
    -------
    dict
        Those of `event_metrics` and of `angle_metrics`.
    """
    cleaned = clean(poses)
    found = repetitions(poses, cleaned=cleaned).table
    return event_metrics(found, events) | angle_metrics(cleaned.angles, true_angles)


def event_metrics(found: pd.DataFrame, events: pd.DataFrame) -> dict[str, float]:
    """How many repetitions are found, and how far off their moments are.

    A repetition is that of the true one with whose rise (from the hips' start to standing) its own
    overlaps most, as `movement.uncertainty.match` pairs them. The true moments are those
    at a tenth of the peak velocity, as posexp's own are.

    Parameters
    ----------
    found : DataFrame
        A row per repetition with `EVENTS`, s; NaN where not known.
    events : DataFrame
        As `true_events` gives it.

    Returns
    -------
    dict
        ``movement/found_share`` of the true repetitions, ``movement/extra`` (repetitions that are
        none), and the mean absolute errors ``movement/{event}_ms`` of each event and
        ``movement/rise_ms`` of the rise's duration, ms; infinite where one is not known.
    """
    true = events[[f"{name}_tenth" for name in EVENTS]].set_axis(list(EVENTS), axis=1)
    rise = ["rise_start", "standing"]
    partners = match(true[rise].to_numpy(float), found[rise].to_numpy(float))
    count = sum(partner is not None for partner in partners)
    # Row -1, which no repetition has, is filled with NaN.
    mine = found[list(EVENTS)].reset_index(drop=True).reindex(
        [-1 if partner is None else partner for partner in partners]
    )  # fmt: skip
    errors = pd.DataFrame(mine.to_numpy(float) - true.to_numpy(float), columns=list(EVENTS))
    errors["rise"] = errors["standing"] - errors["rise_start"]
    metrics = {
        "movement/found_share": count / len(events),
        "movement/extra": float(len(found) - count),
    }
    for name, values in errors.items():
        off = 1000 * np.abs(values.to_numpy())
        metrics[f"movement/{name}_ms"] = float(np.where(np.isnan(off), np.inf, off).mean())
    return metrics


def angle_metrics(found: pd.DataFrame, true: pd.DataFrame) -> dict[str, float]:
    """How far angles are from the true ones, which are in space.

    Parameters
    ----------
    found : DataFrame
        As `posexp.movement.angles.angles` gives it, a row per frame.
    true : DataFrame
        As `true_angles` gives it, with a row for each of these frames.

    Returns
    -------
    dict
        ``movement/{knee,hip,trunk}_plane_deg`` of the angles in the picture's plane, and
        ``..._space_deg`` of those in space, for variants that have them: median absolute error
        over the frames, both sides together; infinite where more than half are not known.
    """
    metrics = {}
    for space, suffix in (("plane", ""), ("space", WORLD)):
        for joint, names in _JOINTS.items():
            if not {name + suffix for name in names} <= set(found):
                continue
            rows = found["frame"].to_numpy()
            error = np.concatenate([
                np.abs(found[name + suffix].to_numpy(float) - true[name].to_numpy()[rows])
                for name in names
            ])  # fmt: skip
            metrics[f"movement/{joint}_{space}_deg"] = _median(error)
    return metrics


def _median(error: NDArray[np.float64]) -> float:
    return quantile(np.sort(np.where(np.isnan(error), np.inf, error)), 0.5)
