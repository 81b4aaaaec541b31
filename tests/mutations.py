"""Damaged videos, made from sound ones, and a process that reads them as posexp does.

``python tests/mutations.py FILE...`` prints a line of JSON per file: how reading it ended.
"""

from __future__ import annotations

import itertools
import json
import queue
import random
import re
import resource
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

SECONDS = 60
"""That one file may take; they take hundredths."""

MEMORY = 4 << 30
"""Address space of the process that reads, with all its libraries, bytes."""

BOUNDS = 20, 1 << 30
"""Seconds of the processor and bytes of memory that one file may take without being said."""

_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
_SOUND = ("-c:a", "aac")
FORMATS = {
    "mp4": (*_SOUND, *_H264),
    "mov": ("-c:v", "libx265", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le"),
    "3gp": ("-c:v", "mpeg4"),
    "ismv": (*_SOUND, *_H264, "-g", "4"),  # in fragments
    "mkv": ("-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv422p"),
    "webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-b:v", "200k"),
    "avi": ("-c:v", "mpeg4"),
    "ts": (*_SOUND, *_H264),
    "mpg": ("-c:v", "mpeg2video", "-flags", "+ildct+ilme"),
    "flv": ("-c:v", "flv1"),
    "gif": (),
    "wmv": ("-c:v", "wmv2"),
    "ogv": ("-c:v", "libtheora"),
    "mxf": ("-c:v", "mpeg2video"),
    "nut": ("-c:v", "ffv1"),
    "y4m": ("-pix_fmt", "yuv420p"),
}
"""By suffix, the options of FFmpeg."""

_ABSURD = (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 0xFFFF0000, 0x0000FFFF, 1_000_000_000)


def mutated(sound: dict[str, bytes], count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """(name, content) of damaged files; the same for the same seed."""
    choose = random.Random(seed)
    kinds = (flip, absurd_field, truncate, reorder, splice, lie, cut_out, repeat,
             absurd_header, drop, absurd_box)  # fmt: skip
    for number in range(count):
        kind, suffix = kinds[number % len(kinds)], choose.choice(sorted(sound))
        if kind is absurd_box:
            suffix = choose.choice(["mp4", "mov"])
        data = kind(bytearray(sound[suffix]), choose, sound)
        yield f"{number:04}_{kind.__name__}.{suffix}", bytes(data)


def write_mutated(folder: Path, count: int) -> list[Path]:
    """Damaged files in a folder, made from a sound one of each format."""
    from clips import ffmpeg

    inputs = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25",
              "-f", "lavfi", "-i", "sine=duration=0.48")  # fmt: skip
    sound = {}
    for suffix, options in FORMATS.items():
        heard = () if "-c:a" in options else ("-an",)
        path = folder / f"sound.{suffix}"
        ffmpeg(*inputs, "-frames:v", 12, *heard, *options, path)
        sound[suffix] = path.read_bytes()
    paths = []
    for name, data in mutated(sound, count):
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    return paths


def flip(data: bytearray, choose: random.Random, _: dict[str, bytes]) -> bytearray:
    """A few bits turned, anywhere."""
    for _ in range(choose.choice([1, 4, 16, 64, 256])):
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
    return data


def truncate(data: bytearray, choose: random.Random, _: dict[str, bytes]) -> bytearray:
    """The end is missing."""
    return data[: choose.randrange(1, len(data))]


def splice(data: bytearray, choose: random.Random, sound: dict[str, bytes]) -> bytearray:
    """The beginning of one file and the end of another."""
    other = sound[choose.choice(sorted(sound))]
    return data[: choose.randrange(len(data))] + bytearray(other[choose.randrange(len(other)) :])


def cut_out(data: bytearray, choose: random.Random, _: dict[str, bytes]) -> bytearray:
    """A stretch is missing, or there twice."""
    first, second = sorted(choose.randrange(len(data)) for _ in range(2))
    if choose.random() < 0.5:
        return data[:first] + data[second:]
    return data[:second] + data[first:]


def absurd_header(data: bytearray, choose: random.Random, _: dict[str, bytes]) -> bytearray:
    """Numbers near the beginning are huge, zero or negative."""
    for _ in range(choose.randrange(1, 6)):
        at = choose.randrange(min(len(data) - 4, 800))
        struct.pack_into(choose.choice("><") + "I", data, at, choose.choice(_ABSURD))
    return data


def absurd_box(data: bytearray, choose: random.Random, _: dict[str, bytes]) -> bytearray:
    """Size, rate, duration or count in a box of an MP4 is absurd: 65535x65535, 10^9 frames/s."""
    box = choose.choice([b"tkhd", b"mvhd", b"mdhd", b"stts", b"stsz", b"stco", b"avc1", b"hvc1",
                         b"stsc", b"ctts", b"elst", b"avcC", b"hvcC"])  # fmt: skip
    at = data.find(box)
    if at < 0:
        at = data.find(b"trak")
    if box in (b"avc1", b"hvc1"):
        struct.pack_into(">HH", data, min(at + 28, len(data) - 4), 65535, 65535)
    else:
        last = min(at + 100, len(data) - 4)
        struct.pack_into(">I", data, choose.randrange(at + 4, last), choose.choice(_ABSURD))
    return data


Part = tuple[int, int, int]
"""Where a part's own header begins, where its content does, and where it ends."""

_NESTS = re.compile(rb"moov|trak|mdia|minf|stbl|moof|traf|mvex|edts|udta|dinf|RIFF|LIST")
_EBML = (0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675, 0xA0, 0x1C53BB6B, 0x114D9B74)
_MARKS = {
    "mpg": rb"\x00\x00\x01[\xb3-\xff]", "gif": rb"\x21\xf9\x04", "ogv": rb"OggS", "y4m": rb"FRAME",
    "nut": rb"N[KSXMI]", "mxf": rb"\x06\x0e\x2b\x34",
}  # fmt: skip


def parts(data: bytearray) -> list[Part]:
    """Boxes, elements, chunks, tags, packets or pages, with those inside others."""
    if data[4:8] in (b"ftyp", b"moov"):
        return list(_boxes(data, 0, len(data), ">I4s"))
    if data[:4] == b"RIFF":
        return list(_boxes(data, 0, len(data), "<4sI"))
    if data[:4] == b"\x1aE\xdf\xa3":
        return list(_elements(data, 0, len(data)))
    if data[:4] == b"\x30&\xb2u":
        return list(_objects(data, 0, len(data)))
    if data[:3] == b"FLV":
        return list(_tags(data))
    if data[:1] == b"G" and len(data) % 188 == 0:
        return [(at, at + 4, at + 188) for at in range(0, len(data), 188)]
    found = []
    for mark in _MARKS.values():
        starts = [match.start() for match in re.finditer(mark, data, re.S)]
        found = max(found, starts, key=len)
    return [(at, at + 4, end) for at, end in itertools.pairwise([*found, len(data)])]


def _boxes(data: bytearray, at: int, end: int, header: str) -> Iterator[Part]:
    while at + 8 <= end:
        one, other = struct.unpack_from(header, data, at)
        kind, length = (other, one) if header == ">I4s" else (one, other + 8 + (other & 1))
        after = min(end, at + max(8, length))
        yield at, at + 8, after
        if _NESTS.fullmatch(kind):
            inside = at + (12 if header == "<4sI" else 8)
            yield from _boxes(data, inside, after, header)
        at = after


def _elements(data: bytearray, at: int, end: int) -> Iterator[Part]:
    while at + 2 < end:
        start, values = at, []
        for keep_mark in (True, False):
            width = 9 - data[at].bit_length() if data[at] else 8
            value = int.from_bytes(data[at : at + width], "big")
            values.append(value if keep_mark else value & ((1 << 7 * width) - 1))
            at += width
            if at >= end:
                return
        yield start, at, (after := min(end, at + values[1]))
        if values[0] in _EBML:
            yield from _elements(data, at, after)
        at = after


def _objects(data: bytearray, at: int, end: int) -> Iterator[Part]:
    """Of ASF: a GUID of 16 bytes and a length; the header holds others, the data packets."""
    while at + 24 <= end:
        after = min(end, at + max(24, struct.unpack_from("<Q", data, at + 16)[0]))
        yield at, at + 24, after
        if data[at : at + 4] in (b"\x30&\xb2u", b"\xb5\x03\xbf_"):  # header, its extension
            inside = at + (30 if data[at : at + 4] == b"\x30&\xb2u" else 46)
            yield from _objects(data, inside, after)
        elif data[at : at + 4] == b"\x36&\xb2u":
            for packet in range(at + 50, after, 3200):
                yield packet, packet + 8, min(after, packet + 3200)
        at = after


def _tags(data: bytearray) -> Iterator[Part]:
    at = 13
    while at + 11 < len(data):
        after = at + 15 + int.from_bytes(data[at + 1 : at + 4], "big")
        yield at, at + 11, min(after, len(data))
        at = after


def _one(data: bytearray, choose: random.Random) -> Part:
    return choose.choice(parts(data) or [(0, 0, len(data))])


def absurd_field(data: bytearray, choose: random.Random, _: dict[str, bytes]) -> bytearray:
    """A count, time, rate or identity in one part: of an edit, a sample table, a packet."""
    for _ in range(choose.randrange(1, 4)):
        _, start, end = _one(data, choose)
        width = choose.choice([1, 2, 4, 4, 8])
        if end - start > width:
            at = start + choose.randrange(min(end - start - width, 64))
            value = choose.choice([*_ABSURD, choose.getrandbits(32), choose.randrange(256)])
            data[at : at + width] = (value * 0x100000001 % (1 << 8 * width)).to_bytes(width, "big")
    return data


def lie(data: bytearray, choose: random.Random, _: dict[str, bytes]) -> bytearray:
    """The header of one part, its size or kind, is another part's or absurd."""
    start, content, _ = _one(data, choose)
    other = _one(data, choose)[0]
    if choose.random() < 0.5 and content - start >= 4:
        struct.pack_into(">I", data, start, choose.choice([*_ABSURD, choose.randrange(1 << 16)]))
    else:
        data[start:content] = data[other : other + content - start]
    return data


def _moved(data: bytearray, choose: random.Random, take: bool, times: int) -> bytearray:
    """One part goes, or comes again somewhere else; boxes around it mostly keep their size right.

    Offsets into the file are then wrong, as in files that were put together by hand.
    """
    start, _, end = _one(data, choose)
    piece = bytes(data[start:end])
    if take:
        _grow(data, start, start - end, choose)
        del data[start:end]
    if times:
        at = min(_one(data, choose)[0], len(data))
        extra = (piece * times)[: 1 << 20]
        _grow(data, at, len(extra), choose)
        data[at:at] = extra
    return data


def _grow(data: bytearray, at: int, by: int, choose: random.Random) -> None:
    if data[4:8] in (b"ftyp", b"moov") and choose.random() < 0.8:
        for start, _, end in parts(data):
            if start < at < end and end - start == struct.unpack_from(">I", data, start)[0]:
                struct.pack_into(">I", data, start, end - start + by)


def drop(data: bytearray, choose: random.Random, _: dict[str, bytes]) -> bytearray:
    """A box, packet or page is missing, or many."""
    for _ in range(choose.choice([1, 1, 3, 10])):
        if len(data) > 64:
            data = _moved(data, choose, True, 0)
    return data


def repeat(data: bytearray, choose: random.Random, _: dict[str, bytes]) -> bytearray:
    """A track, table, packet or page comes again, up to a thousand times."""
    return _moved(data, choose, False, choose.choice([1, 2, 50, 1000]))


def reorder(data: bytearray, choose: random.Random, _: dict[str, bytes]) -> bytearray:
    """Parts trade places: tracks, fragments, packets."""
    for _ in range(choose.choice([1, 3, 10])):
        data = _moved(data, choose, True, 1)
    return data


def read_all(paths: list[Path]) -> Iterator[tuple[Path, str, str]]:
    """(path, how it ended, what was said): decoded, error, mistake, beyond, crash, or too slow.

    The files are read in a process with bounded memory; when that dies or hangs it is replaced.
    """
    waiting = list(paths)
    while waiting:
        process = subprocess.Popen(
            [sys.executable, __file__, *map(str, waiting)], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        reader = threading.Thread(target=_pass_on, args=(process, lines))
        reader.start()
        try:
            while waiting:
                try:
                    line = lines.get(timeout=SECONDS)
                except queue.Empty:
                    yield waiting.pop(0), "too slow", f"more than {SECONDS} s"
                    break
                if not line:
                    yield waiting.pop(0), "crash", f"exit status {process.wait()}"
                    break
                yield (waiting.pop(0), *json.loads(line))
        finally:
            process.kill()
            process.wait()
            reader.join()


def _pass_on(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")


def _read(path: Path, folder: Path) -> tuple[str, str]:
    """Decode it, crop from its planes, draw and encode an overlay, as a run does."""
    import numpy as np

    from posexp.errors import PosexpError
    from posexp.models.crop import sample, whole_image
    from posexp.pose.sequence import FramePose
    from posexp.pose.skeleton import COCO17
    from posexp.settings import OverlaySettings
    from posexp.show.overlay import OverlayVideo
    from posexp.video.source import VideoSource

    try:
        source = VideoSource(path)
        overlay = OverlayVideo(
            folder / "overlay.mp4", OverlaySettings(height=32), COCO17, "", source.info.fps
        )
        count = 0
        for frame in source.frames():
            sample(frame.planes(), whole_image(frame.width, frame.height), 64)
            frame.rgb()
            points = np.full((17, 2), 10.0)
            overlay.add(frame, FramePose(frame.index, frame.time, points, np.ones(17)))
            count += 1
        overlay.close()
        return "decoded", f"{count} frames"
    except PosexpError as error:
        return "error", str(error)
    except MemoryError:
        return "error", "MemoryError"
    except Exception as error:
        import traceback

        return "mistake", f"{type(error).__name__}: {error} {traceback.format_exc()}"


def _bounded(path: Path, folder: Path) -> tuple[str, str]:
    """As `_read`, and "beyond" when it took more than the bounds."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts anew
    began, most = time.process_time(), 1024 * _status("VmRSS")
    ended, said = _read(path, folder)
    seconds, memory = time.process_time() - began, 1024 * _status("VmHWM") - most
    if seconds > BOUNDS[0] or memory > BOUNDS[1]:
        return "beyond", f"{seconds:.0f} s, {memory / 1e6:.0f} MB; {ended}: {said}"
    return ended, said


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{name}:")[1].split()[0])


def main() -> None:
    import tempfile

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        for path in sys.argv[1:]:
            print(json.dumps(_bounded(Path(path), Path(folder))), flush=True)


if __name__ == "__main__":
    main()
