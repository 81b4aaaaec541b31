"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

PART = ".part"
"""Ends the name of what is being written; whoever finds one without its writer may remove it."""


def of_uri(uri: str) -> str:
    """The path in a ``file:`` URI; on Windows its host is that of a network's folder."""
    parts = urlsplit(uri)
    remote = os.name == "nt" and parts.netloc not in ("", "localhost")
    return url2pathname(f"//{parts.netloc}{parts.path}" if remote else parts.path)


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A name to write to that becomes `path` when all is written; after an error nothing is.

    The name is nobody else's, also when two processes write the same file. What was written is on
    the disk before `path` is replaced, so that a loss of power leaves the old file or the new one.
    """
    path = Path(path)
    part = _beside(path)
    try:
        yield part
        flush(part)
        part.replace(path)
        flush(path.parent)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that becomes `path`, in place of what was there, when all is written."""
    part = _beside(path)
    part.mkdir(parents=True)
    try:
        yield part
        for entry in [*part.rglob("*"), part]:
            flush(entry)
        remove_folder(path)
        part.replace(path)
        flush(path.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def save_table(table: Any, path: Path) -> None:
    """Write a DataFrame as CSV, whole or not at all; six digits of its numbers."""
    with whole(path) as part:
        table.to_csv(part, index=False, float_format="%.6g")


def _beside(path: Path) -> Path:
    return path.with_name(f".{uuid.uuid4().hex}{PART}")


def flush(path: Path) -> None:
    """Have the system put a file, or the names in a folder, on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_folder(path: Path) -> None:
    """Remove a folder and what is in it; whoever looks meanwhile sees all of it, or nothing.

    It is renamed first: a process that dies in between leaves a folder whose name ends in `PART`,
    for the next one to sweep up.
    """
    gone = _beside(path)
    with contextlib.suppress(FileNotFoundError):
        path.replace(gone)
        shutil.rmtree(gone, ignore_errors=True)


def sweep_up(folder: Path, seconds: float = 86_400) -> None:
    """Remove what was being written in a folder `seconds` ago, and has no writer any more."""
    for path in folder.glob(f".*{PART}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > seconds:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def sha256_of(path: Path, files: Iterable[Path] | None = None) -> str:
    """Hexadecimal sha256 of a file, or of `files` (by default a folder's) with names, in order."""
    digest = hashlib.sha256()
    if path.is_file() and files is None:
        _feed(digest, path)
        return digest.hexdigest()
    folder = path if path.is_dir() else path.parent
    for file in sorted(files or (entry for entry in path.rglob("*") if entry.is_file())):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0")
        _feed(digest, file)
    return digest.hexdigest()


def _feed(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)


def at_home(path: str | Path) -> Path:
    """A path whose ``~`` is the user's home; a name that only begins with ~ stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  Path's raises for other names
