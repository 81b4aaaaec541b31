"""MLflow: log a run, find runs, load a run back. Nothing else imports mlflow."""

from __future__ import annotations

import contextlib
import html
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import numpy as np

from posexp.errors import ConfigError, TrackingError
from posexp.poses import PoseSequence

SERIES_POINTS = 3000
"""Points of a per-frame series that are logged; longer videos are thinned evenly."""

RECORD = "run.json"
# MLflow would retry for minutes, look up an outside host, and talk a lot.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}

_BATCH = 1000  # metrics that MLflow takes in one request


@dataclass
class TrackingSettings:
    """Where runs are logged.

    Parameters
    ----------
    uri : str, optional
        MLflow tracking URI; failing that ``$MLFLOW_TRACKING_URI``, then `folder`.
    folder : str
        Holds ``mlflow.db``, ``artifacts/``, and ``pending/`` for what is not logged yet.
    experiment : str
        MLflow experiment.
    run_name : str, optional
        Name of the run; model and video by default.
    """

    uri: str | None = None
    folder: str = "mlruns"
    experiment: str = "posexp"
    run_name: str | None = None


@dataclass
class RunRecord:
    """All that one run logs besides its files; kept as run.json until it is in MLflow.

    Parameters
    ----------
    name, experiment : str
        Of the run.
    params, tags : dict
        Flat, str to str.
    metrics : dict
        Name to value.
    steps : list of int
        Frames of the series.
    series : dict
        Name to a value per step.
    dataset : dict
        ``name, digest, source`` of the video.
    status : {"RUNNING", "FINISHED", "FAILED", "KILLED"}
        As MLflow has it.
    start_ms, end_ms : int
        ms since 1970.
    run_id : str, optional
        In MLflow, once it is there.
    """

    name: str
    experiment: str
    params: dict[str, str]
    tags: dict[str, str]
    dataset: dict[str, str]
    metrics: dict[str, float] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=dict)
    status: str = "RUNNING"
    start_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    end_ms: int | None = None
    run_id: str | None = None

    def add_series(self, poses: PoseSequence, series: dict[str, Any]) -> None:
        """Take per-frame series, thinned to `SERIES_POINTS`."""
        self.steps, values = thinned(poses, series)
        self.series |= values

    def save(self, folder: Path) -> None:
        """Write run.json, whole or not at all."""
        part = folder / (RECORD + ".part")
        part.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1), encoding="utf-8")
        part.replace(folder / RECORD)


def thinned(
    poses: PoseSequence, series: dict[str, Any]
) -> tuple[list[int], dict[str, list[float]]]:
    """Frames and per-frame series, thinned evenly to `SERIES_POINTS`."""
    every = -(-len(poses) // SERIES_POINTS)
    steps = [int(frame) for frame in poses.frame[::every]]
    values = {k: [round(float(v), 6) for v in column[::every]] for k, column in series.items()}
    return steps, values


@dataclass(frozen=True)
class Run:
    """A logged run.

    Attributes
    ----------
    id, name, status : str
        As in MLflow.
    params, tags : dict
        str to str.
    metrics : dict
        Last value by name.
    artifacts : str
        Folder or URI of its files.
    experiment_id : str
        Of its experiment.
    uri : str
        Of the store.
    start_ms : int
        When it began, ms since 1970.
    """

    id: str
    name: str
    status: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]
    artifacts: str
    experiment_id: str
    uri: str
    start_ms: int = 0

    @property
    def page(self) -> str:
        """Address of the run in the UI."""
        return f"{self._pages}/{self.id}?workflowType=machine_learning"

    @property
    def compare_page(self) -> str:
        """Address of the charts of all runs of the same video."""
        same = f'tags.`video.sha256` = "{self.tags["video.sha256"]}"'
        view = f"searchFilter={quote(same)}&compareRunsMode=CHART"
        return f"{self._pages}?workflowType=machine_learning&{view}"

    @property
    def _pages(self) -> str:
        base = self.uri.rstrip("/") if is_server(self.uri) else "http://127.0.0.1:5000"
        return f"{base}/#/experiments/{self.experiment_id}/runs"

    def _repr_html_(self) -> str:
        """For notebooks: what it was, what came out, and where it is."""
        keys = ("tracking/frames", "tracking/tracked_share", "jitter/torso", "error/mean_px",
                "pck/0.10")  # fmt: skip
        rows = [
            ("model", self.params.get("model", "")),
            ("video", self.tags.get("video", "")),
            ("status", self.status),
            *((key, f"{self.metrics[key]:.4g}") for key in keys if key in self.metrics),
            ("files", self.artifacts),
        ]
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(k)}</th>"
            f"<td style='text-align:left'>{html.escape(v)}</td></tr>"
            for k, v in rows
        )
        link = html.escape(self.page, quote=True)
        return (
            f"<b>{html.escape(self.name)}</b> <code>{html.escape(self.id[:8])}</code> "
            f'<a href="{link}" target="_blank">page in the MLflow UI</a><table>{cells}</table>'
        )

    def file(self, path: str) -> Path:
        """One artifact, such as ``overlay/overlay.mp4``; a copy when it is on a server.

        Raises
        ------
        TrackingError
            When the run has no such artifact, or its files have moved.
        """
        local = Path(self.artifacts) / path
        if local.is_file():
            return local
        import mlflow.artifacts
        from mlflow.exceptions import MlflowException

        try:
            return Path(
                mlflow.artifacts.download_artifacts(
                    run_id=self.id, artifact_path=path, tracking_uri=self.uri
                )
            )
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"run {self.name} ({self.id})", f"expected the artifact {path}, found none",
                f"Were the files in {self.artifacts} moved or deleted?",
            ) from error  # fmt: skip

    def poses(self) -> PoseSequence:
        """The keypoints that the run extracted, all joints."""
        return PoseSequence.read(self.file("keypoints/keypoints.parquet"))


@dataclass(frozen=True)
class Store:
    """An MLflow store that answers.

    Parameters
    ----------
    uri : str
        Tracking URI, absolute.
    folder : Path
        Where a local store keeps its artifacts.
    """

    uri: str
    folder: Path

    @property
    def _client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.uri)

    def page(self, experiment: str, port: int) -> str:
        """Address of an experiment's runs in the UI that `ui_command` serves."""
        with self._answering():
            number = self._experiment(experiment)
        # Without the workflow type a new browser lands on a page that shows no runs.
        return f"http://127.0.0.1:{port}/#/experiments/{number}/runs?workflowType=machine_learning"

    def start(self, record: RunRecord) -> None:
        """Create the run, so that the UI shows it as running."""
        with self._answering():
            client = self._client
            experiment = self._experiment(record.experiment)
            run = client.create_run(
                experiment, start_time=record.start_ms, tags=record.tags, run_name=record.name
            )
            record.run_id = run.info.run_id
            from mlflow.entities import Dataset, DatasetInput, Param

            client.log_batch(
                record.run_id, params=[Param(key, value) for key, value in record.params.items()]
            )
            source = json.dumps({"uri": record.dataset["source"]})
            dataset = Dataset(record.dataset["name"], record.dataset["digest"], "local", source)
            client.log_inputs(record.run_id, [DatasetInput(dataset)])

    def finish(self, record: RunRecord, folder: Path) -> Run:
        """Log figures and files, and close the run."""
        with self._answering():
            from mlflow.entities import RunTag

            client, run_id = self._client, str(record.run_id)
            stamp = record.end_ms or int(time.time() * 1000)
            self._log_metrics(run_id, record.metrics, record.steps, record.series, stamp)
            # Tags once more: some are known only at the end.
            client.log_batch(run_id, tags=[RunTag(k, v) for k, v in record.tags.items()])
            if (folder / "artifacts").is_dir():
                client.log_artifacts(run_id, str(folder / "artifacts"))
            for table in sorted((folder / "artifacts" / "tables").glob("*.csv")):
                # For MLflow's evaluation view, which lays tables of several runs side by side.
                client.log_table(run_id, _read_table(table), f"tables/{table.stem}.json")
            for picture in sorted((folder / "images").glob("*.png")):
                image = _read_image(picture)
                client.log_image(
                    run_id, image, key="overlay", step=int(picture.stem), synchronous=True
                )
            client.set_terminated(run_id, status=record.status, end_time=record.end_ms)
            return self.run(run_id)

    def add(
        self,
        run: Run,
        metrics: dict[str, float],
        steps: list[int],
        series: dict[str, list[float]],
        tags: dict[str, str],
        folder: Path,
    ) -> Run:
        """Add figures and files to a run that is finished; the same names are replaced."""
        with self._answering():
            from mlflow.entities import RunTag

            self._log_metrics(run.id, metrics, steps, series, int(time.time() * 1000))
            self._client.log_batch(run.id, tags=[RunTag(k, v) for k, v in tags.items()])
            self._client.log_artifacts(run.id, str(folder))
            return self.run(run.id)

    def _log_metrics(
        self,
        run_id: str,
        metrics: dict[str, float],
        steps: list[int],
        series: dict[str, list[float]],
        stamp: int,
    ) -> None:
        from mlflow.entities import Metric

        entries = [Metric(key, value, stamp, 0) for key, value in metrics.items()]
        for name, values in series.items():
            pairs = zip(steps, values, strict=True)
            entries += [Metric(name, value, stamp, step) for step, value in pairs]
        for first in range(0, len(entries), _BATCH):
            self._client.log_batch(run_id, metrics=entries[first : first + _BATCH])

    def run(self, run_id: str) -> Run:
        """One run by its id, a unique beginning of it, or ``last``."""
        from mlflow.exceptions import MlflowException

        with self._answering():
            if run_id != "last":
                try:
                    return self._run(self._client.get_run(run_id))
                except MlflowException:
                    pass
            if run_id == "last":
                found = self._search("tags.video LIKE '%'", 1)
            else:
                found = [run for run in self._search("") if run.info.run_id.startswith(run_id)]
        if len(found) != 1:
            raise TrackingError(
                f"run {run_id}", f"expected one run in {self.uri}, found {len(found) or 'none'}",
                "`python -m posexp ui` shows the runs and their ids",
            )  # fmt: skip
        return self._run(found[0])

    def search(self, tags: dict[str, str], most: int = 1000) -> list[Run]:
        """Runs of extractions that have all these tags, newest first."""
        parts = ["tags.video LIKE '%'"]
        parts += [f"tags.`{key}` = '{_plain(value)}'" for key, value in tags.items()]
        with self._answering():
            return [self._run(run) for run in self._search(" AND ".join(parts), most)]

    def _search(self, filter_string: str, most: int = 1000) -> list[Any]:
        client = self._client
        experiments = [e.experiment_id for e in client.search_experiments()]
        order = ["attributes.start_time DESC"]
        return list(
            client.search_runs(experiments, filter_string, order_by=order, max_results=most)
        )

    def _run(self, run: Any) -> Run:
        info, data = run.info, run.data
        artifacts = info.artifact_uri
        if artifacts.startswith("file:"):  # spaces and letters such as å are escaped in it
            artifacts = url2pathname(urlsplit(artifacts).path)
        return Run(
            info.run_id, info.run_name, info.status, dict(data.params), dict(data.tags),
            dict(data.metrics), artifacts, info.experiment_id, self.uri,
            int(info.start_time or 0),
        )  # fmt: skip

    def _experiment(self, name: str) -> str:
        client = self._client
        known = client.get_experiment_by_name(name)
        if known is not None:
            if known.lifecycle_stage == "deleted":
                raise TrackingError(
                    "tracking.experiment", f"{name!r} was deleted in MLflow",
                    "Restore it there, or choose another name",
                )  # fmt: skip
            return str(known.experiment_id)
        if is_server(self.uri):
            return str(client.create_experiment(name))
        folder = self.folder.resolve() / "artifacts" / _ascii(name)
        return str(client.create_experiment(name, artifact_location=folder.as_uri()))

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn MLflow's and the network's errors into one line."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise _no_answer(self.uri, error) from error


def is_server(uri: str) -> bool:
    """Whether a server runs already and no `posexp ui` is needed."""
    return uri.startswith(("http://", "https://"))


def open_store(settings: TrackingSettings) -> Store:
    """The store that the settings name, made when it is a local one that does not exist.

    Raises
    ------
    TrackingError
        When a server does not answer, or a folder cannot be written.
    ConfigError
        For a URI of another kind.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    folder = Path(settings.folder).expanduser()
    uri = settings.uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        make_folder(folder)
        uri = f"sqlite:///{(folder / 'mlflow.db').resolve()}"
    elif is_server(uri):
        _ask(uri)
    elif not uri.startswith(("sqlite:///", "postgresql", "mysql", "mssql")):
        raise ConfigError(
            "tracking.uri", f"expected http://..., https://... or sqlite:///..., got {uri!r}",
            "For a folder set tracking.folder",
        )  # fmt: skip
    return Store(uri, folder)


def make_folder(folder: Path) -> Path:
    """Create a folder for results; TrackingError when that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise TrackingError(
            folder, f"results cannot be written there ({error.strerror})",
            "Free some space, or set tracking.folder to a folder of yours",
        ) from error  # fmt: skip
    return folder


def log_record(store: Store, folder: Path, record: RunRecord | None = None) -> Run:
    """Log a folder of results (run.json, artifacts/, images/) and remove it when it is in.

    Raises
    ------
    TrackingError
        When the store stops answering; the folder is kept.
    """
    record = record or RunRecord(**json.loads((folder / RECORD).read_text(encoding="utf-8")))
    if record.run_id is None:
        store.start(record)
        record.save(folder)
    run = store.finish(record, folder)
    shutil.rmtree(folder)
    return run


def pending(settings: TrackingSettings) -> list[Path]:
    """Folders of results that are complete but not in MLflow yet, oldest first."""
    folder = Path(settings.folder).expanduser() / "pending"
    found = []
    for record in sorted(folder.glob(f"*/{RECORD}")):
        if json.loads(record.read_text(encoding="utf-8"))["status"] != "RUNNING":
            found.append(record.parent)
    return found


def ui_command(store: Store, port: int) -> list[str]:
    """The command that serves the UI of a store, on this machine only."""
    import sys

    return [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store.uri,
        "--default-artifact-root", (store.folder.resolve() / "artifacts").as_uri(),
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip


def _ask(uri: str) -> None:
    import requests

    try:
        requests.get(f"{uri.rstrip('/')}/health", timeout=5).raise_for_status()
    except requests.RequestException as error:
        raise _no_answer(uri, error) from error


def _no_answer(uri: str, error: Exception) -> TrackingError:
    import requests

    if is_server(uri):
        down = isinstance(error, requests.RequestException)
        reason = "no answer" if down else str(error).splitlines()[0][:160]
        return TrackingError(uri, f"the MLflow server does not work ({reason})", "Is it running?")
    return TrackingError(
        uri, f"the MLflow store does not work ({str(error).splitlines()[0][:160]})",
        "Is its folder writable, with space left?",
    )  # fmt: skip


def _plain(value: str) -> str:
    """A value for a filter: MLflow has no way to write a quote in one."""
    return value.replace("'", "").replace("\\", "")


def _ascii(name: str) -> str:
    """A folder name for an experiment: MLflow's links break on anything but ASCII."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)


def _read_table(path: Path) -> Any:
    import pandas as pd

    return pd.read_csv(path)


def _read_image(path: Path) -> np.ndarray[Any, Any]:
    import imageio.v3 as iio

    return np.asarray(iio.imread(path))
