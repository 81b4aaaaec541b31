"""The table in which runs are chosen: what it lists, and which words a search understands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets

from posexp.store import tags
from posexp.store.filters import KEYED
from posexp.store.run import Run

_HERE = Path(__file__).parent
COLUMNS = ("variant", "video", "sweep", "date", "duration", "result")


class RunTable(anywidget.AnyWidget):
    """Runs as rows; ``value`` are the ids of those that are chosen, in any order of the rows."""

    _esm = _HERE / "table.js"
    _css = _HERE / "table.css"

    columns = traitlets.List(list(COLUMNS)).tag(sync=True)
    rows = traitlets.List().tag(sync=True)
    value = traitlets.List().tag(sync=True)
    sorted = traitlets.Int(-1).tag(sync=True)
    descending = traitlets.Bool(False).tag(sync=True)

    @property
    def ids(self) -> list[str]:
        """Of the runs that are listed, newest first."""
        return [row["id"] for row in self.rows]


def row_of(run: Run) -> dict[str, Any]:
    """A run's ``id``, its ``cells`` as text, and the ``keys`` by which its columns are sorted."""
    frames, rate = run.metrics.get("tracking/frames"), float(run.tags.get("video.fps") or 0)
    seconds = frames / rate if frames and rate else None
    tracked, error = (run.metrics.get(n) for n in ("tracking/tracked_share", "error/mean_px"))
    said = []
    if run.status != "FINISHED":
        said.append(run.status.lower())
    if error is not None:
        said.append(f"error {error:.2f} px")
    if tracked is not None:
        said.append(f"{tracked:.1%} tracked")
    video, sweep = run.video.name if run.video else "", run.tags.get(tags.SWEEP, "")
    cells = [
        _variant(run), video, sweep,
        pd.Timestamp(run.start_ms, unit="ms").strftime("%Y-%m-%d %H:%M"),
        "" if seconds is None else f"{seconds:.1f} s", ", ".join(said),
    ]  # fmt: skip
    keys = [_variant(run), video, sweep, run.start_ms, seconds, tracked]
    return {"id": run.id, "cells": cells, "keys": keys}


def _variant(run: Run) -> str:
    person = run.params.get("person.who", "")
    mode = run.params.get("model.mode", "")
    more = [mode if mode != "stream" else "", f"person={person}" if _is_one(person) else ""]
    return " ".join([run.model or "?", *(text for text in more if text)])


def _is_one(person: str) -> bool:
    """Whether somebody in particular was asked for."""
    return person not in ("", "off", "auto")


_SHORT = {"sweep": tags.SWEEP, "variant": tags.MODEL, "person": "person.who"}


def understood(search: str) -> tuple[str, list[str], list[str]]:
    """The words of a search as the store takes them.

    Returns
    -------
    str, list of str, list of str
        The search; its keys; the words that mean nothing, which are left out of it.
    """
    words, keys, strange = [], [], []
    for word in search.split():
        if keyed := KEYED.fullmatch(word):
            keys.append(_SHORT.get(keyed[1], keyed[1]))
            words.append(f"{keys[-1]}={keyed[2]}")
        elif re.search(r"[<>=!\"'`%()]", word) or word in ("AND", "OR", "LIKE"):
            strange.append(word)
        else:
            words.append(word)
    return " ".join(words), keys, strange
