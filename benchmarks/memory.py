"""Print the peak memory of whole runs on 4K clips of 10 s and 60 s.

``python benchmarks/memory.py [variant]``: each run is a process of its own, with overlay and
MLflow; its peak resident memory must not grow with the length of the clip.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import imageio_ffmpeg

from posexp.video.embedded import embedded_clip

SHARED = Path(__file__).resolve().parents[2] / "shared"


def make_clip(path: Path, seconds: int) -> None:
    """The embedded clip, looped and enlarged to 3840x2160 at 25 frames/s, H.264."""
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", "-stream_loop", "-1",
            "-i", str(embedded_clip()), "-t", str(seconds), "-r", "25",
            "-vf", "scale=2880:2160,pad=3840:2160:480:0", "-preset", "ultrafast", str(path),
        ],
        check=True,
    )  # fmt: skip


def peak_megabytes(video: Path, variant: str, folder: Path) -> float:
    """Peak resident memory of one run, MB (10**6 bytes)."""
    command = [
        sys.executable, "-m", "posexp", f"model={variant}", f"video={video}",
        f"tracking.folder={folder}",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert isinstance(usage, resource.struct_rusage)
    if status:
        raise SystemExit(f"the run on {video.name} failed")
    return usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    variant = sys.argv[1] if len(sys.argv) > 1 else "mlkit"
    if SHARED.is_dir():
        os.environ.setdefault("TFHUB_CACHE_DIR", str(SHARED / "models" / "tfhub_cache"))
    with tempfile.TemporaryDirectory() as name:
        peaks = []
        for seconds in (10, 60):
            clip = Path(name) / f"{seconds}s.mp4"
            make_clip(clip, seconds)
            peaks.append(peak_megabytes(clip, variant, Path(name) / "mlruns"))
            print(f"{variant}, 3840x2160, {seconds:>2} s: {peaks[-1]:7.0f} MB peak", flush=True)
        print(f"60 s / 10 s: {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
