"""Figures of one sequence, as matplotlib objects that belong to no window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posexp.poses import PoseSequence
from posexp.skeleton import BODY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TITLES = {name.split("_")[1]: name.split("_")[1].capitalize() for name in BODY}


def confidence_heatmap(poses: PoseSequence) -> Figure:
    """Joints by time, the confidence as colour (0..1)."""
    from matplotlib.figure import Figure

    joints = poses.skeleton.joints
    figure = Figure(figsize=(10, 1.2 + 0.22 * len(joints)), layout="constrained")
    axes = figure.subplots()
    # Cell borders half-way between presentation times, so that gaps and stretches show.
    edges = _edges(poses.time)
    mesh = axes.pcolormesh(
        edges, np.arange(len(joints) + 1), poses.confidence.T, vmin=0, vmax=1, cmap="viridis"
    )
    axes.set_yticks(np.arange(len(joints)) + 0.5, [joint.replace("_", " ") for joint in joints])
    axes.invert_yaxis()
    axes.set_xlabel("time (s)")
    axes.set_title(f"{poses.model}: {poses.confidence_meaning}")
    figure.colorbar(mesh, ax=axes, label="confidence (0 to 1)")
    return figure


def trajectories(poses: PoseSequence, threshold: float) -> Figure:
    """X and y (px) of the body joints over time; dotted below the confidence threshold."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 11), layout="constrained")
    grid = figure.subplots(len(_TITLES), 2, sharex=True)
    for row, (part, title) in enumerate(_TITLES.items()):
        for side, color in (("left", "#0072b2"), ("right", "#d55e00")):
            index = poses.skeleton.index(f"{side}_{part}")
            sure = poses.confidence[:, index] >= threshold
            for column, axes in enumerate(grid[row]):
                values = poses.image[:, index, column]
                axes.plot(poses.time, values, ":", color=color, linewidth=0.9, alpha=0.7)
                axes.plot(
                    poses.time, np.where(sure, values, np.nan), color=color, linewidth=1.4,
                    label=side,
                )  # fmt: skip
        for column, axis in enumerate("xy"):
            grid[row, column].set_ylabel(f"{title} {axis} (px)")
            grid[row, column].grid(alpha=0.25)
            grid[row, column].spines[["top", "right"]].set_visible(False)
        grid[row, 1].invert_yaxis()  # y grows downwards in an image
    for axes in grid[-1]:
        axes.set_xlabel("time (s)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False)
    figure.suptitle(f"{poses.model}: trajectories, dotted where confidence < {threshold:g}")
    return figure


def _edges(times: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(times) < 2:
        return np.array([times[0] - 0.5, times[0] + 0.5])
    middle = (times[1:] + times[:-1]) / 2
    return np.concatenate([[2 * times[0] - middle[0]], middle, [2 * times[-1] - middle[-1]]])
