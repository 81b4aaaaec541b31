"""Damaged videos, made from sound ones, and a process that reads them as posexp does.

``python tests/mutations.py FILE...`` prints a line of JSON per file: how reading it ended.
"""

from __future__ import annotations

import json
import queue
import random
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

SECONDS = 60
"""That one file may take; they take hundredths."""

MEMORY = 4 << 30
"""Address space of the process that reads, with all its libraries, bytes."""

FORMATS = {
    "mp4": ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    "mov": ("-c:v", "libx265", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le"),
    "mkv": ("-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv422p"),
    "webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-b:v", "200k"),
    "avi": (
        "-c:v",
        "mpeg4",
    ),
    "ts": ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
}
"""By suffix, the options of FFmpeg."""

_ABSURD = (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 0xFFFF0000, 0x0000FFFF, 1_000_000_000)


def mutated(sound: dict[str, bytes], count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """(name, content) of damaged files; the same for the same seed."""
    choose = random.Random(seed)
    kinds = (flip, truncate, splice, cut_out, absurd_header, absurd_box)
    for number in range(count):
        kind, suffix = kinds[number % len(kinds)], choose.choice(sorted(sound))
        if kind is absurd_box:
            suffix = choose.choice(["mp4", "mov"])
        data = kind(bytearray(sound[suffix]), choose, sound)
        yield f"{number:03}_{kind.__name__}.{suffix}", bytes(data)


def write_mutated(folder: Path, count: int) -> list[Path]:
    """Damaged files in a folder, made from a sound one of each format."""
    from clips import make_clip

    sound = {
        suffix: make_clip(folder / f"sound.{suffix}", *options, frames=12).read_bytes()
        for suffix, options in FORMATS.items()
    }
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


def read_all(paths: list[Path]) -> Iterator[tuple[Path, str, str]]:
    """(path, how it ended, what was said): decoded, error, mistake, crash, or too slow.

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

    from posexp.crop import sample, whole_image
    from posexp.errors import PosexpError
    from posexp.overlay import OverlaySettings, OverlayVideo
    from posexp.poses import FramePose
    from posexp.skeleton import COCO17
    from posexp.video import VideoSource

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


def main() -> None:
    import resource
    import tempfile

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        for path in sys.argv[1:]:
            print(json.dumps(_read(Path(path), Path(folder))), flush=True)


if __name__ == "__main__":
    main()
