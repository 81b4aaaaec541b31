"""From the packets of a track to its pictures: damaged ones are skipped, interlaced ones mended."""

from __future__ import annotations

import contextlib
import errno
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
from av.filter import Graph

from posexp.errors import reason_of
from posexp.video import containers

THREADS = 2
"""Of a decoder. Each keeps pictures of its own, 60 MB in 4K; two are as fast as any model."""


def decode(container: Any, track: Any, warnings: list[str]) -> Iterator[av.VideoFrame]:
    """Pictures as they are stored, in order; packets that cannot be decoded are skipped.

    `warnings` gets a line for each kind of damage; it is complete when the iterator is closed.
    """
    context = track.codec_context
    track.thread_type = "AUTO"
    context.thread_count = THREADS
    context.options = {"max_pixels": str(containers.MOST_PIXELS)}
    aspects = set()
    skipped = damaged = 0
    try:
        for packet in _packets(container, track, warnings):
            try:
                pictures = track.decode(packet)
            except (av.FFmpegError, OSError) as error:
                _check_memory(error)  # then the packet is not to blame
                skipped += 1
                continue
            for picture in pictures:
                if picture.time_base is None:  # flushed after the reading broke off
                    picture.time_base = track.time_base
                damaged += picture.is_corrupt
                aspects.add(context.sample_aspect_ratio)
                yield picture
    finally:  # also when the reader stops at video.stop
        if len(aspects) > 1:
            warnings.append(
                "the aspect of the pixels changes; the one of the file's header is kept"
            )
        if skipped:
            warnings.append(f"damaged packets, skipped: {skipped}")
        if damaged:
            warnings.append(f"frames with damage in the picture: {damaged}")


def deinterlace(
    pictures: Iterator[av.VideoFrame], found_interlaced: Callable[[], None]
) -> Iterator[av.VideoFrame]:
    """One for one at their times, interlaced ones with the second field's lines drawn anew."""
    graph: Any = None
    kind = None
    stamps: deque[tuple[int | None, int | None, Fraction]] = deque()

    def pulled() -> Iterator[av.VideoFrame]:
        with contextlib.suppress(av.BlockingIOError, av.EOFError):
            while graph is not None:
                picture = graph.vpull()
                picture.pts, picture.dts, picture.time_base = stamps.popleft()
                yield picture

    for picture in pictures:
        if graph is None and not is_interlaced(picture):
            yield picture
            continue
        found_interlaced()
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


def is_interlaced(picture: av.VideoFrame) -> bool:
    """Whether its lines are of two moments, and there are enough of them to draw one from."""
    return bool(picture.interlaced_frame) and min(picture.width, picture.height) >= 4


def _packets(container: Any, track: Any, warnings: list[str]) -> Iterator[av.Packet | None]:
    """Packets as far as the file can be read; None empties the decoder."""
    packets = container.demux(track)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, IndexError):  # PyAV stumbles over tracks that began meanwhile
            return
        except (av.FFmpegError, OSError) as error:
            warnings.append(f"reading stopped before the end ({reason_of(error)})")
            yield None
            return
        # Cut short by the end of the file; an error now would cost the frames that the
        # decoder's threads still hold. In MPEG-TS the flag may mean a mere gap in a count.
        if packet.is_corrupt and container.format.name != "mpegts":
            warnings.append("the file ends within a frame")
        else:
            yield packet


def _deinterlacer(picture: av.VideoFrame) -> Any:
    """A filter for pictures such as this one; it gives as many as it takes, the last at the end."""
    graph = Graph()
    source = graph.add(
        "buffer", video_size=f"{picture.width}x{picture.height}", pix_fmt=picture.format.name,
        time_base=str(picture.time_base), colorspace=str(int(picture.colorspace)),
        range=str(int(picture.color_range)),
    )  # fmt: skip
    graph.link_nodes(source, graph.add("bwdif", "send_frame:auto:interlaced"),
                     graph.add("buffersink")).configure()  # fmt: skip
    return graph


def _check_memory(error: Exception) -> None:
    """Raise MemoryError for what means it in a decoder: no memory, or none for its threads.

    In a demuxer the same numbers mean a table of absurd length.
    """
    if getattr(error, "errno", None) in (errno.ENOMEM, errno.EAGAIN):
        raise MemoryError(str(error)) from error
