"""The command line as a researcher uses it: real models, real clips, a real store."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import errors_px, posexp_command

import posexp
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BODY
from posexp.settings import TrackingSettings
from posexp.store.archive import Archive
from posexp.video.embedded import embedded_clip
from posexp.video.source import VideoSource

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """The default run: the embedded clip with the embedded model."""
    folder = tmp_path_factory.mktemp("default run å")
    result = posexp_command(cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder, result


@pytest.fixture(scope="module")
def embedded_run(embedded):
    return posexp.load("last", uri=f"sqlite:///{embedded[0]}/mlruns/mlflow.db")


def test_the_default_run_says_what_it_found_and_where(embedded):
    folder, result = embedded
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[1].startswith("mlkit sit_to_stand   640x480 px, 50 frames/s")
    table = {line[:28].strip(): line[28:].strip() for line in lines if line.startswith("  ")}
    assert table["frames"] == "400"
    assert table["tracked"] == "100.0%"
    results = next(line for line in lines if line.startswith("Results")).split(maxsplit=1)[1]
    assert (Path(results) / "keypoints" / "keypoints.csv").is_file()
    assert any(line.startswith("Run page  http://127.0.0.1:5000/#/experiments/") for line in lines)
    assert any(line.startswith("All runs  http://127.0.0.1:5000/#/") for line in lines)
    assert any(line.startswith("Compare   python -m posexp compare video=") for line in lines)
    assert not list((folder / "mlruns" / "pending").iterdir())


def test_every_frame_of_the_embedded_clip_is_tracked_within_two_percent(embedded_run):
    poses = embedded_run.poses()
    truth = PoseSequence.read(embedded_clip().with_suffix(".truth.parquet"))
    assert poses.found.all() and len(poses) == len(truth) == 400
    assert np.allclose(poses.time, truth.time)
    errors = errors_px(poses.select(BODY).image, truth.select(BODY).image)
    assert errors.mean() < 0.02 * poses.height


def test_the_run_holds_what_the_contract_says(embedded_run):
    run = embedded_run
    assert run.status == "FINISHED"
    assert run.params["model"] == "mlkit"
    assert run.params["model.complexity"] == "full"
    assert run.params["keypoints.confidence_threshold"] == "0.3"
    assert run.tags["video.fps"] == "50" and run.tags["video.size"] == "640x480"
    assert len(run.tags["video.sha256"]) == len(run.tags["weights.sha256"]) == 64
    made = json.loads(run.file("config/environment.json").read_text())
    assert made["versions"]["mediapipe"] and made["versions"]["posexp"]
    assert made["weights"]["sha256"] == run.tags["weights.sha256"]
    assert not any(name.startswith("version.") for name in run.tags)
    files = {
        path.relative_to(run.artifacts).as_posix()
        for path in Path(run.artifacts).rglob("*.*")
        if "images" not in path.parts
    }
    assert files == {
        "config/config.yaml", "figures/confidence.png", "figures/trajectories.png",
        "evaluation/calibration.csv", "evaluation/joints.csv", "evaluation/pck.csv",
        "evaluation/worst_frames.png", "figures/calibration.png", "figures/error_by_joint.png",
        "figures/error_over_time.png", "figures/pck.png",
        "keypoints/keypoints.csv", "keypoints/keypoints.parquet", "overlay/contact_sheet.png",
        "overlay/overlay.mp4", "statistics/confidence.csv",
        "config/environment.json", "person/people.csv", "person/people.jpg", "person/track.csv",
        "keypoints/cleaned.csv", "keypoints/cleaned.parquet", "keypoints/cleaning.json",
        "angles/angles.csv", "figures/angles.png", "figures/movement.png", "movement/notes.txt",
        "movement/repetitions.csv",
    }  # fmt: skip
    config = yaml.safe_load(run.file("config/config.yaml").read_text())
    assert config["video"]["path"] == str(embedded_clip())


def test_mlflow_has_the_series_the_key_frames_and_the_video_as_input(embedded_run):
    client = mlflow.MlflowClient(embedded_run.uri)
    history = client.get_metric_history(embedded_run.id, "frame_confidence/legs")
    assert [metric.step for metric in history] == list(range(400))
    pictures = [f.path for f in client.list_artifacts(embedded_run.id, "images")]
    assert len([name for name in pictures if name.endswith(".png")]) >= 12
    inputs = client.get_run(embedded_run.id).inputs.dataset_inputs
    assert inputs[0].dataset.name == "sit_to_stand.mp4"
    assert embedded_run.tags["video.sha256"].startswith(inputs[0].dataset.digest)


def test_csv_parquet_and_statistics_agree(embedded_run):
    poses = embedded_run.poses()
    table = pd.read_csv(embedded_run.file("keypoints/keypoints.csv"))
    assert np.allclose(table["left_knee_x"] * poses.width, poses.joint("left_knee")[:, 0])
    assert "nose_x" not in table and "left_knee_world_x" in table
    statistics = pd.read_csv(embedded_run.file("statistics/confidence.csv")).set_index("joint")
    knee = poses.confidence[:, poses.skeleton.index("left_knee")]
    assert statistics.loc["left_knee", "mean"] == pytest.approx(knee.mean(), rel=1e-4)


def test_the_overlay_has_every_frame_at_its_own_time_and_shows_the_skeleton(embedded_run):
    overlay = VideoSource(embedded_run.file("overlay/overlay.mp4"))
    originals = VideoSource(embedded_clip()).frames()
    pairs = list(zip(overlay.frames(), originals, strict=True))
    assert overlay.info.codec == "h264" and overlay.info.pixel_format == "yuv420p"
    assert max(abs(drawn.time - plain.time) for drawn, plain in pairs) < 1e-4
    poses = embedded_run.poses()
    drawn, plain = (frame.rgb().astype(int) for frame in pairs[200])
    x, y = poses.joint("left_hip")[200].astype(int)
    assert np.abs(drawn[y, x] - plain[y, x]).sum() > 60
    assert np.abs(drawn[20, 20] - plain[20, 20]).max() < 12


@pytest.mark.parametrize("model", ["lightning", "thunder"])
def test_movenet_runs_through_the_same_command_line(model, shared, published, tmp_path):
    weights = published(model)
    video = tmp_path / "Utvalda för analys" / "clip (1), a=b.mp4"
    video.parent.mkdir()
    shutil.copy(shared / "clips" / "pose_1.mp4", video)
    result = posexp_command(
        f"model={model}", f"video={video.relative_to(tmp_path)}", "video.stop=1",
        "keypoints.joints=all", "overlay.height=240", "overlay.start_frame=5",
        "overlay.stop_frame=20", "overlay.trail=10", cwd=tmp_path,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    run = posexp.load("last", uri=f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    assert run.params["model.input_size"] == {"lightning": "192", "thunder": "256"}[model]
    assert run.params["model.crop.torso_expansion"] == "1.9"
    assert run.tags["weights.source"] == weights.source
    assert run.tags["weights.sha256"] == weights.sha256
    assert run.metrics["tracking/frames"] == 30
    assert "nose_x" in pd.read_csv(run.file("keypoints/keypoints.csv"))
    overlay = VideoSource(run.file("overlay/overlay.mp4"))
    assert len(list(overlay.frames())) == 15 and overlay.info.height == 240


def test_a_wheel_from_the_sdist_works_in_an_empty_environment(tmp_path):
    """Built as for a release; the dependencies are this environment's, posexp is the wheel's."""
    import subprocess

    def python(*arguments: str, executable: str = sys.executable) -> None:
        subprocess.run([executable, *arguments], check=True, capture_output=True, cwd=tmp_path)

    python("-m", "build", "--no-isolation", "--sdist", "--outdir", str(tmp_path), str(ROOT))
    sdist = next(tmp_path.glob("*.tar.gz"))
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    source = next((tmp_path / "source").iterdir())
    python("-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(source))
    wheel = next(tmp_path.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert "posexp/conf/model/thunder.yaml" in names and "posexp/data/sit_to_stand.mp4" in names
    assert wheel.stat().st_size < 2_500_000

    # An own environment without the checkout; the large dependencies are seen through a .pth.
    python("-m", "venv", "--without-pip", str(tmp_path / "empty"))
    site = next((tmp_path / "empty" / "lib").glob("python*")) / "site-packages"
    packages = [path for path in sys.path if path.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(packages))
    zipfile.ZipFile(wheel).extractall(site)
    anywhere = tmp_path / "anywhere"
    anywhere.mkdir()
    for arguments in (["--help"], ["video.stop=0.3", "overlay=none"]):
        result = subprocess.run(
            [str(tmp_path / "empty" / "bin" / "python"), "-m", "posexp", *arguments],
            cwd=anywhere, capture_output=True, text=True, timeout=300, check=False,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    run = posexp.load("last", uri=f"sqlite:///{anywhere}/mlruns/mlflow.db")
    assert run.params["video"].startswith(str(site))


def test_the_python_interface_does_what_the_readme_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    poses = posexp.extract(embedded_clip(), model="mlkit", stop=0.2)
    assert len(poses) == 10 and poses.model == "mlkit"
    run = posexp.run(["model=mlkit", "video.stop=0.2", "overlay=none"])
    assert run.metrics["tracking/frames"] == 10
    assert posexp.load(run.id[:8]).poses() == run.poses()
    with pytest.raises(posexp.PosexpError, match="expected one run"):
        posexp.load("nosuchrun")


def test_a_run_is_repeated_from_its_own_configuration(tmp_path):
    """Every key that was set comes back, and the keypoints are the same bit for bit."""
    shutil.copy(embedded_clip(), tmp_path / "it's ${x} [1].mp4")
    first = posexp_command(
        "video=it's ${x} [1].mp4", "video.start=0.1", "video.stop=0.5", "model.mode=single_image",
        "model.min_detection_confidence=0.4", "keypoints.joints=all", "overlay.height=64",
        "overlay.trail=5", cwd=tmp_path,
    )  # fmt: skip
    assert first.returncode == 0, first.stderr
    again = posexp_command("rerun", "run=last", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "identical, bit for bit, in 20 frames" in again.stdout
    store = Archive(TrackingSettings(folder=str(tmp_path / "mlruns"))).open()
    second, original = store.search({})
    assert second.tags["posexp.rerun_of"] == original.id
    assert second.params == original.params
    (tmp_path / "it's ${x} [1].mp4").write_bytes(b"another")
    changed = posexp_command("rerun", f"run={original.id[:10]}", cwd=tmp_path)
    assert changed.returncode == 1 and len(changed.stderr.splitlines()) == 1
    assert "expected its video" in changed.stderr and "found another one" in changed.stderr


def test_a_batch_says_what_failed_and_why(tmp_path):
    (tmp_path / "clips").mkdir()
    shutil.copy(embedded_clip(), tmp_path / "clips" / "good.mp4")
    (tmp_path / "clips" / "bad.mp4").write_bytes(b"no video")
    result = posexp_command("video=clips/", "video.stop=0.2", "overlay=none", cwd=tmp_path)
    assert result.returncode == 1 and result.stderr == ""
    assert re.search(r"sweep clips-\w{6}: 2 jobs: 1 (finished|failed), 1", result.stdout)
    assert "mlkit       clips/bad.mp4: expected a video" in result.stdout
    table = pd.read_csv(next((tmp_path / "mlruns" / "sweeps").glob("*.csv")))
    assert table["status"].tolist() == ["failed", "finished"]
    assert table["frames"][1] == 10


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("--help > /dev/full", 1, "posexp: stdout: could not be written (No space left on device)"),
        ("--help | head -1", 0, ""),
        ("--help >&-", 0, ""),
        ("--cfg > /dev/full 2> /dev/full", 1, ""),
        ("modle=x 2>&-", 2, ""),
        ("modle=x 2> /dev/full", 2, ""),
        ("video=på.mp4", 1, "posexp: p\\xe5.mp4: expected a video file"),
        ("--cfg video=på.mp4 | grep -c 'p.xe5.mp4' > /dev/null", 0, ""),
        ("video=a.mp4 video.stop=0.2 >&- 2>&- <&-", 0, ""),
        ("video=a.mp4 video.stop=0.2 2> /dev/full > /dev/full", 1, ""),
        ("video=a.mp4 video.stop=0.2 2>&1 | head -0", 0, ""),
    ],
)
def test_output_that_is_closed_full_or_ascii_costs_nothing(command, status, said, tmp_path):
    shutil.copy(embedded_clip(), tmp_path / "a.mp4")
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m posexp {command}"], cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUNBUFFERED": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert result.returncode == status
    assert result.stderr.count("\n") == bool(said) and result.stderr.startswith(said)
    if "a.mp4" in command:
        uri = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
        assert posexp.load("last", uri).metrics["tracking/frames"] == 10
