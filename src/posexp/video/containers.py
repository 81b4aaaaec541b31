"""Which files are opened as videos, and what they may claim: what comes from elsewhere is data."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from posexp.errors import VideoError

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
