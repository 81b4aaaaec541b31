"""The example package, installed as a user installs it, in everything that takes a model."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import encode, encoder
from conftest import posexp_command
from plugins import good, install

import posexp
from posexp.models.model import Model
from posexp.pose.skeleton import BODY

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "example_model"
MINE = {"mine": "posexp_mine:Mine"}


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder with the example, a model of another skeleton, and a package that is broken."""
    folder = tmp_path_factory.mktemp("site å")
    source = tmp_path_factory.mktemp("source") / "example"  # hatchling may write beside it
    shutil.copytree(EXAMPLE, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-index", "--no-deps", "--no-build-isolation", "--target", folder, source],
        check=True,
    )  # fmt: skip
    install(folder, "posexp-mine", MINE, {"posexp_mine.py": good("mine")})
    install(folder, "posexp-broken", {"broken": "posexp_broken:Model"},
            {"posexp_broken.py": "import nothing_like_this"})  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def path(site):
    """PYTHONPATH with these packages."""
    return os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(site))))


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A folder with a video in which a white square moves to the right."""
    folder = tmp_path_factory.mktemp("plug-ins")
    frames = np.zeros((12, 96, 128, 3), np.uint8)
    for index, frame in enumerate(frames[1:], 1):
        frame[40:56, 4 * index : 4 * index + 16] = 255
    codec = encoder("libx264", "libopenh264")
    encode(folder / "clip.mp4", frames, "-c:v", codec, "-pix_fmt", "yuv420p")
    return folder


@pytest.fixture(scope="session")
def command(place, path):
    """Runs ``python -m MODULE`` with these packages installed, in the folder of the video."""

    def run(*arguments, module="posexp", status=0):
        if module == "posexp":
            done = posexp_command(*arguments, cwd=place, PYTHONPATH=path)
        else:
            done = python("-m", module, *arguments)
        assert done.returncode == status, done.stderr
        return done

    def python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], cwd=place, env={**os.environ, "PYTHONPATH": path},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    run.python = python
    return run


@pytest.fixture(scope="session")
def runs(command, place):
    """A run of the example with a key of its own, and one of the model with its own skeleton."""
    common = ("video=clip.mp4", "overlay=none")
    said = [command(*own, *common) for own in (("model=blob", "model.threshold=60"),
            ("model=mine", "keypoints.joints=all", "model.inner.far=3"))]  # fmt: skip
    uri = f"sqlite:///{place}/mlruns/mlflow.db"
    blob, mine = (posexp.load(name, uri) for name in (_id(done.stdout) for done in said))
    return blob, mine


def _id(shown):
    (line,) = (line for line in shown.splitlines() if line.startswith("Run page"))
    return line.rpartition("/")[2].partition("?")[0]


def test_the_help_lists_it(command):
    shown = command("--help")
    assert "blob" in shown.stdout and "mine" in shown.stdout and shown.stderr == ""


def test_it_runs_with_a_key_of_its_own_and_is_logged(runs):
    blob, _ = runs
    assert blob.params["model"] == "blob" and blob.params["model.threshold"] == "60"
    assert blob.params["model.color"] == "grey"
    made = json.loads(blob.file("config/environment.json").read_text())
    assert made["versions"]["posexp-blob"] == "0.1.0"
    assert blob.tags["weights.source"] == "posexp_blob" and blob.metrics["tracking/frames"] == 12
    poses = blob.poses()
    assert poses.model == "blob" and not poses.found[0] and poses.found[1:].all()
    knee = poses.joint("left_knee")[1:]
    assert np.abs(knee[:, 1] - 48).max() < 1
    assert np.abs(knee[:, 0] - (4 * np.arange(1, 12) + 8)).max() < 1


def test_a_run_of_another_skeleton_is_read_where_its_package_is_not(runs):
    _, mine = runs
    poses = mine.poses()
    assert poses.skeleton.joints == (*BODY, "l_toe", "r_toe")
    assert poses.skeleton.edges == poses.skeleton.symmetries == (("l_toe", "r_toe"),)
    assert mine.params["model.inner.far"] == "3"


def test_rerun_makes_the_same_keypoints(command, runs):
    blob, mine = runs
    for run in (blob, mine):
        done = command("rerun", f"run={run.id}")
        assert "identical, bit for bit, in 12 frames" in done.stdout and done.stderr == ""


def test_without_its_package_a_run_cannot_be_repeated(runs, place):
    done = posexp_command("rerun", f"run={runs[0].id}", cwd=place)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "model=blob: expected one of lightning, mlkit, thunder" in done.stderr
    assert "If it is another package's, install that" in done.stderr


def test_a_sweep_takes_it_with_a_model_of_ours(command):
    arguments = ("-m", "model=blob,mlkit", "video=clip.mp4", "overlay=none", "tracking.sweep=s")
    done = command(*arguments)
    assert "sweep s: 2 jobs: 2 finished" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith(("blob", "ml"))]
    assert "2 done before" in command(*arguments).stdout
    colors = command("-m", "model=blob", "model.color=red,blue", "video=clip.mp4", "overlay=none",
                     "tracking.sweep=t", "launcher=joblib", "launcher.jobs=2")  # fmt: skip
    assert "sweep t: 2 jobs: 2 finished" in colors.stdout
    compared = command("compare", "sweep=t")
    assert "blob blue" in compared.stdout and "blob red" in compared.stdout


def test_its_configuration_is_shown(command):
    shown = json.loads(command("--cfg", "model=blob", "model.color=red").stdout)
    assert shown["model"] == {"name": "blob", "weights": None, "color": "red", "threshold": 30.0}


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("model=blbo",), 2, "blob, broken, lightning, mine, mlkit, thunder, got 'blbo'. Did you"),
        (("model=blob", "model.threshold=0"), 2, "model.threshold: expected a number between 1"),
        (("model=blob", "model.color=pink"), 2, "one of grey, red, green, blue, got 'pink'"),
        (("model=broken",), 1, "model=broken: the package posexp-broken 1.0 cannot be used: Modu"),
        (("-m", "model=broken,mlkit"), 1, "the package posexp-broken 1.0 cannot be used: Module"),
    ],
)
def test_mistakes_are_one_line(arguments, status, words, command):
    done = command(*arguments, status=status)
    assert words in done.stderr and done.stderr.count("\n") == 1


def test_a_broken_package_beside_it_costs_a_line_where_all_are_asked_for(command):
    done = command("model=blob", "model.treshold=3", status=2)
    warning, error = done.stderr.splitlines()
    assert "the package posexp-broken 1.0 cannot be used: ModuleNotFoundError" in warning
    assert "model.treshold: no such key. Did you mean model.threshold" in error
    assert "broken" not in command("model=mlkit", "video=clip.mp4", "overlay=none").stderr


def test_completion_offers_its_name_keys_and_words(command):
    code = "import json; from posexp.config import choices; print(json.dumps(choices()))"
    done = command.python("-c", code)
    choices = json.loads(done.stdout)
    assert choices["model"] == ["blob", "lightning", "mine", "mlkit", "thunder"]
    assert choices["model.color"] == ["grey", "red", "green", "blue"]
    assert "model.threshold" in choices and done.stderr.count("\n") == 1


def test_the_benchmark_lists_and_measures_it(command, place):
    done = command("list", module="posexp.benchmark")
    names = done.stdout.split("clips")[0].split()[1:]
    assert names[:3] == ["lightning", "lightning_int8", "thunder"]
    assert names[-2:] == ["blob", "mine"] and done.stderr.count("posexp-broken") == 1
    done = command("run", "models=[blob]", "clips=embedded", module="posexp.benchmark")
    assert "blob" in (place / "benchmark-report" / "benchmark.md").read_text()


def test_the_chooser_shows_its_runs(command, runs):
    code = f"""
from posexp import CompareRuns
ids = {[run.id for run in runs]}
chooser = CompareRuns(ids)
print([row["cells"][0] for row in chooser.chooser.rows if row["id"] in ids])
print([run["label"] for run in chooser.player.runs], chooser.note.value)
"""
    done = command.python("-c", code)
    assert done.stdout.splitlines() == ["['mine', 'blob']", "['blob', 'mine'] "], done.stderr


def test_python_users_have_it_too(command):
    code = (
        "import posexp; poses = posexp.extract('clip.mp4', 'blob', color='blue', threshold=50);"
        "print(poses.model, len(poses), poses.found.sum())"
    )
    assert command.python("-c", code).stdout.split() == ["blob", "12", "11"]


def test_the_guide_speaks_of_what_there_is():
    guide = (EXAMPLE.parent / "add-your-own-model.md").read_text()
    (toml,) = re.findall(r"```toml\n(.*?)```", guide, re.S)
    assert toml.splitlines()[1] in (EXAMPLE / "pyproject.toml").read_text()
    named = re.findall(r"^\| `(\w+)", guide, re.M)
    assert {"options", "estimate", "runtime", "variants"} <= set(named)
    assert all(hasattr(Model, name) or name in Model.__annotations__ for name in named)
    (code,) = re.findall(r"```python\n(.*?)```", guide, re.S)
    for line in re.findall(r"from posexp.*", code):
        exec(line, {})
