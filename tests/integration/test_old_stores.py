"""Stores that posexp left before its modules were moved: listed, read, and gone on with.

Only through commands, public names and MLflow. ``tests/data/before_the_house`` says what they are.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import posexp_command
from mlflow import MlflowClient
from mlflow.entities import ViewType

import posexp

DATA = Path(__file__).resolve().parents[1] / "data" / "before_the_house"
PLACE = "/tmp/before_the_house"  # stands in the files
NOTED = json.loads((DATA / "noted.json").read_text(encoding="utf-8"))
SWEEP = ["-m", "model.mode=stream,single_image", "keypoints.confidence_threshold=0.3,0.5",
         "video=study.csv", "tracking.sweep=pilot", "video.stop=0.24",
         "overlay.height=64", "person=off"]  # fmt: skip
"""As it was then: nobody was followed."""


@pytest.fixture
def old(tmp_path: Path) -> Callable[[str], Path]:
    """Unpack one of the folders as if it had always been in this test's."""

    def unpack(name: str) -> Path:
        with tarfile.open(DATA / "before_the_house.tar.xz") as archive:
            wanted = [m for m in archive.getmembers() if m.name.split("/")[0] == name]
            archive.extractall(tmp_path, wanted, filter="data")
        for path in (tmp_path / name).rglob("*.*"):
            if path.suffix in (".json", ".yaml", ".csv"):
                text = path.read_text(encoding="utf-8")
                if PLACE in text:
                    path.write_text(text.replace(PLACE, str(tmp_path)), encoding="utf-8")
            elif path.name == "mlflow.db":
                settle(path, tmp_path)
        return tmp_path / name

    return unpack


def settle(path: Path, folder: Path) -> None:
    """Put a folder in the place of PLACE in every text of a database."""
    database = sqlite3.connect(path)
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for _, column, kind, *_ in database.execute(f'PRAGMA table_info("{table}")').fetchall():
            if "CHAR" in kind or "TEXT" in kind:
                for before, after in ((f"file://{PLACE}", folder.as_uri()), (PLACE, str(folder))):
                    database.execute(
                        f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) '
                        f'WHERE "{column}" LIKE ?', (before, after, f"%{before}%"),
                    )  # fmt: skip
    database.commit()
    database.close()


def uri(folder: Path) -> str:
    return f"sqlite:///{folder}/mlruns/mlflow.db"


def logged(folder: Path) -> list[Any]:
    """All runs as MLflow has them, the oldest first; deleted ones too."""
    client = MlflowClient(uri(folder))
    experiments = [e.experiment_id for e in client.search_experiments()]
    return list(client.search_runs(experiments, "", ViewType.ALL, 100, ["start_time ASC"]))


def digests(poses: posexp.PoseSequence) -> dict[str, str]:
    return {
        name: hashlib.sha256(value.tobytes()).hexdigest()
        for name, value in vars(poses).items()
        if isinstance(value, np.ndarray)
    }


def check(run: posexp.Run, noted: dict[str, Any], folder: Path) -> None:
    """The run is what the code of then said it is; one that is recovered now has its movement."""

    def here(texts: dict[str, str]) -> dict[str, str]:
        return {key: text.replace(PLACE, str(folder.parent)) for key, text in texts.items()}

    assert (run.name, run.status) == (noted["name"], noted["status"])
    assert run.params == here(noted["params"])
    since = {"mlflow.note.content", "movement", "movement.view"}
    assert {k: text for k, text in run.tags.items() if k not in since} == here(noted["tags"])
    metrics = {k: value for k, value in run.metrics.items() if not k.startswith("movement/")}
    assert metrics == pytest.approx(noted["metrics"], rel=1e-9)
    assert not noted["keypoints"] or digests(run.poses()) == noted["keypoints"]


def test_an_old_store_is_listed_and_its_runs_are_read(old):
    folder = old("store")
    assert [run.info.run_id for run in logged(folder)] == [n["id"] for n in NOTED["store"]]
    for noted in NOTED["store"]:
        check(posexp.load(noted["id"][:10], uri(folder)), noted, folder)
    first, second, comparison, killed = (posexp.load(n["id"], uri(folder)) for n in NOTED["store"])
    assert [run.status for run in (first, second, comparison, killed)] == [
        "FINISHED", "FINISHED", "FINISHED", "KILLED"
    ]  # fmt: skip
    assert posexp.load("last", uri(folder)).id == second.id
    assert 4 <= len(killed.poses()) < 100
    assert first.file("overlay/overlay.mp4").stat().st_size > 1000
    assert "oks/mean" in second.metrics and "oks/mean" not in first.metrics
    assert len(pd.read_csv(comparison.file("tables/pairwise.csv"))) == len(NOTED["pairwise"])
    with pytest.raises(posexp.PosexpError, match="expected the artifact"):
        comparison.file("comparison.html")  # somebody has removed it


def test_an_old_stores_runs_are_compared(old):
    folder = old("store")
    first, second, before, _ = (n["id"] for n in NOTED["store"])
    done = posexp_command("compare", f"runs=[{first},{second[:9]}]", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    after = next(r.info.run_id for r in reversed(logged(folder)) if r.info.run_id != before
                 and r.data.tags.get("posexp.kind") == "comparison")  # fmt: skip
    tables = [posexp.load(number, uri(folder)) for number in (before, after)]
    for name in ("runs", "pairwise", "agreement", "bland_altman", "overlap", "timing",
                 "confidence"):  # fmt: skip
        then, now = (pd.read_csv(run.file(f"tables/{name}.csv")) for run in tables)
        pd.testing.assert_frame_equal(then, now, rtol=1e-5)
    now = {k: v for k, v in tables[1].metrics.items() if not k.endswith("/different_people")}
    assert tables[0].metrics == pytest.approx(now, rel=1e-9)
    assert tables[1].file("comparison.html").stat().st_size > 10_000
    pairs = posexp.compare([posexp.load(n, uri(folder)) for n in (first, second)]).pairwise()
    noted = pd.DataFrame(NOTED["pairwise"]).astype(pairs.dtypes)
    pd.testing.assert_frame_equal(pairs, noted, rtol=1e-9)


def test_an_old_run_is_evaluated_and_one_that_was_is_evaluated_again(old):
    folder = old("store")
    first, second = NOTED["store"][:2]
    for noted, expected in ((first, NOTED["evaluated"]), (second, second["metrics"])):
        done = posexp_command("evaluate", f"run={noted['id']}", "truth=labels.csv", cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        run = posexp.load(noted["id"], uri(folder))
        wanted = {k: v for k, v in expected.items() if v is not None and math.isfinite(v)}
        assert {k: run.metrics[k] for k in wanted} == pytest.approx(wanted, rel=1e-9)
        assert run.tags["truth"] == str(folder / "labels.csv")
        assert run.file("evaluation/worst_frames.png").is_file()
    for name in ("truth.sha256", "truth.first.sha256"):
        assert run.tags[name] == second["tags"][name]
    history = MlflowClient(uri(folder)).get_metric_history(run.id, "frame_error/body_px")
    assert {metric.step for metric in history} == set(range(6))


def test_an_old_run_is_repeated(old):
    folder = old("store")
    noted = NOTED["store"][1]
    done = posexp_command("rerun", f"run={noted['id'][:8]}", cwd=folder)
    assert "the keypoints are identical, bit for bit, in 6 frames" in done.stdout or (
        done.returncode == 1 and "the keypoints differ, by at most" in done.stdout
    )  # another processor or version rounds in another way
    run = posexp.load("last", uri(folder))
    assert run.tags["posexp.rerun_of"] == noted["id"]
    first = posexp.load(noted["id"], uri(folder))
    later = {"person.who": "off", "person.time": "None", "cleaning": "standard", "activity": "auto"}
    later |= {f"scale.{key}": "None" for key in ("height_m", "shank_m", "points", "distance_m")}
    assert run.params == {**first.params, **later}
    assert np.nanmax(np.abs(run.poses().image - first.poses().image)) < 1
    assert run.metrics["confidence/mean"] == pytest.approx(first.metrics["confidence/mean"], 0.01)


def test_old_results_that_wait_are_logged_and_a_killed_runs_poses_are_kept(old):
    folder = old("waiting")
    done = posexp_command("sync", cwd=folder)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.count("Logged ") == 2
    assert not list((folder / "mlruns" / "pending").iterdir())
    assert not (folder / "mlruns" / "rejected").exists()
    runs = [posexp.load(run.info.run_id, uri(folder)) for run in logged(folder)]
    for run, noted in zip(runs, NOTED["waiting"], strict=True):
        check(run, noted, folder)
    finished, killed = runs
    assert (finished.status, killed.status) == ("FINISHED", "KILLED")
    assert killed.tags["error"] == "its process was killed"
    assert 10 <= killed.metrics["tracking/frames"] == len(killed.poses()) < 100
    assert finished.file("figures/confidence.png").is_file()
    again = posexp_command("sync", cwd=folder)
    assert "Nothing is waiting" in again.stdout


def test_results_of_an_old_killed_run_are_closed_by_the_next_run(old):
    folder = old("waiting")
    done = posexp_command("video=clip.mp4", "video.stop=0.08", "overlay=none", cwd=folder)
    assert done.returncode == 0, done.stderr
    records = [json.loads(p.read_text()) for p in folder.glob("mlruns/pending/*/run.json")]
    # They are meant for a server, and wait for it.
    assert sorted(record["status"] for record in records) == ["FINISHED", "KILLED"]
    assert posexp_command("sync", cwd=folder).returncode == 0
    assert sorted(run.info.status for run in logged(folder)) == ["FINISHED", "FINISHED", "KILLED"]


def test_an_old_sweep_goes_on_with_what_is_missing(old):
    then = NOTED["sweep"][0]["tags"]["version.mediapipe"]
    try:
        now = importlib.metadata.version("mediapipe")
    except importlib.metadata.PackageNotFoundError:
        now = "another build"
    if then != now:
        pytest.skip(f"the jobs' fingerprints are of mediapipe {then}, here is {now}")
    folder = old("sweep")
    *finished, killed = NOTED["sweep"]
    done = posexp_command(*SWEEP, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "sweep pilot: 4 jobs: 3 done before, 1 finished" in done.stdout
    runs = {run.info.run_id: run for run in logged(folder)}
    assert len(runs) == 5
    assert runs.pop(killed["id"]).info.lifecycle_stage == "deleted"
    for noted in finished:
        runs.pop(noted["id"])
        check(posexp.load(noted["id"], uri(folder)), noted, folder)
    (new,) = runs.values()
    assert new.data.tags["posexp.fingerprint"] == killed["tags"]["posexp.fingerprint"]
    assert new.data.tags["participant"] == "P01" and new.info.status == "FINISHED"
    poses = posexp.load(new.info.run_id, uri(folder)).poses()
    assert digests(poses) in [noted["keypoints"] for noted in finished]  # not asked again
    table = pd.read_csv(folder / "mlruns" / "sweeps" / "pilot.csv")
    assert sorted(table["status"]) == ["done before"] * 3 + ["finished"]
    assert set(table["run"]) == {n["id"] for n in finished} | {new.info.run_id}
    again = posexp_command(*SWEEP, cwd=folder)
    assert "sweep pilot: 4 jobs: 4 done before" in again.stdout and again.returncode == 0
    assert posexp_command("compare", "sweep=pilot", cwd=folder).returncode == 0


def test_the_notebook_lists_and_shows_an_old_store(old, monkeypatch):
    folder = old("store")
    monkeypatch.chdir(folder)
    first, second, _, killed = (n["id"] for n in NOTED["store"])
    chooser = posexp.CompareRuns()
    assert chooser.chooser.ids == [second, first]
    assert set(chooser.chooser.value) == {first, second}  # the newest of each variant
    assert len(chooser.player.runs) == 2 and len(chooser.player.frames) == 6 * 4
    assert "single_image" in chooser.table.value and chooser.note.value == ""
    chooser.status.value = "all"
    assert chooser.chooser.ids == [killed, second, first]
    chooser.search.value = "model.mode=single_image"
    assert second in chooser.chooser.ids
    view = posexp.RunView(posexp.load(first))
    assert view.player.points and view.player.size == [128, 96]
