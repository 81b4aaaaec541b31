"""MLflow: log a run, find runs, load a run back. Nothing else imports mlflow."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import numpy as np

from posexp.errors import ConfigError, TrackingError, printable
from posexp.files import at_home
from posexp.pending import ResultFolder, RunRecord, job_tags
from posexp.poses import PoseSequence

SERIES_POINTS = 3000
"""Points of a per-frame series that are logged; longer videos are thinned evenly."""

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
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_KEY = "posexp.key"  # of a run, known before MLflow has given it an id


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
    sweep : str, optional
        What the runs of several videos or variants have in common, the tag ``posexp.sweep``; by
        default made of what ``video=`` names.
    """

    uri: str | None = None
    folder: str = "mlruns"
    experiment: str = "posexp"
    run_name: str | None = None
    sweep: str | None = None


def add_series(record: RunRecord, poses: PoseSequence, series: dict[str, Any]) -> None:
    """Give a record per-frame series, thinned to `SERIES_POINTS`."""
    record.steps, values = thinned(poses, series)
    record.series |= values


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
        return self._charts("video.sha256")

    @property
    def sweep_page(self) -> str:
        """Address of the charts of all runs of the same sweep."""
        return self._charts("posexp.sweep")

    def _charts(self, tag: str) -> str:
        same = quote(f'tags.`{tag}` = "{self.tags.get(tag, "")}"')
        view = f"searchFilter={same}&compareRunsMode=CHART"
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

        cause: Exception | None = None
        try:
            copy = mlflow.artifacts.download_artifacts(
                run_id=self.id, artifact_path=path, tracking_uri=self.uri
            )
            if Path(copy).is_file():
                return Path(copy)
        except (MlflowException, OSError) as error:
            cause = error
        raise TrackingError(
            f"run {self.name} ({self.id})", f"expected the artifact {path}, found none",
            f"Were the files in {self.artifacts} moved or deleted?",
        ) from cause  # fmt: skip

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

    def prepare(self, experiment: str) -> None:
        """Make the experiment before many processes want it at once."""
        with self._answering():
            self._experiment(experiment)

    def start(self, record: RunRecord, again: bool = False) -> None:
        """Create the run, so that the UI shows it as running.

        Parameters
        ----------
        record : RunRecord
            Gets the run's id.
        again : bool
            It may have been created before, by a process that died; then that run is taken.
        """
        from mlflow.entities import Dataset, DatasetInput, Param

        with self._answering():
            client = self._client
            experiment = self._experiment(record.experiment)
            if again and record.run_id is None:
                known = self._search(_tagged({_KEY: record.key}), 1)
                record.run_id = known[0].info.run_id if known else None
            if record.run_id is None:
                tags = {**record.tags, _KEY: record.key}
                run = client.create_run(
                    experiment, start_time=record.start_ms, tags=tags, run_name=record.name
                )
                record.run_id = run.info.run_id
            client.log_batch(
                record.run_id, params=[Param(key, value) for key, value in record.params.items()]
            )
            source = json.dumps({"uri": record.dataset["source"]})
            dataset = Dataset(record.dataset["name"], record.dataset["digest"], "local", source)
            client.log_inputs(record.run_id, [DatasetInput(dataset)])

    def finish(self, record: RunRecord, folder: Path, again: bool = False) -> Run:
        """Log figures and files, and close the run; `again` when that may have been begun before.

        In a sweep there is one run per job: it replaces older ones of the same fingerprint that
        did not finish and, when it did, those that did too. MLflow keeps them as deleted.
        """
        with self._answering():
            from mlflow.entities import RunTag

            client, run_id = self._client, str(record.run_id)
            stamp = record.end_ms or record.start_ms
            self._log_metrics(run_id, record.metrics, record.steps, record.series, stamp)
            # Tags once more: some are known only at the end.
            client.log_batch(run_id, tags=[RunTag(k, v) for k, v in record.tags.items()])
            if (folder / "artifacts").is_dir():
                client.log_artifacts(run_id, str(folder / "artifacts"))
            there = self._pictures(run_id) if again else set()
            for table in sorted((folder / "artifacts" / "tables").glob("*.csv")):
                # For MLflow's evaluation view, which lays tables of several runs side by side.
                client.log_table(run_id, _read_table(table), f"tables/{table.stem}.json")
            for picture in sorted((folder / "images").glob("*.png")):
                if int(picture.stem) not in there:
                    client.log_image(
                        run_id, _read_image(picture), key="overlay", step=int(picture.stem),
                        synchronous=True,
                    )  # fmt: skip
            client.set_terminated(run_id, status=record.status, end_time=record.end_ms)
            if record.job is not None:
                self._replace_older(record, job_tags(record.job))
            return self.run(run_id)

    def _pictures(self, run_id: str) -> set[int]:
        """Steps of the pictures that are logged; their names say them."""
        names = [file.path for file in self._client.list_artifacts(run_id, "images")]
        steps = [re.search(r"[%+]step[%+](\d+)[%+]", name) for name in names]
        return {int(step[1]) for step in steps if step}

    def _replace_older(self, record: RunRecord, same: dict[str, str]) -> None:
        replaced = {"FAILED", "KILLED"} | ({"FINISHED"} & {record.status})
        for other in self._search(_tagged(same)):
            if other.info.run_id != record.run_id and other.info.status in replaced:
                self._client.delete_run(other.info.run_id)

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
                prefix = re.sub(r"[^0-9a-zA-Z]", "", run_id) or "-"
                found = self._search(f"attributes.run_id LIKE '{prefix}%'", 2)
        if len(found) != 1:
            raise TrackingError(
                f"run {run_id}", f"expected one run in {self.uri}, found {len(found) or 'none'}",
                "`python -m posexp ui` shows the runs and their ids",
            )  # fmt: skip
        return self._run(found[0])

    def search(
        self, tags: dict[str, str], most: int | None = 1000, condition: str = ""
    ) -> list[Run]:
        """Runs of extractions that have all these tags, newest first.

        Parameters
        ----------
        tags : dict
            Name to value.
        most : int, optional
            How many, at most; None for all.
        condition : str
            More of MLflow's filter language, such as ``status = 'FINISHED'``.
        """
        with self._answering():
            return [self._run(run) for run in self._search(_extractions(tags, condition), most)]

    def page_of(
        self, tags: dict[str, str], condition: str, size: int, token: str | None = None
    ) -> tuple[list[Run], str | None]:
        """One page of what `search` finds, and the token of the next; None after the last."""
        with self._answering():
            page = self._page(_extractions(tags, condition), size, token)
            return [self._run(run) for run in page], page.token or None

    def _search(self, filter_string: str, most: int | None = None) -> list[Any]:
        """The newest `most` runs, or all, page by page."""
        found: list[Any] = []
        token = None
        while True:
            page = self._page(filter_string, min(1000, most - len(found)) if most else 1000, token)
            found += page
            token = page.token
            if not token or (most and len(found) >= most):
                return found

    def _page(self, filter_string: str, size: int, token: str | None) -> Any:
        client = self._client
        return client.search_runs(
            [e.experiment_id for e in client.search_experiments()], filter_string,
            max_results=size, page_token=token, order_by=["attributes.start_time DESC"],
        )  # fmt: skip

    def _run(self, run: Any) -> Run:
        info, data = run.info, run.data
        artifacts = info.artifact_uri
        if artifacts.startswith("file:"):  # spaces and letters such as å are escaped in it
            artifacts = url2pathname(urlsplit(artifacts).path)
        return Run(
            info.run_id, printable(info.run_name), info.status, _texts(data.params),
            _texts(data.tags), dict(data.metrics), artifacts, info.experiment_id, self.uri,
            int(info.start_time or 0),
        )  # fmt: skip

    def _experiment(self, name: str) -> str:
        """The experiment's id; it is made when there is none yet, perhaps by two at once."""
        from mlflow.exceptions import MlflowException

        client = self._client
        known = client.get_experiment_by_name(name)
        if known is None:
            folder = self.folder.resolve() / "artifacts" / _ascii(name)
            location = None if is_server(self.uri) else folder.as_uri()
            try:
                return str(client.create_experiment(name, artifact_location=location))
            except MlflowException:
                known = client.get_experiment_by_name(name)
                if known is None:
                    raise
        if known.lifecycle_stage == "deleted":
            raise TrackingError(
                "tracking.experiment", f"{name!r} was deleted in MLflow",
                "Restore it there, or choose another name",
            )  # fmt: skip
        return str(known.experiment_id)

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn MLflow's and the network's errors into one line."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise _no_answer(self.uri, error) from error


def _texts(texts: dict[str, str]) -> dict[str, str]:
    """What others may have logged, without what a terminal obeys."""
    return {printable(key): printable(value) for key, value in texts.items()}


def is_server(uri: str) -> bool:
    """Whether a server runs already and no `posexp ui` is needed."""
    return uri.startswith(("http://", "https://"))


def uri_of(settings: TrackingSettings) -> str:
    """The tracking URI that the settings mean."""
    local = at_home(settings.folder) / "mlflow.db"
    return _named_uri(settings) or f"sqlite:///{local.resolve()}"


def _named_uri(settings: TrackingSettings) -> str | None:
    return settings.uri or os.environ.get("MLFLOW_TRACKING_URI")


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
    folder = at_home(settings.folder)
    uri = uri_of(settings)
    if not _named_uri(settings):
        make_folder(folder)
        _create(folder)
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


def log_record(store: Store, folder: ResultFolder, record: RunRecord, again: bool = False) -> Run:
    """Log a folder of results (run.json, artifacts/, images/) and remove it when it is in.

    Parameters
    ----------
    store : Store
        Where to.
    folder, record : ResultFolder, RunRecord
        What; this process owns it.
    again : bool
        Another process may have begun to log it, and died. Nothing is logged twice.

    Raises
    ------
    TrackingError
        When the store stops answering; the folder is kept.
    """
    again = again or record.run_id is None
    if again:
        store.start(record, again=True)
        record.save(folder.path)
    run = store.finish(record, folder.path, again)
    folder.remove()
    return run


def pending_folder(settings: TrackingSettings) -> Path:
    """Where results wait on their way to MLflow; see `posexp.pending`."""
    return at_home(settings.folder) / "pending"


def own_names(host: str) -> list[str]:
    """Names and addresses by which others reach a server on `host`; none when it is local."""
    import socket

    if host in _LOCAL:
        return []
    full = socket.getfqdn()
    names = [socket.gethostname(), f"{socket.gethostname().partition('.')[0]}.local", full]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # nothing is sent: it chooses the way out
        names.append(probe.getsockname()[0])
    names.append(host)
    return [n for n in dict.fromkeys(names) if n not in (*_LOCAL, "0.0.0.0", "::")]


def ui_command(
    store: Store, port: int, host: str = "127.0.0.1", names: Sequence[str] = ()
) -> list[str]:
    """The command that serves the UI of a store; by default to this machine only.

    Parameters
    ----------
    names : sequence of str
        By which browsers on other machines may ask for it. MLflow refuses others, since a page
        from elsewhere could lead a browser here by a name of its own.
    """
    import sys

    known = [f"{name}{end}" for name in (*_LOCAL, *names) for end in ("", f":{port}")]
    origins = [f"{scheme}://{name}" for name in known for scheme in ("http", "https")]
    others = ["--allowed-hosts", ",".join(known), "--cors-allowed-origins", ",".join(origins)]
    return [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store.uri,
        "--default-artifact-root", (store.folder.resolve() / "artifacts").as_uri(),
        "--host", host, "--port", str(port), "--workers", "1", *(others if names else ()),
    ]  # fmt: skip


def _create(folder: Path) -> None:
    """Make a local store: of processes that open a new database at once, all but one crash."""
    from filelock import FileLock

    path, part = folder / "mlflow.db", folder / "mlflow.db.new"
    with FileLock(folder / ".store.lock"):
        if path.exists():
            return
        part.unlink(missing_ok=True)
        store = Store(f"sqlite:///{part.resolve()}", folder)
        try:
            with store._answering():
                store._client.search_experiments(max_results=1)
            part.replace(path)  # whole or not at all: half a database is refused ever after
        except TrackingError as error:
            part.unlink(missing_ok=True)
            raise TrackingError(path, error.problem, error.remedy) from error


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


def _extractions(tags: dict[str, str], condition: str) -> str:
    """A filter for runs of extractions: others, such as comparisons, have no video."""
    parts = ["tags.video LIKE '%'", _tagged(tags), condition]
    return " AND ".join(part for part in parts if part)


def words_condition(text: str) -> str:
    """A condition for `Store.search`: what a person types to find runs.

    Each word is a part of the run's name (model and video by default), a parameter such as
    ``model.mode=stream``, or a tag such as ``participant=P01``.
    """
    parts = []
    for word in text.split():
        key, equals, value = word.partition("=")
        if equals and re.fullmatch(r"[\w.-]+", key):
            kind = "params" if key.split(".")[0] in ("model", "keypoints", "overlay") else "tags"
            parts.append(f"{kind}.`{key}` = '{_plain(value)}'")
        else:
            parts.append(f"attributes.run_name ILIKE '%{_plain(word)}%'")
    return " AND ".join(parts)


def _tagged(tags: dict[str, str]) -> str:
    return " AND ".join(f"tags.`{key}` = '{_plain(value)}'" for key, value in tags.items())


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
