"""A project's runs as one object: the store, and the folder of results on their way to it."""

from __future__ import annotations

import logging
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from posexp.errors import Refused, TrackingError
from posexp.settings import TrackingSettings
from posexp.store.address import DATABASE, PENDING, Address, ask, make_folder
from posexp.store.moved import fetch, settle
from posexp.store.outbox import Outbox

if TYPE_CHECKING:
    from posexp.store.mlflow import Store

log = logging.getLogger("posexp")

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


class Archive:
    """Where the runs of a project are. It is made at the door and handed down; nothing is asked.

    Parameters
    ----------
    settings : TrackingSettings
        Which store and folder.

    Attributes
    ----------
    address : Address
        What they mean.
    outbox : Outbox
        Results on their way, in ``pending/`` of the folder.

    Raises
    ------
    ConfigError
        For a tracking URI of another kind than MLflow takes.
    """

    def __init__(self, settings: TrackingSettings) -> None:
        self.settings = settings
        self.address = Address.of(settings)
        self.outbox = Outbox(self.folder / PENDING)
        for name, value in _ENVIRONMENT.items():  # not in a thread: others may be reading it
            os.environ.setdefault(name, value)

    @property
    def folder(self) -> Path:
        """Of a local store, of the results on their way, and of the tables of sweeps."""
        return self.address.folder

    @property
    def sweeps(self) -> Path:
        """Folder of the tables of sweeps."""
        return self.folder / "sweeps"

    @property
    def exists(self) -> bool:
        """Whether there is anything to open; one that was named is taken to be there."""
        return self.address.named or (self.folder / DATABASE).is_file()

    def fetch(self) -> int:
        """Bring in the files of runs that a local store has in another place; how many."""
        return fetch(self.folder)

    def open(self) -> Store:
        """The store, which answers; a local one that does not exist is made.

        Raises
        ------
        TrackingError
            When a server does not answer, or a folder cannot be written.
        """
        if not self.address.named:
            make_folder(self.folder)
        ask(self.address.uri)
        return self._store

    def go_on_without(self, error: TrackingError) -> None:
        """Say that results will wait for a server; raise `error` when it is no server's."""
        if isinstance(error, Refused) or not self.address.is_server:
            raise error
        make_folder(self.folder)
        log.warning("%s; going on without it", error.problem)

    @cached_property
    def _store(self) -> Store:
        from posexp.store.mlflow import Store, create  # not before it is needed: it takes seconds

        if not self.address.named:
            create(self.folder)
            settle(self.folder, self.outbox)
        return Store(self.address.uri, self.folder)
