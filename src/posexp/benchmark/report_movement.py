"""What the report says of repetitions, of their moments and of joint angles."""

from __future__ import annotations

import numpy as np
import pandas as pd

from posexp.benchmark.averages import as_text, condition_of, over_clips

COLUMNS = (
    ("found", "movement/found_share", "{:.0%}"),
    ("too many", "movement/extra", "{:.2f}"),
    ("lean, ms", "movement/lean_start_ms", "{:.0f}"),
    ("rise, ms", "movement/rise_start_ms", "{:.0f}"),
    ("standing, ms", "movement/standing_ms", "{:.0f}"),
    ("sitting down, ms", "movement/sit_start_ms", "{:.0f}"),
    ("seated, ms", "movement/seated_ms", "{:.0f}"),
    ("duration of the rise, ms", "movement/rise_ms", "{:.0f}"),
    ("knee, plane", "movement/knee_plane_deg", "{:.1f}"),
    ("knee, space", "movement/knee_space_deg", "{:.1f}"),
    ("hip, plane", "movement/hip_plane_deg", "{:.1f}"),
    ("hip, space", "movement/hip_space_deg", "{:.1f}"),
    ("trunk, plane", "movement/trunk_plane_deg", "{:.1f}"),
    ("trunk, space", "movement/trunk_space_deg", "{:.1f}"),
)


def movement(table: pd.DataFrame) -> list[str]:
    """By camera and view, and by condition."""
    shown = [column for column in COLUMNS if column[1] in table]
    if not shown:
        return []
    lines = [
        "| clips | variant | " + " | ".join(name for name, *_ in shown) + " |",
        "|---|---|" + "---|" * len(shown),
    ]
    for (camera, view), part in table.groupby(["camera", "view"], sort=False):
        means = over_clips(part, [metric for _, metric, _ in shown])
        for variant, row in means.iterrows():
            cells = [as_text(row[metric], form) for _, metric, form in shown]
            kind = f"{camera}, {view} ({part['clip'].nunique()})"
            lines.append(f"| {kind} | `{variant}` | " + " | ".join(cells) + " |")
    return [
        "## Repetitions and angles",
        "From cleaned keypoints, as every run computes them (`movement/repetitions.csv`, "
        "`angles/angles.csv`). *Found*: the share of the true repetitions; *too many*: those that "
        "are none, per clip. Then the median over clips of the absolute error of each moment, ms "
        "(a frame is 40 ms), and of the angles, degrees, in the picture's plane and in space; what "
        "is not found counts as infinitely wrong. The true angle is always that in space: so the "
        "columns *plane* say what a plane angle is worth at that view.",
        "\n".join(lines),
        "By condition: repetitions found of the true ones; the absolute error of the rise's start "
        "and end, ms; of the knee's angle in the plane and, where a variant has it, in space.",
        _by_condition(table),
    ]


def _by_condition(table: pd.DataFrame) -> str:
    variants = list(dict.fromkeys(table["variant"]))
    lines = [
        "| condition | " + " | ".join(f"`{v}`" for v in variants) + " |",
        "|---|" + "---|" * len(variants),
    ]
    names = [condition_of(row) for _, row in table.iterrows()]
    metrics = [
        "movement/found_share", "movement/rise_start_ms", "movement/standing_ms",
        "movement/knee_plane_deg", "movement/knee_space_deg",
    ]  # fmt: skip
    known = [metric for metric in metrics if metric in table]
    for condition, part in table.groupby(np.array(names), sort=False):
        means = over_clips(part, known)
        cells = []
        for variant in variants:
            if variant not in means.index:
                cells.append("-")
                continue
            row = means.loc[variant]
            share, start, end, *knees = (row[metric] for metric in known)
            degrees = " / ".join(f"{as_text(knee, '{:.0f}')}°" for knee in knees if knee == knee)
            moments = f"{as_text(start, '{:.0f}')} / {as_text(end, '{:.0f}')} ms"
            cells.append(f"{share:.0%}, {moments}, {degrees}")
        lines.append(f"| {condition} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
