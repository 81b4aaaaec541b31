"""Video out: H.264 that plays in browsers, a frame at its own time."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2

from posexp.errors import writing_failed
from posexp.files import whole
from posexp.video.frame import Image

TIME_BASE = Fraction(1, 90_000)
"""Of all that is written; divides every usual frame rate and every camera's clock finely enough."""

KEY_FRAME_EVERY = 15
"""Frames between key frames, where somebody steps: a browser seeks to any frame in about 20 ms."""


@dataclass(frozen=True)
class Encoding:
    """How much of the pictures is kept, and how long x264 looks for a shorter way to say it.

    Parameters
    ----------
    crf : int
        Its quality: 18 looks flawless, 45 falls apart.
    preset : str
        Its name for the time that it takes.
    key_frame_every : int
        Frames from one key frame to the next, at most.
    b_frames : bool
        Frames that lean on later ones: smaller files, slower steps.
    fine_colors : bool
        The colour of four pixels is their mean, and not the first one's, which takes half the time.
    """

    crf: int = 21
    preset: str = "superfast"
    key_frame_every: int = KEY_FRAME_EVERY
    b_frames: bool = True
    fine_colors: bool = False


class _Dropped(Exception):
    """Leaves the file that is being written without its name."""


class VideoWriter:
    """H.264 that plays in browsers, Jupyter and the MLflow UI, a frame at its own time.

    yuv420p, faststart, flagged as BT.601. The file appears under its name only when `close` has
    succeeded; after an error nothing is left. As a context manager it is closed at the end, and
    discarded after an error.

    Parameters
    ----------
    path : Path
        The mp4 to write.
    fps : float
        Nominal rate, 1/s, for the encoder's rate control only.
    encoding : Encoding, optional
        The overlay's by default: quick, since it runs beside the model.
    """

    def __init__(self, path: Path, fps: float, encoding: Encoding | None = None) -> None:
        self.path = path
        self._fps, self._encoding = fps or 25.0, encoding or Encoding()
        self._file = contextlib.ExitStack()
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def write(self, image: Image, time: float) -> None:
        """Append an (h, w, 3) uint8 RGB image, h and w even, at `time` s."""
        try:
            if self._container is None:
                self._start(image.shape[1], image.shape[0])
            frame = _fine(image) if self._encoding.fine_colors else _quick(image)
            frame.time_base, frame.pts = TIME_BASE, round(time / TIME_BASE)
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            self.discard()
            raise writing_failed(self.path, error) from error

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

    def _start(self, width: int, height: int) -> None:
        part = self._file.enter_context(whole(self.path))
        self._container = av.open(
            str(part), "w", format="mp4", options={"movflags": "+faststart"}
        )  # fmt: skip
        encoding = self._encoding
        options = {"crf": str(encoding.crf), "preset": encoding.preset}
        if not encoding.b_frames:
            options["bf"] = "0"
        stream = self._container.add_stream(
            "libx264", rate=Fraction(self._fps).limit_denominator(1001), options=options
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1  # it runs beside the model; more threads only cost more
        context.time_base, context.gop_size = TIME_BASE, encoding.key_frame_every
        # OpenCV's matrix and FFmpeg's is BT.601's (5); players guess from the size otherwise.
        context.colorspace, context.color_primaries, context.color_trc = 5, 1, 1
        self._stream = stream


def _quick(image: Image) -> av.VideoFrame:
    planes = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def _fine(image: Image) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
