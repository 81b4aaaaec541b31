"""Figures of a movement: joint angles, and repetitions with their phases shaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from posexp.movement.angles import WORLD
from posexp.movement.repetitions import Repetitions
from posexp.show.figures import as_written, tidy
from posexp.show.palette import PALETTE, SIDES

_PHASES = {
    "flexion momentum": ("lean_start", "rise_start"),
    "rise": ("rise_start", "standing"),
    "going down": ("sit_start", "seated"),
}
_COLORS = dict(zip(_PHASES, (PALETTE[1], PALETTE[2], PALETTE[0]), strict=True))


_ANGLES = {
    "knee flexion": ("left_knee_flexion", "right_knee_flexion"),
    "hip flexion": ("left_hip_flexion", "right_hip_flexion"),
    "trunk lean": ("trunk_lean",),
    "ankle dorsiflexion": ("left_ankle_dorsiflexion", "right_ankle_dorsiflexion"),
}


@as_written
def angles_over_time(table: pd.DataFrame, title: str, warning: str) -> Figure:
    """Joint angles over time, degrees: in the picture's plane, and beside it those in space.

    Parameters
    ----------
    table : DataFrame
        As `posexp.movement.angles.angles` returns it.
    warning : str
        Why angles in the plane are not to be trusted, if they are not: then they are dotted.
    """
    rows = {name: columns for name, columns in _ANGLES.items() if set(columns) <= set(table)}
    spaces = ["", WORLD] if any(name.endswith(WORLD) for name in table) else [""]
    figure = Figure(
        figsize=(6.5 * len(spaces), 1.2 + 2.1 * max(1, len(rows))), layout="constrained"
    )
    grid = figure.subplots(max(1, len(rows)), len(spaces), sharex=True, sharey="row", squeeze=False)
    for panels, (name, columns) in zip(grid, rows.items(), strict=False):
        for axes, ending in zip(panels, spaces, strict=True):
            dotted = ":" if warning and not ending else "-"
            for column in columns:
                side = column.split("_")[0]
                color = SIDES[side] if side in SIDES and len(columns) > 1 else "black"
                values = table[f"{column}{ending}"]
                axes.plot(table["time"], values, dotted, color=color, linewidth=1.3, label=side)
            tidy(axes, "both")
        panels[0].set_ylabel(f"{name} (deg)")
    for axes, ending in zip(grid[0], spaces, strict=True):
        untrusted = ", not to be trusted" if warning else ""
        axes.set_title("in space" if ending else f"in the picture's plane{untrusted}", fontsize=10)
    for axes in grid[-1]:
        axes.set_xlabel("time (s)")
    if rows:
        grid[0, 0].legend(frameon=False, loc="upper right", ncols=2)
    figure.suptitle(f"{title}\n{warning}" if warning else title, fontsize=11, wrap=True)
    return figure


@as_written
def repetitions_over_time(found: Repetitions, title: str) -> Figure:
    """Height (px, up), trunk lean and knee flexion (degrees) over time, phases shaded."""
    seen = found.seen
    assert seen is not None  # there are repetitions, so something was seen
    figure = Figure(figsize=(12, 7), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    height = getattr(seen, found.height)
    panels[0].plot(seen.time, height - np.nanmin(height), color="black", linewidth=1.2)
    panels[0].set_ylabel(f"height of the {found.height} (px)")
    panels[1].plot(seen.time, seen.lean, color="black", linewidth=1.2)
    panels[1].set_ylabel("trunk lean (degrees)")
    for side, knee in zip(("left", "right"), seen.knees.T, strict=True):
        panels[2].plot(seen.time, knee, color=SIDES[side], linewidth=1.2, label=side)
    panels[2].set_ylabel("knee flexion (degrees)")
    panels[2].legend(frameon=False, loc="upper right", ncols=2)
    panels[2].set_xlabel("time (s)")
    for axes in panels:
        tidy(axes, "both")
        for phase, begin, end in _spans(found):
            axes.axvspan(begin, end, color=_COLORS[phase], alpha=0.18, linewidth=0)
    _number(panels[0], found)
    handles = [Patch(color=color, alpha=0.3, label=name) for name, color in _COLORS.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False)
    figure.suptitle(title, x=0.01, ha="left", wrap=True)
    return figure


def _spans(found: Repetitions) -> Iterator[tuple[str, float, float]]:
    for row in found.table.to_dict("records"):
        for phase, (begin, end) in _PHASES.items():
            if np.isfinite(row[begin]) and np.isfinite(row[end]):
                yield phase, row[begin], row[end]


def _number(axes: Any, found: Repetitions) -> None:
    """The number of each repetition above its rise."""
    for row in found.table.to_dict("records"):
        middle = (row["rise_start"] + row["standing"]) / 2
        axes.annotate(
            f"{row['repetition']:.0f}", (middle, 1), xycoords=("data", "axes fraction"),
            ha="center", va="bottom",
        )  # fmt: skip
