"""What is in the MLflow store: a run by its id, runs by what they are or what a person types."""

from __future__ import annotations

import contextlib
import logging
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from posexp.errors import PosexpError, Refused, TrackingError, printable
from posexp.files import of_uri
from posexp.store import tags as names
from posexp.store.address import ask, first_line, is_server, no_answer
from posexp.store.filters import EXTRACTIONS, KEYED, kind_of, meant, tagged
from posexp.store.run import Run

log = logging.getLogger("posexp")

_REFUSALS = ("RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class Finder:
    """Reads an MLflow store that answers.

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
    def is_server(self) -> bool:
        """Whether others may end it, or find in it what is not finished."""
        return is_server(self.uri)

    @property
    def client(self) -> Any:
        """MLflow's own; what it raises is turned into one line by `answering`."""
        return MlflowClient(tracking_uri=self.uri)

    def answers(self) -> bool:
        """Whether it works at this moment."""
        try:
            self.ask()
            with self.answering():
                self.client.search_experiments(max_results=1)
        except TrackingError:
            return False
        return True

    def ask(self) -> None:
        """Raise TrackingError when it is a server that does not answer, soon."""
        ask(self.uri)

    def run(self, run_id: str) -> Run:
        """One run by its id, a unique beginning of it, or ``last``: the last one that finished."""
        if run_id == "last":
            return self._last()
        with self.answering():
            try:
                return self._run(self.client.get_run(run_id))
            except MlflowException:
                prefix = re.sub(r"[^0-9a-zA-Z]", "", run_id) or "-"
                found = self.find(f"attributes.run_id LIKE '{prefix}%'", 2)
        if len(found) != 1:
            raise TrackingError(
                f"run {run_id}", f"expected one run in {self.uri}, found {len(found) or 'none'}",
                "`python -m posexp ui` shows the runs and their ids",
            )  # fmt: skip
        return self._run(found[0])

    def _last(self) -> Run:
        """The last run that finished; it is said when a later one did not."""
        newest = self.search({}, 1)
        if newest and newest[0].status == "FINISHED":
            return newest[0]
        finished = self.search({}, 1, "status = 'FINISHED'")
        said = ""
        for run in newest:
            how = {"RUNNING": "is not finished", "KILLED": "was killed"}.get(run.status, "failed")
            reason = f": {run.tags[names.ERROR]}" if names.ERROR in run.tags else ""
            said = f"the newest run, {run.name} ({run.id[:8]}), {how}{reason}"
        if not finished:
            raise TrackingError(
                "run last", f"expected a finished run in {self.uri}, found none"
                + (f"; {said}" if said else ""),
                "Ask for another one by its id; `python -m posexp ui` shows them",
            )  # fmt: skip
        run = finished[0]
        log.warning("%s; last is %s (%s), which finished before it", said, run.name, run.id[:8])
        return run

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
        with self.answering():
            parts = [EXTRACTIONS, condition]
            found = self.find(" AND ".join(part for part in parts if part), most, tags)
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
        parts = [EXTRACTIONS, tagged(tags), *map(meant, words.split()), condition]
        filter_string = " AND ".join(part for part in parts if part)
        with self.answering():
            while True:
                page = self._page(filter_string, size, token)
                runs = [run for run in map(self._run, page) if _is_meant(run, words, tags)]
                token = page.token or None
                if runs or token is None:
                    return runs, token

    def count(self, tags: dict[str, str]) -> int:
        """How many runs of any kind have all these tags."""
        with self.answering():
            return len(self.find(tags=tags))

    def find(
        self,
        filter_string: str = "",
        most: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> list[Any]:
        """The newest `most` runs that have all tags, or all such, page by page."""
        tags = tags or {}
        parts = [filter_string, tagged(tags)]
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
        client = self.client
        return client.search_runs(
            [e.experiment_id for e in client.search_experiments()], filter_string,
            max_results=size, page_token=token, order_by=["attributes.start_time DESC"],
        )  # fmt: skip

    def _run(self, run: Any) -> Run:
        info, data = run.info, run.data
        artifacts = info.artifact_uri
        if artifacts.startswith("file:"):  # spaces and letters such as å are escaped in it
            artifacts = of_uri(artifacts)
        metrics = {name: v for name, v in data.metrics.items() if not math.isnan(v)}
        return Run(
            info.run_id, printable(info.run_name), info.status, _texts(data.params),
            _texts(data.tags), metrics, artifacts, info.experiment_id, self.uri,
            int(info.start_time or 0),
        )  # fmt: skip

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Turn MLflow's and the network's errors into one line."""
        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError) as error:
            if getattr(error, "error_code", None) in _REFUSALS:
                raise Refused(
                    self.uri, f"the MLflow store refuses it ({first_line(error)})"
                ) from error
            raise no_answer(self.uri, error) from error
        except PosexpError:
            raise
        except Exception as error:
            if is_server(self.uri):  # what it says is not what MLflow expects
                raise no_answer(self.uri, error) from error
            raise


def _texts(texts: dict[str, str]) -> dict[str, str]:
    """What others may have logged, without what a terminal obeys."""
    return {printable(key): printable(value) for key, value in texts.items()}


def _is_meant(run: Run, words: str, wanted: dict[str, str]) -> bool:
    """Whether a person meant it by `words`, exactly; `wanted` are tags that it must have."""
    for word in words.split():
        if keyed := KEYED.fullmatch(word):
            if getattr(run, kind_of(keyed[1])).get(keyed[1]) != keyed[2]:
                return False
        elif word.lower() not in run.name.lower():
            return False
    return wanted.items() <= run.tags.items()
