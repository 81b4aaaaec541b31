"""The report of a benchmark: tables, figures, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from posexp.benchmark.averages import (
    HEADLINE,
    PEOPLE,
    as_text,
    condition_of,
    conditions,
    over_clips,
)
from posexp.benchmark.report_figures import curves, heatmap, speed
from posexp.benchmark.report_movement import movement
from posexp.benchmark.report_people import several_people, with_and_without
from posexp.files import save_table, whole
from posexp.show.figures import save

if TYPE_CHECKING:  # the models would come with it, and nobody draws with them
    from posexp.benchmark.measure import Results

COLUMNS = (
    # heading, metric, format; the best value is set in bold when it is known which end is best
    ("error, % of torso", "error/median_torso", "{:.1%}", min),
    ("PCK@0.1", "pck/0.10", "{:.1%}", max),
    ("PCK@0.2", "pck/0.20", "{:.1%}", max),
    ("OKS-AP", "oks/ap", "{:.3f}", max),
    ("missing", "detection/missing_share", "{:.1%}", min),
    ("right person", "person/right_share", "{:.1%}", max),
    ("knee, deg", "angle_error/knee_median_deg", "{:.1f}", min),
    ("hip, deg", "angle_error/hip_median_deg", "{:.1f}", min),
    ("trunk, deg", "angle_error/trunk_median_deg", "{:.1f}", min),
    ("3D, same mid-hip, mm", "world_error/mpjpe_root_median_mm", "{:.0f}", min),
    ("3D, aligned, mm", "world_error/pa_mpjpe_median_mm", "{:.0f}", min),
    ("swaps", "swaps/share", "{:.1%}", None),
    ("lag, ms", "timing/lag_ms", "{:.0f}", None),
    ("CPU ms/frame", "cpu_ms", "{:.1f}", min),
)
_BREAKS = 0.10  # of PCK@0.1, lost against the same view without the change


def write_report(results: Results, folder: Path, command: str, machine: str) -> Path:
    """Write ``benchmark.md`` and the figures in ``benchmark/``; the path of the former.

    Parameters
    ----------
    results : Results
        Of `posexp.benchmark.measure`.
    folder : Path
        Where to.
    command : str
        That made it; quoted in the report.
    machine : str
        In words.
    """
    table = results.table[results.table["factor"] != "demo"]
    (folder / "benchmark").mkdir(parents=True, exist_ok=True)
    figures = {
        "phone": curves(results, table, "phone", "Phone: correct keypoints"),
        "drone": curves(results, table, "drone", "Drone: correct keypoints"),
        "conditions": heatmap(table),
        "speed": speed(table),
    }
    for name, figure in figures.items():
        if figure is not None:
            save(figure, folder / "benchmark" / f"{name}.png")
    both = pd.concat([results.table, results.off], ignore_index=True)
    save_table(both, folder / "benchmark" / "results.csv")
    text = "\n\n".join([
        *_introduction(results, table, command, machine), *_choices(table), *_overview(table),
        *_by_condition(table), *several_people(table), *with_and_without(table, results.off),
        *_breaking(table), *movement(table), *_speed_text(), _EPILOGUE,
    ])  # fmt: skip
    path = folder / "benchmark.md"
    with whole(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
    return path


def _introduction(results: Results, table: pd.DataFrame, command: str, machine: str) -> list[str]:
    clips, frames = table["clip"].nunique(), int(table.groupby("clip")["frames"].first().sum())
    parts = [
        "# Benchmark: which variant sees a rising person best?",
        f"Made by `{command}` on {machine}: {clips} rendered clips, {frames} frames, exact joints. "
        "The same command makes this page again. All of it is with `person=auto`, but for one "
        "table. "
        "[How to read the numbers](reading-the-numbers.md) says what they mean, and what rendered "
        "clips can and cannot tell about real people.",
    ]
    rows = [f"| `{n}` | {_source(s)} | `{d[:12]}` |" for n, (s, d) in results.weights.items()]
    parts.append("\n".join(["| variant | weights | sha256 |", "|---|---|---|", *rows]))
    if results.missing:
        lines = [f"- `{name}`: {reason}" for name, reason in results.missing.items()]
        parts.append("Not run:\n\n" + "\n".join(lines))
    return parts


def _source(source: str) -> str:
    """A URL as it is; of a path on some machine, the file's name."""
    return source if "://" in source or not Path(source).is_absolute() else Path(source).name


def _choices(table: pd.DataFrame) -> list[str]:
    """The best variant for each kind of clip, by PCK@0.1, over all clips of that kind."""
    lines = []
    kinds = table.assign(kind=[_kind(row) for _, row in table.iterrows()])
    for kind, part in kinds.groupby("kind", sort=False):
        means = over_clips(part, [HEADLINE, "error/median_torso"])
        order = means.sort_values(HEADLINE, ascending=False)
        best, second = order.index[0], order.index[min(1, len(order) - 1)]
        lines.append(
            f"| {kind} ({part['clip'].nunique()}) | **`{best}`** | "
            f"{order.loc[best, HEADLINE]:.1%} | {as_text(order.loc[best, 'error/median_torso'])} | "
            f"`{second}` | {order.loc[second, HEADLINE]:.1%} |"
        )
    head = [
        "| filmed by (clips) | best | PCK@0.1 | error, % of torso | next | PCK@0.1 |",
        "|---|---|---|---|---|---|",
    ]
    return [
        "## Which variant for which clip?",
        "By PCK@0.1, the share of joints within a tenth of the torso length, over all clips of a "
        "kind: in all lights, speeds, clothes and so on. A joint that a variant does not return is "
        "a wrong one. Differences of a percent or two mean nothing.",
        "\n".join([*head, *lines]),
    ]


def _kind(row: pd.Series) -> str:
    """What a person knows of a clip before choosing: camera, distance, view."""
    if row["factor"] in PEOPLE:
        return f"{row['camera']}, others in the picture"
    if row["camera"] == "phone":
        if row["factor"] == "distance":
            return f"phone, {row['level']} away"
        return f"phone, about 3 m away, {row['view']} view"
    if row["factor"] != "view":
        return f"drone, {row['level']} {'away' if row['factor'] == 'distance' else 'up'}"
    return f"drone, 9 m away, {row['view']} view"


def _overview(table: pd.DataFrame) -> list[str]:
    parts = [
        "## All clips of a kind",
        "Twelve body joints. PCK, OKS-AP, missing, swaps and speed are means over all clips. The "
        "errors (of position, of angles in the image plane, in space) are medians over the joints "
        "and frames of a clip, then over all clips, and **what a variant does not return counts as "
        "infinitely far**: nobody is better for saying less. ∞: nothing in half of the clips. "
        "Swaps and lag are of what was returned, where they can be told.",
    ]
    for camera in ("phone", "drone"):
        part = table[table["camera"] == camera]
        if not part.empty:
            parts += [f"### {camera.capitalize()}", _markdown(part)]
            if len(set(part["variant"])):
                parts.append(f"![PCK curves, {camera}](benchmark/{camera}.png)")
    return parts


def _markdown(part: pd.DataFrame) -> str:
    shown = [c for c in COLUMNS if c[1] in part and part[c[1]].notna().any()]
    means = over_clips(part, [c[1] for c in shown])
    lines = [
        "| variant | " + " | ".join(c[0] for c in shown) + " |",
        "|---|" + "---|" * len(shown),
    ]
    best = {c[1]: c[3](means[c[1]].dropna()) for c in shown if c[3] is not None}
    for variant, row in means.iterrows():
        cells = []
        for _, metric, form, _ in shown:
            text = as_text(row[metric], form)
            known = np.isfinite(row[metric])
            cells.append(f"**{text}**" if known and row[metric] == best.get(metric) else text)
        lines.append(f"| `{variant}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _by_condition(table: pd.DataFrame) -> list[str]:
    wide = conditions(table)
    lines = [
        "| condition | " + " | ".join(f"`{v}`" for v in wide) + " |",
        "|---|" + "---|" * len(wide.columns),
    ]
    for condition, row in wide.iterrows():
        cells = [f"**{v:.1%}**" if v == row.max() else f"{v:.1%}" for v in row]
        lines.append(f"| {condition} | " + " | ".join(cells) + " |")
    return [
        "## By condition",
        "PCK@0.1, the mean over the views in which the condition was tried (side and oblique for "
        "the phone). One thing is changed at a time against the phone 3.2 m away, 1.3 m high, "
        "854x480 px, 25 frames/s, and against the drone 9 m away, 5 m high, 1920x1080 px. (The "
        "phone at 12, 18 and 25 m and the drone at 6, 12 and 25 m: 12.5 frames/s, the drone as "
        "high as it then is at the same angle.)",
        "![PCK by condition](benchmark/conditions.png)",
        "\n".join(lines),
    ]


def _breaking(table: pd.DataFrame) -> list[str]:
    """Conditions that cost a variant most against the same view without them."""
    base = table[table["factor"] == "view"].set_index(["variant", "camera", "view"])[HEADLINE]
    changed = table[table["factor"] != "view"]
    rows = [
        {"variant": r["variant"], "condition": condition_of(r), "loss": base[key] - r[HEADLINE]}
        for _, r in changed.iterrows()
        if (key := (r["variant"], r["camera"], r["view"])) in base.index
    ]
    lines = []
    for variant, part in pd.DataFrame(rows, columns=["variant", "condition", "loss"]).groupby(
        "variant", sort=False
    ):
        losses = part.groupby("condition", sort=False)["loss"].mean()
        losses = losses.sort_values(ascending=False)
        worst = [f"{c} (-{100 * v:.0f})" for c, v in losses.items() if v >= _BREAKS]
        lines.append(f"- `{variant}`: {'; '.join(worst) or 'nowhere by that much'}")
    return [
        "## Where each variant breaks",
        f"Conditions that cost at least {100 * _BREAKS:.0f} points of PCK@0.1 against the same "
        "view without them, worst first:",
        "\n".join(lines),
    ]


def _speed_text() -> list[str]:
    return [
        "## Speed beside accuracy",
        "CPU time of decoding, inference and following per frame, without the search at the "
        "start and without overlay; up and to the left is better. The line joins the variants that "
        "no other beats in both.",
        "![Speed and accuracy](benchmark/speed.png)",
    ]


_EPILOGUE = (
    "All numbers, a row per variant and clip: [results.csv](benchmark/results.csv). "
    "Confidence is not compared: it means something else in each model."
)


def summary(table: pd.DataFrame, variants: Sequence[str]) -> str:
    """A few lines for the terminal."""
    lines = [f"{'variant':<20}{'clips':>6}{'error':>9}{'PCK@0.1':>9}{'PCK@0.2':>9}{'ms':>8}"]
    means = over_clips(table, ["error/median_torso", "pck/0.10", "pck/0.20", "cpu_ms"])
    for name in variants:
        error, near, wide, ms = means.loc[name]
        clips = (table["variant"] == name).sum()
        lines.append(f"{name:<20}{clips:>6}{as_text(error):>9}{near:>9.1%}{wide:>9.1%}{ms:>8.1f}")
    return "\n".join(lines)
