"""Every command and every line of Python in the README is run."""

import re
import shlex
import shutil
from pathlib import Path

import imageio_ffmpeg
import pandas as pd
import pytest

from posexp.__main__ import main
from posexp.benchmark.__main__ import main as benchmark
from posexp.config import conf_folder
from posexp.models.entries import names
from posexp.pose.sequence import PoseSequence
from posexp.video.embedded import embedded_clip

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
FULL_GRID = "python -m posexp.benchmark run folder=clips"
COMMANDS = [
    line.split("  #")[0]
    for block in re.findall(r"```sh\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line.startswith("python -m posexp")
    and not line.startswith("python -m posexp ui")
    # Drawing the whole grid takes half an hour; tests/test_benchmark.py draws small ones.
    and not line.startswith(("python -m posexp.benchmark render", FULL_GRID))
]


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared):
    """A folder with the files that the README speaks of."""
    import subprocess

    folder = tmp_path_factory.mktemp("readme")
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(embedded_clip()),
         "-frames:v", "80", str(folder / "clip.mp4")], check=True,
    )  # fmt: skip
    shutil.copy(folder / "clip.mp4", folder / "my clip (1).mp4")
    truth = embedded_clip().with_name("sit_to_stand.truth.parquet")
    poses = PoseSequence.read(truth)
    rows = poses.image[:80].reshape(80, -1)
    columns = [f"{joint}_{axis}" for joint in poses.skeleton.joints for axis in "xy"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "labels.csv", index=False)
    (folder / "clips").mkdir()
    shutil.copy(folder / "clip.mp4", folder / "clips")
    (folder / "study.csv").write_text("video,participant\nclip.mp4,P01\n")
    weights = shared / "models" / "movenet_singlepose_lightning_int8_v4.tflite"
    shutil.copy(weights, folder / "movenet.tflite")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(command, place, movenet, monkeypatch, capfd):
    monkeypatch.chdir(place)
    program = benchmark if "posexp.benchmark" in command else main
    assert program(shlex.split(command)[3:]) == 0, capfd.readouterr().err
    batch = "clips/" in command or "study.csv" in command
    said = "Report" if program is benchmark else "Table" if batch else "Run page"
    said = "files/" if " export " in command else said
    assert said in capfd.readouterr().out


def test_the_python_example_runs(place, movenet, monkeypatch):
    monkeypatch.chdir(place)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    blocks = [block for block in blocks if "%load_ext" not in block]  # tests of the notebooks
    assert len(blocks) == 1
    names: dict[str, object] = {}
    exec(blocks[0], names)
    assert names["knee"].shape == (len(names["poses"]), 2)
    assert names["run"].metrics["tracking/frames"] == len(names["poses"])


def test_every_variant_and_every_file_is_in_the_readme():
    models = {model.stem for model in (conf_folder() / "model").glob("*.yaml")}
    assert models == set(names())
    for model in models:
        assert f"`{model}`" in README
    for name in ("keypoints.csv", "keypoints.parquet", "overlay.mp4", "contact_sheet.png",
                 "confidence.csv", "trajectories.png", "config.yaml"):  # fmt: skip
        assert name in README
