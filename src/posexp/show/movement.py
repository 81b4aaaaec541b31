"""The figure of a run's repetitions: what goes up and down, with its phases shaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from posexp.movement.repetitions import Repetitions
from posexp.show.figures import as_written, tidy
from posexp.show.palette import PALETTE, SIDES

_PHASES = {
    "flexion momentum": ("lean_start", "rise_start"),
    "rise": ("rise_start", "standing"),
    "sitting down": ("sit_start", "seated"),
}
_COLORS = dict(zip(_PHASES, (PALETTE[1], PALETTE[2], PALETTE[0]), strict=True))


@as_written
def repetitions_over_time(found: Repetitions, title: str) -> Figure:
    """Height (px, up), trunk lean and knee flexion (degrees) over time, phases shaded."""
    seen = found.seen
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
