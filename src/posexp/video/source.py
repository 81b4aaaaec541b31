"""Video in: frames in order with their own presentation times, in bounded memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from posexp.errors import VideoError
from posexp.files import at_home
from posexp.settings import check_span
from posexp.video import containers
from posexp.video.decoding import decode, deinterlace, is_interlaced
from posexp.video.frame import SQUARE, Frame, Orientation, orientation_of, shown_width
from posexp.video.heap import tidy_heap

STRETCH = 4
"""A pixel shown wider or narrower than this times its height is a mistake, and taken as square."""
_INTERLACED = "interlaced: the lines of each second field were drawn anew"
_HDR = {16: "PQ", 18: "HLG"}  # of FFmpeg's AVColorTransferCharacteristic


@dataclass(frozen=True)
class VideoInfo:
    """What the container says of a video; only the decoder knows the true frame count.

    Parameters
    ----------
    path : Path
        The file.
    width, height : int
        Size of the upright frame, px, which are square: a video of other pixels is shown as
        wide as players show it.
    fps : float
        Average frame rate, 1/s; 0 when the container does not say.
    duration : float
        s; 0 when the container does not say.
    frames : int
        The container's count, without what an edit list leaves out; failing that, duration
        times rate; 0 when unknown.
    codec, pixel_format : str
        As FFmpeg names them.
    """

    path: Path
    width: int
    height: int
    fps: float
    duration: float
    frames: int
    codec: str
    pixel_format: str


@dataclass
class VideoSource:
    """A video file that streams its frames once, in order.

    Parameters
    ----------
    path : Path
        Anything FFmpeg decodes.
    start, stop : float
        Keep frames with ``start <= time < stop``, s from the first frame; no `stop`, to the
        end. Frames before `start` are decoded too: seeking in containers is not reliable.

    Attributes
    ----------
    info : VideoInfo
        Read when the source is made.
    remarks : list of str
        What was chosen or converted; the warnings begin with it.
    warnings : list of str
        Damage met while streaming; complete when the stream has ended.
    decoded : int
        Frames decoded so far.

    Raises
    ------
    VideoError
        When the file is missing or holds no video, and while streaming for frames that
        change size, for times that go back, for far more pixels than the file can hold, and
        when nothing decodes.
    """

    path: Path
    start: float = 0.0
    stop: float | None = None
    info: VideoInfo = field(init=False)
    warnings: list[str] = field(init=False, default_factory=list)
    remarks: list[str] = field(init=False, repr=False, default_factory=list)
    decoded: int = field(init=False, default=0)
    _turned: Orientation = field(init=False, repr=False)
    _aspect: Fraction = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.path = at_home(self.path)
        check_span(self.start, self.stop)
        tidy_heap()  # before anything has threads
        with containers.open_container(self.path) as container:
            self.info = self._read_info(container)

    @property
    def expected_frames(self) -> int | None:
        """How many frames `frames` should yield, for a progress bar; None when unknown."""
        info = self.info
        if not info.fps:
            return info.frames or None
        stop = min(self.stop or info.duration, info.duration)
        limited = self.start > 0 or self.stop is not None
        return max(0, round((stop - self.start) * info.fps)) if limited else info.frames or None

    def frames(self) -> Iterator[Frame]:
        """Stream the frames; memory does not depend on the length of the video."""
        self.warnings, self.decoded = [*self.remarks], 0
        last_time, yielded = float("-inf"), False
        budget = containers.FREE_PIXELS + containers.PIXELS_PER_BYTE * self.path.stat().st_size
        with containers.open_container(self.path) as container:
            track = containers.tracks_of(self.path, container)[0]
            origin: float | None = None
            pictures = deinterlace(decode(container, track, self.warnings), self._found_interlaced)
            for picture in pictures:
                seconds = self._seconds(picture, last_time, origin)
                origin = seconds if origin is None else origin
                time = seconds - origin
                frame = Frame(self.decoded, time, picture, self._turned, self._aspect)
                self._check(frame, last_time - origin, budget)
                last_time = seconds
                self.decoded += 1
                if self.stop is not None and frame.time >= self.stop:
                    break
                if frame.time >= self.start:
                    yielded = True
                    yield frame
            else:
                self._check_complete()
        if not yielded:
            raise VideoError(
                self.path, f"no frame between {self.start:g} s and "
                f"{'the end' if self.stop is None else f'{self.stop:g} s'}: "
                f"the video ends at {max(last_time - (origin or 0.0), 0.0):.2f} s",
                "Choose video.start and video.stop inside the video",
            )  # fmt: skip

    def near(self, time: float, exact: bool = False) -> Frame | None:
        """The picture at a time or, unless it must be `exact`, one before it that costs less.

        Only to look at: its number is not known, and seeking in containers is not reliable.

        Parameters
        ----------
        time : float
            s from the first frame.
        exact : bool
            Decode up to the last picture that is not later.

        Returns
        -------
        Frame or None
            None where the file cannot be searched. Its index is -1.
        """
        best = None
        with contextlib.suppress(av.FFmpegError):
            with containers.open_container(self.path) as container:
                track = containers.tracks_of(self.path, container)[0]
                origin = self._stamp(next(decode(container, track, []), None)) or 0.0
            with containers.open_container(self.path) as container:
                track = containers.tracks_of(self.path, container)[0]
                container.seek(int((time + origin) / track.time_base), stream=track)
                for picture in decode(container, track, []):
                    stamp = self._stamp(picture)
                    if stamp is None or (best is not None and stamp - origin > time):
                        break
                    best = Frame(-1, stamp - origin, picture, self._turned, self._aspect)
                    if not exact:
                        break
        return best

    def _read_info(self, container: Any) -> VideoInfo:
        tracks = containers.tracks_of(self.path, container)
        stream = tracks[0]
        if stream.codec_context is None:
            raise VideoError(self.path, "no decoder for its codec", "Convert it to H.264 mp4")
        aspect = containers.aspect_of(stream)
        self._aspect = aspect if 1 / STRETCH <= aspect <= STRETCH else SQUARE
        width, height = stream.codec_context.width, stream.codec_context.height
        most, side = containers.MOST_PIXELS, containers.LONGEST_SIDE
        widest = max(width, shown_width(width, self._aspect))
        if widest * height > most or max(widest, height) > side:
            raise VideoError(
                self.path, f"expected at most {most / 1e6:.0f} megapixels and {side} px a side, "
                f"got a header that says {width}x{height}",
                "Scale the video down, or copy it again",
            )  # fmt: skip
        duration = containers.announced_duration(container, stream)
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        # Damage is told when the frames are streamed.
        first = next(decode(container, stream, []), None)
        if first is None:
            size = "" if width else f"; its size is not said, or beyond {most / 1e6:.0f} megapixels"
            raise VideoError(
                self.path, f"no frame can be decoded{size}", "Copy it again from the camera"
            )
        self._turned = orientation_of(first)
        self.remarks = list(self._remark(tracks, first, aspect))
        frame = Frame(0, 0.0, first, self._turned, self._aspect)
        return VideoInfo(
            self.path, frame.width, frame.height, fps, duration,
            containers.announced_frames(container, stream) or round(duration * fps),
            stream.codec_context.name, first.format.name,
        )  # fmt: skip

    def _remark(self, tracks: list[Any], first: av.VideoFrame, aspect: Fraction) -> Iterator[str]:
        """What the user should know of the choices that were made."""
        if len(tracks) > 1:
            yield f"{len(tracks)} video tracks; the one of {first.width}x{first.height} px is read"
        if self._aspect != aspect:
            yield f"a pixel aspect of {aspect} cannot be; pixels are taken as square"
        if is_interlaced(first):
            yield _INTERLACED
        if int(first.color_trc) in _HDR:
            yield (
                f"{_HDR[int(first.color_trc)]} (HDR) is not tone-mapped: the picture is paler "
                "than on a screen"
            )

    def _found_interlaced(self) -> None:
        """Say so, where the first frame did not."""
        if _INTERLACED not in self.remarks:
            self.remarks.append(_INTERLACED)
            self.warnings.append(_INTERLACED)

    def _seconds(self, picture: av.VideoFrame, last: float, origin: float | None) -> float:
        stamp = self._stamp(picture)
        if stamp is not None:
            return stamp
        # Raw streams carry no times; the average rate is the best there is.
        text = "frames without a presentation time were spaced by the average rate"
        if text not in self.warnings:
            self.warnings.append(text)
        return 0.0 if origin is None else last + 1.0 / (self.info.fps or 25.0)

    @staticmethod
    def _stamp(picture: av.VideoFrame | None) -> float | None:
        """S, as the container counts; None without a time."""
        if picture is None:
            return None
        # AVI and MPEG-PS leave presentation times out; decoding times then follow the output.
        stamp = picture.dts if picture.pts is None else picture.pts
        return None if stamp is None else float(stamp * picture.time_base)

    def _check(self, frame: Frame, last_time: float, budget: int) -> None:
        width, height = self.info.width, self.info.height
        if (frame.index + 1) * width * height > budget:
            raise VideoError(
                self.path, f"expected a byte per {containers.PIXELS_PER_BYTE} pixels, got more "
                f"than {frame.index} frames of {width}x{height} in "
                f"{self.path.stat().st_size / 1000:.0f} kB",
                f"Scale the video down, or set video.stop={frame.time:.2f}",
            )  # fmt: skip
        if (frame.width, frame.height) != (width, height):
            raise VideoError(
                self.path, f"the size changes at frame {frame.index} ({frame.time:.2f} s): "
                f"expected {width}x{height} px, got {frame.width}x{frame.height}",
                f"Cut the video there, or set video.stop={frame.time:.2f}",
            )  # fmt: skip
        if not frame.time > last_time:
            raise VideoError(
                self.path, f"presentation times go back at frame {frame.index}: expected more "
                f"than {last_time:.3f} s, got {frame.time:.3f} s",
                "Re-encode the video, or cut it there with video.stop",
            )  # fmt: skip

    def _check_complete(self) -> None:
        if not self.decoded:
            raise VideoError(self.path, "no frame can be decoded", "Copy it again from the camera")
        lost = self.info.frames - self.decoded
        damage = len(self.warnings) > len(self.remarks)
        if lost > max(1, 0.01 * self.info.frames) or (lost > 0 and damage):
            self.warnings.append(
                f"{self.decoded} frames decoded of the {self.info.frames} that the file announces"
            )
