"""Where the jobs of a batch run: one after another here, several at once, or on a cluster."""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import os
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from posexp.errors import ConfigError
from posexp.models.native import processors
from posexp.progress import Report
from posexp.runs.job import Job
from posexp.settings import LocalLauncher, SubmititLauncher
from posexp.sweeps.worker import Outcome, Worker

Item = TypeVar("Item")

Bars = Callable[[Job], AbstractContextManager[Report]]
"""A progress bar for one job: a context manager that gives the function that moves it."""


def launch(
    jobs: Sequence[Job],
    settings: LocalLauncher | SubmititLauncher,
    folder: Path,
    bars: Bars,
) -> Iterator[Outcome]:
    """Have jobs done; each one's outcome as it comes.

    Parameters
    ----------
    jobs : sequence of Job
        Those of one model beside each other, so that it is loaded once.
    settings : launcher settings
        Where.
    folder : Path
        For what a cluster writes: scripts, logs and results of its jobs.
    bars : callable
        Makes the bar of one job.

    Raises
    ------
    ConfigError
        When submitit is not installed, or there is no such cluster.
    KeyboardInterrupt
        After the jobs under way were closed as KILLED.
    """
    if not jobs:
        return iter(())
    if isinstance(settings, SubmititLauncher):
        return _with_submitit(jobs, settings, folder)
    wanted = processors() if settings.jobs == -1 else settings.jobs
    count = min(wanted, len(jobs))
    return _side_by_side(jobs, count, bars) if count > 1 else _in_turn(jobs, bars)


def _in_turn(jobs: Sequence[Job], bars: Bars) -> Iterator[Outcome]:
    worker = Worker()
    try:
        for job in jobs:
            with bars(job) as report:
                outcome = worker.do(job, report)
            yield outcome
            if outcome.status == "interrupted":  # by a cluster's time limit, say
                return
    finally:
        worker.stop()


def _side_by_side(jobs: Sequence[Job], count: int, bars: Bars) -> Iterator[Outcome]:
    """Threads that each wait for a process: one that dies costs the others nothing."""
    workers = [Worker(share) for share in shares(count)]
    free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    for worker in workers:
        free.put(worker)

    def do(job: Job) -> Outcome:
        worker = free.get()
        try:
            with bars(job) as report:
                return worker.do(job, report)
        finally:
            free.put(worker)

    left = iter(jobs)
    pool = ThreadPoolExecutor(count, "posexp-launcher")
    going: set[Future[Outcome]] = set()
    try:
        going |= {pool.submit(do, job) for job in itertools.islice(left, count)}
        while going:
            # Not for ever: on Windows, Ctrl-C would not wake it.
            done, going = wait(going, 1.0, FIRST_COMPLETED)
            # One for one, so that an interruption finds no job that is yet to begin.
            going |= {pool.submit(do, job) for job in itertools.islice(left, len(done))}
            yield from (future.result() for future in done)
    finally:
        # All at once, in threads of their own: a second Ctrl-C leaves none of them out.
        with ThreadPoolExecutor(count, "posexp-stop") as stopping:
            while list(stopping.map(Worker.stop, workers)) and wait(going, 0.1).not_done:
                pass  # again, for a process that was only being started
        pool.shutdown()


def shares(count: int) -> list[set[int] | None]:
    """The processors of this process, dealt out to `count` workers; None where that cannot be."""
    if not hasattr(os, "sched_getaffinity"):
        return [None] * count
    mine = sorted(os.sched_getaffinity(0))
    if count >= len(mine):
        return [{mine[i % len(mine)]} for i in range(count)]
    return [set(share) for share in _dealt(mine, count)]


def _dealt(items: Sequence[Item], count: int) -> list[Sequence[Item]]:
    """All items in order, in `count` parts of equal length but for one."""
    return [items[i * len(items) // count : (i + 1) * len(items) // count] for i in range(count)]


def _with_submitit(
    jobs: Sequence[Job], settings: SubmititLauncher, folder: Path
) -> Iterator[Outcome]:
    submitit = _submitit()
    try:
        executor = submitit.AutoExecutor(folder / "%j", cluster=settings.cluster)
    except RuntimeError as error:
        raise ConfigError(
            "launcher.cluster", f"expected {settings.cluster} on this machine, got none: {error}",
            "Start it where sbatch works",
        ) from error  # fmt: skip
    slurm = {"slurm_partition": settings.partition, "slurm_account": settings.account}
    executor.update_parameters(
        name="posexp", timeout_min=settings.minutes, cpus_per_task=settings.cpus,
        mem_gb=settings.memory_gb, slurm_array_parallelism=settings.jobs,
        **{key: value for key, value in slurm.items() if value and settings.cluster == "slurm"},
    )  # fmt: skip
    parts = _dealt(jobs, min(settings.jobs, len(jobs)))
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # submitit repeats there what it raises
            going = dict(zip(executor.map_array(do_part, parts), parts, strict=True))
    except submitit.core.utils.FailedJobError as error:
        said = str(error).strip().splitlines()
        raise ConfigError(
            "launcher", f"sbatch did not take the jobs ({said[-1] if said else 'no reason given'})",
            "Check launcher.partition, account, cpus and memory_gb",
        ) from error  # fmt: skip
    try:
        while going:
            for task in [task for task in going if task.done()]:
                yield from _outcomes(task, going.pop(task))
            time.sleep(0.5)
    finally:
        for task in going:
            task.cancel()


def do_part(jobs: Sequence[Job]) -> list[Outcome]:
    """One cluster job: its part of the clips, one after another."""
    return list(_in_turn(jobs, lambda _: contextlib.nullcontext(lambda *_: None)))


def _outcomes(task: Any, jobs: Sequence[Job]) -> list[Outcome]:
    """What a cluster job sent back or, when it was ended, that it was."""
    try:
        return list(task.result())
    except Exception as error:  # submitit passes on whatever happened there
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        problem = (
            f"cluster job {task.job_id} ended before it was done ({task.state}): "
            f"{lines[-1][:200] if lines else type(error).__name__}; its log is {task.paths.stderr}"
        )
        return [Outcome(job, "unknown", problem=problem) for job in jobs]


def _submitit() -> Any:
    try:
        return importlib.import_module("submitit")
    except ImportError as error:
        raise ConfigError(
            "launcher", "launcher=submitit needs the package submitit, which is not installed",
            'pip install "posexp[submitit]"',
        ) from error  # fmt: skip
