"""Print what posexp survives: faults injected and mutated files; and how fast a sweep is.

``python benchmarks/faults.py [only=files,writes,refused,kills,server,speed] [files=3000] [kills=40]
[clips=60]``, by default all of it:

files     damaged videos are read as a run reads them, in bounded memory
writes    a kill, and an error, before and after every file operation of a run (with stand-ins for
          the model and for drawing), each followed by the next start
refused   results that a store refuses or cannot read, between good ones
kills     two sweeps at once of 24 jobs are killed (SIGKILL, SIGTERM and SIGINT in turn) at random
          moments and started again until they are complete, and their runs are counted
server    the same on an MLflow server
speed     a sweep of short clips on one and on two workers
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from clips import make_clip
from conftest import free_port
from integration.test_server import served, server_command
from mutations import read_all, write_mutated

from posexp.runs.recovery import log_waiting, recover
from posexp.settings import TrackingSettings
from posexp.store import outbox
from posexp.store.archive import Archive
from posexp.store.record import RunRecord

TESTS = Path(__file__).resolve().parents[1] / "tests"


def sweep(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A sweep over folder/clips, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "posexp", "-m", "video=clips/", "overlay=none", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def make_clips(folder: Path, count: int, frames: int) -> None:
    """Clips of different lengths, so that no two are the same."""
    (folder / "clips").mkdir(parents=True)
    for index in range(count):
        make_clip(folder / "clips" / f"c{index:03}.mp4", frames=frames + index)


def runs_of(folder: Path, uri: str | None = None) -> list[Any]:
    """All runs in the folder's store, or a server's, that are not deleted."""
    settings = TrackingSettings(uri=uri, folder=str(folder / "mlruns"))
    return Archive(settings).open().search({}, None)


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


def every_write(folder: Path) -> None:
    for what, sweep in (("of a sweep", "s"), ("by itself", "")):
        place = folder / what
        place.mkdir(parents=True)
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, TESTS / "faultpoints.py", place, f"sweep={sweep}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stderr)
        told = json.loads(done.stdout)
        seconds = time.perf_counter() - began
        print(f"file operations of a run {what}  {told['operations']:6}   in {seconds:.0f} s")
        print(f"    kills and errors at them    {told['tried']:6}")
        for kind in ("blocked", "lost", "doubled"):
            print(f"    {kind:<28}{sum(one.startswith(kind) for one in told['wrong']):6}")
        for one in told["wrong"][:20]:
            print(f"        {one}")


def _left(settings: TrackingSettings, name: str, **more: Any) -> Path:
    about = {"name": "clip.mp4", "digest": "0", "source": "clip.mp4"}
    record = RunRecord(
        name, "posexp", {}, {"video": "clip.mp4"}, about, uri=Archive(settings).address.uri, **more
    )
    made = Archive(settings).outbox.claim(record, name)
    assert made is not None
    record.status = "FINISHED"
    record.save(made.path)
    made.release()
    return made.path


def refused_results(folder: Path) -> None:
    settings = TrackingSettings(folder=str(folder / "mlruns"))
    store = Archive(settings).open()

    def changed(**values: Any) -> Callable[[Path], None]:
        def change(path: Path) -> None:
            record = json.loads((path / "run.json").read_text())
            (path / "run.json").write_text(json.dumps(record | values))

        return change

    def cut(path: Path) -> None:
        (path / "run.json").write_bytes((path / "run.json").read_bytes()[:200])

    def deleted(path: Path) -> None:
        record = RunRecord.read(path)
        store.start(record)
        record.save(path)
        store.client.delete_run(record.run_id)

    faults = {
        "run deleted in MLflow": deleted, "record cut off": cut,
        "field of another version": changed(new=1), "value of another type": changed(tags=[1]),
        "name MLflow refuses": changed(params={"?": "1"}),
        "experiment's name too long": changed(experiment="x" * 501),
        "run id of another server": changed(run_id="0" * 32),
        "series of another length": changed(steps=[1], series={"a": [1.0, 2.0]}),
    }  # fmt: skip
    good = 0
    for name, spoil in faults.items():
        _left(settings, "good")
        spoil(_left(settings, name))
        good += 1
    _left(settings, "good")
    recover(Archive(settings))
    log_waiting(Archive(settings), store, every=True)
    done = [run.name for run in store.search({}, None) if run.status == "FINISHED"]
    base = Archive(settings).outbox.base
    rejected = len(list((base.parent / outbox.REJECTED).iterdir()))
    print(f"faulty results between good ones{len(faults):6}")
    print(f"    moved aside, with a reason  {rejected:6}   logged all the same "
          f"{len(done) - done.count('good')}")  # fmt: skip
    print(f"    good ones blocked           {good + 1 - done.count('good'):6}   of {good + 1}")
    print(f"    still waiting               {len(list(base.iterdir())):6}", flush=True)


def killed_sweeps(folder: Path, kills: int, uri: str | None = None, clips: int = 24) -> None:
    make_clips(folder, clips, 40)
    choose, signals = random.Random(1), (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    more = [f"tracking.uri={uri}"] if uri else []
    injected = complete = wrong = 0

    def started() -> list[subprocess.Popen[bytes]]:
        same = ["model=mlkit", f"tracking.sweep=s{complete}", *more]
        return [sweep(folder, *same), sweep(folder, *same)]

    def finished() -> int:
        name = f"s{complete}"
        runs = [run for run in runs_of(folder, uri) if run.tags["posexp.sweep"] == name]
        return len({run.tags["posexp.fingerprint"] for run in runs if run.status == "FINISHED"})

    while injected < kills:
        pair = started()
        for process in pair:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(choose.uniform(1, 14))
            if process.poll() is None:
                os.killpg(process.pid, signals[injected % 3])
                injected += 1
        ended = [process.wait(180) for process in pair]
        if 0 in ended:  # one says that all is done, here or by the other
            done = finished()
            # What the other was at when it was killed is not done, though it was under way.
            wrong += done < clips and ended == [0, 0]
            complete += done == clips
    last = [process.wait(900) for process in started()]
    runs = runs_of(folder, uri)
    jobs = collections.Counter(
        (run.tags["posexp.sweep"], run.tags["posexp.fingerprint"]) for run in runs
    )
    expected = (complete + 1) * clips
    base = folder / "mlruns"
    left = len(list((base / "pending").iterdir())) + len(list(base.rglob("*.part")))
    print(f"signals to two sweeps {'on a server' if uri else 'on SQLite':<11}{injected:5}"
          f"   sweeps completed {complete + 1}")  # fmt: skip
    print(f"    runs expected               {expected:6}   finished "
          f"{sum(run.status == 'FINISHED' for run in runs)}")  # fmt: skip
    print(f"    runs lost                   {expected - len(jobs):6}")
    print(f"    runs logged twice           {sum(jobs.values()) - len(jobs):6}")
    blocked = left + len(list((base / "rejected").glob("*")))
    blocked += sum(run.status == "RUNNING" for run in runs)
    print(f"    RUNNING, waiting, rejected  {blocked:6}")
    print(f"    wrong exit status           {wrong + sum(map(bool, last)):6}", flush=True)


def killed_sweeps_on_a_server(folder: Path, kills: int) -> None:
    folder.mkdir()
    port = free_port()
    with served(server_command(folder, port), port, folder) as uri:
        killed_sweeps(folder / "work", kills, uri)


def sweep_speed(folder: Path, clips: int) -> None:
    make_clips(folder, clips, 50)
    rates = []
    for workers in (1, 2):
        began = time.perf_counter()
        status = sweep(folder, f"launcher.jobs={workers}", f"tracking.sweep=w{workers}").wait()
        rates.append(clips / (time.perf_counter() - began))
        if status:
            raise SystemExit("the sweep failed")
        print(f"sweep of {clips} clips, {workers} workers   {rates[-1]:6.2f} jobs/s", flush=True)
    print(f"    2 workers / 1               {rates[1] / rates[0]:6.2f}")


def main() -> None:
    asked = dict(argument.split("=", 1) for argument in sys.argv[1:])
    files, kills, clips = (
        int(asked.get(name, default))
        for name, default in (("files", 3000), ("kills", 40), ("clips", 60))
    )
    parts: dict[str, Callable[[Path], None]] = {
        "files": lambda folder: damaged_files(folder, files),
        "writes": every_write,
        "refused": refused_results,
        "kills": lambda folder: killed_sweeps(folder, kills),
        "server": lambda folder: killed_sweeps_on_a_server(folder, kills),
        "speed": lambda folder: sweep_speed(folder, clips),
    }
    with tempfile.TemporaryDirectory() as name:
        for part in asked.get("only", ",".join(parts)).split(","):
            parts[part](Path(name) / part)


if __name__ == "__main__":
    main()
