"""What an evaluation adds to a run: metrics, a series of frames, and tags of the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from posexp.files import sha256_of
from posexp.measure.evaluation import Evaluation
from posexp.store import tags


def metrics(evaluation: Evaluation) -> dict[str, float]:
    """The metrics that a store can keep: finite ones."""
    return {name: v for name, v in evaluation.metrics().items() if np.isfinite(v)}


def error_series(evaluation: Evaluation, known: dict[str, str]) -> dict[str, Any]:
    """Per-frame figures for the store, which keeps all that it ever had of a series.

    So the series has the name of its truth, by the `truth_tags`, unless that is the run's first.
    """
    digest = known[tags.TRUTH_SHA256]
    other = "" if digest == known[tags.FIRST_TRUTH_SHA256] else f"-{digest[:8]}"
    return {f"frame_error/body_px{other}": evaluation.frame_error()}


def truth_tags(path: Path, before: dict[str, str]) -> dict[str, str]:
    """Which truth it was, and which was the first; `before` are the run's tags."""
    digest = sha256_of(path)
    first = before.get(tags.FIRST_TRUTH_SHA256, before.get(tags.TRUTH_SHA256, digest))
    return {
        tags.TRUTH: str(path.resolve()), tags.TRUTH_SHA256: digest, tags.FIRST_TRUTH_SHA256: first
    }  # fmt: skip


def is_part(params: dict[str, str]) -> bool:
    """Whether a run saw a part of its video only."""
    return float(params.get("video.start", 0)) > 0 or params.get("video.stop", "None") != "None"
