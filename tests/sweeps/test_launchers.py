"""Where jobs run, and how they end there. The workers are stand-ins: no model, no process."""

import contextlib
import os
import threading
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from posexp.config import load_config
from posexp.errors import ConfigError
from posexp.models.native import processors
from posexp.settings import LocalLauncher, SubmititLauncher
from posexp.sweeps import launchers
from posexp.sweeps.worker import Outcome


@pytest.mark.parametrize("count", [1, 2, 3, 5, 64])
def test_processors_are_dealt_out_whole_and_once_while_they_last(monkeypatch, count):
    mine = {0, 2, 3, 5, 7, 8, 9, 11}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: mine, raising=False)
    dealt = launchers.shares(count)
    assert len(dealt) == count and all(dealt) and set().union(*dealt) == mine
    if count <= len(mine):
        assert sum(len(share) for share in dealt) == len(mine)
        assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    else:
        assert all(len(share) == 1 for share in dealt)


def test_a_launcher_whose_package_is_missing_says_what_to_install(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r'pip install "posexp\[submitit\]"'):
        next(launchers.launch(["a job"], SubmititLauncher(), tmp_path, None))


@pytest.mark.parametrize(
    ("typed", "jobs"),
    [([], 1), (["launcher.jobs=2"], 2), (["launcher=basic", "launcher.jobs=-1"], -1),
     (["launcher=joblib"], -1), (["launcher=joblib", "launcher.jobs=3"], 3)],
)  # fmt: skip
def test_clips_at_once_as_they_are_typed(typed, jobs):
    assert load_config(typed)[0].launcher == LocalLauncher(jobs=jobs)


@pytest.mark.parametrize("jobs", [0, -2, 5000])
def test_a_number_of_clips_that_cannot_be_is_told(jobs):
    with pytest.raises(ConfigError, match=r"launcher\.jobs: expected a number between 1 and 1024"):
        LocalLauncher(jobs=jobs)


class StandIn:
    """A worker that is busy with a job until `release` is set or it is stopped."""

    def __init__(self, share=None) -> None:
        self.share, self.stopped = share, threading.Event()
        made.append(self)

    def do(self, job, report):
        busy.append(job)
        while not (release.is_set() or self.stopped.is_set()):
            time.sleep(0.005)
        busy.remove(job)
        return Outcome(job, "interrupted" if self.stopped.is_set() else "finished")

    def stop(self) -> None:
        self.stopped.set()


made: list[StandIn] = []
busy: list[int] = []
release = threading.Event()


@pytest.fixture
def launched(monkeypatch):
    """Outcomes of jobs, which are numbers here, by their launcher's `jobs`."""
    monkeypatch.setattr(launchers, "Worker", StandIn)
    made.clear(), busy.clear(), release.clear()

    def launch(count, jobs):
        bars = lambda _: contextlib.nullcontext(lambda *_: None)  # noqa: E731
        return launchers.launch(range(count), LocalLauncher(jobs=jobs), Path(), bars)

    return launch


@pytest.mark.parametrize(("count", "jobs", "workers"), [(7, 3, 3), (2, 8, 2), (5, 1, 1), (1, 4, 1)])
def test_every_job_is_done_once_by_no_more_workers_than_asked_for(launched, count, jobs, workers):
    release.set()
    outcomes = list(launched(count, jobs))
    assert sorted(outcome.job for outcome in outcomes) == list(range(count))
    assert {outcome.status for outcome in outcomes} == {"finished"}
    assert len(made) == workers and all(worker.stopped.is_set() for worker in made)


def test_minus_one_is_one_per_processor(launched, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 4, 6}, raising=False)
    assert processors() == 3
    release.set()
    assert len(list(launched(9, -1))) == 9
    assert [worker.share for worker in made] == [{1}, {4}, {6}]


def test_an_interruption_stops_all_that_are_under_way_and_begins_no_other(launched, monkeypatch):
    def interrupted(going, *rest):
        if len(busy) == 3 and not any(worker.stopped.is_set() for worker in made):
            raise KeyboardInterrupt
        return wait(going, 0.01)

    monkeypatch.setattr(launchers, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(launched(9, 3))
    assert len(made) == 3 and all(worker.stopped.is_set() for worker in made)
    assert busy == []


def test_whoever_stops_listening_stops_the_workers(launched):
    release.set()
    outcomes = launched(50, 2)
    next(outcomes)
    release.clear()
    outcomes.close()
    assert all(worker.stopped.is_set() for worker in made) and busy == []
