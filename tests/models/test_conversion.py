"""MoveNet in LiteRT: converted once from what is published for TensorFlow, checked, kept."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import posexp_command

from posexp import extract
from posexp.errors import ConfigError, ModelError
from posexp.files import sha256_of
from posexp.models.registry import find_weights, load, options_for, runtime_of
from posexp.models.weights import converted
from posexp.models.weights.converted import ABOUT, MODEL

JOINTS = (1, 1, 17, 3)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "posexp" / "litert"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """SavedModels with MoveNet's signature, small and soon converted, by what is odd about them."""
    import tensorflow as tf

    def plain(image):
        return tf.zeros(JOINTS) + tf.reduce_mean(tf.cast(image, tf.float32)) / 255

    def chance(image):
        return plain(image) + tf.random.uniform(JOINTS)

    def unknown(image):  # LiteRT has no such operation
        return plain(image) + tf.math.digamma(tf.reduce_mean(tf.cast(image, tf.float32)) + 1) / 1e3

    folders = {}
    for function in (plain, chance, unknown):

        @tf.function(input_signature=[tf.TensorSpec((1, 64, 64, 3), tf.int32)])
        def serve(image, of=function):
            return {"output_0": of(image)}

        folder = folders[function.__name__] = tmp_path_factory.mktemp(function.__name__)
        tf.saved_model.save(tf.Module(), str(folder), signatures={"serving_default": serve})
    return folders


def loaded(folder: Path, **options):
    return load(options_for("lightning", weights=str(folder), **options))


def answer(model) -> np.ndarray:
    return model._predict(np.full((64, 64, 3), 100, np.uint8))


@pytest.mark.parametrize("model", ["lightning", "thunder"])
def test_a_clip_has_the_same_keypoints_in_litert_as_in_tensorflow(model, shared, movenet):
    clip = shared / "clips" / "squat.mp4"
    one, other = (extract(clip, model, runtime=name, stop=2.0) for name in ("tensorflow", "litert"))
    assert len(one) == 120
    assert np.abs(one.image - other.image).max() < 0.02  # px
    assert np.abs(one.confidence - other.confidence).max() < 1e-3


def test_a_model_is_converted_once_and_its_weights_stay_the_published_ones(made, cache, caplog):
    model = loaded(made["plain"])
    assert model.computed_by.startswith("ai-edge-litert")
    assert model.weights.path == made["plain"]
    assert model.weights.sha256 == sha256_of(made["plain"])
    (folder,) = cache.iterdir()
    assert folder.name.startswith(f"{model.weights.sha256}-tensorflow-")
    about = json.loads((folder / ABOUT).read_text())
    assert about["source"] == model.weights.sha256
    assert about["px"] <= 0.01 and about["score"] <= 1e-3
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "is converted for LiteRT, once (some 15 s)"
    ]
    before = (folder / MODEL).stat().st_mtime_ns
    assert np.allclose(answer(loaded(made["plain"])), answer(loaded(made["plain"], threads=1)))
    assert len(caplog.messages) == 1
    assert (folder / MODEL).stat().st_mtime_ns == before


def test_the_runtime_is_recorded_and_decides_no_fingerprint(made):
    weights = find_weights(options_for("lightning", weights=str(made["plain"])))
    said = {
        runtime: runtime_of(options_for("lightning", runtime=runtime), weights)
        for runtime in ("auto", "tensorflow", "litert")
    }
    assert said["auto"] == said["tensorflow"] != said["litert"]


@pytest.mark.parametrize(
    ("kind", "reason"), [("unknown", "Custom ops: Digamma"), ("chance", "px and its scores")]
)
def test_what_litert_cannot_run_runs_in_tensorflow(made, cache, caplog, kind, reason):
    for _ in range(2):
        model = loaded(made[kind])
        assert model.computed_by.startswith("tensorflow")
        assert answer(model).shape == (17, 3)
    said = [message for message in caplog.messages if "not in LiteRT" in message]
    assert len(said) == 2 and all(reason in message for message in said), said
    assert sum("is converted" in message for message in caplog.messages) == 1  # nor tried again
    with pytest.raises(ModelError, match="cannot run in LiteRT") as caught:
        loaded(made[kind], runtime="litert")
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def conversion(made, tmp_path_factory):
    """What the user's cache holds once ``plain`` has been converted."""
    folder = tmp_path_factory.mktemp("converted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        loaded(made["plain"])
    return folder


@pytest.fixture
def filled(conversion, cache):
    """A user's cache with the conversion of ``plain``."""
    shutil.copytree(conversion / "posexp", cache.parent)
    return cache


@pytest.mark.parametrize("damage", ["cut off", "of another model", "no text", "no model"])
def test_a_damaged_conversion_is_made_again(made, filled, caplog, damage):
    (folder,) = filled.iterdir()
    whole = (folder / MODEL).read_bytes()
    if damage == "cut off":
        (folder / MODEL).write_bytes(whole[:1000])
    elif damage == "of another model":
        about = json.loads((folder / ABOUT).read_text())
        (folder / ABOUT).write_text(json.dumps({**about, "source": "0" * 64}))
    elif damage == "no text":
        (folder / ABOUT).write_bytes(b"\xff{")
    else:
        (folder / MODEL).unlink()
    assert loaded(made["plain"]).computed_by.startswith("ai-edge-litert")
    assert "damaged, or of another model; it is made again" in caplog.messages[0]
    assert (folder / MODEL).read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_only_the_speed(made, tmp_path, monkeypatch, caplog):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert loaded(made["plain"]).computed_by.startswith("tensorflow")
    (said,) = caplog.messages
    assert "cannot be written" in said and "\n" not in said


def test_a_full_disk_costs_only_the_speed(made, cache):
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from posexp.models.registry import load, options_for\n"
        f"print(load(options_for('lightning', weights={str(made['plain'])!r})).computed_by)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("tensorflow")
    assert "the conversion failed (OSError: [Errno 27] File too large" in done.stderr
    assert not [*cache.iterdir()]


def test_a_damaged_saved_model_is_one_line(made, cache, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes((made["plain"] / "saved_model.pb").read_bytes()[:99])
    with pytest.raises(ModelError, match="expected a SavedModel, got a damaged one"):
        loaded(tmp_path)
    assert not [*cache.iterdir()]


def without_tensorflow(folder: Path) -> str:
    """A PYTHONPATH on which TensorFlow cannot be imported."""
    folder.mkdir()
    (folder / "tensorflow.py").write_text("raise ImportError('libtensorflow is broken')")
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_no_run_imports_tensorflow_once_a_model_is_converted(made, conversion, cache, tmp_path):
    path = without_tensorflow(tmp_path / "broken")
    arguments = ("model=lightning", f"model.weights={made['plain']}", "video.stop=0.3")
    failed = posexp_command(*arguments, cwd=tmp_path, PYTHONPATH=path)
    assert failed.returncode == 1
    (line,) = [line for line in failed.stderr.splitlines() if "is converted" not in line]
    assert "needs TensorFlow, which cannot be imported (libtensorflow is broken" in line
    shutil.copytree(conversion / "posexp" / "litert", cache, dirs_exist_ok=True)
    done = posexp_command(*arguments, cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert "Results" in done.stdout
    assert [line for line in done.stderr.splitlines() if "no person was found" not in line] == []


def test_several_processes_convert_once(made, cache):
    code = (
        "from posexp.models.registry import load, options_for\n"
        f"print(load(options_for('lightning', weights={str(made['plain'])!r})).computed_by)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in both]
    assert all(out.startswith("ai-edge-litert") for out, _ in said)
    assert sum(err.count("is converted for LiteRT") for _, err in said) == 1


def test_a_killed_conversion_is_begun_again(made, cache):
    code = (
        "from posexp.models.registry import load, options_for\n"
        f"load(options_for('lightning', weights={str(made['plain'])!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    child = psutil.Process(process.pid)
    while not (inner := child.children()):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    for each in inner:
        each.kill()
    assert [path.name for path in cache.iterdir() if path.name.endswith(".part")]
    assert loaded(made["plain"]).computed_by.startswith("ai-edge-litert")
    assert len([*cache.iterdir()]) == 1


def test_a_tflite_file_does_not_run_in_tensorflow(shared):
    weights = shared / "models" / "movenet_singlepose_lightning_int8_v4.tflite"
    with pytest.raises(ConfigError, match=r"model.runtime: expected auto or litert"):
        loaded(weights, runtime="tensorflow")
    with pytest.raises(ConfigError, match=r"model.runtime: expected one of auto, litert"):
        options_for("lightning", runtime="gpu")


def test_threads_are_of_litert(made):
    with pytest.raises(ConfigError, match=r"model.threads: is of LiteRT"):
        loaded(made["plain"], runtime="tensorflow", threads=2)


def test_a_conversion_of_any_tensorflow_serves_where_there_is_none(made, filled, monkeypatch):
    monkeypatch.setattr(converted, "version", lambda name: _raise(name))
    assert loaded(made["plain"]).computed_by.startswith("ai-edge-litert")
    assert len([*filled.iterdir()]) == 1


def _raise(name):
    raise converted.PackageNotFoundError(name)
