"""Figures of a comparison, fit for paper: ``figure.savefig("name.pdf")`` keeps the vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posexp.measure.comparison import AGREEMENT, Comparison
from posexp.measure.kinematics import ANGLES
from posexp.show.figures import as_written, legend, over_thresholds, panel, tidy
from posexp.show.palette import PALETTE, colors

_ALTMAN = ("left_knee", "left_hip", "trunk")
_POINTS = 1500  # of a scatter; more would only be ink


@as_written
def agreement(comparison: Comparison) -> Figure:
    """Share of body joints that two runs put within a threshold of each other."""
    figure, axes = panel(7.5, 4.6)
    for index, (pair, part) in enumerate(_by_pair(comparison.agreement_curve())):
        axes.plot(
            part["threshold"], part["agree"], "o-", markersize=3.5,
            color=PALETTE[index % len(PALETTE)], label=pair,
        )  # fmt: skip
    over_thresholds(axes, "joints that agree (share)")
    return figure


@as_written
def distance_by_joint(comparison: Comparison) -> Figure:
    """Median distance between runs for each joint, with the 95th percentile as a thin line."""
    table = comparison.pairwise()
    joints = list(comparison.joints)
    pairs = list(_by_pair(table))
    figure, axes = panel(9, 1.2 + len(joints) * max(0.24, 0.16 * len(pairs)))
    height = 0.8 / len(pairs)
    for index, (pair, part) in enumerate(pairs):
        part = part.set_index("joint").loc[joints]
        place = np.arange(len(joints)) + (index - (len(pairs) - 1) / 2) * height
        color = PALETTE[index % len(PALETTE)]
        axes.barh(place, part["median_px"], height * 0.9, color=color, label=pair)
        axes.hlines(place, part["median_px"], part["p95_px"], color=color, linewidth=1)
    axes.set_yticks(range(len(joints)), [joint.replace("_", " ") for joint in joints])
    axes.invert_yaxis()
    axes.set_xlabel("distance between runs (px): median, line to the 95th percentile")
    legend(axes, "lower right")
    tidy(axes, "x")
    return figure


@as_written
def bland_altman(comparison: Comparison, first: str, second: str) -> Figure:
    """Difference against mean of knee, hip and trunk angle, with bias and limits of agreement."""
    table = comparison.bland_altman().set_index(["first", "second", "quantity"])
    angles = comparison.angles().set_index("run")
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(_ALTMAN)), _ALTMAN, strict=True):
        axes.set_title(f"{name.replace('_', ' ')} angle")
        axes.set_xlabel("mean of the two (deg)")
        axes.set_ylabel(f"{first} - {second} (deg)")
        tidy(axes, "both")
        key = (first, second, f"{name}_angle")
        if key not in table.index:
            continue
        a, b = (angles.loc[label, name].to_numpy() for label in (first, second))
        step = -(-len(a) // _POINTS)
        a = np.where(comparison.different(first, second), np.nan, a)
        difference = ((a - b + 180) % 360 - 180)[::step]
        axes.plot(b[::step] + difference / 2, difference, ".", markersize=3, alpha=0.5,
                  color=PALETTE[0], rasterized=True)  # fmt: skip
        row = table.loc[key]
        for value, style in ((row["bias"], "-"), (row["lower"], "--"), (row["upper"], "--")):
            axes.axhline(value, color=PALETTE[1], linestyle=style, linewidth=1.2)
            axes.annotate(
                f"{value:.1f}", (1, value), xycoords=("axes fraction", "data"), xytext=(3, 0),
                textcoords="offset points", va="center", fontsize=8, color=PALETTE[1],
            )  # fmt: skip
    return figure


@as_written
def angles_over_time(comparison: Comparison) -> Figure:
    """Knee, hip and trunk angles of every run over time."""
    table, own = comparison.angles(), colors(comparison)
    names = [name for name in ANGLES if name in table]
    figure = Figure(figsize=(11, 1.2 + 1.7 * max(1, len(names))), layout="constrained")
    grid = np.atleast_1d(figure.subplots(max(1, len(names)), 1, sharex=True))
    for axes, name in zip(grid, names, strict=False):
        for label, part in table.groupby("run", sort=False):
            axes.plot(part["time"], part[name], color=own[str(label)], linewidth=1.3, label=label)
        axes.set_ylabel(f"{name.replace('_', ' ')} (deg)")
        _shade_different_people(axes, comparison)
        tidy(axes, "y")
    grid[-1].set_xlabel("time (s)")
    legend(grid[0], "upper right")
    return figure


@as_written
def disagreement(comparison: Comparison) -> Figure:
    """Distance between the two runs furthest apart over time; marks where they disagree most.

    Grey bands: runs follow different people.
    """
    figure, axes = panel(11, 3.2)
    values = 100 * comparison.disagreement
    axes.plot(comparison.time, values, color="#333333", linewidth=1.2)
    axes.axhline(100 * AGREEMENT, color=PALETTE[2], linestyle="--", linewidth=1)
    worst = comparison.worst_frames()
    axes.plot(comparison.time[worst], values[worst], "v", color=PALETTE[1], markersize=6)
    _shade_different_people(axes, comparison)
    axes.set_ylim(bottom=0)
    axes.set_xlim(comparison.time[0], max(comparison.time[-1], comparison.time[0] + 0.1))
    axes.set_xlabel("time (s)")
    axes.set_ylabel("distance (% of the torso length)")
    tidy(axes, "y")
    return figure


@as_written
def confidence(comparison: Comparison) -> Figure:
    """Confidence of each joint, a panel per run; the panels do not compare with each other."""
    joints, own = comparison.joints, colors(comparison)
    count = len(comparison.labels)
    figure = Figure(figsize=(2.2 + 3.0 * count, 1.6 + 0.24 * len(joints)), layout="constrained")
    grid = np.atleast_1d(figure.subplots(1, count, sharey=True))
    for axes, (label, poses) in zip(grid, comparison.sequences.items(), strict=True):
        boxes = axes.boxplot(
            list(poses.confidence.T), vert=False, whis=(5, 95), showfliers=False,
            patch_artist=True, widths=0.65, medianprops={"color": "black"},
        )  # fmt: skip
        for box in boxes["boxes"]:
            box.set_facecolor(own[label])
            box.set_alpha(0.55)
        axes.set_xlim(0, 1.02)
        axes.set_title(label)
        axes.set_xlabel(poses.confidence_meaning or "confidence", fontsize=8)
        axes.set_yticks(np.arange(len(joints)) + 1, [j.replace("_", " ") for j in joints])
        tidy(axes, "x")
    grid[0].invert_yaxis()
    figure.suptitle("Confidence: look at each run by itself, it means something else in each model",
                    fontsize=10)  # fmt: skip
    return figure


def _shade_different_people(axes: Axes, comparison: Comparison) -> None:
    for row in comparison.different_people().itertuples():
        axes.axvspan(row.start, row.end, color="#999999", alpha=0.25, linewidth=0)


def _by_pair(table: Any) -> Any:
    for (first, second), part in table.groupby(["first", "second"], sort=False):
        yield f"{first} / {second}", part
