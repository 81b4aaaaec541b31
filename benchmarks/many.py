"""Print how many clips of 10 s a sweep does in a second, and where the time of a job goes.

``python benchmarks/many.py [clips=30] [model=mlkit] [jobs=2]``: clips of 720p and 300 frames, as a
phone takes in 10 s, with noise; no overlay. The seconds of a job are those of one in a process that
has done one before.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from throughput import MODELS, make_clip, numbered, sweep

import posexp
from posexp.models.native import messages_off
from posexp.spans import recorded


def main() -> None:
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    count, jobs = int(given.get("clips", "30")), int(given.get("jobs", "2"))
    model = given.get("model", "mlkit")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = numbered(folder / "clips", make_clip(folder, "720p", 300), count)
        whole, at_work = sweep(clips, model, folder, jobs)
        print(
            f"{model}, {count} clips of 10 s, {jobs} workers: {whole:.3f} clips/s with the start,"
        )
        print(f"  {at_work:.3f} clips/s from the first end to the last", flush=True)
        variant, options = MODELS[model]
        typed = [f"model={variant}", *(f"model.{key}={value}" for key, value in options.items())]
        for number in (0, 1):
            with recorded() as spans:
                posexp.run([*typed, f"video={clips / f'{number}.mp4'}", "overlay=none",
                            f"tracking.folder={folder / 'alone'}"])  # fmt: skip
        print(f"one job:\n{spans.lines()}")


if __name__ == "__main__":
    with messages_off():
        main()
