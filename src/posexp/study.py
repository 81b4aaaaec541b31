"""Which videos a batch is about: a file, a folder, a glob, or a list with columns."""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from posexp.errors import ConfigError

SUFFIXES = (
    ".3gp", ".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts",
    ".webm", ".wmv",
)  # fmt: skip
"""Of what a folder is searched for."""

_LISTS = (".csv", ".txt")
_COLUMN = re.compile(r"[A-Za-z][\w .-]{0,99}")
_TAKEN = ("video", "weights", "version", "posexp", "mlflow", "error", "note", "confidence", "truth")


@dataclass(frozen=True)
class Clip:
    """One video of a batch, with what the list says of it: column to value."""

    path: Path
    columns: dict[str, str] = field(default_factory=dict)


def is_batch(arguments: Sequence[str]) -> bool:
    """Whether a command means a batch: ``-m``, several videos, a launcher, or ``force``."""
    given = dict(argument.partition("=")[::2] for argument in arguments)
    if {"-m", "--multirun", "launcher", "force"} & set(given):
        return True
    video = given.get("video", given.get("video.path", ""))
    path = Path(video).expanduser()
    return bool(video) and (path.is_dir() or path.suffix.lower() in _LISTS or _is_glob(video))


def sweep_arguments(arguments: Sequence[str]) -> list[str]:
    """The overrides in a batch's command."""
    return [argument for argument in arguments if argument not in ("-m", "--multirun")]


def find_clips(video: str) -> list[Clip]:
    """The videos that ``video=`` names, in order of their names or of the list.

    Parameters
    ----------
    video : str
        A file; a folder, whose own files with a video's suffix are taken; a glob (``**`` for all
        folders below); a .txt with a path in every line; a .csv with a column ``video``, whose
        other columns describe it. Paths in lists are relative to the list.

    Raises
    ------
    ConfigError
        When there are none, or the list cannot be read.
    """
    path = Path(video).expanduser()
    if path.is_dir():
        files = [p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
        return _some([Clip(file) for file in sorted(files)], video, "none with a video's suffix")
    if path.suffix.lower() in _LISTS and not _is_glob(video):
        return _read_list(path)
    if _is_glob(video):
        names = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  of any root
        return _some([Clip(Path(n)) for n in names if Path(n).is_file()], video, "no file")
    return [Clip(path)]


def sweep_of(video: str, experiment: str) -> str:
    """A name for all runs over what ``video=`` names: the same command means the same sweep."""
    path = Path(video).expanduser().absolute()
    digest = hashlib.sha256(f"{experiment}\n{path}".encode("utf-8", "surrogateescape"))
    stem = re.sub(r"[^\w-]+", "-", path.stem, flags=re.ASCII).strip("-")[:40] or "videos"
    return f"{stem}-{digest.hexdigest()[:6]}"


def _is_glob(video: str) -> bool:
    return bool(glob.has_magic(video)) and not Path(video).expanduser().exists()


def _some(clips: list[Clip], video: str, found: str) -> list[Clip]:
    if not clips:
        raise ConfigError(
            "video", f"expected videos in {video}, found {found}",
            f"These suffixes are looked for: {' '.join(SUFFIXES)}",
        )  # fmt: skip
    return clips


def _read_list(path: Path) -> list[Clip]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError("video", f"expected a list of videos in {path}: {reason}") from error
    if path.suffix.lower() == ".txt":
        lines = [line.strip() for line in text.splitlines()]
        rows = [{"video": line} for line in lines if line and not line.startswith("#")]
    else:
        rows = _read_rows(path, text)
    clips = []
    for row in rows:
        file = path.parent / Path(row["video"]).expanduser()
        clips.append(Clip(file, {k: v for k, v in row.items() if k != "video" and v}))
    return _some(clips, str(path), "no line with a path")


def _read_rows(path: Path, text: str) -> list[dict[str, str]]:
    first = text.partition("\n")[0]
    # Spreadsheets of half of Europe write semicolons.
    delimiter = ";" if ";" in first else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = [(name or "").strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if "video" not in columns:
        raise ConfigError(
            "video", f"expected a column named video in {path}, got {', '.join(columns) or 'none'}"
        )
    for name in columns:
        if name != "video" and (not _COLUMN.fullmatch(name) or name.split(".")[0] in _TAKEN):
            raise ConfigError(
                "video", f"the column {name!r} of {path} cannot be a tag: expected a name of "
                f"letters, digits, space, dot, - and _, and none of {', '.join(_TAKEN)}",
                "Rename it",
            )  # fmt: skip
    rows = []
    for number, row in enumerate(reader, 2):
        if None in row or not (row["video"] or "").strip():
            if not any(row.values()):
                continue
            raise ConfigError(
                "video", f"line {number} of {path}: expected a path and {len(columns)} cells"
            )
        rows.append({key: (value or "").strip() for key, value in row.items()})
    return rows
