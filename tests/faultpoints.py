"""A fault before and after every file operation of a run, one at a time.

``python tests/faultpoints.py FOLDER [every=1] [first=1] [mode=kill|error|both] [sweep=s]`` prints a
line of JSON. A process that has loaded everything forks: the child makes a run and is killed, or
met by an OSError, at its n-th operation below the folder; another child does what the next start
does, and looks at what is left. The model and the drawing of figures have stand-ins, so that a run
takes a moment; all else is real. With ``sweep=`` the run is of none: a thread has it created beside
the frames, and the same command again makes another one.
"""

# ruff: noqa: PTH109, PTH115, PTH118, PTH123, SIM115

from __future__ import annotations

import builtins
import contextlib
import errno
import importlib
import io
import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

FRAMES = 3


class Points:
    """Counts what is done to the files below a folder; the `wanted`-th time it is the last.

    Parameters
    ----------
    folder : Path
        Which files.
    wanted : int
        Number of the operation, from 1; 0 for none.
    kill : bool
        Kill the process there; else raise OSError.
    """

    def __init__(self, folder: Path, wanted: int, kill: bool) -> None:
        self.folder, self.wanted, self.kill = str(folder), wanted, kill
        self.seen: list[str] = []

    def at(self, what: str) -> None:
        self.seen.append(what)
        if len(self.seen) == self.wanted:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextlib.contextmanager
    def around(self, name: str, path: str) -> Iterator[None]:
        short = path.removeprefix(self.folder).lstrip("/")
        self.at(f"before {name} {short}")
        yield
        self.at(f"after {name} {short}")

    def below(self, target: Any, dir_fd: int | None = None) -> str | None:
        """The path that an operation is about, when it is below the folder."""
        if isinstance(target, int):
            path = os.readlink(f"/proc/self/fd/{target}")
        elif isinstance(target, str | os.PathLike):
            path = os.path.join(_of(dir_fd), os.fspath(target))
        else:
            return None
        return path if path.startswith(self.folder) else None

    def install(self) -> None:
        for name in ("replace", "rename", "unlink", "remove", "mkdir", "rmdir", "fsync"):
            setattr(os, name, self._wrapped(name, getattr(os, name)))
        os.open = self._opening("os.open", os.open)  # type: ignore[assignment]
        io.open = builtins.open = self._opening("open", builtins.open)  # type: ignore[assignment]
        from sqlalchemy.engine.default import DefaultDialect

        commit = DefaultDialect.do_commit

        def committing(dialect: Any, connection: Any) -> None:
            with self.around("commit", "database"):
                commit(dialect, connection)

        DefaultDialect.do_commit = committing  # type: ignore[method-assign]

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, *args: Any, **more: Any) -> Any:
            path = self.below(target, more.get("dir_fd"))
            if path is None:
                return original(target, *args, **more)
            with self.around(name, path):
                return original(target, *args, **more)

        return call

    def _opening(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, how: Any = "r", *args: Any, **more: Any) -> Any:
            how = more.pop("mode", how)
            writes = set("wax+") & set(how) if isinstance(how, str) else how & os.O_CREAT
            path = self.below(target, more.get("dir_fd")) if writes else None
            if path is None:
                return original(target, how, *args, **more)
            with self.around(name, path):
                file = original(target, how, *args, **more)
            return file if more.get("buffering") != 0 else _Unbuffered(file, self, path)

        return call


class _Unbuffered:
    """A file whose every write is an operation; half of it is done when it is the last."""

    def __init__(self, file: Any, points: Points, path: str) -> None:
        self._file, self._points, self._path = file, points, path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: bytes) -> None:
        with self._points.around("half a write", self._path):
            self._file.write(data[: len(data) // 2])
        with self._points.around("the other half", self._path):
            self._file.write(data[len(data) // 2 :])


def _of(dir_fd: int | None) -> str:
    return os.getcwd() if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")


class StandIn:
    """In place of a model: joints that move as the frames go by."""

    name = "mlkit"
    confidence_meaning = "none: a stand-in"
    computed_by = ""

    def __init__(self) -> None:
        from posexp.models.weights.model_file import ModelFile
        from posexp.pose.skeleton import BLAZEPOSE33

        self.skeleton = BLAZEPOSE33
        self.weights = ModelFile(Path("stand-in"), "stand-in", "0" * 64)

    def estimate(self, frames: Iterable[Any]) -> Generator[Any, None, None]:
        from posexp.pose.sequence import FramePose

        joints = len(self.skeleton)
        for frame in frames:
            image = np.random.default_rng(frame.index).uniform(5, 40, (joints, 2))
            confidence = np.full(joints, 0.9, np.float32)
            yield FramePose(frame.index, frame.time, image.astype(np.float32), confidence)


def perform(folder: Path, sweep: str) -> None:
    """The job, as one of a sweep when that has a name."""
    from posexp.config import load_config
    from posexp.runs.delivery import Elsewhere
    from posexp.runs.fingerprint import content_of
    from posexp.runs.job import prepare
    from posexp.runs.performance import perform
    from posexp.store.archive import Archive
    from posexp.video.source import VideoSource

    clip = folder.parent / "clip.mp4"
    config, plain = load_config(
        ["model=mlkit", f"video={clip}", f"tracking.folder={folder}", "overlay.height=16"]
    )
    stand_in: Any = StandIn()
    source = VideoSource(clip)
    content = content_of(clip)
    task = prepare(config, plain, source.path, content, stand_in.weights, sweep or None)
    with contextlib.suppress(Elsewhere):
        perform(task, stand_in, source, Archive(task.config.tracking))


def next_start(folder: Path, sweep: str) -> list[str]:
    """What the next start does, and what is wrong after it."""
    from posexp.files import PART
    from posexp.runs.recovery import log_waiting, recover
    from posexp.settings import TrackingSettings
    from posexp.store.archive import Archive

    settings = TrackingSettings(folder=str(folder))
    left = {path.parent.name: json.loads(path.read_text())
            for path in folder.glob("pending/*/run.json")}  # fmt: skip
    written = [path.stat().st_size for path in folder.glob("pending/*/poses.journal")]
    archive = Archive(settings)
    recover(archive)
    store = archive.open()
    log_waiting(archive, store, every=False)
    wrong = [f"blocked: {p.name}" for p in folder.glob("pending/*")]
    wrong += [f"blocked: {p.name} rejected" for p in folder.glob("rejected/*")]
    wrong += [f"blocked: {p} is left" for p in folder.rglob(f"*{PART}")]
    runs = store.search({}, None)
    wrong += [f"blocked: {run.name} is RUNNING" for run in runs if run.status == "RUNNING"]
    for name, record in left.items():
        logged = [run for run in runs if run.tags["posexp.key"] == record["key"]]
        if not logged:
            wrong.append(f"lost: {name}")
        elif record["status"] == "FINISHED" or (written and written[0] > 30_000):
            poses = logged[0].poses() if logged[0].metrics else ()
            if not len(poses):
                wrong.append(f"lost: the poses of {name}")
    before = [] if sweep else [run.status for run in runs]
    perform(folder, sweep)  # the same command again
    runs = store.search({}, None)
    if [run.status for run in runs] != ["FINISHED", *before] or len(before) > 1:
        wrong.append(f"doubled: {[run.status for run in runs]}")
    elif len(runs[0].poses()) != FRAMES or runs[0].metrics["tracking/frames"] != FRAMES:
        wrong.append("lost: frames")
    return wrong


def forked(what: Callable[[Any], None], *args: Any) -> tuple[int | None, Any]:
    """Do something in a child; its exit status and what it sent, if it did."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=what, args=(theirs, *args))
    child.start()
    theirs.close()
    answer = None
    with contextlib.suppress(EOFError):
        answer = ours.recv()
    child.join(120)
    return child.exitcode, answer


def _run(connection: Any, folder: Path, sweep: str, wanted: int, kill: bool) -> None:
    sys.stderr = open(os.devnull, "w")
    points = Points(folder, wanted, kill)
    points.install()
    with contextlib.suppress(Exception):
        perform(folder, sweep)
    connection.send(points.seen)


def _next(connection: Any, folder: Path, sweep: str) -> None:
    sys.stderr = open(os.devnull, "w")
    connection.send(next_start(folder, sweep))


def _make_store(connection: Any, folder: Path) -> None:
    from posexp.settings import TrackingSettings
    from posexp.store.archive import Archive

    Archive(TrackingSettings(folder=str(folder))).open().prepare("posexp")
    connection.send(True)


def chosen(seen: list[str], every: int, first: int) -> list[int]:
    """Numbers of the operations to fail at: each n-th, and none that only repeats another."""
    kinds = [" ".join("#" if any(c.isdigit() for c in part) else part
                      for part in what.replace("/", " ").split()) for what in seen]  # fmt: skip
    counts: Counter[str] = Counter()
    numbers = []
    for number, kind in enumerate(kinds, 1):
        counts[kind] += 1
        if every == 1 or counts[kind] <= 2:
            numbers.append(number)
    return numbers[first - 1 :: every]


def main() -> None:
    asked = dict(argument.split("=", 1) for argument in sys.argv[2:])
    folder = Path(sys.argv[1]).resolve()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from clips import make_clip

    make_clip(folder / "clip.mp4", frames=FRAMES)
    for name in ("av", "cv2", "matplotlib.backends.backend_agg", "pyarrow.parquet", "PIL.Image",
                 "mlflow.store.tracking.sqlalchemy_store", "posexp.runs.performance",
                 "posexp.runs.results", "posexp.store.mlflow"):  # fmt: skip
        importlib.import_module(name)
    from matplotlib.figure import Figure

    from posexp.config import load_config
    from posexp.show import figures

    figures.confidence_heatmap = lambda *_: Figure((1, 1))  # type: ignore[assignment]
    figures.trajectories = lambda *_: Figure((1, 1))  # type: ignore[assignment]
    load_config(["model=mlkit"])
    template, place = folder / "template", folder / "mlruns"
    forked(_make_store, place)
    shutil.copytree(place, template)

    def fresh() -> None:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(template, place)

    fresh()
    sweep = asked.get("sweep", "s")
    _, seen = forked(_run, place, sweep, 0, True)
    wrong: list[str] = []
    tried = 0
    for kill in {"kill": [True], "error": [False]}.get(asked.get("mode", ""), [True, False]):
        for number in chosen(seen, int(asked.get("every", 1)), int(asked.get("first", 1))):
            fresh()
            forked(_run, place, sweep, number, kill)
            status, found = forked(_next, place, sweep)
            tried += 1
            if status != 0 or found is None:
                found = [f"blocked: the next start ended with {status}"]
            wrong += [f"{one} ({'kill' if kill else 'error'} {seen[number - 1]})" for one in found]
    print(json.dumps({"operations": len(seen), "tried": tried, "wrong": wrong}))


if __name__ == "__main__":
    main()
