"""Print what posexp survives: faults injected and mutated files; and how fast a sweep is.

``python benchmarks/faults.py [files=3000] [kills=30] [clips=60]``: damaged videos are read as a run
reads them, in bounded memory; a sweep is killed (SIGKILL, SIGTERM and SIGINT in turn) at random
moments and started again until it is complete, and its runs are counted; a sweep of short clips
runs on one and on two workers.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from clips import make_clip
from mutations import read_all, write_mutated

from posexp import tracking
from posexp.tracking import TrackingSettings


def sweep(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A sweep over folder/clips, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "posexp", "video=clips/", "overlay=none", *arguments], cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def make_clips(folder: Path, count: int, frames: int) -> None:
    """Clips of different lengths, so that no two are the same."""
    (folder / "clips").mkdir(parents=True)
    for index in range(count):
        make_clip(folder / "clips" / f"c{index:03}.mp4", frames=frames + index)


def runs_of(folder: Path) -> list[Any]:
    """All runs in the folder's store that are not deleted."""
    return tracking.open_store(TrackingSettings(folder=str(folder / "mlruns"))).search({}, None)


def damaged_files(folder: Path, count: int) -> None:
    folder.mkdir()
    paths = write_mutated(folder, count)
    began = time.perf_counter()
    ended = collections.Counter(how for _, how, _ in read_all(paths))
    seconds = time.perf_counter() - began
    print(f"mutated files tried             {count:6}   in {seconds:.0f} s")
    for label, how in (("decoded", "decoded"), ("clean errors", "error"),
                       ("other errors", "mistake"), ("crashes", "crash"),
                       ("beyond 20 s or 1 GiB", "beyond"), ("too slow", "too slow")):  # fmt: skip
        print(f"    {label:<28}{ended[how]:6}")


def killed_sweep(folder: Path, kills: int, clips: int = 24) -> None:
    make_clips(folder, clips, 40)
    choose, signals = random.Random(1), (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    injected = complete = 0
    for number in range(kills):
        process = sweep(folder, "model=mlkit", f"tracking.sweep=s{complete}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(choose.uniform(0.5, 12))
        if process.poll() is None:
            os.killpg(process.pid, signals[number % 3])
            injected += 1
        process.wait(120)
        complete += process.returncode == 0  # then the next begins a new sweep
    last = sweep(folder, "model=mlkit", f"tracking.sweep=s{complete}").wait(600)
    runs = runs_of(folder)
    jobs = collections.Counter(
        (run.tags["posexp.sweep"], run.tags["posexp.fingerprint"]) for run in runs
    )
    expected = (complete + 1) * clips
    left = len(list((folder / "mlruns" / "pending").glob("*/run.json")))
    print(f"signals at random moments       {injected:6}   sweeps completed {complete + 1}")
    print(f"    faults survived             {injected if last == 0 else 0:6}")
    print(f"    runs expected               {expected:6}   finished "
          f"{sum(run.status == 'FINISHED' for run in runs)}")  # fmt: skip
    print(f"    runs lost                   {expected - len(jobs):6}")
    print(f"    runs logged twice           {sum(jobs.values()) - len(jobs):6}")
    print(f"    still RUNNING or waiting    "
          f"{sum(run.status == 'RUNNING' for run in runs) + left:6}")  # fmt: skip


def sweep_speed(folder: Path, clips: int) -> None:
    make_clips(folder, clips, 50)
    rates = []
    for workers in (1, 2):
        began = time.perf_counter()
        status = sweep(
            folder, "launcher=joblib", f"launcher.jobs={workers}", f"tracking.sweep=w{workers}"
        ).wait()
        rates.append(clips / (time.perf_counter() - began))
        if status:
            raise SystemExit("the sweep failed")
        print(f"sweep of {clips} clips, {workers} workers   {rates[-1]:6.2f} jobs/s", flush=True)
    print(f"    2 workers / 1               {rates[1] / rates[0]:6.2f}")


def main() -> None:
    asked = dict(argument.split("=", 1) for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        damaged_files(folder / "damaged", int(asked.get("files", 3000)))
        killed_sweep(folder / "killed", int(asked.get("kills", 30)))
        sweep_speed(folder / "speed", int(asked.get("clips", 60)))


if __name__ == "__main__":
    main()
