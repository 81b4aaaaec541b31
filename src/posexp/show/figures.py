"""Figures of a sequence and of its evaluation, as matplotlib objects that belong to no window."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posexp.files import whole
from posexp.measure.evaluation import Evaluation
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BODY_PARTS, REGIONS
from posexp.show.palette import PALETTE, SIDES
from posexp.show.picture_files import encoded

_STYLES = ("-", "--", "-.", ":")

# The first canvas of each class looks at IPython, which another thread may then be half-way through
# importing, with MLflow. So it is made now; matplotlib looks once.
FigureCanvasAgg(Figure())

Draw = TypeVar("Draw", bound=Callable[..., Any])


def as_written(draw: Draw) -> Draw:
    """Have every text of a figure shown as it is: names of files may hold TeX's $, _ and {."""

    @functools.wraps(draw)
    def drawn(*values: Any, **named: Any) -> Figure:
        with rc_context({"text.parse_math": False}):
            figure: Figure = draw(*values, **named)
        return figure

    return drawn  # type: ignore[return-value]


@as_written
def confidence_heatmap(poses: PoseSequence) -> Figure:
    """Joints by time, the confidence as colour (0..1)."""
    joints = poses.skeleton.joints
    figure, axes = panel(10, 1.2 + 0.22 * len(joints))
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


@as_written
def trajectories(poses: PoseSequence, threshold: float) -> Figure:
    """X and y (px) of the body joints over time; dotted below the confidence threshold."""
    figure = Figure(figsize=(12, 11), layout="constrained")
    grid = figure.subplots(len(BODY_PARTS), 2, sharex=True)
    for row, part in enumerate(BODY_PARTS):
        for side in ("left", "right"):
            index, color = poses.skeleton.index(f"{side}_{part}"), SIDES[side]
            sure = poses.confidence[:, index] >= threshold
            for column, axes in enumerate(grid[row]):
                values = poses.image[:, index, column]
                axes.plot(poses.time, values, ":", color=color, linewidth=0.9, alpha=0.7)
                axes.plot(
                    poses.time, np.where(sure, values, np.nan), color=color, linewidth=1.4,
                    label=side,
                )  # fmt: skip
        for column, axis in enumerate("xy"):
            grid[row, column].set_ylabel(f"{part.capitalize()} {axis} (px)")
            tidy(grid[row, column], "both")
        grid[row, 1].invert_yaxis()  # y grows downwards in an image
    for axes in grid[-1]:
        axes.set_xlabel("time (s)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False)
    figure.suptitle(f"{poses.model}: trajectories, dotted where confidence < {threshold:g}")
    return figure


@as_written
def error_by_joint(evaluation: Evaluation) -> Figure:
    """A box per joint: distance to the truth, px; whiskers from the 5th to the 95th percentile."""
    joints = evaluation.truth.skeleton.joints
    figure, axes = panel(9, 1.4 + 0.26 * len(joints))
    errors = [column[np.isfinite(column)] for column in evaluation.error.T]
    boxes = axes.boxplot(
        errors, vert=False, whis=(5, 95), showfliers=False, patch_artist=True, widths=0.65,
        medianprops={"color": "black"},
    )  # fmt: skip
    for joint, box in zip(joints, boxes["boxes"], strict=True):
        box.set_facecolor(SIDES[evaluation.whole.skeleton.side(joint)])
        box.set_alpha(0.55)
    missing = evaluation.missing.sum(axis=0)
    names = [
        joint.replace("_", " ") + (f" ({count} missing)" if count else "")
        for joint, count in zip(joints, missing, strict=True)
    ]
    axes.set_yticks(np.arange(len(joints)) + 1, names)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("error (px)")
    _torso_axis(axes, evaluation.torso)
    tidy(axes, "x")
    axes.set_title(f"{evaluation.poses.model}: error by joint")
    return figure


@as_written
def pck_curves(curves: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Share of correct keypoints against the threshold, a curve per label.

    Parameters
    ----------
    curves : mapping of str to DataFrame
        As `Evaluation.pck_curve` returns them.
    """
    figure, axes = panel(7.5, 5)
    for index, (label, curve) in enumerate(curves.items()):
        axes.plot(
            curve["threshold"], curve["pck"], _STYLES[index // len(PALETTE) % len(_STYLES)],
            color=PALETTE[index % len(PALETTE)], marker="o", markersize=3.5, label=label,
        )  # fmt: skip
    over_thresholds(axes, "correct keypoints (share)")
    axes.set_title(title)
    return figure


@as_written
def error_over_time(evaluation: Evaluation) -> Figure:
    """Mean error of arms, torso and legs in each frame, px; a mark where joints are missing."""
    figure, axes = panel(11, 4.2)
    time, names = evaluation.truth.time, evaluation.truth.skeleton.joints
    for color, (region, joints) in zip(PALETTE, REGIONS.items(), strict=False):
        columns = [names.index(joint) for joint in joints if joint in names]
        error = evaluation.error[:, columns]
        known = np.isfinite(error)
        if known.any():
            count = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
            mean = np.where(known, error, 0).sum(axis=1) / count
            axes.plot(time, mean, color=color, linewidth=1.4, label=region)
    lost = evaluation.missing.any(axis=1)
    if lost.any():
        axes.plot(time[lost], np.zeros(lost.sum()), "|", color="black", label="missing joints")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("mean error (px)")
    _torso_axis(axes, evaluation.torso, vertical=True)
    axes.legend(frameon=False, ncols=4, loc="upper right")
    tidy(axes, "y")
    axes.set_title(f"{evaluation.poses.model}: error over time")
    return figure


@as_written
def calibration_curve(evaluation: Evaluation) -> Figure:
    """Mean error and share of correct keypoints against the confidence, in ten equal bins."""
    bins = evaluation.calibration()
    figure, axes = panel(7.5, 4.6)
    axes.plot(bins["confidence"], bins["error_px"], "o-", color=PALETTE[0])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{evaluation.poses.confidence_meaning or 'confidence'} (mean of the bin)")
    axes.set_ylabel("mean error (px)", color=PALETTE[0])
    right = axes.twinx()
    right.plot(bins["confidence"], bins["pck_0.20"], "s--", color=PALETTE[1])
    right.set_ylim(0, 1.02)
    right.set_ylabel("within 0.2 torso lengths (share)", color=PALETTE[1])
    for each in (axes, right):
        each.spines["top"].set_visible(False)
    axes.set_title(f"{evaluation.poses.model}: does the confidence tell the error?")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG, whole or not at all."""
    with whole(path) as part:
        part.write_bytes(as_png(figure))


def as_png(figure: Figure) -> bytes:
    """A figure as ``savefig`` draws it, drawn once: that draws all twice to find a layout first."""
    figure.set_dpi(110)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return encoded(np.asarray(canvas.buffer_rgba()), ".png")


def panel(width: float, height: float) -> tuple[Figure, Any]:
    """A figure of so many inches, and its only axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def legend(axes: Any, place: str, fontsize: float = 10) -> None:
    """The legend of an axes, in as many columns as fit; none where nothing has a label.

    Names of runs may be long: they are wrapped, and the layout is found without them.
    """
    handles, labels = axes.get_legend_handles_labels()
    if not labels:
        return
    room = int(9 * axes.figure.get_size_inches()[0])  # letters
    wrapped = [textwrap.fill(label, room - 10) for label in labels]
    columns = max(1, room // (10 + max(len(label) for label in labels)))
    shown = axes.legend(
        handles, wrapped, loc=place, ncols=min(columns, len(labels)), frameon=False,
        fontsize=fontsize,
    )  # fmt: skip
    shown.set_in_layout(False)


def over_thresholds(axes: Any, shares: str) -> None:
    """Axes of `shares` of joints against a threshold in torso lengths, with the legend."""
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    axes.set_xlabel("threshold (share of the torso length)")
    axes.set_ylabel(shares)
    legend(axes, "lower right")
    tidy(axes, "both")


def _torso_axis(axes: Any, torso: float, vertical: bool = False) -> None:
    """A second scale in percent of the torso length."""
    if np.isfinite(torso) and torso > 0:
        scale = (lambda px: 100 * px / torso, lambda share: share * torso / 100)
        label = "% of the torso length"
        if vertical:
            axes.secondary_yaxis("right", functions=scale).set_ylabel(label)
        else:
            axes.secondary_xaxis("top", functions=scale).set_xlabel(label)


def tidy(axes: Any, grid: Any) -> None:
    """A faint grid along one axis (``both``), and no frame above and at the right."""
    axes.grid(axis=grid, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _edges(times: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(times) < 2:
        return np.array([times[0] - 0.5, times[0] + 0.5])
    middle = (times[1:] + times[:-1]) / 2
    return np.concatenate([[2 * times[0] - middle[0]], middle, [2 * times[-1] - middle[-1]]])
