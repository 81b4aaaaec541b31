"""How MLflow's UI shows an experiment of ours: which columns, which charts first.

The UI keeps a view that somebody shares in a tag of the experiment, as JSON, and opens it for
``viewStateShareKey`` in the address. So a link is short, and no browser needs to be set up.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from posexp.store import tags
from posexp.store.filters import tagged

ARTIFACT, TABLE = "artifact:", "table:"
"""Begin, in a description, the link to a file of the run, and to all runs."""

_SHARED = "mlflow.sharedViewState."
_RUNS, _COMPARISONS = "runs", "comparisons"

_COLUMNS = (
    "attributes.`Duration`", "metrics.`tracking/tracked_share`", "metrics.`error/mean_px`",
    "metrics.`jitter/residual_torso`", "metrics.`tracking/longest_gap_s`",
    "metrics.`movement/repetitions`", f"tags.`{tags.WARNINGS}`", f"params.`{tags.MODEL}`",
)  # fmt: skip
_TABLE = {
    "orderByKey": f"tags.`{tags.VIDEO}`", "orderByAsc": True, "selectedColumns": [*_COLUMNS],
}  # fmt: skip
_FIRST = (
    ("error/mean_px", "error, mean (px)"), ("error/mean_torso", "error / torso length"),
    ("jitter/residual_torso", "jitter / torso length"),
    ("tracking/longest_gap_s", "longest gap (s)"),
    ("tracking/tracked_share", "tracked (share of frames)"),
    ("movement/repetitions", "repetitions"),
)  # fmt: skip
_LEFT_OUT = tuple(
    f"confidence/{name}"
    for name in ("mean", "median", "sd", "p05", "p95", "above_threshold", "arms", "torso", "legs")
)
"""Models mean different things by it, so that bars beside each other would mislead."""


def runs_tags() -> dict[str, str]:
    """Tags of an experiment of runs, by which the UI knows how to show it."""
    return _tagged({_RUNS: _TABLE})


def sweep_tags(sweep: str) -> dict[str, str]:
    """The same for the charts of the runs of a sweep."""
    charts = {
        "searchFilter": tagged({tags.SWEEP: sweep}),
        "compareRunSections": [
            {"uuid": "results", "name": "results", "display": True, "isReordered": True}
        ],
        "compareRunCharts": [
            *(_bar(metric, name) for metric, name in _FIRST),
            *({**_bar(metric, metric), "deleted": True} for metric in _LEFT_OUT),
        ],
        "isAccordionReordered": True,
    }
    return _tagged({_key(sweep): {**_TABLE, **charts}})


def comparisons_tags() -> dict[str, str]:
    """Tags of an experiment of comparisons."""
    columns = ["attributes.`Duration`", f"tags.`{tags.COMPARED}`"]
    return _tagged({_COMPARISONS: {"orderByKey": f"tags.`{tags.COMPARED}`", "orderByAsc": True,
                                   "selectedColumns": columns}})  # fmt: skip


def table_query() -> str:
    """What stands behind ``?`` in the address of the table of runs."""
    return _query(_RUNS, "TABLE")


def comparisons_route(experiment_id: str, run_id: str) -> str:
    """The comparisons of a run inside the UI, those that are not deleted."""
    wanted = quote(f"params.runs LIKE '%{run_id}%'")
    return f"#/experiments/{experiment_id}/runs?workflowType=machine_learning&searchFilter={wanted}"


def sweep_query(sweep: str) -> str:
    """The same of the charts of a sweep."""
    return _query(_key(sweep), "CHART")


def _key(sweep: str) -> str:
    """What the address calls a sweep, whose own name may be of any letters."""
    return f"sweep-{hashlib.sha256(sweep.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _query(view: str, mode: str) -> str:
    return f"workflowType=machine_learning&viewStateShareKey={view}&compareRunsMode={mode}"


def _bar(metric: str, name: str) -> dict[str, Any]:
    return {
        "type": "BAR", "uuid": metric, "metricSectionId": "results", "metricKey": metric,
        "displayName": name, "isGenerated": False, "deleted": False,
    }  # fmt: skip


def _tagged(views: dict[str, dict[str, Any]]) -> dict[str, str]:
    shared = {f"{_SHARED}{name}": json.dumps(view) for name, view in views.items()}
    # Without the kind, a new browser lands on a page for language models, which shows no runs.
    return {"mlflow.experimentKind": "custom_model_development", **shared}
