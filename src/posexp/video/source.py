"""Video in: frames in order with their own presentation times, in bounded memory."""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posexp.errors import VideoError
from posexp.files import at_home
from posexp.settings import check_span
from posexp.video import containers
from posexp.video.frame import SQUARE, Frame, Orientation, _orientation, shown_width

if TYPE_CHECKING:
    import av


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


def _is_interlaced(picture: av.VideoFrame) -> bool:
    return bool(picture.interlaced_frame) and min(picture.width, picture.height) >= 4


def _deinterlacer(picture: av.VideoFrame) -> Any:
    """A filter for pictures such as this one; it gives as many as it takes, the last at the end."""
    from av.filter import Graph

    graph = Graph()
    source = graph.add(
        "buffer", video_size=f"{picture.width}x{picture.height}", pix_fmt=picture.format.name,
        time_base=str(picture.time_base), colorspace=str(int(picture.colorspace)),
        range=str(int(picture.color_range)),
    )  # fmt: skip
    graph.link_nodes(source, graph.add("bwdif", "send_frame:auto:interlaced"),
                     graph.add("buffersink")).configure()  # fmt: skip
    return graph


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
        with self._open() as container:
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
        with self._open() as container:
            origin: float | None = None
            for picture in self._progressive(self._pictures(container)):
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

    def _open(self) -> Any:
        import av

        path = self.path
        if not path.exists():
            raise VideoError(path, "expected a video file, found nothing there", _near(path))
        if path.is_dir():
            raise VideoError(path, "expected a video file, got a folder", "Name one file in it")
        if path.stat().st_size == 0:
            raise VideoError(path, "expected a video, got an empty file", "Copy it again")
        try:
            containers.check_samples(path)
            # "file:" keeps FFmpeg from reading a name with a colon as a protocol.
            container = av.open(
                f"file:{path}", metadata_errors="replace", options=containers.OPTIONS
            )
        except (av.FFmpegError, OSError) as error:
            if containers.is_playlist(path):
                raise VideoError(
                    path, "expected a video, got a list or pattern that names other files",
                    "Name the video itself",
                ) from error  # fmt: skip
            raise VideoError(
                path, f"expected a video, got a file that cannot be read as one ({_why(error)})",
                "If a player shows it, copy it again or convert it to mp4",
            ) from error  # fmt: skip
        if container.format.name == "image2" and any(
            track.codec_context and track.codec_context.name == "rawvideo"
            for track in container.streams.video
        ):  # for a plane .Y, FFmpeg reads .U and .V beside it
            container.close()
            raise VideoError(path, "expected a video, got a plane of a picture")
        return container

    def _tracks(self, container: Any) -> list[Any]:
        """The video tracks, the one that is read first: as players choose, then the largest."""
        from av.stream import Disposition

        stills = Disposition.attached_pic | Disposition.timed_thumbnails
        tracks = [track for track in container.streams.video if not track.disposition & stills]
        if not tracks:
            raise VideoError(self.path, "expected a video, got a file without a picture track")
        return sorted(
            tracks, reverse=True,  # which keeps the order of equals
            key=lambda track: (
                track.codec_context is not None, track.frames != 1,
                bool(track.disposition & Disposition.default), _pixels(track),
            ),
        )  # fmt: skip

    def _read_info(self, container: Any) -> VideoInfo:
        tracks = self._tracks(container)
        stream = tracks[0]
        if stream.codec_context is None:
            raise VideoError(self.path, "no decoder for its codec", "Convert it to H.264 mp4")
        aspect = _aspect(stream)
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
        duration = 0.0
        if stream.duration:
            duration = float(stream.duration * stream.time_base)
        elif container.duration:
            duration = container.duration / 1e6
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        try:
            first = next(iter(self._pictures(container)), None)
        finally:
            self.warnings = []
        if first is None:
            size = "" if width else f"; its size is not said, or beyond {most / 1e6:.0f} megapixels"
            raise VideoError(
                self.path, f"no frame can be decoded{size}", "Copy it again from the camera"
            )
        self._turned = _orientation(first)
        self.remarks = list(self._remark(tracks, first, aspect))
        frame = Frame(0, 0.0, first, self._turned, self._aspect)
        return VideoInfo(
            self.path, frame.width, frame.height, fps, duration,
            _announced(container, stream) or round(duration * fps), stream.codec_context.name,
            first.format.name,
        )  # fmt: skip

    def _remark(self, tracks: list[Any], first: av.VideoFrame, aspect: Fraction) -> Iterator[str]:
        """What the user should know of the choices that were made."""
        if len(tracks) > 1:
            yield f"{len(tracks)} video tracks; the one of {first.width}x{first.height} px is read"
        if self._aspect != aspect:
            yield f"a pixel aspect of {aspect} cannot be; pixels are taken as square"
        if _is_interlaced(first):
            yield _INTERLACED
        if int(first.color_trc) in _HDR:
            yield (
                f"{_HDR[int(first.color_trc)]} (HDR) is not tone-mapped: the picture is paler "
                "than on a screen"
            )

    def _pictures(self, container: Any) -> Iterator[av.VideoFrame]:
        """Decode, skipping packets that cannot be decoded and noting the damage."""
        import av

        stream = self._tracks(container)[0]
        context = stream.codec_context
        stream.thread_type = "AUTO"
        context.options = {"max_pixels": str(containers.MOST_PIXELS)}
        aspects = set()
        skipped = damaged = 0
        try:
            for packet in self._packets(container, stream):
                try:
                    pictures = stream.decode(packet)
                except (av.FFmpegError, OSError) as error:
                    _check_memory(error)  # then the packet is not to blame
                    skipped += 1
                    continue
                for picture in pictures:
                    if picture.time_base is None:  # flushed after the reading broke off
                        picture.time_base = stream.time_base
                    damaged += picture.is_corrupt
                    aspects.add(context.sample_aspect_ratio)
                    yield picture
        finally:  # also when the reader stops at video.stop
            if len(aspects) > 1:
                self.warnings.append(
                    "the aspect of the pixels changes; the one of the file's header is kept"
                )
            if skipped:
                self.warnings.append(f"damaged packets, skipped: {skipped}")
            if damaged:
                self.warnings.append(f"frames with damage in the picture: {damaged}")

    def _progressive(self, pictures: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """One for one at their times, interlaced ones with the second field's lines drawn anew."""
        graph: Any = None
        kind = None
        stamps: deque[tuple[int | None, int | None, Fraction]] = deque()

        def pulled() -> Iterator[av.VideoFrame]:
            import av

            with contextlib.suppress(av.BlockingIOError, av.EOFError):
                while graph is not None:
                    picture = graph.vpull()
                    picture.pts, picture.dts, picture.time_base = stamps.popleft()
                    yield picture

        for picture in pictures:
            if graph is None and not _is_interlaced(picture):
                yield picture
                continue
            if _INTERLACED not in self.remarks:
                self.remarks.append(_INTERLACED)
                self.warnings.append(_INTERLACED)
            if kind != (kind := (picture.width, picture.height, picture.format.name,
                                 picture.colorspace, picture.color_range)):  # fmt: skip
                if graph is not None:
                    graph.vpush(None)
                yield from pulled()
                graph = _deinterlacer(picture)
            stamps.append((picture.pts, picture.dts, picture.time_base))
            graph.vpush(picture)
            yield from pulled()
        if graph is not None:
            graph.vpush(None)
            yield from pulled()

    def _packets(self, container: Any, stream: Any) -> Iterator[av.Packet | None]:
        """Packets as far as the file can be read; None empties the decoder."""
        import av

        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, IndexError):  # PyAV stumbles over tracks that began meanwhile
                return
            except (av.FFmpegError, OSError) as error:
                self.warnings.append(f"reading stopped before the end ({_why(error)})")
                yield None
                return
            # Cut short by the end of the file; an error now would cost the frames that the
            # decoder's threads still hold. In MPEG-TS the flag may mean a mere gap in a count.
            if packet.is_corrupt and container.format.name != "mpegts":
                self.warnings.append("the file ends within a frame")
            else:
                yield packet

    def _seconds(self, picture: av.VideoFrame, last: float, origin: float | None) -> float:
        # AVI and MPEG-PS leave presentation times out; decoding times then follow the output.
        stamp = picture.dts if picture.pts is None else picture.pts
        if stamp is not None:
            return float(stamp * picture.time_base)
        # Raw streams carry no times; the average rate is the best there is.
        text = "frames without a presentation time were spaced by the average rate"
        if text not in self.warnings:
            self.warnings.append(text)
        return 0.0 if origin is None else last + 1.0 / (self.info.fps or 25.0)

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


def _pixels(track: Any) -> int:
    context = track.codec_context
    return context.width * context.height if context else 0


def _aspect(track: Any) -> Fraction:
    """Width of a pixel by its height; the container's word before the stream's, as in players."""
    return track.sample_aspect_ratio or track.codec_context.sample_aspect_ratio or SQUARE


def _announced(container: Any, track: Any) -> int:
    """The container's count of frames that are shown, 0 when it has none."""
    if "mp4" not in container.format.name or not track.frames:
        return int(track.frames)
    return min(track.frames, sum(not entry.is_discard for entry in track.index_entries))


def _check_memory(error: Exception) -> None:
    """Raise MemoryError for what means it in a decoder: no memory, or none for its threads.

    In a demuxer the same numbers mean a table of absurd length.
    """
    if getattr(error, "errno", None) in (errno.ENOMEM, errno.EAGAIN):
        raise MemoryError(str(error)) from error


def _why(error: Exception) -> str:
    number: Any = getattr(error, "errno", None)
    if number in errno.errorcode:  # not FFmpeg's own numbers
        return os.strerror(number)
    return str(getattr(error, "strerror", None) or error).split(":")[0].strip()


def _near(path: Path) -> str:
    """Names close to a missing file's, for the person who mistyped it."""
    import difflib

    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f"The folder {path.parent} does not exist either; check the path"
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(near)}?" if near else "Check the path"
