"""Make before_the_house.tar.xz and noted.json: stores as commit c6195e6 left them.

``PYTHONPATH=<a checkout of that commit>/src python tests/data/before_the_house/make.py``
It is kept to show how they were made. Made anew by newer code they would prove nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pandas as pd

import posexp

HERE = Path(__file__).resolve().parent
PLACE = Path("/tmp/before_the_house")  # stands in the files; the tests put their own in its place
DOWN = "tracking.uri=http://127.0.0.1:9"  # nobody listens there
SHORT = ["video.stop=0.24", "overlay.height=64"]
SWEEP = ["-m", "model.mode=stream,single_image", "keypoints.confidence_threshold=0.3,0.5",
         "video=study.csv", "tracking.sweep=pilot", *SHORT]  # fmt: skip


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "posexp", *arguments], cwd=folder, start_new_session=True
    )


def run(folder: Path, *arguments: str, status: int = 0) -> None:
    assert start(folder, *arguments).wait() == status, arguments


def kill_after(frames: int, number: int, folder: Path, *arguments: str) -> None:
    """End a run by a signal once so many frames are in its journal."""
    process = start(folder, *arguments)
    while sum(p.stat().st_size for p in folder.glob("mlruns/pending/*/poses.journal")) < (
        frames * 33 * 8 * 4
    ):
        assert process.poll() is None, "it was too fast"
        time.sleep(0.002)
    os.killpg(process.pid, number)
    process.wait()


def statuses(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "mlruns" / "mlflow.db") as database:
        return [s for (s,) in database.execute("SELECT status FROM runs ORDER BY start_time")]


def runs(folder: Path) -> list[posexp.Run]:
    uri = f"sqlite:///{folder}/mlruns/mlflow.db"
    with sqlite3.connect(folder / "mlruns" / "mlflow.db") as database:
        found = database.execute("SELECT run_uuid FROM runs ORDER BY start_time").fetchall()
    return [posexp.load(number, uri) for (number,) in found]


def make_folder(name: str) -> Path:
    """With a clip of 4 s, 128x96 px, and its truth in px."""
    folder = PLACE / name
    folder.mkdir(parents=True)
    (embedded,) = Path(posexp.__file__).parent.rglob("sit_to_stand.mp4")
    clip = PLACE / "clip.mp4"
    if not clip.exists():
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", embedded, "-vf",
             "fps=25,scale=-2:96", "-frames:v", "100", "-c:v", "libx264", "-preset", "slow",
             "-crf", "26", "-threads", "1", clip], check=True,
        )  # fmt: skip
        truth = posexp.read_truth(embedded.with_suffix(".truth.parquet"), 640, 480).poses
        truth = truth.select(posexp.BODY)
        columns = [f"{joint}_{axis}" for joint in truth.skeleton.joints for axis in "xy"]
        table = pd.DataFrame(truth.image[:200:2].reshape(100, -1) / 5, columns=columns)
        table.round(2).to_csv(PLACE / "labels.csv", index=False)
    for file in (clip, PLACE / "labels.csv"):
        shutil.copy(file, folder)
    return folder


def make_store() -> Path:
    folder = make_folder("store")
    run(folder, "video=clip.mp4", *SHORT)
    run(folder, "video=clip.mp4", "model.mode=single_image", *SHORT)
    run(folder, "evaluate", "run=last", "truth=labels.csv")
    run(folder, "compare", "video=clip.mp4")
    kill_after(4, signal.SIGINT, folder, "video=clip.mp4", "overlay.height=64")
    assert statuses(folder) == ["FINISHED"] * 3 + ["KILLED"]
    return folder


def make_waiting() -> Path:
    folder = make_folder("waiting")
    run(folder, "video=clip.mp4", *SHORT, DOWN, status=1)
    kill_after(10, signal.SIGKILL, folder, "video=clip.mp4", "overlay.height=64", DOWN)
    return folder


def make_sweep() -> Path:
    """Four jobs; Ctrl-C when three are done."""
    folder = make_folder("sweep")
    (folder / "study.csv").write_text("video,participant\nclip.mp4,P01\n", encoding="utf-8")
    process = start(folder, *SWEEP)
    while not (folder / "mlruns" / "mlflow.db").exists() or statuses(folder) != [
        *["FINISHED"] * 3, "RUNNING",
    ]:  # fmt: skip
        assert process.poll() is None, "it was too fast"
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    process.wait()
    assert statuses(folder) == ["FINISHED"] * 3 + ["KILLED"]
    return folder


def digests(run: posexp.Run) -> dict[str, str]:
    values = vars(run.poses()).items()
    return {k: hashlib.sha256(v.tobytes()).hexdigest() for k, v in values
            if isinstance(v, np.ndarray)}  # fmt: skip


def about(run: posexp.Run) -> dict[str, Any]:
    poses = any(Path(run.artifacts).rglob("*.parquet"))
    return {
        "id": run.id, "name": run.name, "status": run.status, "params": run.params,
        "metrics": run.metrics, "tags": run.tags, "keypoints": digests(run) if poses else {},
    }  # fmt: skip


def note() -> dict[str, Any]:
    """What the code of then says of its stores; on copies, for some of it changes them."""
    store = PLACE / "store"
    first, second, *_ = runs(store)
    pairs = posexp.compare([first, second]).pairwise()
    noted: dict[str, Any] = {
        "store": [about(run) for run in runs(store)],
        "sweep": [about(run) for run in runs(PLACE / "sweep")],
        "pairwise": json.loads(pairs.to_json(orient="records", double_precision=15)),
        "evaluated": posexp.evaluate(first, store / "labels.csv", part=True).metrics(),
    }
    with_copy = PLACE / "copy"
    shutil.copytree(PLACE / "waiting", with_copy)
    run(with_copy, "sync")
    noted["waiting"] = [about(run) for run in runs(with_copy)]
    shutil.rmtree(with_copy)
    return noted


def shrink() -> None:
    """Remove what nobody reads: figures, the pictures and the page of the comparison."""
    (same,) = {path.read_bytes() for path in PLACE.glob("waiting/**/confidence.png")}
    for path in [*PLACE.rglob("figures/*.png"), *PLACE.rglob("comparison.html")]:
        if path.read_bytes() != same:  # what many runs have is packed once
            path.unlink()
    for path in PLACE.rglob("images/*.png"):
        if (path.parents[1] / "tables").is_dir():
            path.unlink()
    for path in PLACE.rglob("mlflow.db"):
        with sqlite3.connect(path) as database:
            database.execute("VACUUM")
        database.close()


def main() -> None:
    shutil.rmtree(PLACE, ignore_errors=True)
    folders = [make_store(), make_waiting(), make_sweep()]
    text = json.dumps(note(), indent=1, ensure_ascii=False)
    (HERE / "noted.json").write_text(text + "\n", encoding="utf-8")
    shrink()

    def nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(HERE / "before_the_house.tar.xz", "w:xz", preset=9) as archive:
        for folder in folders:
            archive.add(folder, folder.name, filter=nobodys)
    shutil.rmtree(PLACE)
    print(f"{(HERE / 'before_the_house.tar.xz').stat().st_size} bytes")


if __name__ == "__main__":
    main()
