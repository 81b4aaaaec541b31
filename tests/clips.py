"""Small test clips, made on the spot with the FFmpeg that imageio-ffmpeg brings."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

Image = NDArray[np.uint8]

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def ffmpeg(*arguments: object, data: bytes = b"") -> bytes:
    """Run FFmpeg with `data` on its stdin; its stdout."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@functools.cache
def encoders() -> frozenset[str]:
    """Names of the encoders that this FFmpeg has."""
    listing = ffmpeg("-hide_banner", "-encoders").decode().splitlines()
    return frozenset(line.split()[1] for line in listing if len(line.split()) > 1)


def encoder(*names: str) -> str:
    """The first of `names` that this FFmpeg has; the test is skipped without any."""
    found = [name for name in names if name in encoders()]
    if not found:
        pytest.skip(f"this FFmpeg has no encoder {' or '.join(names)}")
    return found[0]


def make_clip(
    path: Path, *options: object, frames: int = 10, size: str = "64x48", rate: int = 25
) -> Path:
    """FFmpeg's moving test picture, in which there is no person."""
    source = f"testsrc2=size={size}:rate={rate}"
    codec = options or ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    ffmpeg("-f", "lavfi", "-i", source, "-frames:v", frames, *codec, path)
    return path


def encode(path: Path, frames: Image, *options: object, rate: int = 25) -> Path:
    """Encode (n, h, w, 3) RGB frames."""
    _, height, width, _ = frames.shape
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate)
    ffmpeg(*raw, "-i", "-", *options, path, data=frames.tobytes())
    return path


def red_and_blue(count: int = 10, width: int = 96, height: int = 64) -> Image:
    """Red left and blue right, above a strip that brightens from frame to frame."""
    frames = np.empty((count, height, width, 3), np.uint8)
    frames[:, :, : width // 2], frames[:, :, width // 2 :] = RED, BLUE
    levels = np.linspace(20, 235, count).astype(np.uint8)
    frames[:, height // 2 :] = levels[:, None, None, None]
    return frames


def quadrants(width: int = 96, height: int = 64) -> Image:
    """One picture: red and green above, blue and white below."""
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, WHITE
    return image


def corners(image: Image) -> Image:
    """(2, 2, 3) colours in the middle of the four quadrants."""
    rows, columns = (np.array([1, 3]) * side // 4 for side in image.shape[:2])
    return image[np.ix_(rows, columns)]
