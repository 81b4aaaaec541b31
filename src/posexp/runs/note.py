"""The description of a run, for a person who opens it in MLflow: what was done, what came out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from posexp.store import tags
from posexp.store.record import RunRecord
from posexp.store.run import Run
from posexp.store.views import ARTIFACT, TABLE

_FOUND = (
    ("tracking/tracked_share", "tracked in {:.1%} of the frames"),
    ("tracking/longest_gap_s", "longest gap {:.2f} s"),
    ("jitter/residual_torso", "jitter {:.2%} of the torso's length"),
)
_AGAINST_TRUTH = (
    ("error/mean_px", "error {:.2f} px in the mean"),
    ("error/mean_torso", "{:.2%} of the torso's length"),
    ("pck/0.10", "PCK at 0.1 torso {:.1%}"),
    ("angle_error/knee_deg", "knee angle off by {:.1f} deg"),
)
_FILES = (
    ("overlay/overlay.mp4", "overlay"),
    ("overlay/contact_sheet.png", "contact sheet"),
    (tags.PEOPLE_PICTURE, "people"),
    ("figures/movement.png", "movement"),
    ("figures/trajectories.png", "trajectories"),
    ("keypoints/keypoints.csv", "keypoints"),
    ("edits/edits.csv", "edits"),
    ("evaluation/worst_frames.png", "worst frames"),
    ("config/environment.json", "versions"),
)
_ALL_RUNS, _COMPARISONS = "all runs, by video", "comparisons"
_MOST = 8  # figures of the movement


def describe(record: RunRecord, artifacts: Path) -> None:
    """Give a record its description; `artifacts` are its files."""
    there = [name for name, _ in _FILES if (artifacts / name).is_file()]
    text = _text(record.name, record.status, record.params, record.tags, record.metrics, there)
    record.tags[tags.DESCRIPTION] = text


def described_again(run: Run, metrics: Mapping[str, float], more: Mapping[str, str]) -> str:
    """The description of a logged run that has new metrics and tags."""
    there = [name for name, _ in _FILES if (Path(run.artifacts) / name).is_file()]
    text = _text(
        run.name, run.status, run.params, {**run.tags, **more}, {**run.metrics, **metrics}, there
    )
    compared = re.search(rf"\[{_COMPARISONS}\]\(([^)]+)\)", run.tags.get(tags.DESCRIPTION, ""))
    return with_comparisons(text, compared[1]) if compared else text


def with_comparisons(text: str, route: str) -> str:
    """A run's description with a link to its comparisons, whatever else is written there.

    The link searches for them, so that it holds when some are deleted or more are made.
    """
    link = f"[{_COMPARISONS}]({route})"
    if link in text:
        return text
    links = text.find(f"[{_ALL_RUNS}](")
    if links < 0:
        return f"{text}\n\n{link}".lstrip()
    first = text.rfind("\n", 0, links) + 1  # of their line: the UI folds what comes later
    return f"{text[:first]}{link} · {text[first:]}"


def described_comparison(runs: list[Run], video: Path, pictures: int) -> str:
    """The description of a comparison of runs of one video."""
    rows = [f"- [{_plain(run.name)}]({run.route}) `{run.id[:8]}`" for run in runs]
    report = f"[The report]({ARTIFACT}comparison.html): tables, curves, where they disagree"
    if pictures:
        report += f", {pictures} pictures of it"
    return "\n\n".join([f"**Runs of {_code(video.name)} compared**", "\n".join(rows), report])


def _text(
    name: str,
    status: str,
    params: Mapping[str, str],
    known: Mapping[str, str],
    metrics: Mapping[str, float],
    files: list[str],
) -> str:
    """Markdown, the reason of a failure first."""
    lines = []
    if status != "FINISHED":
        how = {"KILLED": "Ended before it was done", "RUNNING": "Not finished"}
        lines.append(f"**{how.get(status, 'Failed')}:** {_plain(known.get(tags.ERROR, ''))}")
    video = Path(known.get(tags.VIDEO, "")).name
    picture = ", ".join(
        f"{known[key]} {unit}"
        for key, unit in (("video.size", "px"), ("video.fps", "frames/s"))
        if key in known
    )
    variant = name.removesuffix(f" {Path(video).stem}") if video else name
    title = f"**{_plain(variant)}** on {_code(video)} ({picture})"
    found = [
        ("Found", _said(metrics, _FOUND, "tracking/frames", "{:.0f} frames")),
        ("Against ground truth", _said(metrics, _AGAINST_TRUTH)),
        ("People", _people(known)),
        ("Movement", _movement(metrics)),
        ("Edited by hand", _edited(known)),
        ("Note", _plain(known.get(tags.NOTE, ""))),
        ("Warnings", _plain(known.get(tags.WARNINGS, ""))),
    ]
    links = [f"[{label}]({ARTIFACT}{path})" for path, label in _FILES if path in files]
    links.append(f"[{_ALL_RUNS}]({TABLE})")
    # Close to the title: the UI folds what is long, and lays a veil over the end of what it shows.
    lines.append(f"{title}  \n{' · '.join(links)}")
    lines.append("\n".join(f"- {title}: {text}" for title, text in found if text))
    return "\n\n".join(filter(None, lines))


def _said(
    metrics: Mapping[str, float],
    rows: tuple[tuple[str, str], ...],
    first: str = "",
    form: str = "",
) -> str:
    said = [form.format(metrics[first])] if first in metrics else []
    return ", ".join([*said, *(text.format(metrics[k]) for k, text in rows if k in metrics)])


def _people(known: Mapping[str, str]) -> str:
    if tags.PEOPLE not in known:
        return ""
    who = known.get(tags.PERSON, "nobody")
    followed = "nobody is followed" if who == "nobody" else f"number {who} is followed"
    doubt = f"; {known[tags.DOUBT]}" if tags.DOUBT in known else ""
    return _plain(f"{known[tags.PEOPLE]} found, {followed}{doubt}")


def _edited(known: Mapping[str, str]) -> str:
    if tags.EDITED_FROM not in known:
        return ""
    return _plain(f"{known.get(tags.EDITED, '')}; from run {known[tags.EDITED_FROM]}")


def _movement(metrics: Mapping[str, float]) -> str:
    names = [name for name in metrics if name.startswith("movement/")][:_MOST]
    words = ((name.partition("/")[2].replace("_", " "), metrics[name]) for name in names)
    return ", ".join(f"{word} {value:.4g}" for word, value in words)


def _plain(text: str) -> str:
    """Text in which no letter is Markdown's."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|~" else c for c in text)


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`" if text else "no video"
