"""A local store that was moved or copied: where MLflow thinks that its files are is mended.

MLflow writes down absolute places, so that a copy would write into the folder it was copied from.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from posexp.files import of_uri, whole_folder
from posexp.store.address import ARTIFACTS, DATABASE, folder_name, no_answer, sqlite
from posexp.store.locks import store_lock
from posexp.store.outbox import Outbox

log = logging.getLogger("posexp")

_PLACES = (
    ("experiments", "artifact_location"), ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"), ("model_versions", "storage_location"),
)  # fmt: skip
"""Tables and columns of MLflow that hold places of files."""


def settle(folder: Path, outbox: Outbox) -> list[Path]:
    """Have a store keep its files beside itself, where it stands now.

    All is one transaction, under the store's lock. Runs that wait to be logged in it do so too.
    Experiments whose files somebody keeps elsewhere on purpose stay there.

    Parameters
    ----------
    folder : Path
        Of the store; it has a database.
    outbox : Outbox
        Its results on their way.

    Returns
    -------
    list of Path
        The folders in which it stood before; mostly none.

    Raises
    ------
    TrackingError
        When the database cannot be read or written.
    """
    here = folder.resolve()
    with _database(here) as database:
        try:
            if not _before(database, here):
                return []
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            return []  # another process is at it, and the next time will do
    with store_lock(folder), _database(here) as database:
        before = _before(database, here)
        for old in before:
            for table, column in _PLACES:
                if _has(database, table, column):
                    _replace(database, table, column, _uri(old), _uri(here))
            for run, place in _strays(database, here, back=old):
                database.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?",
                                 (place.as_uri(), run))  # fmt: skip
        database.commit()
    for old in before:
        outbox.readdress(sqlite(old / DATABASE), sqlite(here / DATABASE))
        log.warning("%s: this store was made in %s; its files are now looked for, and written, "
                    "here", here, old)  # fmt: skip
    return before


def fetch(folder: Path) -> int:
    """Copy the files of runs that a copy of the store wrote into the old place, into this one.

    Older versions did so. How many runs there were.
    """
    here, fetched = folder.resolve(), 0
    with store_lock(folder), _database(here) as database:
        for run, place in _strays(database, here):
            target = here / ARTIFACTS / place.parent.parent.name / run / place.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with whole_folder(target) as part:
                shutil.copytree(place, part, dirs_exist_ok=True)
            database.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?",
                             (target.as_uri(), run))  # fmt: skip
            database.commit()
            fetched += 1
    return fetched


def _strays(
    database: sqlite3.Connection, here: Path, back: Path | None = None
) -> list[tuple[str, Path]]:
    """Runs whose experiment is kept here while their files are in another place, and that place.

    With `back`, runs that are said to be here, whose files are in that store and not here.
    """
    found = []
    for run, place in database.execute(
        "SELECT run_uuid, artifact_uri FROM runs JOIN experiments "
        "USING (experiment_id) WHERE substr(artifact_location, 1, ?) = ?",
        (len(_uri(here)), _uri(here)),
    ).fetchall():
        files = _path(place or "")
        if files is None:
            continue
        if back is not None and files.is_relative_to(here) and not files.exists():
            there = back / files.relative_to(here)
            if there.is_dir():
                found.append((run, there))
        elif back is None and not files.is_relative_to(here) and files.is_dir():
            found.append((run, files))
    return found


def _before(database: sqlite3.Connection, here: Path) -> list[Path]:
    """Other folders in which the store's experiments keep their files, as when it stood there."""
    found: dict[Path, list[Path]] = {}
    for name, location in database.execute("SELECT name, artifact_location FROM experiments"):
        place = _path(location or "")
        if place is None or place.parent.name != ARTIFACTS or place.name != folder_name(name):
            continue  # not as we make them
        if place.parent.parent != here:
            found.setdefault(place.parent.parent, []).append(here / ARTIFACTS / place.name)
    return [old for old, ours in found.items() if _has_left(old, here, ours)]


def _has_left(old: Path, here: Path, ours: list[Path]) -> bool:
    """Whether the store is no longer in `old`: that is gone, or some of the files are here too."""
    try:
        if old.samefile(here):  # another name of this place, in a container, say
            return False
    except OSError:
        return True
    return any(map(Path.is_dir, ours))


def _replace(
    database: sqlite3.Connection, table: str, column: str, before: str, after: str
) -> None:
    database.execute(
        f'UPDATE "{table}" SET "{column}" = ? || substr("{column}", ?) '
        f'WHERE substr("{column}", 1, ?) = ?', (after, len(before) + 1, len(before), before),
    )  # fmt: skip


def _has(database: sqlite3.Connection, table: str, column: str) -> bool:
    """Older versions of MLflow have not all of the tables."""
    columns = database.execute(f'PRAGMA table_info("{table}")')
    return column in (name for _, name, *_ in columns)


def _uri(folder: Path) -> str:
    return f"{(folder / ARTIFACTS).as_uri()}/"


def _path(location: str) -> Path | None:
    return Path(of_uri(location)) if location.startswith("file:") else None


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[sqlite3.Connection]:
    path = folder / DATABASE
    try:
        database = sqlite3.connect(path, timeout=10)
        try:
            yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        raise no_answer(sqlite(path), error) from error
