"""What a clip of repetitions amounts to: how many, how long five take, how steady they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posexp.movement.phases import Repetition

_TEST = 30.0  # s of the 30-second chair stand
_MEASURED = Repetition._fields.index("rise_s")  # the first column that is no moment


def outcomes(rows: list[Repetition], activity: str, end: float) -> dict[str, float]:
    """Figures of a whole clip, by the names they have in MLflow without ``movement/``.

    Parameters
    ----------
    rows : list of Repetition
        In order.
    activity : {"sit_to_stand", "squat"}
        What was done.
    end : float
        Of the recording, s; -inf where part of it is not seen: then nothing is told that all of it
        is needed for.

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
    figures: dict[str, float] = {"repetitions": float(len(rows))}
    if not rows:
        return figures
    counts, (low, middle, high) = _quartiles(np.array(rows, float))
    for column, name in enumerate(Repetition._fields[_MEASURED:], _MEASURED):
        figures[name] = float(middle[column])
        if counts[column] > 1:
            figures[f"{name}_iqr"] = float(high[column] - low[column])
    if len(rows) > 2:
        figures["rise_slope_s_per_repetition"] = _slope(np.array([row.rise_s for row in rows]))
    if activity == "sit_to_stand" and np.isfinite(end):
        first = rows[0]
        begin = first.lean_start if np.isfinite(first.lean_start) else first.rise_start
        if len(rows) >= 5:
            figures["five_times_standing_s"] = rows[4].standing - begin
            figures["five_times_seated_s"] = rows[4].seated - begin
        if end >= begin + _TEST:
            half_way = np.array([(row.rise_start + row.standing) / 2 for row in rows])
            figures["stands_in_30_s"] = float((half_way <= begin + _TEST).sum())
    return {name: value for name, value in figures.items() if np.isfinite(value)}


def sentence(rises: NDArray[np.float64], activity: str, figures: dict[str, float]) -> str:
    """``5 stands, five times 11.2 s, rise 0.79 s (0.76 to 0.82), peak lean 41 deg``.

    Of the lengths of all rises, s; in brackets the quartiles. Five times: until the fifth stand.
    """
    count, word = len(rises), {"squat": "squat"}.get(activity, "stand")
    parts = [f"{count or 'no'} {word}{'' if count == 1 else 's'}"]
    if "five_times_standing_s" in figures:
        parts.append(f"five times {figures['five_times_standing_s']:.1f} s")
    if count:
        low, high = np.percentile(rises, [25, 75])
        spread = f" ({low:.2f} to {high:.2f})" if count > 1 else ""
        parts.append(f"rise {figures['rise_s']:.2f} s{spread}")
    if "peak_lean_deg" in figures:
        parts.append(f"peak lean {figures['peak_lean_deg']:.0f} deg")
    return ", ".join(parts)


def _quartiles(table: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """(n,) how many values are known in each column, and (3, n) their quartiles; NaN for none."""
    counts = np.isfinite(table).sum(axis=0)
    quartiles = np.full((3, table.shape[1]), np.nan)
    ordered = np.sort(table, axis=0)  # NaN come last
    for count in set(counts) - {0}:  # columns of as many values together: the bootstrap calls it
        columns = counts == count
        quartiles[:, columns] = np.percentile(ordered[:count, columns], [25, 50, 75], axis=0)
    return counts, quartiles


def _slope(values: NDArray[np.float64]) -> float:
    first, second = np.triu_indices(len(values), 1)
    return float(np.median((values[second] - values[first]) / (second - first)))
