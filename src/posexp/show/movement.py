"""Figures of a movement: joint angles, and repetitions with their phases shaded."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from posexp.movement.angles import WORLD
from posexp.movement.repetitions import Repetitions
from posexp.show.figures import as_written, tidy
from posexp.show.palette import PALETTE, SIDES

_COLORS = {
    "flexion momentum": PALETTE[1], "momentum transfer": PALETTE[3], "extension": PALETTE[2],
    "rise": PALETTE[2], "stabilisation": PALETTE[4], "going down": PALETTE[0],
}  # fmt: skip
"""Phases of Schenkman et al. 1990, the whole rise where the turn of the ankle is not known."""

_SHADE = 0.25
_LINE = 0.19  # inches of a line of the heading

_ANGLES = {
    "knee flexion": ("left_knee_flexion", "right_knee_flexion"),
    "hip flexion": ("left_hip_flexion", "right_hip_flexion"),
    "trunk lean": ("trunk_lean",),
    "ankle dorsiflexion": ("left_ankle_dorsiflexion", "right_ankle_dorsiflexion"),
}


@as_written
def angles_over_time(table: pd.DataFrame, title: str, warning: str) -> Figure:
    """Joint angles over time, degrees: in the picture's plane, and dotted those in space.

    Parameters
    ----------
    table : DataFrame
        As `posexp.movement.angles.angles` returns it.
    warning : str
        Why angles in the plane are not to be trusted, if they are not: then they are the dotted.
    """
    rows = {name: columns for name, columns in _ANGLES.items() if set(columns) <= set(table)}
    in_space = any(name.endswith(WORLD) for name in table)
    styles = {"": ":" if warning else "-", **({WORLD: "-" if warning else ":"} if in_space else {})}
    count = max(1, len(rows))
    heading = [title, *textwrap.wrap(warning, 110)]
    figure = Figure(figsize=(9, 1.1 + 1.7 * count + _LINE * len(heading)))
    grid = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    _margins(figure, 0.75, 0.15, 0.4 + _LINE * len(heading), 0.5)
    for axes, (name, columns) in zip(grid, rows.items(), strict=False):
        for ending, style in styles.items():
            for column in columns:
                side = column.split("_")[0]
                color = SIDES[side] if side in SIDES and len(columns) > 1 else "black"
                values = table[f"{column}{ending}"]
                axes.plot(table["time"], values, style, color=color, linewidth=1.3)
        tidy(axes, "both")
        axes.set_ylabel(f"{name} (deg)")
    grid[-1].set_xlabel("time (s)")
    handles = _sides()
    handles += [
        Line2D([], [], color="black", linestyle=style,
               label="in space" if ending else "in the picture's plane")
        for ending, style in styles.items()
    ]  # fmt: skip
    _legend(figure, handles, len(heading))
    _head(figure, heading)
    return figure


def _sides() -> list[Any]:
    return [Line2D([], [], color=SIDES[side], label=side) for side in ("left", "right")]


def _margins(figure: Figure, left: float, right: float, top: float, bottom: float) -> None:
    """Of the panels, inches: to find them a layout engine takes as long as the drawing."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(
        left / width, bottom / height, 1 - right / width, 1 - top / height, 0.08, 0.12
    )


def _legend(figure: Figure, handles: list[Any], lines: int) -> None:
    """In a row at the right, below so many lines of the heading."""
    top = 1 - (0.05 + _LINE * lines) / figure.get_size_inches()[1]
    figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(1, top), ncols=8, frameon=False
    )


def _head(figure: Figure, lines: list[str]) -> None:
    """Lines of text above everything."""
    width, height = figure.get_size_inches()
    figure.text(0.15 / width, 1 - 0.1 / height, "\n".join(lines), fontsize=11, ha="left", va="top")


@as_written
def repetitions_over_time(found: Repetitions, title: str) -> Figure:
    """Height (px, up), trunk lean and knee flexion (degrees) over time, phases shaded."""
    seen = found.seen
    assert seen is not None  # there are repetitions, so something was seen
    figure = Figure(figsize=(12, 6.8))
    heading = textwrap.wrap(title, 140)
    panels = figure.subplots(3, 1, sharex=True)
    _margins(figure, 0.75, 0.15, 0.65 + _LINE * len(heading), 0.5)
    height = getattr(seen, found.height)
    panels[0].plot(seen.time, height - np.nanmin(height), color="black", linewidth=1.2)
    panels[0].set_ylabel(f"height of the {found.height} (px)")
    panels[1].plot(seen.time, seen.lean, color="black", linewidth=1.2)
    panels[1].set_ylabel("trunk lean (degrees)")
    for side, knee in zip(("left", "right"), seen.knees.T, strict=True):
        panels[2].plot(seen.time, knee, color=SIDES[side], linewidth=1.2)
    panels[2].set_ylabel("knee flexion (degrees)")
    panels[2].set_xlabel("time (s)")
    spans = _spans(found)
    shaded = dict.fromkeys(phase for phase, *_ in spans)
    for axes in panels:
        tidy(axes, "both")
        for phase in shaded:
            # One for all: many spans of their own take a tenth of a second.
            boxes = [[(a, 0), (a, 1), (b, 1), (b, 0)] for name, a, b in spans if name == phase]
            bands = PolyCollection(
                boxes, facecolor=_COLORS[phase], alpha=_SHADE, linewidth=0, label=phase,
                transform=axes.get_xaxis_transform(),
            )  # fmt: skip
            axes.add_collection(bands, autolim=False)
    _number(panels[0], found)
    handles = _sides()
    handles += [
        Patch(color=color, alpha=_SHADE, linewidth=0, label=name)
        for name, color in _COLORS.items() if name in shaded
    ]  # fmt: skip
    _legend(figure, handles, len(heading))
    _head(figure, heading)
    return figure


def _spans(found: Repetitions) -> list[tuple[str, float, float]]:
    """Phases with their begin and end, s, where they are known."""
    spans = []
    for row in found.table.to_dict("records"):
        turn = row["rise_start"] + row["momentum_transfer_s"]
        whole = not np.isfinite(turn)
        rest = row["standing"] + row["stabilisation_s"]
        spans += [
            ("flexion momentum", row["lean_start"], row["rise_start"]),
            ("momentum transfer", row["rise_start"], turn),
            (
                "rise" if whole else "extension",
                row["rise_start"] if whole else turn,
                row["standing"],
            ),
            ("stabilisation", row["standing"], rest),
            ("going down", row["sit_start"], row["seated"]),
        ]
    return [span for span in spans if np.isfinite(span[1:]).all()]


def _number(axes: Any, found: Repetitions) -> None:
    """The number of each repetition above its rise."""
    for row in found.table.to_dict("records"):
        middle = (row["rise_start"] + row["standing"]) / 2
        axes.annotate(
            f"{row['repetition']:.0f}", (middle, 1), xycoords=("data", "axes fraction"),
            ha="center", va="bottom",
        )  # fmt: skip
