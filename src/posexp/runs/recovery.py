"""What is left of processes that died: runs to close, and results that wait for a store."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posexp.config import Config
from posexp.errors import Refused, TrackingError
from posexp.files import sweep_up
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import Skeleton
from posexp.runs.job import Job
from posexp.runs.note import describe
from posexp.settings import KeypointSettings, ScaleSettings
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.journal import FILE, read_journal
from posexp.store.outbox import ResultFolder
from posexp.store.record import RunRecord
from posexp.store.run import Run

if TYPE_CHECKING:
    from posexp.store.mlflow import Store

log = logging.getLogger("posexp")


def recover(archive: Archive, reason: str = "", job: Job | None = None) -> int:
    """Close the runs whose process died, with the poses that it had written down.

    Parameters
    ----------
    archive : Archive
        Their folder, and the store that is asked to take them; those that are meant for another
        wait for it.
    reason : str
        Why it died, where that is known: then the run is FAILED, else KILLED.
    job : Job, optional
        Only runs of this one.

    Returns
    -------
    int
        How many there were.
    """
    for place in (archive.folder, archive.sweeps):
        sweep_up(place)
    dead = archive.outbox.found(running=True, job=job.key if job else None)
    store = None
    if dead:
        with contextlib.suppress(TrackingError):  # then they wait
            store = archive.open()
    for owned, record in dead:
        record.status = "FAILED" if reason else "KILLED"
        record.tags[tags.ERROR] = reason or "its process was killed"
        record.end_ms = max(record.start_ms, _last_change(owned.path))
        here = store if store is not None and record.uri == store.uri else None
        try:
            if _salvaged(owned, record, here) and here is not None and _log(here, owned, record):
                log.warning("%s: %s; closed as %s", record.name, record.tags[tags.ERROR],
                            record.status)  # fmt: skip
        except TrackingError as error:
            log.warning("%s", error)
            store = None
        finally:
            owned.release()
    return len(dead)


def log_waiting(archive: Archive, store: Store, every: bool) -> list[Run | None]:
    """Log the results that wait for a store: those meant for this one, or `every`.

    Returns
    -------
    list of Run or None
        None for each that the store did not take, which costs the others nothing.

    Raises
    ------
    TrackingError
        When it does not answer; what is not logged yet waits on.
    """
    runs: list[Run | None] = []
    waiting = archive.outbox.found(running=False)
    try:
        for folder, record in waiting:
            if every or record.uri == store.uri:
                runs.append(_log(store, folder, record))
    finally:
        for folder, _ in waiting:
            folder.release()
    return runs


def waits(archive: Archive, job: Job) -> bool:
    """Whether finished results of a sweep's job wait to be logged, and nobody is at it."""
    waiting = archive.outbox.found(running=False, job=job.key)
    for folder, _ in waiting:
        folder.release()
    return bool(waiting)


def _log(store: Store, folder: ResultFolder, record: RunRecord) -> Run | None:
    """Log what another process left; None, with a warning, when that cannot be.

    What is wrong with the folder or refused by the store is moved aside. TrackingError when the
    store does not answer.
    """
    try:
        return store.log(folder, record, again=True)
    except Exception as error:  # whatever it is, the others go on
        known = isinstance(error, TrackingError | OSError)
        if known and not store.answers():
            raise
        if known and not isinstance(error, Refused):  # it may do later
            log.warning("%s: %s; it waits on", folder.path, error)
        else:
            store.reject(folder, record, error)
    return None


def _salvaged(folder: ResultFolder, record: RunRecord, store: Store | None) -> bool:
    """Whether what a dead process had written down was made a result that can be logged."""
    try:
        _salvage(folder.path, record)
        describe(record, folder.path / "artifacts")
        record.save(folder.path)
        return True
    except OSError as error:  # no space left, say: the next start tries again
        log.warning("%s: %s", folder.path, error)
    except Exception as error:  # whatever it is, the others go on
        if store is None:
            folder.reject(record.reason(error))
        else:
            store.reject(folder, record, error)
    return False


def _salvage(folder: Path, record: RunRecord) -> None:
    """Tables and the movement of the poses that a dead process had written down."""
    from posexp.runs import movement, results

    try:
        skeleton = Skeleton.of(record.shape)
    except KeyError:  # a record without poses, or with those of a skeleton that nobody knows
        return
    about = {k: v for k, v in record.shape.items() if k not in skeleton.described()}
    frames = read_journal(folder / FILE, len(skeleton))
    if not frames:
        return
    poses = PoseSequence.from_frames(frames, skeleton, **about)
    body = record.params.get("keypoints.joints") == "body"
    results.write_tables(poses, record, folder / "artifacts", body)
    try:
        movement.write_movement(poses, _asked(record.params), record, folder / "artifacts")
    except OSError:
        raise
    except Exception as error:  # whatever it is, the poses are there
        log.warning("%s: %s; it is closed without its movement", record.name, error)


def _asked(params: Mapping[str, str]) -> Config:
    """What a run was asked to measure, by its parameters; the rest is as by default."""
    names = [each.name for each in fields(ScaleSettings)]
    typed = {name: params.get(f"scale.{name}", "None") for name in names}
    scale: dict[str, Any] = {
        name: value if name == "points" else float(value)
        for name, value in typed.items() if value != "None"
    }  # fmt: skip
    return Config(
        cleaning=params.get("cleaning", Config.cleaning),
        activity=params.get("activity", Config.activity),
        scale=ScaleSettings(**scale),
        keypoints=KeypointSettings(params.get("keypoints.joints", KeypointSettings.joints)),
    )


def _last_change(folder: Path) -> int:
    """When a dead process last wrote something there, ms since 1970."""
    times = [p.stat().st_mtime for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"]
    return int(1000 * max(times, default=0))
