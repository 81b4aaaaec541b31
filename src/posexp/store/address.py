"""Where runs are kept: the address of the MLflow store, and the folder beside it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import requests

from posexp.errors import ConfigError, TrackingError
from posexp.files import at_home
from posexp.settings import TrackingSettings

DATABASE, ARTIFACTS, PENDING = "mlflow.db", "artifacts", "pending"
"""What a store's folder has."""

_SOON = 5.0  # s for a server to say that it is there


@dataclass(frozen=True)
class Address:
    """What the tracking settings and the environment mean, without asking anybody.

    Parameters
    ----------
    uri : str
        Tracking URI, absolute.
    folder : Path
        Holds a local store's ``mlflow.db`` and ``artifacts/``, and the results that are on
        their way to any store.
    named : bool
        Whether the URI was given, by ``tracking.uri`` or ``$MLFLOW_TRACKING_URI``; else it is that
        of the folder's own database.

    Raises
    ------
    ConfigError
        For a URI of another kind than MLflow takes.
    """

    uri: str
    folder: Path
    named: bool

    def __post_init__(self) -> None:
        kinds = ("sqlite:///", "postgresql", "mysql", "mssql")
        if self.named and not is_server(self.uri) and not self.uri.startswith(kinds):
            raise ConfigError(
                "tracking.uri", f"expected http://..., https://... or sqlite:///..., got "
                f"{self.uri!r}", "For a folder set tracking.folder",
            )  # fmt: skip

    @classmethod
    def of(cls, settings: TrackingSettings) -> Address:
        """From the settings; failing a URI there, from the environment, then the folder."""
        folder = _nearest(at_home(settings.folder))
        given = settings.uri or os.environ.get("MLFLOW_TRACKING_URI")
        return cls(given or sqlite(folder / DATABASE), folder, bool(given))

    @property
    def is_server(self) -> bool:
        """Whether the store is a server, which may be down."""
        return is_server(self.uri)


def _nearest(folder: Path) -> Path:
    """The store of a project, also from a folder inside it: as git finds its own.

    A plain name is looked for here and in the folders above; where none is a store, it is here.
    """
    if len(folder.parts) == 1 and folder.name and not _is_store(folder):
        for above in Path.cwd().parents:
            if _is_store(above / folder):
                return above / folder
    return folder


def _is_store(folder: Path) -> bool:
    """Whether runs are kept there, or wait there for a server; notebooks keep media in others."""
    return (folder / DATABASE).is_file() or (folder / PENDING).is_dir()


def is_server(uri: str) -> bool:
    """Whether a server runs already and no `posexp ui` is needed."""
    return uri.startswith(("http://", "https://"))


def sqlite(path: Path) -> str:
    """The URI of a database; in a plain one ``?`` begins options and ``%`` an escape."""
    text = str(path.resolve())
    if not {"?", "%"} & set(text):
        return f"sqlite:///{text}"
    from sqlalchemy import URL

    # MLflow makes the folders that it reads from URIs that begin with sqlite:///, escapes and all.
    return URL.create("sqlite+pysqlite", database=text).render_as_string()


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


def ask(uri: str) -> None:
    """Raise TrackingError unless an MLflow server answers, soon, as such; others are not asked."""
    if not is_server(uri):
        return
    try:
        with requests.get(f"{uri.rstrip('/')}/health", timeout=_SOON, stream=True) as answer:
            answer.raise_for_status()
            text = next(answer.iter_content(100), b"").decode("utf-8", "replace")
    except requests.RequestException as error:
        raise no_answer(uri, error) from error
    if text.strip() != "OK":
        raise TrackingError(
            uri, f"expected an MLflow server, which says OK when it is asked for /health, got "
            f"{text[:40]!r}", "Check the address",
        )  # fmt: skip


def no_answer(uri: str, error: Exception) -> TrackingError:
    """The one-line error for a store that does not work."""
    if is_server(uri):
        down = isinstance(error, requests.RequestException)
        reason = "no answer" if down else first_line(error)
        return TrackingError(uri, f"the MLflow server does not work ({reason})", "Is it running?")
    return TrackingError(
        uri, f"the MLflow store does not work ({first_line(error)})",
        "Is its folder writable, with space left?",
    )  # fmt: skip


def first_line(error: Exception) -> str:
    """What MLflow or the network says, as far as one line goes."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def folder_name(experiment: str) -> str:
    """Of an experiment's artifacts: MLflow's links break on anything but ASCII, Windows on CON."""
    text = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in experiment)
    long = f"-{hashlib.sha256(experiment.encode()).hexdigest()[:16]}" if len(text) > 100 else ""
    text = text.lstrip(".")[:100] + long
    text = f"{text[:-1]}_" if text.endswith(".") else text
    return f"_{text}" if PureWindowsPath(text).is_reserved() else text
