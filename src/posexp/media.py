"""How a notebook's browser gets at a video: an address on the Jupyter server, never the kernel."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote

from posexp.errors import VideoError
from posexp.files import whole
from posexp.video import VideoSource, even

FOLDER = Path("mlruns") / "media"
"""Under the notebook's folder: links to videos, and copies that browsers can play."""

_LINES = 720
_PLAYABLE = {"h264": (".mp4", ".m4v", ".mov"), "vp9": (".webm",), "vp8": (".webm",)}


def url_of(video: Path) -> str:
    """An address at which the notebook's browser finds the video, with Range requests.

    A video that browsers cannot play is first turned into H.264, 720 lines, once.

    Raises
    ------
    VideoError
        When there is no Jupyter server to ask, or its folder does not hold the notebook.
    """
    server = _server()
    root = Path(server["root_dir"]).resolve()
    video = video.resolve()
    source = VideoSource(video, 0.0, None)
    suffixes = _PLAYABLE.get(source.info.codec, ())
    playable = video.suffix.lower() in suffixes and source.info.pixel_format.startswith("yuv420p")
    # Of several tracks a browser may show another; and it shows interlaced pictures as combs.
    playable = playable and "10" not in source.info.pixel_format and not source.remarks
    path = video
    if not playable:
        path = _proxy(source, root)
    elif not video.is_relative_to(root):
        path = _linked(video, root)
    return f"{server['base_url']}files/{quote(path.relative_to(root).as_posix())}"


def _server() -> dict[str, Any]:
    """What the Jupyter server that started this kernel has written down of itself."""
    from jupyter_core.paths import jupyter_runtime_dir

    folder = Path(jupyter_runtime_dir())
    for kind in ("jpserver", "nbserver"):
        file = folder / f"{kind}-{os.environ.get('JPY_PARENT_PID', '')}.json"
        if file.is_file():
            return dict(json.loads(file.read_text(encoding="utf-8")))
    raise VideoError(
        "player", "no Jupyter server was found, so the video has no address: only the skeletons "
        "are shown", "Open the notebook in JupyterLab or Notebook 7",
    )  # fmt: skip


def _folder(root: Path) -> Path:
    """A folder for videos that the server hands out: where the notebook is."""
    folder = FOLDER.resolve()
    if not folder.is_relative_to(root):
        raise VideoError(
            "player", f"expected the notebook under the Jupyter server's folder {root}, got "
            f"{Path.cwd()}", "Start Jupyter in a folder that holds the notebook",
        )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _linked(video: Path, root: Path) -> Path:
    """The video under a name that the server hands out: it refuses symbolic links."""
    target = _folder(root) / f"{_key(video)}{video.suffix.lower()}"
    if not target.exists():
        try:
            os.link(video, target)
        except OSError:  # another disk
            with whole(target) as part:
                shutil.copyfile(video, part)
    return target


def _proxy(source: VideoSource, root: Path) -> Path:
    """H.264 with a key frame every 15 frames, for quick steps; the times are the source's."""
    import av

    target = _folder(root) / f"{_key(source.path)}-{_LINES}.mp4"
    if target.exists():
        return target
    lines = even(min(_LINES, source.info.height))
    tick = Fraction(1, 90_000)
    stream: Any = None
    with (
        whole(target) as part,
        av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        for frame in source.frames():
            picture = frame.resized(lines)
            if stream is None:
                rate = Fraction(source.info.fps or 25).limit_denominator(1001)
                options = {"crf": "23", "preset": "veryfast", "g": "15", "bf": "0"}
                stream = container.add_stream("libx264", rate=rate, options=options)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = tick
            image = av.VideoFrame.from_ndarray(picture, format="rgb24")
            image.pts, image.time_base = round(frame.time / tick), tick
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    return target


def _key(video: Path) -> str:
    """The file as it is now: another one under the same name is another key."""
    stat = video.stat()
    text = f"{video}|{stat.st_size}|{stat.st_mtime_ns}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
