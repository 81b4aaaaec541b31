"""The MLflow store: runs are created, filled and closed; each may have been begun before.

Only this folder imports mlflow.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from posexp.errors import Refused, TrackingError
from posexp.files import PART, whole
from posexp.store import tags as names
from posexp.store.address import ARTIFACTS, DATABASE, folder_name, is_server, no_answer, sqlite
from posexp.store.finder import Finder
from posexp.store.locks import store_lock
from posexp.store.models import model_input, model_metrics
from posexp.store.outbox import ResultFolder
from posexp.store.record import RunRecord
from posexp.store.run import Run
from posexp.store.views import (
    ARTIFACT,
    TABLE,
    comparisons_tags,
    runs_tags,
    sweep_tags,
    table_query,
)  # fmt: skip

_BATCH, _FEW = 1000, 100  # metrics; tags or params: so many does MLflow take in one request
_NO_SUCH = "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class Store(Finder):
    """An MLflow store that answers: what is in it is found, and more is put into it."""

    def page(self, experiment: str, port: int) -> str:
        """Address of an experiment's runs in the UI that `posexp ui` serves."""
        with self.answering():
            number = self.experiment_id(experiment)
        return f"http://127.0.0.1:{port}/#/experiments/{number}/runs?{table_query()}"

    def prepare(self, experiment: str, sweep: str = "") -> None:
        """Make the experiment, and the view of a sweep, before many processes want it at once."""
        views = {**runs_tags(), **(sweep_tags(sweep) if sweep else {})}
        with self.answering():
            self.experiment_id(experiment, views)

    def start(self, record: RunRecord, again: bool = False) -> None:
        """Create the run, so that the UI shows it as running.

        Parameters
        ----------
        record : RunRecord
            Gets the run's id.
        again : bool
            It may have been created before, by a process that died; then that run is taken.
        """
        with self.answering():
            client = self.client
            views = comparisons_tags if record.tags.get(names.KIND) else runs_tags
            experiment = self.experiment_id(record.experiment, views())
            if again:
                record.run_id = self._begun(record)
            tags = {names.KEY: record.key, **record.tags}
            if record.run_id is None:
                run = client.create_run(
                    experiment, start_time=record.start_ms, tags=dict(_some(tags)[0]),
                    run_name=record.name,
                )  # fmt: skip
                record.run_id = run.info.run_id
            for part in _some(tags)[1:]:
                client.log_batch(record.run_id, tags=[RunTag(*pair) for pair in part])
            for part in _some(record.params):
                client.log_batch(record.run_id, params=[Param(*pair) for pair in part])
            source = json.dumps({"uri": record.dataset["source"]})
            dataset = Dataset(record.dataset["name"], record.dataset["digest"], "local", source)
            models = model_input(client, experiment, record)
            client.log_inputs(record.run_id, [DatasetInput(dataset)], models)

    def finish(self, record: RunRecord, folder: Path) -> Run:
        """Log figures and files, and close the run; also when that may have been begun before.

        In a sweep there is one run per job: it replaces older ones of the same fingerprint that
        did not finish and, when it did, those that did too. MLflow keeps them as deleted.
        """
        with self.answering():
            client, run_id = self.client, str(record.run_id)
            stamp = record.end_ms or record.start_ms
            run = client.get_run(run_id)
            of_model = model_metrics(run, record, stamp)
            _log_metrics(
                client, run_id, record.metrics, record.steps, record.series, stamp, of_model
            )
            _log_tags(client, run_id, _linked(self._run(run), record.tags))  # some are new
            if (folder / "artifacts").is_dir():
                client.log_artifacts(run_id, str(folder / "artifacts"))
            client.set_terminated(run_id, status=record.status, end_time=record.end_ms)
            if record.job is not None:
                self._replace_older(record, names.job_tags(record.job))
            return self.run(run_id)

    def log(self, folder: ResultFolder, record: RunRecord, again: bool = False) -> Run:
        """Log a folder of results (run.json, artifacts/) and remove it when it is in.

        Parameters
        ----------
        folder, record : ResultFolder, RunRecord
            What; this process owns it.
        again : bool
            Another process may have begun to log it, and died. Nothing is logged twice.

        Raises
        ------
        TrackingError
            When the store stops answering, or refuses it (`Refused`); the folder is kept.
        """
        if again or record.run_id is None:
            self.start(record, again=True)
            record.save(folder.path)
        run = self.finish(record, folder.path)
        folder.remove()
        return run

    def close(self, record: RunRecord, reason: str) -> None:
        """End a run whose results are not to be had, as far as the store lets us."""
        if record.run_id is None:
            return
        with contextlib.suppress(TrackingError), self.answering():
            _log_tags(self.client, record.run_id, {names.ERROR: reason})
            status = "FAILED" if record.status == "FINISHED" else record.status
            self.client.set_terminated(record.run_id, status=status, end_time=record.end_ms)

    def add(
        self,
        run: Run,
        metrics: dict[str, float],
        steps: list[int],
        series: dict[str, list[float]],
        tags: dict[str, str],
        folder: Path,
        groups: Collection[str] = (),
    ) -> Run:
        """Add figures and files to a run that is finished; the same names are replaced.

        Metrics of `groups` (prefixes) that are not among the new ones become NaN, and files in
        ``evaluation/`` that are not go: all that a run says is of one truth. MLflow deletes no
        metrics (mlflow#2973); for a `Run`, NaN is none.
        """
        with self.answering():
            before = self.run(run.id).metrics
            gone = {k for k in before if k.partition("/")[0] in groups} - set(metrics)
            metrics = {**dict.fromkeys(sorted(gone), float("nan")), **metrics}
            _log_metrics(self.client, run.id, metrics, steps, series, int(time.time() * 1000))
            _log_tags(self.client, run.id, _linked(run, tags))
            self._remove_others(run.id, folder, "evaluation")
            self.client.log_artifacts(run.id, str(folder))
            return self.run(run.id)

    def describe(self, run_id: str, change: Callable[[str], str]) -> None:
        """Change a run's description, in which a person may have written too."""
        with self.answering():
            text = self.client.get_run(run_id).data.tags.get(names.DESCRIPTION, "")
            if (changed := change(text)) != text:
                self.client.set_tag(run_id, names.DESCRIPTION, changed)

    def reject(self, folder: ResultFolder, record: RunRecord, error: Exception) -> Path:
        """Move results aside that cannot be logged; their run, if it was begun, says why."""
        reason = record.reason(error)
        self.close(record, reason)
        return folder.reject(reason)

    def _begun(self, record: RunRecord) -> str | None:
        """The run that another process has created for the record in this store, if it did."""
        if record.run_id is not None:
            try:
                run = self.client.get_run(record.run_id)
            except MlflowException as error:
                if error.error_code != _NO_SUCH:
                    raise
            else:
                if run.data.tags.get(names.KEY) == record.key:
                    if run.info.lifecycle_stage == "deleted":
                        raise Refused(
                            f"run {record.name} ({record.run_id})", "was deleted in MLflow",
                            "Restore it there",
                        )  # fmt: skip
                    return record.run_id
        known = self.find(most=1, tags={names.KEY: record.key})
        return known[0].info.run_id if known else None

    def _replace_older(self, record: RunRecord, same: dict[str, str]) -> None:
        replaced = {"FAILED", "KILLED"} | ({"FINISHED"} & {record.status})
        for other in self.find(tags=same):
            if other.info.run_id == record.run_id:
                continue
            if other.info.status in replaced:
                self.client.delete_run(other.info.run_id)
            elif other.info.status == "FINISHED":  # done by another process meanwhile
                self.client.delete_run(record.run_id)
                return

    def _remove_others(self, run_id: str, folder: Path, name: str) -> None:
        """Remove artifacts in `name` that have no namesake in `folder`."""
        for file in self.client.list_artifacts(run_id, name):
            if not (folder / file.path).exists():
                uri = self.client.get_run(run_id).info.artifact_uri
                get_artifact_repository(uri, tracking_uri=self.uri).delete_artifacts(file.path)

    def experiment_id(self, name: str, views: dict[str, str] | None = None) -> str:
        """The experiment's id; it is made when there is none yet, perhaps by two at once.

        It gets the tags by which the UI shows it well: `views`, by default those of runs.
        """
        client = self.client
        views = runs_tags() if views is None else views
        known = client.get_experiment_by_name(name)
        if known is None:
            folder = self.folder.resolve() / ARTIFACTS / folder_name(name)
            location = None if is_server(self.uri) else folder.as_uri()
            try:
                if location:  # so that a copy of the store has it too, and is known by it
                    folder.mkdir(parents=True, exist_ok=True)
                return str(client.create_experiment(name, location, views))
            except MlflowException:
                known = client.get_experiment_by_name(name)
                if known is None:
                    raise
        if known.lifecycle_stage == "deleted":
            raise Refused(
                "tracking.experiment", f"{name!r} was deleted in MLflow",
                "Restore it there, or choose another name",
            )  # fmt: skip
        for key in [key for key, value in views.items() if known.tags.get(key) != value]:
            with contextlib.suppress(MlflowException):  # a server that does not let us
                client.set_experiment_tag(known.experiment_id, key, views[key])
        return str(known.experiment_id)


def create(folder: Path) -> None:
    """Make a local store: of processes that open a new database at once, all but one crash."""
    path = folder / DATABASE
    if path.exists():
        return
    with store_lock(folder):
        if path.exists():
            return
        for part in folder.glob(f".*{PART}*"):  # with its journal, of one who died making it
            part.unlink(missing_ok=True)
        try:
            # Whole or not at all: half a database is refused ever after.
            with whole(path) as part, (store := Store(sqlite(part), folder)).answering():
                store.client.search_experiments(max_results=1)
        except TrackingError as error:
            raise TrackingError(path, error.problem, error.remedy) from error
        except OSError as error:
            raise no_answer(sqlite(path), error) from error


def _linked(run: Run, tags: dict[str, str]) -> dict[str, str]:
    """Tags whose description has links that work in the UI: they need the run's id."""
    text = tags.get(names.DESCRIPTION)
    if text is None:
        return tags
    text = text.replace(f"({ARTIFACT}", f"({run.route}/artifacts/")
    return {**tags, names.DESCRIPTION: text.replace(f"({TABLE})", f"({run.table_route})")}


def _log_metrics(
    client: MlflowClient,
    run_id: str,
    metrics: dict[str, float],
    steps: list[int],
    series: dict[str, list[float]],
    stamp: int,
    more: Sequence[Metric] = (),
) -> None:
    entries = [*more] + [Metric(key, value, stamp, 0) for key, value in metrics.items()]
    for name, values in series.items():
        pairs = zip(steps, values, strict=True)
        entries += [Metric(name, value, stamp, step) for step, value in pairs]
    for first in range(0, len(entries), _BATCH):
        client.log_batch(run_id, metrics=entries[first : first + _BATCH])


def _log_tags(client: MlflowClient, run_id: str, tags: dict[str, str]) -> None:
    for part in _some(tags):
        client.log_batch(run_id, tags=[RunTag(*pair) for pair in part])


def _some(tags: dict[str, str]) -> list[list[tuple[str, str]]]:
    """Tags or params in as many as MLflow takes at once; one part at least."""
    pairs = list(tags.items())
    return [pairs[first : first + _FEW] for first in range(0, len(pairs) or 1, _FEW)]
