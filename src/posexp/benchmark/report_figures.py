"""Figures of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from posexp.benchmark.averages import HEADLINE, conditions
from posexp.show.figures import legend, panel, pck_curves, tidy
from posexp.show.palette import PALETTE

if TYPE_CHECKING:  # the models would come with it, and nobody draws with them
    from posexp.benchmark.measure import Results


def curves(results: Results, table: pd.DataFrame, camera: str, title: str) -> Figure | None:
    part = table[table["camera"] == camera]
    curves = {}
    for variant, rows in part.groupby("variant", sort=False):
        each = [results.curves[str(variant), clip] for clip in rows["clip"]]
        mean = np.mean([curve["pck"] for curve in each], axis=0)
        curves[str(variant)] = pd.DataFrame({"threshold": each[0]["threshold"], "pck": mean})
    return pck_curves(curves, title) if curves else None


def heatmap(table: pd.DataFrame) -> Figure:
    wide = conditions(table)
    figure, axes = panel(3.2 + 1.05 * len(wide.columns), 1.4 + 0.27 * len(wide))
    mesh = axes.imshow(wide.to_numpy(), vmin=0, vmax=1, cmap="cividis", aspect="auto")
    for (row, column), value in np.ndenumerate(wide.to_numpy()):
        axes.text(
            column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=8,
            color="black" if value > 0.55 else "white",
        )  # fmt: skip
    axes.set_xticks(range(len(wide.columns)), list(wide.columns), rotation=30, ha="right")
    axes.set_yticks(range(len(wide)), list(wide.index))
    figure.colorbar(mesh, ax=axes, label="PCK@0.1 (share)", shrink=0.5)
    axes.set_title("Correct keypoints by condition, %")
    return figure


def speed(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    for axes, camera in zip(figure.subplots(1, 2), ("phone", "drone"), strict=True):
        part = table[table["camera"] == camera]
        means = part.groupby("variant", sort=False)[["cpu_ms", HEADLINE]].mean()
        for index, (variant, row) in enumerate(means.iterrows()):
            axes.plot(
                row["cpu_ms"], row[HEADLINE], "o", color=PALETTE[index % len(PALETTE)],
                markersize=9, label=variant,
            )  # fmt: skip
        front = means.sort_values("cpu_ms")
        front = front[front[HEADLINE] >= front[HEADLINE].cummax()]
        axes.plot(front["cpu_ms"], front[HEADLINE], "--", color="#777777", zorder=0)
        axes.set_xlim(left=0)
        axes.set_ylim(0, 1)
        legend(axes, "lower left", 9)
        tidy(axes, "both")
        axes.set_xlabel("CPU time per frame (ms)")
        axes.set_ylabel("PCK@0.1 (share)")
        axes.set_title(camera.capitalize())
    return figure
