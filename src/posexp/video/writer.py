"""Video out: H.264 that plays in browsers, a frame at its own time."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from posexp.errors import writing_failed
from posexp.files import whole
from posexp.video.frame import Image, Nv12

TIME_BASE = Fraction(1, 90_000)
"""Of all that is written; divides every usual frame rate and every camera's clock finely enough."""

KEY_FRAME_EVERY = 15
"""Frames between key frames, where somebody steps: a browser seeks to any frame in about 20 ms."""

QUICK = {
    "preset": "ultrafast", "qp": "25", "g": str(KEY_FRAME_EVERY), "bf": "3", "deblock": "0:0"
}  # fmt: skip
"""x264's options for what runs beside a model; docs/performance.md has what they were chosen from.

One quantizer for all frames spares x264 a look at each before it is encoded; B-frames make files a
tenth smaller; without the deblocking filter, which ultrafast leaves out, faces fall into squares.
"""


class _Dropped(Exception):
    """Leaves the file that is being written without its name."""


class VideoWriter:
    """H.264 that plays in browsers, Jupyter and the MLflow UI, a frame at its own time.

    yuv420p, faststart, flagged with its matrix. The file appears under its name only when `close`
    has succeeded; after an error nothing is left. As a context manager it is closed at the end,
    and discarded after an error.

    Parameters
    ----------
    path : Path
        The mp4 to write.
    fps : float
        Nominal rate, 1/s, for the encoder's rate control only.
    options : mapping of str to str
        x264's, by FFmpeg's names.
    """

    def __init__(self, path: Path, fps: float, options: Mapping[str, str] = QUICK) -> None:
        self.path = path
        self._fps, self._options = fps or 25.0, dict(options)
        self._file = contextlib.ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self._size = 0

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def write(self, picture: Image | Nv12, time: float) -> None:
        """Append a picture, (h, w, 3) uint8 RGB or NV12, h and w even, at `time` s."""
        frame = picture.picture if isinstance(picture, Nv12) else _from_rgb(picture)
        try:
            if self._container is None:
                self._start(frame)
            frame.time_base, frame.pts = TIME_BASE, round(time / TIME_BASE)
            packets = self._stream.encode(frame)
            self._size += sum(packet.size for packet in packets)
            self._container.mux(packets)
        except (av.FFmpegError, OSError) as error:
            self.discard()
            raise writing_failed(self.path, error) from error

    @property
    def size(self) -> int:
        """Bytes that were encoded so far, without the file's index."""
        return self._size

    def close(self) -> bool:
        """Finish the file; False when no frame was written, and no file made."""
        if self._container is None:
            return False
        try:
            self._container.mux(self._stream.encode(None))
            container, self._container = self._container, None
            container.close()
            self._file.close()
        except (av.FFmpegError, OSError) as error:
            self.discard()
            raise writing_failed(self.path, error) from error
        return True

    def discard(self) -> None:
        """Drop what was written."""
        if self._container is not None:
            container, self._container = self._container, None
            with contextlib.suppress(av.FFmpegError, OSError):
                container.close()
        with contextlib.suppress(_Dropped), self._file:
            raise _Dropped

    def _start(self, frame: av.VideoFrame) -> None:
        part = self._file.enter_context(whole(self.path))
        self._container = av.open(
            str(part), "w", format="mp4", options={"movflags": "+faststart"}
        )  # fmt: skip
        stream = self._container.add_stream(
            "libx264", rate=Fraction(self._fps).limit_denominator(1001), options=self._options
        )
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
        context = stream.codec_context
        context.thread_count = 1  # it runs beside the model; more threads only cost more
        context.time_base = TIME_BASE
        # Players guess from the size otherwise.
        context.colorspace, context.color_range = frame.colorspace, 1  # limited
        context.color_primaries = context.color_trc = 1
        self._stream = stream


def _from_rgb(image: Image) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
    frame.colorspace = 5  # BT.601, which is FFmpeg's choice
    return frame
