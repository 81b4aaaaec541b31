"""A comparison on paper: tables, figures, and one HTML file that opens anywhere."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from posexp.files import save_table, whole
from posexp.measure.comparison import Comparison
from posexp.show import comparison_figures as draw
from posexp.show.captions import Entry
from posexp.show.figures import as_png, save
from posexp.show.palette import colors
from posexp.show.picture_files import encoded, save_picture
from posexp.show.pictures import person_picture
from posexp.show.sheets import sheet
from posexp.video.frame import Image
from posexp.video.source import VideoSource

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.note { color: #555; max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.6rem 0; }
th, td { padding: 0.25rem 0.8rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.text:first-child { white-space: nowrap; }
img { max-width: 100%; background: #fff; border-radius: 4px; }
.chip { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 2px;
        margin-right: 0.4em; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #181a1b; } p.note { color: #aaa; }
  th, td { border-color: #444; }
}
"""

_COLUMNS = {
    "threshold": ("seen from confidence", "{:g}"),
    "tracked": ("tracked", "{:.1%}"),
    "longest_gap_s": ("longest gap, s", "{:.2f}"),
    "jitter_residual_px": ("jitter, px", "{:.2f}"),
    "jitter_residual_torso": ("jitter / torso", "{:.2%}"),
    "bone_cv": ("bones vary by", "{:.1%}"),
    "bone_space": ("measured in", "{}"),
    "both": ("both have", "{:.1%}"),
    "mean_px": ("mean, px", "{:.1f}"),
    "median_px": ("median, px", "{:.1f}"),
    "p95_px": ("95th percentile, px", "{:.1f}"),
    "median_torso": ("median / torso", "{:.1%}"),
    "agree": ("within 0.1 torso", "{:.1%}"),
    "both_lost": ("both lost", "{:.1%}"),
    "only_first_lost": ("only first lost", "{:.1%}"),
    "only_second_lost": ("only second lost", "{:.1%}"),
    "start": ("from, s", "{:.2f}"),
    "end": ("to, s", "{:.2f}"),
    "lag_ms": ("first later by, ms", "{:.0f}"),
    "bias": ("bias", "{:.1f}"),
    "sd": ("sd", "{:.1f}"),
    "lower": ("lower limit", "{:.1f}"),
    "upper": ("upper limit", "{:.1f}"),
    "repetition_first": ("repetition of the first", "{:.0f}"),
    "repetition_second": ("of the second", "{:.0f}"),
    "lean_start": ("lean, s", "{:+.2f}"),
    "rise_start": ("onset, s", "{:+.2f}"),
    "standing": ("standing, s", "{:+.2f}"),
    "rise_s": ("duration, s", "{:+.2f}"),
    "peak_lean_deg": ("peak lean, deg", "{:+.1f}"),
    "left_knee_at_rise_deg": ("left knee at onset, deg", "{:+.1f}"),
    "right_knee_at_rise_deg": ("right knee at onset, deg", "{:+.1f}"),
    "matched": ("matched", "{}"),
    "only_first": ("only first", "{}"),
    "only_second": ("only second", "{}"),
}


def disagreement_pictures(comparison: Comparison, video: Path) -> list[tuple[int, Image]]:
    """(frame, picture) of where the runs disagree most, worst first: one more pass of the video."""
    rows = [int(row) for row in comparison.worst_frames()]
    wanted = {int(comparison.frame[row]): row for row in rows}
    shades = {k: _rgb(color) for k, color in colors(comparison).items()}
    found = {}
    for frame in VideoSource(video, 0.0, None).frames():
        row = wanted.get(frame.index)
        if row is None:
            continue
        poses = {label: s.image[row] for label, s in comparison.sequences.items()}
        focus = np.concatenate([image[comparison.body] for image in poses.values()])
        if not np.isfinite(focus).any():
            continue
        skeletons = [
            (comparison.sequences[label].skeleton, image, shades[label])
            for label, image in poses.items()
        ]
        apart = f"{100 * comparison.disagreement[row]:.0f} % torso"
        found[row] = person_picture(frame, focus, skeletons, apart)
        if len(found) == len(wanted):
            break
    return [(int(comparison.frame[row]), found[row]) for row in rows if row in found]


@dataclass(frozen=True)
class Movement:
    """What compared runs say was done.

    Parameters
    ----------
    clip : DataFrame
        A row per run: ``run``, ``movement`` (its sentence), ``view`` (what angles are worth).
    repetitions : DataFrame
        As `posexp.movement.agreement.matched` gives it.
    agreement : DataFrame
        As `posexp.movement.agreement.agreement` gives it.
    """

    clip: pd.DataFrame
    repetitions: pd.DataFrame
    agreement: pd.DataFrame


def write_comparison(
    comparison: Comparison,
    folder: Path,
    title: str,
    pictures: list[tuple[int, Image]],
    movement: Movement | None = None,
) -> Path:
    """Write ``tables/*.csv``, ``figures/*.png`` and ``comparison.html``; the path of the last.

    Parameters
    ----------
    comparison : Comparison
        Of runs of one video.
    folder : Path
        Where to.
    title : str
        Of the page.
    pictures : list of (frame, image)
        As `disagreement_pictures` gives them; may be empty.
    movement : Movement, optional
        What was done, where two of the runs looked for it.
    """
    for name in ("tables", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    tables = _tables(comparison)
    for name, table in tables.items():
        save_table(table, folder / "tables" / f"{name}.csv")
    drawn = _figures(comparison)
    for name, figure in drawn.items():
        save(figure, folder / "figures" / f"{name}.png")
    if pictures:
        save_picture(_sheet(comparison, pictures), folder / "figures/worst_frames.png")
    path = folder / "comparison.html"
    page = _page(comparison, title, tables, drawn, pictures, movement)
    with whole(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def _tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    return {
        "runs": comparison.run_table(),
        "pairwise": comparison.pairwise(),
        "agreement": comparison.agreement_curve(),
        "bland_altman": comparison.bland_altman(),
        "overlap": comparison.overlap(),
        "timing": comparison.timing(),
        "confidence": comparison.confidence(),
        "different_people": comparison.different_people(),
    }


def _figures(comparison: Comparison) -> dict[str, Figure]:
    drawn = {
        "disagreement": draw.disagreement(comparison),
        "angles": draw.angles_over_time(comparison),
        "agreement": draw.agreement(comparison),
        "distance_by_joint": draw.distance_by_joint(comparison),
    }
    for index, (first, second) in enumerate(comparison.pairs()):
        drawn[f"bland_altman_{index + 1}"] = draw.bland_altman(comparison, first, second)
    drawn["confidence"] = draw.confidence(comparison)
    return drawn


def _page(
    comparison: Comparison,
    title: str,
    tables: dict[str, pd.DataFrame],
    drawn: dict[str, Figure],
    pictures: list[tuple[int, Image]],
    movement: Movement | None,
) -> str:
    chips = "&emsp;".join(
        f'<span><span class="chip" style="background:{color}"></span>{html.escape(label)}</span>'
        for label, color in colors(comparison).items()
    )
    body = tables["pairwise"][tables["pairwise"]["joint"] == "body"].drop(columns="joint")
    runs = tables["runs"].drop(columns="model")
    if runs["threshold"].nunique() == 1:
        runs = runs.drop(columns="threshold")
    different = tables["different_people"]
    angles = tables["bland_altman"][tables["bland_altman"]["unit"] == "deg"]
    parts = [
        f"<h1>{html.escape(title)}</h1><p>{chips}</p>",
        '<p class="note">Where runs agree they may still be wrong together, and where they differ '
        "this page does not say who is right: that takes ground truth "
        "(<code>python -m posexp evaluate</code>).</p>",
        *(f"<p><strong>{html.escape(note)}.</strong></p>" for note in comparison.notes()),
        *([] if movement is None else _movement(movement, comparison)),
        "<h2>Each run by itself</h2>", _table(runs),
        "<h2>Between runs, body joints</h2>", _table(body), _picture(drawn["agreement"]),
        "<h2>Where they disagree most</h2>", _picture(drawn["disagreement"]),
        *(['<p class="note">Grey: runs follow different people.</p>', _table(different)]
          if len(different) else []),
        _image(_sheet(comparison, pictures)) if pictures else
        '<p class="note">The video is not where it was: no pictures.</p>',
        "<h2>By joint</h2>", _picture(drawn["distance_by_joint"]),
        "<h2>Angles</h2>", _picture(drawn["angles"]),
        '<p class="note">Bias and limits of agreement (Bland and Altman 1986), degrees in the '
        "image plane. Frames of a video are no independent samples: the limits describe, they are "
        "no test.</p>", _table(angles.drop(columns="unit")),
        *(_picture(figure) for name, figure in drawn.items() if name.startswith("bland")),
        "<h2>Lost frames, lag and swaps</h2>", _table(tables["overlap"]), _table(tables["timing"]),
        "<h2>Confidence</h2>", _picture(drawn["confidence"]),
    ]  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts) + "\n</body></html>\n"
    )  # fmt: skip


def _movement(movement: Movement, comparison: Comparison) -> list[str]:
    """What each run says was done, and how far they are apart."""
    shades = colors(comparison)
    said = "".join(
        f'<tr><td class="text"><span class="chip" style="background:{shades[row.run]}"></span>'
        f'{html.escape(row.run)}</td><td class="text"><strong>{html.escape(row.movement)}</strong>'
        + (f"<br>{html.escape(row.view)}" if row.view else "") + "</td></tr>"
        for row in movement.clip.itertuples()
    )  # fmt: skip
    parts = ["<h2>What was done</h2>", f"<table><tbody>{said}</tbody></table>"]
    if len(movement.repetitions):
        parts += [
            '<p class="note">Repetition by repetition, first minus second. A dash: not known, or '
            "seen by one of them only.</p>",
            _table(movement.repetitions),
        ]  # fmt: skip
    if len(movement.agreement):
        limits = movement.agreement.copy()
        units, numbers = limits["unit"], ["bias", "sd", "lower", "upper"]
        limits["quantity"] = [_COLUMNS.get(name, (name,))[0] for name in limits["quantity"]]
        for name in numbers:
            values = zip(limits[name], units, strict=True)
            limits[name] = [
                "-" if np.isnan(value) else f"{value:.{2 if unit == 's' else 1}f}"
                for value, unit in values
            ]
        parts += [
            '<p class="note">Bias and 95 % limits of agreement (Bland and Altman 1986). '
            "Repetitions of one person are no independent samples: the limits describe, they are "
            "no test.</p>",
            _table(limits.drop(columns="unit")),
        ]  # fmt: skip
    return parts


def _table(table: pd.DataFrame) -> str:
    names = [str(name) for name in table]
    head = "".join(f"<th>{html.escape(_COLUMNS.get(c, (c, ''))[0])}</th>" for c in names)
    lines = []
    for _, row in table.iterrows():
        cells = "".join(f"<td>{html.escape(_cell(c, row[c]))}</td>" for c in names)
        lines.append(f"<tr>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _cell(column: str, value: Any) -> str:
    if isinstance(value, float) and not np.isfinite(value):
        return "-"
    if column not in _COLUMNS or isinstance(value, str):
        return str(value)
    return _COLUMNS[column][1].format(value)


def _picture(figure: Figure) -> str:
    return _tag(as_png(figure))


def _image(image: Image) -> str:
    return _tag(encoded(image, ".jpg", quality=85), "jpeg")


def _tag(data: bytes, kind: str = "png") -> str:
    return f'<img alt="" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def _sheet(comparison: Comparison, pictures: list[tuple[int, Image]]) -> Image:
    legend = [Entry(label, _rgb(color)) for label, color in colors(comparison).items()]
    return sheet([image for _, image in pictures], legend)


def _rgb(color: str) -> tuple[int, int, int]:
    """``#rrggbb`` made lighter, for drawing on pictures."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return (red + 255) // 2, (green + 255) // 2, (blue + 255) // 2
