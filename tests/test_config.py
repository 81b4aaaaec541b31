import re

import pytest

from posexp import config
from posexp.__main__ import main
from posexp.errors import ConfigError
from posexp.models import registry
from posexp.pose.skeleton import SKELETONS

YAMLS = sorted(config.conf_folder().rglob("*.yaml"))


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: path.stem)
def test_every_key_is_commented(path):
    previous = ""
    for line in path.read_text().splitlines():
        explained = "#" in line or previous.lstrip().startswith("#")
        if re.match(r"\s*\w+: \S", line) and not line.startswith("name: "):
            assert explained or "enabled: false" in line, line
        previous = line


@pytest.mark.parametrize("model", ["thunder", "lightning", "mlkit"])
def test_every_variant_composes_and_builds(model, movenet):
    options = config.load_config([f"model={model}"])[0].model
    estimator = registry.load(options)
    assert estimator.name == model
    assert estimator.skeleton.name in SKELETONS
    assert len(estimator.weights.sha256) == 64


@pytest.mark.parametrize(
    "path",
    [
        "with space/å ä ö.mp4", "a=b.mp4", "clip (1).mp4", "it's.mp4", 'say "hi".mp4', "a,b.mp4",
        "2024", "null", "true", "[x].mp4", "{y}.mp4", "${z}.mp4", "~/x.mp4", "C:\\me\\x.mp4",
        "日本語.mp4", "#1 & 2!.mp4", "x\\'y.mp4", "a b  c.mp4", "$HOME.mp4", "%20.mp4", "-x.mp4",
    ],
)  # fmt: skip
def test_paths_are_taken_as_they_are_typed(path):
    checked, plain = config.load_config([f"video={path}", f"tracking.folder={path}"])
    assert checked.video.path == path
    assert checked.tracking.folder == path
    assert config.flatten(plain)["video"] == path


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=thundr"], "thundr.*Did you mean model=thunder"),
        (["model=yolo"], "lightning, mlkit, thunder, got 'yolo'"),
        (["modle.mode=stream"], "modle.mode: no such key. Did you mean model.mode"),
        (["vidoe=clip.mp4"], "Did you mean video"),
        (["overlay.hieght=3"], "Did you mean overlay.height"),
        (["model.crop.min_keypoint_score=0.3"], "does not apply to model=mlkit"),
        (["model=thunder", "model.mode=stream"], "does not apply to model=thunder"),
        (["model=lightning", "model.crop.min_keypoint_score=3"], "between 0 and 1, got 3"),
        (["model=lightning", "model.crop.torso_expansion=0.5"], "between 1 and 10, got 0.5"),
        (["model=lightning", "model.input_size=7"], "32 and 1024 px, got 7"),
        (["model.min_tracking_confidence=nan"], "min_tracking_confidence.*got nan"),
        (["model.complexity=huge"], "lite, full, heavy, got 'huge'"),
        (["model.mode=fast"], "stream, single_image, got 'fast'"),
        (["keypoints.joints=face"], "body, all, got 'face'"),
        (["keypoints.confidence_threshold=-0.1"], "got -0.1"),
        (["overlay.height=1.5"], "overlay.height: expected a whole number, got '1.5'"),
        (["overlay.enabled=maybe"], "true or false, got 'maybe'"),
        (["overlay.start_frame=9", "overlay.stop_frame=3"], "more than.*9.*got 3"),
        (["overlay=fancy"], "none, standard, got 'fancy'"),
        (["overlay.trail=-1"], "between 0 and 500 frames, got -1"),
        (["video.start=soon"], "video.start: expected a number, got 'soon'"),
        (["video.start=5", "video.stop=4"], "more than video.start.*got 4"),
        (["video.start=(1"], "cannot read the value"),
        (["video="], "got nothing"),
        (["clip.mp4"], "expected key=value. For a video: video="),
        (["+new=1"], "cannot be added"),
        (["model=thunder,mlkit"], "got several"),
    ],
)
def test_mistakes_are_named_with_what_was_given(overrides, words, capfd):
    with pytest.raises(ConfigError, match=words) as caught:
        config.load_config(overrides)
    assert "\n" not in str(caught.value)
    assert main(overrides) == 2
    shown = capfd.readouterr().err
    assert shown.count("\n") == 1 and shown.startswith("posexp: ")


def test_numbers_are_short_and_names_stable_in_parameters():
    _, plain = config.load_config(
        ["model=lightning", "model.crop.torso_expansion=1.9000000000000001"]
    )
    flat = config.flatten(plain)
    assert flat["model"] == "lightning"
    assert flat["model.crop.torso_expansion"] == "1.9"
    assert {"video", "model.input_size", "keypoints.joints", "overlay.height"} <= set(flat)
    assert config.flatten({"a": 0.1 + 0.2}) == {"a": "0.3"}


def test_somebody_elses_hydra_is_left_alone():
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    with initialize_config_dir(str(config.conf_folder()), version_base="1.3"):
        config.load_config(["model=thunder"])
        assert GlobalHydra.instance().is_initialized()
        with pytest.raises(Exception, match="nonexistent"):
            compose("nonexistent")


def test_values_with_commas_multiply_and_paths_are_taken_as_typed():
    parts = config.grid(
        ["model=mlkit,lightning", "video=a, b [1].mp4", "video.stop=1,2", "force=True"]
    )
    assert parts == [
        [f"model={model}", f"video.stop={stop}", "force=True", "video=a, b [1].mp4"]
        for model in ("mlkit", "lightning") for stop in (1, 2)
    ]  # fmt: skip
    assert config.grid([]) == [[]]
    assert [part[0] for part in config.grid(["overlay.trail=range(0,30,10)"])] == [
        "overlay.trail=0", "overlay.trail=10", "overlay.trail=20"
    ]  # fmt: skip


def test_several_values_without_m_are_told_how():
    with pytest.raises(ConfigError, match=r"python -m posexp -m model=mlkit,lightning"):
        config.load_config(["model=mlkit,lightning"])
