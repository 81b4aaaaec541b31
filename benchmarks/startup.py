"""Print how soon a run sees a person, and what it costs around decoder, model and overlay.

``python benchmarks/startup.py [models=int8,thunder,mlkit] [rounds=5]``: whole runs of a 10 s clip
(1080p, 30 frames/s), each a process, with warm disk caches and a store that exists. *Around the
work* is the run's time without what the same extraction, overlay included, takes by itself in a
process that has loaded everything. Medians; the seconds by span are those of ``-v``.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from throughput import MODELS, SHARED, arguments, run_process, say

FRAMES, RATE = 300, 30


def make_clip(folder: Path) -> Path:
    """The embedded clip at 1080p and 30 frames/s, with noise."""
    import imageio_ffmpeg

    from posexp.video.embedded import embedded_clip

    path = folder / "phone.mp4"
    picture = "scale=-2:1080,pad=1920:1080:(ow-iw)/2:0,noise=alls=3:allf=t"
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", "-stream_loop", "-1",
         "-i", str(embedded_clip()), "-frames:v", str(FRAMES),
         "-vf", f"{picture},setpts=N/{RATE}/TB", "-r", str(RATE), "-c:v", "libx264",
         "-preset", "veryfast", str(path)],
        check=True,
    )  # fmt: skip
    return path


def whole(command: list[str], folder: Path) -> dict[str, float]:
    """A run's seconds: to the first keypoint, in all, and those that ``-v`` tells."""
    known = set(folder.glob("runs/pending/*"))
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command, "-v"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    found = {}
    while process.poll() is None and not found:  # the journal has each pose as soon as it is there
        for journal in folder.glob("runs/pending/*/poses.journal"):
            if journal.parent not in known and journal.stat().st_size > 500:
                found["first keypoint"] = time.perf_counter() - began
        time.sleep(0.005)
    assert process.stdout is not None
    told = process.stdout.read().decode()
    if process.wait() or not found:
        raise SystemExit(f"failed: {' '.join(command)}\n{told}")
    found["whole"] = time.perf_counter() - began
    spans = re.findall(r"^  (\S.*?) +([\d.]+) s$", told.partition("\nSeconds\n")[2], re.M)
    return found | {name: float(seconds) for name, seconds in spans}


def alone(model: str, video: Path) -> None:
    """The extraction with its overlay, by itself; prints its seconds."""
    from throughput import stages

    with tempfile.TemporaryDirectory() as folder:
        work = stages(video, model, Path(folder))["overlay"]
        began = time.perf_counter()
        work()
        print(f"#seconds {time.perf_counter() - began}")


def main() -> None:
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    models = given.get("models", "int8,thunder,mlkit").split(",")
    rounds = int(given.get("rounds", "5"))
    if SHARED.is_dir():
        os.environ.setdefault("TFHUB_CACHE_DIR", str(SHARED / "models" / "tfhub_cache"))
    assert set(models) <= set(MODELS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = make_clip(folder)
        for model in models:
            command = arguments(model, video, folder)
            whole(command, folder)  # the store is made, and files are in memory
            runs, bare = [], []
            for _ in range(rounds):
                runs.append(whole(command, folder))
                bare.append(run_process(__file__, "alone", model, video)["seconds"])
            median = {
                name: statistics.median(run.get(name, 0.0) for run in runs) for name in runs[-1]
            }
            around = statistics.median(
                run["whole"] - seconds for run, seconds in zip(runs, bare, strict=True)
            )
            say(f"{model}: start to first keypoint, s", median.pop("first keypoint"), "<= 2")
            say(f"{model}: around decoder, model and overlay, s", around, "<= 4")
            say(f"    the run, {FRAMES} frames of 1080p, s", median.pop("whole"))
            say("    its extraction by itself, s", statistics.median(bare))
            for span, seconds in median.items():
                say(f"    {span}", seconds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["alone"]:
        alone(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
