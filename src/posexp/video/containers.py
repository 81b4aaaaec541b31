"""Which files are opened as videos, which track is read, and what they may claim.

What comes from elsewhere is data.
"""

from __future__ import annotations

import difflib
import re
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.stream import Disposition

from posexp.errors import VideoError, reason_of
from posexp.video.frame import SQUARE

FORMATS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "mxf", "nut", "gif", "dv",
    "rm", "wtv", "gxf", "swf", "dhav", "ivf", "obu", "av1", "h261", "h263", "h264", "hevc", "vvc",
    "m4v", "mpegvideo", "vc1", "mjpeg", "yuv4mpegpipe", "apng", "image2", "jpeg_pipe", "png_pipe",
    "bmp_pipe", "gif_pipe", "tiff_pipe", "webp_pipe", "j2k_pipe", "jpegxl_pipe",
)  # fmt: skip
"""What is read, by FFmpeg's names: whole videos and pictures. Playlists and scripts are not: they
show other files and addresses, while a run's sha256 would be that of the list."""

MOST_PIXELS, LONGEST_SIDE = 8192 * 4352, 16384
"""Of a frame: the largest that H.264, HEVC, VP9 and AV1 know at level 6.2. A header that claims
more is damaged, or meant to fill the memory. OpenCV ends at sides of 32766 px."""

FREE_PIXELS, PIXELS_PER_BYTE = 1 << 30, 20_000
"""A file may show so many in all, 100 frames of 4K, and so many more for each of its bytes. Videos
of people stay below 4000; what goes beyond both is made to keep a machine busy."""

OPTIONS = {
    # Times that are missing (as in AVI) are not generated: with B-frames they come out of order.
    "fflags": "-genpts", "format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file",
    "pattern_type": "none", "max_pixels": str(MOST_PIXELS),
}  # fmt: skip
"""For `av.open`."""

_PLAYLIST = re.compile(
    rb"#EXTM3U|ffconcat|<\?xml|<MPD|<SmoothStreaming|<smil|v=0\s|\[(playlist|Reference)\]", re.I
)
_NESTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mvex", b"edts", b"udta")


def open_container(path: Path) -> Any:
    """PyAV's container of a video file.

    Raises
    ------
    VideoError
        When there is none, or it is no video.
    """
    if not path.exists():
        raise VideoError(path, "expected a video file, found nothing there", _near(path))
    if path.is_dir():
        raise VideoError(path, "expected a video file, got a folder", "Name one file in it")
    if path.stat().st_size == 0:
        raise VideoError(path, "expected a video, got an empty file", "Copy it again")
    try:
        check_samples(path)
        # "file:" keeps FFmpeg from reading a name with a colon as a protocol.
        container = av.open(f"file:{path}", metadata_errors="replace", options=OPTIONS)
    except (av.FFmpegError, OSError) as error:
        if is_playlist(path):
            raise VideoError(
                path, "expected a video, got a list or pattern that names other files",
                "Name the video itself",
            ) from error  # fmt: skip
        raise VideoError(
            path, f"expected a video, got a file that cannot be read as one ({reason_of(error)})",
            "If a player shows it, copy it again or convert it to mp4",
        ) from error  # fmt: skip
    if container.format.name == "image2" and any(
        track.codec_context and track.codec_context.name == "rawvideo"
        for track in container.streams.video
    ):  # for a plane .Y, FFmpeg reads .U and .V beside it
        container.close()
        raise VideoError(path, "expected a video, got a plane of a picture")
    return container


def tracks_of(path: Path, container: Any) -> list[Any]:
    """The video tracks, the one that is read first: as players choose, then the largest."""
    stills = Disposition.attached_pic | Disposition.timed_thumbnails
    tracks = [track for track in container.streams.video if not track.disposition & stills]
    if not tracks:
        raise VideoError(path, "expected a video, got a file without a picture track")
    return sorted(
        tracks, reverse=True,  # which keeps the order of equals
        key=lambda track: (
            track.codec_context is not None, track.frames != 1,
            bool(track.disposition & Disposition.default), _pixels(track),
        ),
    )  # fmt: skip


def aspect_of(track: Any) -> Fraction:
    """Width of a pixel by its height; the container's word before the stream's, as in players."""
    return track.sample_aspect_ratio or track.codec_context.sample_aspect_ratio or SQUARE


def announced_frames(container: Any, track: Any) -> int:
    """The container's count of frames that are shown, 0 when it has none."""
    if "mp4" not in container.format.name or not track.frames:
        return int(track.frames)
    return min(track.frames, sum(not entry.is_discard for entry in track.index_entries))


def announced_duration(container: Any, track: Any) -> float:
    """S, the track's word before the container's; 0 when neither says."""
    if track.duration:
        return float(track.duration * track.time_base)
    return container.duration / 1e6 if container.duration else 0.0


def _pixels(track: Any) -> int:
    context = track.codec_context
    return context.width * context.height if context else 0


def _near(path: Path) -> str:
    """Names close to a missing file's, for the person who mistyped it."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f"The folder {path.parent} does not exist either; check the path"
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(near)}?" if near else "Check the path"


def is_playlist(path: Path) -> bool:
    """Whether FFmpeg would go from it to other files; only to say so, for none is read."""
    try:
        with path.open("rb") as file:
            start = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return False
    return bool(_PLAYLIST.match(start))


def check_samples(path: Path) -> None:
    """Raise VideoError for an MP4 of more samples than it has bytes.

    FFmpeg makes an entry of 40 bytes for each sample of a fragment, of which a few bytes can claim
    four thousand million.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if head[4:] not in (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide"):
            return
        samples = sum(_samples(file, 0, size, 0))
    if samples > size:
        raise VideoError(
            path, f"expected a sample per byte at most, got {samples} samples in {size} bytes",
            "It is damaged, or meant to fill the memory",
        )  # fmt: skip


def _samples(file: BinaryIO, at: int, end: int, depth: int) -> Iterator[int]:
    """What each run of a fragment (`trun`) claims, below the boxes from `at` to `end`."""
    while at + 8 <= end:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        start = at + 8
        if length == 1 and at + 16 <= end:
            length, start = struct.unpack(">Q", file.read(8))[0], at + 16
        after = end if length == 0 else at + length
        if after < start:
            return
        if kind == b"trun" and start + 8 <= end:
            yield struct.unpack(">4xI", file.read(8))[0]
        elif kind in _NESTS and depth < 10:
            yield from _samples(file, start, min(after, end), depth + 1)
        at = after
