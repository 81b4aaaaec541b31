"""How a notebook's browser gets at a video: an address on the Jupyter server, or a small copy.

VS Code, Colab and marimo have no server that gives files: there the copy goes with the widget.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_core.paths import jupyter_runtime_dir

from posexp.errors import VideoError
from posexp.files import PART, whole
from posexp.video.frame import even
from posexp.video.source import VideoSource
from posexp.video.writer import KEY_FRAME_EVERY, VideoWriter

FOLDER = Path("mlruns") / "media"
"""Under the notebook's folder: links to videos, and copies that browsers can play.

A link keeps the content of its video on the disk, also when the video itself was deleted. So each
has a note of its video beside it, and goes when that has gone.
"""

SENT, SENT_LINES = 12 * 2**20, 480
"""Bytes and lines of a copy that goes with the widget, at most."""

_SPARE = 2**18  # for a last frame, and for the index at the end of the file
_LINES = 720
_NOTE = ".source"
# For steps back as well as on; nothing else runs beside it.
_STEPPED = {"preset": "veryfast", "crf": "23", "g": str(KEY_FRAME_EVERY), "bf": "0"}
# Without a delay, so that what was written is known.
_SENT_AS = {**_STEPPED, "crf": "28", "tune": "zerolatency"}
_PLAYABLE = {"h264": (".mp4", ".m4v", ".mov"), "vp9": (".webm",), "vp8": (".webm",)}


class NoAddress(VideoError):
    """No Jupyter server can give the video to the browser."""


def url_of(video: Path) -> str:
    """An address at which the notebook's browser finds the video, with Range requests.

    A video that browsers cannot play is first turned into H.264, 720 lines, once.

    Raises
    ------
    NoAddress
        When there is no Jupyter server to ask, or its folder does not hold the notebook.
    VideoError
        When the video cannot be read.
    """
    server = _server()
    root = Path(server["root_dir"]).resolve()
    video = video.resolve()
    tidy()
    source = VideoSource(video, 0.0, None)
    suffixes = _PLAYABLE.get(source.info.codec, ())
    playable = video.suffix.lower() in suffixes and source.info.pixel_format.startswith("yuv420p")
    # Of several tracks a browser may show another; and it shows interlaced pictures as combs.
    playable = playable and "10" not in source.info.pixel_format and not source.remarks
    path = video
    if not playable:
        path = _proxy(source, root)
    elif not video.is_relative_to(root) or _is_hidden(video, root):
        path = _linked(video, root)
    return f"{server['base_url']}files/{quote(path.relative_to(root).as_posix())}"


def small_copy(video: Path) -> tuple[bytes, float | None]:
    """An H.264 copy of at most 480 lines and `SENT` bytes, for browsers that no server helps.

    Returns
    -------
    bytes, float or None
        The mp4, and the time, s, at which it was ended to stay within `SENT`; None for all of it.
    """
    return _encoded(video, _key(video), SENT)


@lru_cache(maxsize=1)  # each choice among runs of one video makes a new player
def _encoded(video: Path, _: str, most: int) -> tuple[bytes, float | None]:
    source = VideoSource(video, 0.0, None)
    lines = even(min(SENT_LINES, source.info.height))
    with tempfile.TemporaryDirectory() as folder:
        path, ended = Path(folder) / "copy.mp4", None
        with VideoWriter(path, source.info.fps, _SENT_AS) as writer:
            for frame in source.frames():
                if writer.size > most - _SPARE:
                    ended = frame.time
                    break
                writer.write(frame.nv12(lines), frame.time)
        return path.read_bytes(), ended


@dataclass(frozen=True)
class Kept:
    """A link or copy in `FOLDER`: its file, the video that it shows, and whether that has gone."""

    path: Path
    video: Path | None
    gone: bool


def kept() -> list[Kept]:
    """What there is in `FOLDER`, by name."""
    found = []
    for path in sorted(FOLDER.glob("*")) if FOLDER.is_dir() else []:
        if path.name.startswith(".") or not path.is_file():
            continue
        video: Path | None = None
        gone = True
        with contextlib.suppress(OSError):
            video = Path(_note(path).read_text("utf-8", "surrogateescape"))
            gone = not path.name.startswith(_key(video))
        found.append(Kept(path, video, gone))
    return found


def tidy(everything: bool = False) -> list[Kept]:
    """Remove links and copies whose video has gone or changed, or all; those that were removed."""
    removed = [each for each in kept() if each.gone or everything]
    for each in removed:
        with contextlib.suppress(OSError):  # open in a browser, on Windows
            each.path.unlink(missing_ok=True)
            _note(each.path).unlink(missing_ok=True)
    if everything and FOLDER.is_dir():
        for path in (*FOLDER.glob(f".*{PART}"), *FOLDER.glob(f".*{_NOTE}")):  # whose process died
            path.unlink(missing_ok=True)
    return removed


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}{_NOTE}")


def _is_hidden(path: Path, root: Path) -> bool:
    """Whether the Jupyter server refuses it for a name that begins with a dot."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _server() -> dict[str, Any]:
    """What the Jupyter server that started this kernel has written down of itself."""
    folder = Path(jupyter_runtime_dir())
    # Colab's own server gives no files to the frame in which it shows a widget.
    for kind in ("jpserver", "nbserver") if "google.colab" not in sys.modules else ():
        file = folder / f"{kind}-{os.environ.get('JPY_PARENT_PID', '')}.json"
        if file.is_file():
            return dict(json.loads(file.read_text(encoding="utf-8")))
    raise NoAddress(
        "player", "no Jupyter server was found, so the video has no address",
        "Open the notebook in JupyterLab or Notebook 7",
    )  # fmt: skip


def _folder(root: Path) -> Path:
    """A folder for videos that the server hands out: where the notebook is."""
    folder = FOLDER.resolve()
    if not folder.is_relative_to(root):
        raise NoAddress(
            "player", f"expected the notebook under the Jupyter server's folder {root}, got "
            f"{Path.cwd()}", "Start Jupyter in a folder that holds the notebook",
        )  # fmt: skip
    if _is_hidden(folder, root):
        raise NoAddress(
            "player", f"Jupyter does not serve what lies below a hidden folder: {folder}",
            "Move the notebook to a folder whose path has no name that begins with a dot",
        )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _place(video: Path, root: Path, ending: str) -> Path:
    """Where the link or copy of a video lies, with a note of whose it is."""
    target = _folder(root) / f"{_key(video)}{ending}"
    if not target.exists():
        with whole(_note(target)) as part:
            part.write_text(str(video), "utf-8", "surrogateescape")
    return target


def _linked(video: Path, root: Path) -> Path:
    """The video under a name that the server hands out: it refuses symbolic links."""
    target = _place(video, root, video.suffix.lower())
    if not target.exists():
        try:
            os.link(video, target)
        except OSError:  # another disk
            with whole(target) as part:
                shutil.copyfile(video, part)
    return target


def _proxy(source: VideoSource, root: Path) -> Path:
    """H.264 with a key frame every 15 frames, for quick steps; the times are the source's."""
    target = _place(source.path, root, f"-{_LINES}.mp4")
    if not target.exists():
        lines = even(min(_LINES, source.info.height))
        with VideoWriter(target, source.info.fps, _STEPPED) as writer:
            for frame in source.frames():
                writer.write(frame.nv12(lines), frame.time)
    return target


def _key(video: Path) -> str:
    """The file as it is now: another one under the same name is another key."""
    stat = video.stat()
    text = f"{video}|{stat.st_size}|{stat.st_mtime_ns}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
