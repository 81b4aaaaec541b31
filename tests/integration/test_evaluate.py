"""Evaluation as a researcher does it: runs with known truth, and truth that comes later."""

import logging
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clips import ffmpeg

import posexp
from posexp.__main__ import main
from posexp.measure.evaluation import GROUPS, evaluate
from posexp.pose.sequence import PoseSequence
from posexp.video.embedded import embedded_clip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a clip of 2 s, without truth beside it, and one run of it."""
    folder = tmp_path_factory.mktemp("evaluate å")
    ffmpeg("-i", embedded_clip(), "-frames:v", "100", folder / "clip.mp4")
    run = posexp.run(
        [f"video={folder / 'clip.mp4'}", f"tracking.folder={folder / 'mlruns'}", "overlay=none"]
    )
    assert "truth" not in run.tags
    return folder


@pytest.fixture
def command(place, monkeypatch, capfd):
    """``python -m posexp evaluate ...`` in that folder: status, lines out, lines of error."""
    monkeypatch.chdir(place)
    logging.getLogger("posexp").handlers = []

    def run(line):
        status = main(["evaluate", *shlex.split(line)])
        out, err = capfd.readouterr()
        return status, out, err.splitlines()

    return run


def write_truth(path, scale=(1.0, 1.0), frames=100, swap=False):
    """A wide CSV of the clip's exact joints, px."""
    truth = PoseSequence.read(embedded_clip().with_suffix(".truth.parquet"))
    image = truth.image[:frames] * scale
    image = image[..., ::-1] if swap else image
    columns = [f"{joint}_{axis}" for joint in truth.skeleton.joints for axis in "xy"]
    pd.DataFrame(image.reshape(len(image), -1), columns=columns).to_csv(path, index=False)
    return path


def test_truth_that_comes_later_is_logged_to_the_same_run(command, place):
    write_truth(place / "labels (1).csv")
    status, out, err = command("run=last truth='labels (1).csv'")
    assert status == 0 and err == []
    run = posexp.load("last", uri=f"sqlite:///{place}/mlruns/mlflow.db")
    assert 0 < run.metrics["error/mean_px"] < 10 and run.metrics["pck/0.20"] > 0.9
    assert f"{run.metrics['error/mean_px']:.2f} px" in out
    assert run.tags["truth"] == str(place / "labels (1).csv")
    assert run.metrics["frame_error/body_px"] > 0
    assert run.tags["truth.first.sha256"] == run.tags["truth.sha256"]
    table = pd.read_csv(run.file("evaluation/joints.csv"))
    assert len(table) == 34 and table["joint"].iloc[-1] == "body"
    for name in ("worst_frames.png", "pck.csv", "calibration.csv"):
        assert run.file(f"evaluation/{name}").stat().st_size > 50
    assert run.metrics["tracking/frames"] == 100  # what the run had is still there
    in_python = evaluate(run, place / "labels (1).csv").metrics()
    assert in_python["oks/ap"] == pytest.approx(run.metrics["oks/ap"])


def test_a_second_truth_leaves_nothing_of_the_first(command, place):
    from mlflow import MlflowClient

    uri = f"sqlite:///{place}/mlruns/mlflow.db"
    write_truth(place / "all.csv")
    assert command("truth=all.csv")[0] == 0
    first = posexp.load("last", uri=uri)
    assert first.file("evaluation/worst_frames.png").is_file()
    labels = pd.read_csv(place / "all.csv")
    labels.filter(regex="knee|ankle")[:40].to_csv(place / "legs.csv", index=False)
    (place / "clip.mp4").rename(place / "elsewhere.mp4")  # so there are no worst frames
    try:
        assert command("truth=legs.csv")[0] == 0
    finally:
        (place / "elsewhere.mp4").rename(place / "clip.mp4")

    second = posexp.load("last", uri=uri)
    expected = evaluate(second, place / "legs.csv").metrics()
    groups = GROUPS & {name.partition("/")[0] for name in first.metrics}
    logged = {k: v for k, v in second.metrics.items() if k.partition("/")[0] in groups}
    assert logged == pytest.approx({k: v for k, v in expected.items() if np.isfinite(v)})
    assert "pck/0.10" in first.metrics and "pck/0.10" not in logged  # no torso in this truth
    raw = MlflowClient(uri).get_run(second.id).data.metrics
    assert np.isnan(raw["pck/0.10"])  # the UI says so too
    assert not (Path(second.artifacts) / "evaluation/worst_frames.png").exists()
    assert len(pd.read_csv(second.file("evaluation/joints.csv"))) == 5

    # A curve that is logged cannot be taken back: the second has the name of its truth.
    digest = second.tags["truth.sha256"]
    client = MlflowClient(uri)
    assert len(client.get_metric_history(second.id, f"frame_error/body_px-{digest[:8]}")) == 40
    assert len(client.get_metric_history(second.id, "frame_error/body_px")) % 100 == 0
    assert command("truth=all.csv")[0] == 0  # and back
    back = posexp.load("last", uri=uri).metrics
    assert back["pck/0.10"] == first.metrics["pck/0.10"]


def test_the_video_may_have_gone(command, place):
    write_truth(place / "labels.csv")
    (place / "clip.mp4").rename(place / "elsewhere.mp4")
    try:
        status, _, err = command("truth=labels.csv")
    finally:
        (place / "elsewhere.mp4").rename(place / "clip.mp4")
    assert status == 0 and len(err) == 1 and "has gone or changed" in err[0]


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda p: write_truth(p, frames=150), "50 of 150 are not in the video"),
        (lambda p: write_truth(p, scale=(4, 4)), "640x480 px"),
        (lambda p: write_truth(p, scale=(1 / 640, 1 / 480)), "Multiply x by 640"),
        (lambda p: p.write_text("tail_x,tail_y\n5,5\n"), "such as left_knee"),
        (lambda p: p.write_text("left_knee_x\n5\n"), "left_knee_y"),
        (lambda p: p.write_text("frame,nose_x,nose_y\n1,50,50\n1,50,51\n"), "frame 1 2 times"),
        (lambda p: p.write_text("frame,time,nose_x,nose_y\n1,0.04,50,50\n"), "another frame rate"),
        (lambda p: None, "found none"),
    ],
)
def test_truth_that_does_not_fit_is_one_line(make, fragment, command, place):
    path = place / "bad.csv"
    path.unlink(missing_ok=True)
    make(path)
    status, out, err = command("truth=bad.csv")
    assert (status, out, len(err)) == (1, "", 1)
    assert err[0].startswith("posexp: ") and "bad.csv" in err[0] and fragment in err[0]


def test_suspicious_truth_is_warned_about(command, place):
    write_truth(place / "turned.csv", swap=True)
    status, _, err = command("truth=turned.csv")
    assert status == 0
    assert len(err) == 1 and "x and y look swapped" in err[0]


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("", "Give truth=FILE, or name it clip.truth.csv"),
        ("truth=", "expected a value"),
        ("labels.csv", "expected run=, truth="),
        ("model=lightning truth=x.csv", "expected run=, truth="),
        ("run=nonsense truth=x.csv", "expected one run"),
    ],
)
def test_usage(line, fragment, command):
    status, _, err = command(line)
    assert status and len(err) == 1 and fragment in err[0]


def test_truth_beside_the_video_is_found_and_its_part_taken(tmp_path):
    shutil.copy(embedded_clip(), tmp_path / "my clip.mp4")
    write_truth(tmp_path / "my clip.truth.csv", frames=400)
    run = posexp.run([
        f"video={tmp_path / 'my clip.mp4'}", "video.start=0.5", "video.stop=1.5",
        f"tracking.folder={tmp_path / 'mlruns'}", "overlay=none",
    ])  # fmt: skip
    assert run.tags["truth"].endswith("my clip.truth.csv")
    assert run.metrics["error/mean_px"] < 10
    table = pd.read_csv(run.file("evaluation/joints.csv"))
    assert set(table["labelled"][:-1]) == {50}


def test_truth_beside_the_video_that_does_not_fit_does_not_cost_the_run(tmp_path, caplog):
    shutil.copy(embedded_clip(), tmp_path / "clip.mp4")
    write_truth(tmp_path / "clip.truth.csv")
    labels = pd.read_csv(tmp_path / "clip.truth.csv")
    labels["frame"] = np.arange(len(labels)) + 5000
    labels.to_csv(tmp_path / "clip.truth.csv", index=False)
    logging.getLogger("posexp").propagate = True
    run = posexp.run([
        f"video={tmp_path / 'clip.mp4'}", "video.stop=0.5", "overlay=none",
        f"tracking.folder={tmp_path / 'mlruns'}",
    ])  # fmt: skip
    assert run.status == "FINISHED" and "error/mean_px" not in run.metrics
    assert "goes on without evaluation" in caplog.text
