"""Weights as models of MLflow, one per sha256: its Models tab compares the variants by them."""

from __future__ import annotations

from typing import Any

from mlflow.entities import LoggedModelInput, LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_IS_EXTERNAL

from posexp.store import tags
from posexp.store.record import RunRecord

_COMPARED = (
    "error/mean_px", "error/mean_torso", "pck/0.10", "jitter/residual_torso",
    "tracking/tracked_share", "tracking/longest_gap_s", "movement/repetitions",
)  # fmt: skip
"""Confidence is not among them: models mean different things by it."""


def model_input(client: Any, experiment: str, record: RunRecord) -> list[LoggedModelInput]:
    """The model of a record's weights, which is made when there is none yet, for the run to link.

    Empty for runs without weights, and for servers that know no such models.
    """
    sha256 = record.tags.get(tags.WEIGHTS_SHA256)
    if not sha256:
        return []
    try:
        known = client.search_logged_models(
            [experiment], f"tags.`{tags.WEIGHTS_SHA256}` = '{sha256}'", max_results=1
        )
        if known:
            return [LoggedModelInput(known[0].model_id)]
        made = client.create_logged_model(
            experiment, f"{record.params.get(tags.MODEL, 'model')}-{sha256[:8]}",
            tags={
                MLFLOW_MODEL_IS_EXTERNAL: "true", tags.WEIGHTS_SHA256: sha256,
                tags.WEIGHTS_SOURCE: record.tags.get(tags.WEIGHTS_SOURCE, ""),
            },
            model_type="pose",
        )  # fmt: skip
        client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)
        return [LoggedModelInput(made.model_id)]
    except MlflowException:
        return []


def model_metrics(run: Any, record: RunRecord, stamp: int) -> list[Metric]:
    """The figures of a run once more, as those of its model on its video."""
    linked = run.inputs.model_inputs if run.inputs else None
    if not linked or record.status != "FINISHED":
        return []
    video, digest = record.dataset["name"], record.dataset["digest"]
    return [
        Metric(name, record.metrics[name], stamp, 0, linked[0].model_id, video, digest,
               run.info.run_id)
        for name in _COMPARED if name in record.metrics
    ]  # fmt: skip
