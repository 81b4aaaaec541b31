"""Which videos a batch is about: a file, a folder, a glob, or a list with columns."""

from __future__ import annotations

import csv
import fnmatch
import glob
import hashlib
import io
import itertools
import logging
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from posexp.errors import ConfigError, printable
from posexp.files import at_home, of_uri

log = logging.getLogger("posexp")

SUFFIXES = (
    ".3g2", ".3gp", ".asf", ".avi", ".dv", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
)  # fmt: skip
"""Of what a folder is searched for."""

_LISTS = (".csv", ".tsv", ".txt")
_SHEETS = (".numbers", ".ods", ".xls", ".xlsm", ".xlsx")
_DELIMITERS = (";", "\t", ",", "|")  # spreadsheets of half of Europe write semicolons
_OURS = (
    "model", "video", "keypoints", "overlay", "tracking", "launcher", "force", "weights", "version",
    "posexp", "mlflow", "error", "note", "confidence", "truth", "person", "cleaning", "activity",
    "scale", "movement",
)  # fmt: skip
"""First words of our own keys and tags."""


@dataclass(frozen=True)
class Clip:
    """One video of a batch, with what the list says of it: column to value."""

    path: Path
    columns: dict[str, str] = field(default_factory=dict)


def is_batch(arguments: Sequence[str]) -> bool:
    """Whether a command means a batch: ``-m``, several videos, a launcher's key, or ``force``."""
    given = dict(argument.partition("=")[::2] for argument in arguments)
    if {"-m", "--multirun", "launcher", "force"} & {key.partition(".")[0] for key in given}:
        return True
    video = given.get("video", given.get("video.path", ""))
    path = at_home(video)
    lists = path.suffix.lower() in (*_LISTS, *_SHEETS)
    return bool(video) and (os.path.isdir(path) or lists or _is_glob(path))


def sweep_arguments(arguments: Sequence[str]) -> list[str]:
    """The overrides in a batch's command."""
    return [argument for argument in arguments if argument not in ("-m", "--multirun")]


def find_clips(video: str, taken: Collection[str] = ()) -> list[Clip]:
    """The videos that ``video=`` names, in order of their names or of the list.

    Parameters
    ----------
    video : str
        A file; a folder, whose own files with a video's suffix are taken; a glob (``**`` for all
        folders below); a .txt with a path in every line; a .csv or .tsv with a column ``video``,
        whose other columns describe it. A row may be a folder or a glob too; paths in lists are
        relative to the list. Hidden files are not taken; of links to one file, one is.
    taken : collection of str
        Columns of our own; a list's column of such a name becomes ``list.NAME``.

    Raises
    ------
    ConfigError
        When there are none, or the list cannot be read.
    """
    path = at_home(video)
    if path.suffix.lower() in _LISTS and not os.path.isdir(path) and not _is_glob(path):
        return _read_list(path, taken)
    if path.suffix.lower() in _SHEETS and os.path.isfile(path):
        raise ConfigError(
            "video", f"expected a list as text, got the spreadsheet {path}", "Save it as CSV"
        )
    files = _files(path)
    if files is None:
        return [Clip(path)]
    found = "no file" if _is_glob(path) else "none with a video's suffix"
    return _some([Clip(file) for file in files], video, found)


def sweep_of(video: str, experiment: str) -> str:
    """A name for all runs over what ``video=`` names: the same command means the same sweep."""
    path = at_home(video).absolute()
    digest = hashlib.sha256(f"{experiment}\n{path}".encode("utf-8", "surrogateescape"))
    stem = re.sub(r"[^\w-]+", "-", path.stem, flags=re.ASCII).strip("-")[:40] or "videos"
    return f"{stem}-{digest.hexdigest()[:6]}"


def _is_glob(path: Path) -> bool:
    return bool(glob.has_magic(str(path))) and not os.path.exists(path)


def _some(clips: list[Clip], video: str, found: str) -> list[Clip]:
    if not clips:
        raise ConfigError(
            "video", f"expected videos in {video}, found {found}",
            f"These suffixes are looked for: {' '.join(SUFFIXES)}",
        )  # fmt: skip
    return clips


def _files(path: Path) -> list[Path] | None:
    """The videos in a folder or of a glob, each file once; None for the name of one file."""
    if os.path.isdir(path):
        files = _each_once(_matches([path], ("*",)))
        videos = [file for file in files if file.suffix.lower() in SUFFIXES]
        _name_skipped(path, files, videos)
        return videos
    if not _is_glob(path):
        return None
    parts = path.relative_to(path.anchor).parts
    if parts[-1] == "**":
        parts = (*parts, "*")
    files = _each_once(_matches([Path(path.anchor)], parts))
    # What stands beside the videos is no failed job; a glob of other names means those.
    return [file for file in files if file.suffix.lower() in SUFFIXES] or files


def _name_skipped(folder: Path, files: list[Path], videos: list[Path]) -> None:
    """Say what of a folder is no video, nor the truth of one."""
    truths = {f"{video.stem}.truth" for video in videos}
    files = [file for file in files if file.stem not in truths]
    skipped = [printable(file.name) for file in files if file not in videos]
    if skipped and videos:
        named = ", ".join(skipped[:5]) + (", ..." if len(skipped) > 5 else "")
        log.warning(
            "%s: %d files: %d video%s, %d skipped: %s",
            folder, len(files), len(videos), "s" * (len(videos) > 1), len(skipped), named,
        )  # fmt: skip


def _matches(places: Iterable[Path], parts: Sequence[str]) -> Iterable[Path]:
    """What a glob's parts match below some folders, hidden names only where they are named.

    Unlike Python's own, it goes into each real folder once, so that links in a circle end.
    """
    for part in parts:
        if part == "**":
            places = _below(places)
        elif glob.has_magic(part):
            places = [
                place / name for place in places for name in _names(place)
                if fnmatch.fnmatch(name, part) and (part[0] == "." or name[0] != ".")
            ]  # fmt: skip
        else:
            places = [place / part for place in places if os.path.lexists(place / part)]
    return places


def _below(places: Iterable[Path]) -> Iterator[Path]:
    """Some folders and all in them that are not hidden, each real one once."""
    seen, left = set(), list(places)
    while left:
        folder = left.pop()
        if os.path.isdir(folder) and (real := os.path.realpath(folder)) not in seen:
            seen.add(real)
            yield folder
            left += [folder / name for name in _names(folder) if name[0] != "."]


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _each_once(paths: Iterable[Path]) -> list[Path]:
    """The files, in order of their names; of links to one file the file itself, or the first."""
    found: dict[str, Path] = {}
    for path in sorted(filter(os.path.isfile, paths)):
        real = os.path.realpath(path)
        if real not in found or os.path.abspath(path) == real:
            found[real] = path
    return sorted(found.values())


def _read_list(path: Path, taken: Collection[str]) -> list[Clip]:
    text = _read_text(path)
    rows = _read_lines(text) if path.suffix.lower() == ".txt" else _read_rows(path, text, taken)
    clips: dict[tuple[str, ...], Clip] = {}
    twice = 0
    for name, columns in rows:
        if name.startswith("#") and not os.path.isfile(path.parent / name):
            continue  # a comment
        file = _located(path.parent, name)
        for each in _files(file) or [file]:
            key = os.path.realpath(each), *itertools.chain(*sorted(columns.items()))
            twice += key in clips
            clips.setdefault(key, Clip(each, columns))
    if twice:
        log.warning("%s: %d of its rows stand there twice; each is done once", path, twice)
    return _some([*clips.values()], str(path), "no line with a path")


def _read_text(path: Path) -> str:
    """A list in the encoding that its program wrote: UTF-8, UTF-16 with its mark, or cp1252."""
    try:
        data = path.read_bytes()
        utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        try:
            text, known = data.decode("utf-16" if utf16 else "utf-8-sig"), True
        except UnicodeDecodeError:
            text, known = data.decode("cp1252"), False
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8, UTF-16 or Windows-1252 text"
        raise ConfigError("video", f"expected a list of videos in {path}: {reason}") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ConfigError(
            "video", f"line {line} of {path}: expected text, got a NUL character",
            "Save it as UTF-8",
        )  # fmt: skip
    if not known:
        log.warning("%s: it is not UTF-8; read as Windows-1252", path)
    return text


def _read_lines(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for line in re.split(r"\r\n|\r|\n", text):
        if line.strip():
            yield line.strip(), {}


def _read_rows(
    path: Path, text: str, taken: Collection[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """(path, columns) of each row of a table."""
    said = re.match(r"sep=(.)(\r\n|\r|\n)", text, re.IGNORECASE)
    delimiter = said[1] if said else _delimiter(text)
    # Strict: a quote that is left open would swallow all rows that follow.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    try:
        for row in itertools.islice(reader, 1 if said else 0, None):
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if not names:
                names = _column_names(path, cells, taken)
                continue
            values = dict(itertools.zip_longest(names, cells[: len(names)], fillvalue=""))
            video = values.pop("video")
            if not video or any(cells[len(names) :]):
                raise ConfigError(
                    "video", f"line {reader.line_num} of {path}: expected a path and "
                    f"{len(names)} cells",
                )  # fmt: skip
            yield video, {name: value for name, value in values.items() if value}
    except csv.Error as error:
        raise ConfigError(
            "video", f"line {reader.line_num} of {path}: cannot be read ({error})",
            "Is a quote left open, or a cell longer than 131,072 characters?",
        ) from error  # fmt: skip
    if not names:
        _column_names(path, [], taken)


def _delimiter(text: str) -> str:
    """The one with which the first line has a column `video`."""
    first = next((line for line in re.split(r"[\r\n]+", text) if line.strip()), "")
    for delimiter in _DELIMITERS:
        cells = first.split(delimiter)
        if len(cells) > 1 and "video" in (cell.strip(' "').lower() for cell in cells):
            return delimiter
    return ","


def _column_names(path: Path, cells: list[str], taken: Collection[str]) -> list[str]:
    """Names for the columns of a list: `video`, and tags of our runs that are not ours."""
    lower = [cell.lower() for cell in cells]
    if "video" not in lower:
        got = ", ".join(cells)[:200] or "none"
        raise ConfigError(
            "video", f"expected a column named video in {path}, got {got}",
            "Name the column of the paths video",
        )  # fmt: skip
    video = cells.index("video") if "video" in cells else lower.index("video")
    names: list[str] = []
    ours = []
    for index, cell in enumerate(cells):
        # Names that MLflow takes for tags.
        name = re.sub(r"[^\w .-]", "_", cell).strip(" .")[:100] or f"column {index + 1}"
        if index == video:
            name = "video"
        elif name.lower() in taken or name.lower().split(".")[0] in _OURS:
            ours.append(name)
            name = f"list.{name}"
        again = (f"{name} {count}" for count in itertools.count(2))
        while name in names:
            name = next(again)
        names.append(name)
    if ours:
        log.warning(
            "%s: posexp has its own %s; the list's are called %s",
            path, ", ".join(ours), ", ".join(f"list.{name}" for name in ours),
        )  # fmt: skip
    return names


def _located(folder: Path, name: str) -> Path:
    """The file that a list names: as it stands there, or as another system writes it."""
    if name.startswith("file://"):
        name = of_uri(name)
    slashes = name.replace("\\", "/")
    forms = (name, slashes, name.strip("\"'"))
    other = (unicodedata.normalize(form, text) for text in forms for form in ("NFC", "NFD"))
    for form in itertools.chain(forms, other):
        if os.path.exists(folder / at_home(form)):
            return folder / at_home(form)
    return folder / at_home(name)
