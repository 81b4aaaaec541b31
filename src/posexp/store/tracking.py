"""MLflow: log a run, find runs, load a run back. Nothing else imports mlflow."""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import math
import os
import re
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from posexp.errors import ConfigError, PosexpError, TrackingError, printable
from posexp.files import at_home, whole
from posexp.pose.sequence import PoseSequence
from posexp.settings import TrackingSettings
from posexp.store.outbox import ResultFolder, locked
from posexp.store.record import RunRecord, job_tags

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
    "PGCONNECT_TIMEOUT": "10",
}

_BATCH, _FEW = 1000, 100  # metrics; tags or params: so many does MLflow take in one request
_SOON = 5.0  # s for a server to say that it is there
_LONGEST = 500  # characters of a name
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_KEY = "posexp.key"  # of a run, known before MLflow has given it an id
_NO_SUCH = "RESOURCE_DOES_NOT_EXIST"
_REFUSALS = (_NO_SUCH, "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE")


class Refused(TrackingError):
    """The store works, but does not take this: asking again would not help."""


def add_pictures(record: RunRecord, folder: Path, pictures: dict[int, Any]) -> None:
    """Write pictures where MLflow's UI looks for its Image grid, which steps through them.

    Parameters
    ----------
    record : RunRecord
        Gets the tag by which the UI knows that there are some.
    folder : Path
        Of the artifacts.
    pictures : dict
        Step to (h, w, 3) uint8 RGB.
    """
    from PIL import Image

    (folder / "images").mkdir(parents=True, exist_ok=True)
    for step, picture in pictures.items():
        image = Image.fromarray(picture)
        small = image.copy()
        small.thumbnail((256, 256))
        # As MlflowClient.log_image names them; the same ones when they are written again.
        own = uuid.uuid5(uuid.NAMESPACE_OID, f"{record.key} {step}")
        name = f"overlay+step+{step}+timestamp+{record.start_ms}+{own}"
        for file, kind, content in (
            (f"{name}.png", "PNG", image), (f"{name}+compressed.webp", "WEBP", small)
        ):  # fmt: skip
            with whole(folder / "images" / file) as part:
                content.save(part, kind)
        record.tags["mlflow.loggedImages"] = "True"


def add_tables(record: RunRecord, folder: Path) -> None:
    """Give ``tables/*.csv`` of the artifacts the form that MLflow's evaluation view shows."""
    import pandas as pd

    known = []
    for path in sorted((folder / "tables").glob("*.csv")):
        with whole(path.with_suffix(".json")) as part:
            pd.read_csv(path).to_json(part, orient="split", index=False)
        known.append({"path": f"tables/{path.stem}.json", "type": "table"})
    record.tags["mlflow.loggedArtifacts"] = json.dumps(known)


def tag_name(text: str) -> str:
    """What a person calls a tag, in the characters that MLflow takes."""
    return re.sub(r"[^\w.\- :]", "_", text)[:250] if text.strip(". ") else f"_{text}"


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
        Last value by name; NaN, what is known no more, is left out.
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
        same = quote(_tagged({tag: self.tags.get(tag, "")}))
        view = f"searchFilter={same}&compareRunsMode=CHART"
        return f"{self._pages}?workflowType=machine_learning&{view}"

    @property
    def _pages(self) -> str:
        base = self.uri.rstrip("/") if is_server(self.uri) else "http://127.0.0.1:5000"
        return f"{base}/#/experiments/{self.experiment_id}/runs"

    def _repr_html_(self) -> str:
        """For notebooks: what it was, what came out, and where it is."""
        keys = ("tracking/frames", "tracking/tracked_share", "jitter/residual_torso",
                "error/mean_px", "pck/0.10")  # fmt: skip
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
        from mlflow.entities import Dataset, DatasetInput, Param, RunTag

        with self._answering():
            client = self._client
            experiment = self._experiment(record.experiment)
            if again:
                record.run_id = self._begun(record)
            tags = {_KEY: record.key, **record.tags}
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
            client.log_inputs(record.run_id, [DatasetInput(dataset)])

    def _begun(self, record: RunRecord) -> str | None:
        """The run that another process has created for the record in this store, if it did."""
        from mlflow.exceptions import MlflowException

        if record.run_id is not None:
            try:
                run = self._client.get_run(record.run_id)
            except MlflowException as error:
                if error.error_code != _NO_SUCH:
                    raise
            else:
                if run.data.tags.get(_KEY) == record.key:
                    if run.info.lifecycle_stage == "deleted":
                        raise Refused(
                            f"run {record.name} ({record.run_id})", "was deleted in MLflow",
                            "Restore it there",
                        )  # fmt: skip
                    return record.run_id
        known = self._search(most=1, tags={_KEY: record.key})
        return known[0].info.run_id if known else None

    def finish(self, record: RunRecord, folder: Path) -> Run:
        """Log figures and files, and close the run; also when that may have been begun before.

        In a sweep there is one run per job: it replaces older ones of the same fingerprint that
        did not finish and, when it did, those that did too. MLflow keeps them as deleted.
        """
        with self._answering():
            client, run_id = self._client, str(record.run_id)
            stamp = record.end_ms or record.start_ms
            self._log_metrics(run_id, record.metrics, record.steps, record.series, stamp)
            self._log_tags(run_id, record.tags)  # once more: some are known only at the end
            if (folder / "artifacts").is_dir():
                client.log_artifacts(run_id, str(folder / "artifacts"))
            client.set_terminated(run_id, status=record.status, end_time=record.end_ms)
            if record.job is not None:
                self._replace_older(record, job_tags(record.job))
            return self.run(run_id)

    def close(self, record: RunRecord, reason: str) -> None:
        """End a run whose results are not to be had, as far as the store lets us."""
        if record.run_id is None:
            return
        with contextlib.suppress(TrackingError), self._answering():
            self._log_tags(record.run_id, {"error": reason})
            status = "FAILED" if record.status == "FINISHED" else record.status
            self._client.set_terminated(record.run_id, status=status, end_time=record.end_ms)

    def answers(self) -> bool:
        """Whether it works at this moment."""
        try:
            ask(self.uri)
            with self._answering():
                self._client.search_experiments(max_results=1)
        except TrackingError:
            return False
        return True

    def _replace_older(self, record: RunRecord, same: dict[str, str]) -> None:
        replaced = {"FAILED", "KILLED"} | ({"FINISHED"} & {record.status})
        for other in self._search(tags=same):
            if other.info.run_id == record.run_id:
                continue
            if other.info.status in replaced:
                self._client.delete_run(other.info.run_id)
            elif other.info.status == "FINISHED":  # done by another process meanwhile
                self._client.delete_run(record.run_id)
                return

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
        with self._answering():
            before = self.run(run.id).metrics
            gone = {k for k in before if k.partition("/")[0] in groups} - set(metrics)
            metrics = {**dict.fromkeys(sorted(gone), float("nan")), **metrics}
            self._log_metrics(run.id, metrics, steps, series, int(time.time() * 1000))
            self._log_tags(run.id, tags)
            self._remove_others(run.id, folder, "evaluation")
            self._client.log_artifacts(run.id, str(folder))
            return self.run(run.id)

    def _remove_others(self, run_id: str, folder: Path, name: str) -> None:
        """Remove artifacts in `name` that have no namesake in `folder`."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        for file in self._client.list_artifacts(run_id, name):
            if not (folder / file.path).exists():
                uri = self._client.get_run(run_id).info.artifact_uri
                get_artifact_repository(uri, tracking_uri=self.uri).delete_artifacts(file.path)

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

    def _log_tags(self, run_id: str, tags: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        for part in _some(tags):
            self._client.log_batch(run_id, tags=[RunTag(*pair) for pair in part])

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
            parts = [_EXTRACTIONS, condition]
            found = self._search(" AND ".join(part for part in parts if part), most, tags)
            return [self._run(run) for run in found]

    def page_of(
        self, tags: dict[str, str], words: str, condition: str, size: int, token: str | None = None
    ) -> tuple[list[Run], str | None]:
        """One page of the runs that `search` finds and a person means by `words`.

        Each word is a part of the run's name (model and video by default), a parameter such as
        ``model.mode=stream``, or a tag such as ``participant=P01``.

        Returns
        -------
        list of Run, str or None
            The runs, and the token of the next page; None after the last.
        """
        parts = [_EXTRACTIONS, _tagged(tags), *map(_meant, words.split()), condition]
        filter_string = " AND ".join(part for part in parts if part)
        with self._answering():
            while True:
                page = self._page(filter_string, size, token)
                runs = [run for run in map(self._run, page) if _is_meant(run, words, tags)]
                token = page.token or None
                if runs or token is None:
                    return runs, token

    def _search(
        self,
        filter_string: str = "",
        most: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> list[Any]:
        """The newest `most` runs that have all tags, or all such, page by page."""
        tags = tags or {}
        parts = [filter_string, _tagged(tags)]
        filter_string = " AND ".join(part for part in parts if part)
        found: list[Any] = []
        token = None
        while True:
            page = self._page(filter_string, min(1000, most) if most else 1000, token)
            found += [run for run in page if tags.items() <= run.data.tags.items()]
            token = page.token
            if not token or (most and len(found) >= most):
                return found[:most]

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
        metrics = {name: v for name, v in data.metrics.items() if not math.isnan(v)}
        return Run(
            info.run_id, printable(info.run_name), info.status, _texts(data.params),
            _texts(data.tags), metrics, artifacts, info.experiment_id, self.uri,
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
            raise Refused(
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
            if getattr(error, "error_code", None) in _REFUSALS:
                raise Refused(self.uri, f"the MLflow store refuses it ({_line(error)})") from error
            raise _no_answer(self.uri, error) from error
        except PosexpError:
            raise
        except Exception as error:
            if is_server(self.uri):  # what it says is not what MLflow expects
                raise _no_answer(self.uri, error) from error
            raise


def _texts(texts: dict[str, str]) -> dict[str, str]:
    """What others may have logged, without what a terminal obeys."""
    return {printable(key): printable(value) for key, value in texts.items()}


def is_server(uri: str) -> bool:
    """Whether a server runs already and no `posexp ui` is needed."""
    return uri.startswith(("http://", "https://"))


def uri_of(settings: TrackingSettings) -> str:
    """The tracking URI that the settings mean."""
    local = at_home(settings.folder) / "mlflow.db"
    return _named_uri(settings) or _sqlite(local)


def _sqlite(path: Path) -> str:
    """The URI of a database; in a plain one ``?`` begins options and ``%`` an escape."""
    text = str(path.resolve())
    if not {"?", "%"} & set(text):
        return f"sqlite:///{text}"
    from sqlalchemy import URL

    # MLflow makes the folders that it reads from URIs that begin with sqlite:///, escapes and all.
    return URL.create("sqlite+pysqlite", database=text).render_as_string()


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
        ask(uri)
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
    """Log a folder of results (run.json, artifacts/) and remove it when it is in.

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
        When the store stops answering, or refuses it (`Refused`); the folder is kept.
    """
    if again or record.run_id is None:
        store.start(record, again=True)
        record.save(folder.path)
    run = store.finish(record, folder.path)
    folder.remove()
    return run


def pending_folder(settings: TrackingSettings) -> Path:
    """Where results wait on their way to MLflow; see `posexp.store.outbox`."""
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
    path, part = folder / "mlflow.db", folder / "mlflow.db.new"
    if path.exists():
        return
    with locked(folder / ".store.lock"):
        if path.exists():
            return
        part.unlink(missing_ok=True)
        store = Store(_sqlite(part), folder)
        try:
            with store._answering():
                store._client.search_experiments(max_results=1)
            part.replace(path)  # whole or not at all: half a database is refused ever after
        except TrackingError as error:
            part.unlink(missing_ok=True)
            raise TrackingError(path, error.problem, error.remedy) from error


def ask(uri: str) -> None:
    """Raise TrackingError unless an MLflow server answers, soon, as such."""
    import requests

    if not is_server(uri):
        return

    try:
        with requests.get(f"{uri.rstrip('/')}/health", timeout=_SOON, stream=True) as answer:
            answer.raise_for_status()
            text = next(answer.iter_content(100), b"").decode("utf-8", "replace")
    except requests.RequestException as error:
        raise _no_answer(uri, error) from error
    if text.strip() != "OK":
        raise TrackingError(
            uri, f"expected an MLflow server, which says OK when it is asked for /health, got "
            f"{text[:40]!r}", "Check the address",
        )  # fmt: skip


def _no_answer(uri: str, error: Exception) -> TrackingError:
    import requests

    if is_server(uri):
        down = isinstance(error, requests.RequestException)
        reason = "no answer" if down else _line(error)
        return TrackingError(uri, f"the MLflow server does not work ({reason})", "Is it running?")
    return TrackingError(
        uri, f"the MLflow store does not work ({_line(error)})",
        "Is its folder writable, with space left?",
    )  # fmt: skip


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _some(tags: dict[str, str]) -> list[list[tuple[str, str]]]:
    """Tags or params in as many as MLflow takes at once; one part at least."""
    pairs = list(tags.items())
    return [pairs[first : first + _FEW] for first in range(0, len(pairs) or 1, _FEW)]


_EXTRACTIONS = "tags.video LIKE '%'"  # other runs, such as comparisons, have no video
_KEYED = re.compile(r"([\w.-]+)=(.*)")


def _meant(word: str) -> str:
    """A condition of MLflow's filter language for a word that a person searches for."""
    if keyed := _KEYED.fullmatch(word):
        return _equals(f"{_kind(keyed[1])}.`{keyed[1]}`", keyed[2])
    return f"attributes.run_name ILIKE '%{_masked(word)}%'"


def _is_meant(run: Run, words: str, tags: dict[str, str]) -> bool:
    """The same on a run, exactly."""
    for word in words.split():
        if keyed := _KEYED.fullmatch(word):
            if getattr(run, _kind(keyed[1])).get(keyed[1]) != keyed[2]:
                return False
        elif word.lower() not in run.name.lower():
            return False
    return tags.items() <= run.tags.items()


def _kind(key: str) -> str:
    return "params" if key.split(".")[0] in ("model", "keypoints", "overlay") else "tags"


def _tagged(tags: dict[str, str]) -> str:
    return " AND ".join(_equals(f"tags.`{key}`", value) for key, value in tags.items())


def _equals(what: str, value: str) -> str:
    """A condition of MLflow's filter language, in which a quote or backslash cannot be escaped.

    With such a value it may be true of others as well: who asks looks at what comes back.
    """
    for mark in "'\"":
        if mark not in value and "\\" not in value:
            return f"{what} = {mark}{value}{mark}"
    return f"{what} LIKE '{_masked(value)}'"


def _masked(value: str) -> str:
    """A pattern in which any character may stand for what cannot be written."""
    return re.sub(r"['\\]", "_", value)


def _ascii(name: str) -> str:
    """A folder name for an experiment: MLflow's links break on anything but ASCII."""
    text = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
    long = f"-{hashlib.sha256(name.encode()).hexdigest()[:16]}" if len(text) > 100 else ""
    return text.lstrip(".")[:100] + long
