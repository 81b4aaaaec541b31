"""Video out: H.264 that plays in browsers, a frame at its own time."""

from __future__ import annotations

import contextlib
import errno
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posexp.errors import VideoError
from posexp.files import flush
from posexp.video.frame import Image
from posexp.video.source import _why

if TYPE_CHECKING:
    pass


TIME_BASE = Fraction(1, 90_000)
"""Of the overlay; divides every usual frame rate and every camera's clock finely enough."""
KEY_FRAME_EVERY = 15
"""Frames between key frames of the overlay: a browser seeks to any frame in about 20 ms."""


class VideoWriter:
    """H.264 that plays in browsers, Jupyter and the MLflow UI, a frame at its own time.

    yuv420p, faststart, flagged as BT.601, a key frame every 15 frames. The file appears under
    its name only when `close` has succeeded; after an error nothing is left.

    Parameters
    ----------
    path : Path
        The mp4 to write.
    fps : float
        Nominal rate, 1/s, for the encoder's rate control only.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._fps = fps or 25.0
        self._container: Any = None
        self._stream: Any = None

    def write(self, image: Image, time: float) -> None:
        """Append an (h, w, 3) uint8 RGB image, h and w even, at `time` s."""
        import av
        import cv2

        try:
            if self._container is None:
                self._start(image.shape[1], image.shape[0])
            planes = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.time_base, frame.pts = TIME_BASE, round(time / TIME_BASE)
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            self.discard()
            raise writing_failed(self.path, error) from error

    def close(self) -> bool:
        """Finish the file; False when no frame was written, and no file made."""
        import av

        if self._container is None:
            return False
        try:
            self._container.mux(self._stream.encode(None))
            container, self._container = self._container, None
            container.close()
            flush(self._part)
            self._part.replace(self.path)
            flush(self.path.parent)
        except (av.FFmpegError, OSError) as error:
            self.discard()
            raise writing_failed(self.path, error) from error
        return True

    def discard(self) -> None:
        """Drop what was written."""
        import av

        if self._container is not None:
            container, self._container = self._container, None
            with contextlib.suppress(av.FFmpegError, OSError):
                container.close()
        self._part.unlink(missing_ok=True)

    def _start(self, width: int, height: int) -> None:
        import av

        self._container = av.open(
            str(self._part), "w", format="mp4", options={"movflags": "+faststart"}
        )
        stream = self._container.add_stream(
            "libx264", rate=Fraction(self._fps).limit_denominator(1001),
            options={"crf": "21", "preset": "superfast"},
        )  # fmt: skip
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1  # it runs beside the model; more threads only cost more
        context.time_base, context.gop_size = TIME_BASE, KEY_FRAME_EVERY
        # OpenCV's matrix is BT.601's (5); players guess from the size when nothing is said.
        context.colorspace, context.color_primaries, context.color_trc = 5, 1, 1
        self._stream = stream


def writing_failed(path: Path, error: Exception) -> VideoError:
    """The one-line error for output that could not be written."""
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    remedy = "Free some space there" if full else "Check that the folder can be written to"
    return VideoError(path, f"could not be written ({_why(error)})", remedy)
