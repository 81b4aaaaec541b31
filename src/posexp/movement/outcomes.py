"""What a clip of repetitions amounts to: how many, how long five take, how steady they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

_TEST = 30.0  # s of the 30-second chair stand
_OF_A_CLIP = (
    "rise_s", "descent_s", "flexion_s", "momentum_transfer_s", "extension_s", "stabilisation_s",
    "rise_px", "peak_rise_velocity_px_s", "rise_m", "peak_rise_velocity_m_s", "peak_lean_deg",
    "peak_lean_velocity_deg_s", "left_knee_at_rise_deg", "right_knee_at_rise_deg",
    "left_knee_standing_deg", "right_knee_standing_deg", "knee_difference_deg",
)  # fmt: skip


def outcomes(table: pd.DataFrame, activity: str, end: float) -> dict[str, float]:
    """Figures of a whole clip, by the names they have in MLflow without ``movement/``.

    Parameters
    ----------
    table : DataFrame
        As `repetition_table` gives it, with metres or without.
    activity : {"sit_to_stand", "squat"}
        What was done.
    end : float
        Of the recording, s.

    Returns
    -------
    dict
        ``repetitions``; of each column with a unit the median under its own name and, from two
        repetitions, the distance of the quartiles as ``{column}_iqr``;
        ``rise_slope_s_per_repetition``, how much longer each rise is than the one before (median
        of the slopes between every two, Theil 1950; from three). Of chair stands:
        ``five_times_standing_s`` and ``five_times_seated_s``, from the first lean (or rise, where
        no lean is seen) until the fifth stand (Guralnik et al., J Gerontol 1994), and until the
        person is seated after it (Whitney et al., Phys Ther 2005); ``stands_in_30_s`` from there
        (Jones, Rikli and Beam 1999: more than half-way up counts), where the recording is so long.
        What is not known is left out.
    """
    figures: dict[str, float] = {"repetitions": float(len(table))}
    for name in _OF_A_CLIP:
        known = table[name].dropna() if name in table else table.iloc[:0, 0]
        if len(known):
            figures[name] = float(known.median())
        if len(known) > 1:
            figures[f"{name}_iqr"] = float(np.subtract(*np.percentile(known, [75, 25])))
    if len(table) > 2:
        figures["rise_slope_s_per_repetition"] = _slope(table["rise_s"].to_numpy(float))
    if len(table) and activity == "sit_to_stand":
        first = table.iloc[0]
        begin = first["lean_start"] if np.isfinite(first["lean_start"]) else first["rise_start"]
        if len(table) >= 5:
            for stop in ("standing", "seated"):
                figures[f"five_times_{stop}_s"] = float(table[stop].iloc[4] - begin)
        if end >= begin + _TEST:
            half_way = (table["rise_start"] + table["standing"]) / 2
            figures["stands_in_30_s"] = float((half_way <= begin + _TEST).sum())
    return {name: value for name, value in figures.items() if np.isfinite(value)}


def sentence(table: pd.DataFrame, activity: str, figures: dict[str, float]) -> str:
    """``5 stands, five times 11.2 s, rise 0.79 s (0.76 to 0.82), peak lean 41 deg``.

    In brackets the quartiles; five times until the fifth stand.
    """
    count, word = len(table), {"squat": "squat"}.get(activity, "stand")
    parts = [f"{count or 'no'} {word}{'' if count == 1 else 's'}"]
    if "five_times_standing_s" in figures:
        parts.append(f"five times {figures['five_times_standing_s']:.1f} s")
    if count:
        low, high = np.percentile(table["rise_s"], [25, 75])
        spread = f" ({low:.2f} to {high:.2f})" if count > 1 else ""
        parts.append(f"rise {figures['rise_s']:.2f} s{spread}")
    if "peak_lean_deg" in figures:
        parts.append(f"peak lean {figures['peak_lean_deg']:.0f} deg")
    return ", ".join(parts)


def _slope(values: np.ndarray) -> float:
    first, second = np.triu_indices(len(values), 1)
    return float(np.median((values[second] - values[first]) / (second - first)))
