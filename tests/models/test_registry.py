"""Models of ours and of other packages: found, checked, and blamed for what is theirs."""

import importlib.metadata
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import make_clip
from plugins import good, install

from posexp import config, extract
from posexp.__main__ import main
from posexp.errors import ConfigError, ModelError, VideoError
from posexp.measure.comparison import labels_of
from posexp.models import entries, registry
from posexp.models.weights.model_file import ModelFile
from posexp.pose.sequence import PoseSequence
from posexp.runs import recovery
from posexp.runs.fingerprint import Content
from posexp.runs.job import prepare
from posexp.store.journal import FILE, Journal
from posexp.store.record import RunRecord

MINE = {"mine": "posexp_mine:Mine"}


def forget():
    entries.registered.cache_clear()
    registry._imported.cache_clear()
    entries._said.clear()


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Installs packages for one test: ``add(name, models, files)``."""
    folder, before = tmp_path / "site", set(sys.modules)
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    forget()

    def add(package="posexp-mine", models=MINE, files=None, version="1.0"):
        install(folder, package, models, files or {"posexp_mine.py": good("mine")}, version)
        forget()
        return folder

    yield add
    forget()
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_ours_are_registered_as_anybodys():
    assert entries.names() == ["lightning", "mlkit", "thunder"]
    assert registry.package_of("mlkit") == ("posexp", importlib.metadata.version("posexp"))
    assert list(registry.variants()) == [
        "lightning", "lightning_int8", "thunder", "mlkit_lite", "mlkit_lite_image", "mlkit_full",
        "mlkit_full_image", "mlkit_heavy", "mlkit_heavy_image",
    ]  # fmt: skip


@pytest.mark.parametrize("model", ["lightning", "mlkit", "thunder"])
def test_what_conf_says_of_ours_is_what_their_options_say(model):
    of_conf, of_class = config.load_config([f"model={model}"])[0].model, registry.options_for(model)
    of_conf.weights = None  # conf names the address, which stands for the variant
    assert of_conf == of_class


def test_names_are_read_without_a_model_and_one_model_without_the_others(tmp_path):
    install(tmp_path, "posexp-mine", MINE, {"posexp_mine.py": "raise SystemExit('imported')"})
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from posexp.models import entries;"
        "assert entries.names() == ['lightning', 'mine', 'mlkit', 'thunder'];"
        "print(sorted({m.split('.')[0] for m in sys.modules} & set(sys.argv[2:])));"
        "from posexp.config import load_config; load_config(['model=mlkit']);"
        "print({'posexp_mine', 'posexp.models.movenet', 'cv2', 'mediapipe'} & set(sys.modules))"
    )
    heavy = ["numpy", "pandas", "hydra", "omegaconf", "yaml", "requests", "av", "cv2", "tensorflow"]
    command = [sys.executable, "-c", code, str(tmp_path), *heavy]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == ["[]", "set()"] and shown.stderr == ""


def test_a_model_of_another_package_is_a_model(add, tmp_path):
    add()
    assert entries.names() == ["lightning", "mine", "mlkit", "thunder"]
    options = config.load_config(["model=mine", "model.level=0.25", "model.inner.far=3"])[0].model
    assert options == registry.options_for("mine", level=0.25, inner={"far": 3})
    assert (options.inner.near, options.inner.far) == (1.0, 3)
    assert pickle.loads(pickle.dumps(options)) == options
    poses = extract(make_clip(tmp_path / "clip.mp4", frames=3), "mine", level=0.25)
    assert poses.model == "mine" and poses.confidence[0, 0] == 0.25
    assert list(registry.variants())[-1] == "mine"
    assert registry.find_weights(options).path == tmp_path / "site" / "posexp_mine.py"


def test_its_yaml_says_its_defaults_wherever_they_are_asked_for(add):
    folder = add(files={"posexp_mine.py": good("mine"),
                        "mine.yaml": "level: 1 # whole\ninner:\n  near: 1.0e-3\n"})  # fmt: skip
    composed, plain = config.load_config(["model=mine"])
    assert composed.model == registry.options_for("mine")
    assert (plain["model"]["level"], plain["model"]["inner"]) == (1, {"near": 0.001, "far": 9})
    changed = registry.options_for("mine", level=0.5, inner={"far": 2})
    assert (changed.level, changed.inner.near, changed.inner.far) == (0.5, 0.001, 2)
    (folder / "mine.yaml").unlink()
    forget()
    assert registry.options_for("mine").level == 0.5


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=mien"], "lightning, mine, mlkit, thunder, got 'mien'. Did you mean model=mine"),
        (["model=mine", "model.levle=1"], "no such key. Did you mean model.level"),
        (["model=mlkit", "model.level=1"], "does not apply to model=mlkit, only to mine"),
        (["model=mine", "model.level=2"], "model.level: expected a number between 0 and 1, got 2"),
        (["model=mine", "model.level=high"], "model.level: expected a number, got 'high'"),
        (["model=mine", "model.inner.far=1.5"], "model.inner.far: expected a whole number"),
        (["model=mine", "model.speed=warp"], "model.speed: expected one of slow, fast, got 'warp'"),
        (["model=mine", "model.weights=no.onnx"], "expected weights, found nothing there"),
        (["model=mine,mlkit"], "got several"),
    ],
)
def test_mistakes_in_its_keys_are_told_as_those_in_ours(overrides, words, add, capfd):
    add()
    assert main([*overrides, "video.stop=0.1"]) in (1, 2)
    shown = capfd.readouterr().err
    assert words in shown and shown.count("\n") == 1


def test_keys_and_words_of_all_models_are_completed(add):
    add()
    add("posexp-other", {"other": "posexp_other:Other"}, {"posexp_other.py": good("other", "Other")
        .replace('"slow", "fast"', '"slow", "steady"').replace("level", "height")})  # fmt: skip
    choices = config.choices()
    assert choices["model"] == ("lightning", "mine", "mlkit", "other", "thunder")
    assert choices["model.speed"] == ("slow", "fast", "steady")
    assert choices["model.complexity"] == ("lite", "full", "heavy")
    assert {"model.inner.far", "model.level", "model.height"} <= set(choices)


def test_labels_of_runs_have_the_words_of_the_model(add):
    add()

    class Run:
        name = "run"

        def __init__(self, model, **options):
            self.model = model
            self.params = {f"model.{key}": value for key, value in options.items()}

    runs = [Run("mine", speed=speed, device=device)
            for speed, device in (("slow", "cpu:0"), ("fast", "cuda:0"))]  # fmt: skip
    assert labels_of(runs) == ["mine slow device=cpu:0", "mine fast device=cuda:0"]
    gone = [Run("gone", speed=speed) for speed in ("slow", "fast")]
    assert labels_of(gone) == ["gone speed=slow", "gone speed=fast"]


RUNTIME = """Model):
    indifferent = ("device",)

    @classmethod
    def runtime(cls, options, weights):
        return "onnxruntime 1.2"
"""


def fingerprint(*overrides):
    composed, plain = config.load_config(overrides)
    weights = registry.find_weights(composed.model)
    return prepare(composed, plain, Path("a.mp4"), Content("0", (0, 0), None), weights)


def test_its_package_and_what_it_says_of_its_runtime_are_in_the_fingerprint(add):
    folder = add()
    options, file = registry.options_for("mine"), ModelFile(folder, "", "")
    assert registry.runtime_of(options, file) == "posexp-mine 1.0"
    before = fingerprint("model=mine")
    assert fingerprint("model=mine", "model.device=cuda").keypoints != before.keypoints
    (folder / "posexp_mine-1.0.dist-info").rename(folder / "posexp_mine-1.1.dist-info")
    add(version="1.1")
    assert fingerprint("model=mine").keypoints != before.keypoints
    del sys.modules["posexp_mine"]
    add(files={"posexp_mine.py": good("mine").replace("Model):\n", RUNTIME)}, version="1.1")
    options = registry.options_for("mine")
    assert registry.runtime_of(options, file) == "posexp-mine 1.1, onnxruntime 1.2"
    device = fingerprint("model=mine", "model.device=cuda")
    assert device.keypoints == fingerprint("model=mine").keypoints


GOOD = good("mine")


def but(before, after):
    assert before in GOOD
    return GOOD.replace(before, after)


BROKEN = {
    "import": ("import nothing_like_this", "ModuleNotFoundError: No module named 'nothing_like_t"),
    "syntax": ("def", "SyntaxError"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "attribute": ("Other = 1", "has no attribute 'Mine'"),
    "no class": ("Mine = 'text'", "extends posexp.models.model.Model, got 'text'"),
    "another class": ("class Mine: pass", "extends posexp.models.model.Model, got <class"),
    "estimate": (but("def estimate", "def guess"), "Mine lacks estimate"),
    "no options": (but("options = MineOptions", ""), "expected a dataclass as Mine.options"),
    "options": (but("options = MineOptions", "options = dict"), "Mine.options, got <class 'dict"),
    "weights": (but("    weights: str | None = None\n", ""), "MineOptions lacks weights"),
    "no default": (but('"cpu:0"', "field()"), "TypeError"),
    "bad default": (but("level: float = 0.5", "level: float = 5"), "between 0 and 1, got 5"),
    "no text": (but('"cpu:0"', "field(default_factory=list)"), "device: expected str, got []"),
    "no null": (but('"cpu:0"', "None"), "device: expected str, got None"),
    "type": (but("level: float", "level: tuple"), "level: expected text, a number or a bool, got "),
    "kinds": (but("device: str", "device: str | bytes"), "a bool, got str | bytes"),
    "inside": (but("far: int", "far: list[int]"), "MineOptions.inner.far: expected text, a number"),
    "variants": (GOOD + "    variants = {'mine': 3}\n", "its variants mine are no MineOptions"),
    "no variants": (GOOD + "    variants = 3\n", "'int' object has no attribute"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_package_costs_a_warning_and_when_chosen_one_line(what, add, caplog, capfd):
    text, words = BROKEN[what]
    add(files={"posexp_mine.py": text})
    assert config.load_config(["model=mlkit"])[0].model.name == "mlkit"
    assert not caplog.records
    assert "mine" not in config.choices()["model"]
    registry.variants(), config.choices()
    assert len(caplog.messages) == 1 and "posexp-mine 1.0" in caplog.messages[0]
    capfd.readouterr()
    assert main(["model=mine"]) == 1
    shown = capfd.readouterr().err
    assert "model=mine: the package posexp-mine 1.0 cannot be used: " in shown and words in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("levle: 1", "mine.yaml: levle: no such option for MineOptions, which has wei"),
        ("level: 7", "expected a number between 0 and 1, got 7"),
        ("level: high", "mine.yaml: level: expected float, got 'high'"),
        ("name: other", "mine.yaml: name: expected mine, got 'other'"),
        ("- 1", "mine.yaml: it: expected keys with values, got a list"),
        ("weights: 3", "mine.yaml: weights: expected str or null, got 3"),
        ("level: true", "mine.yaml: level: expected float, got True"),
        ("device: null", "mine.yaml: device: expected str, got None"),
        ("level: [", "mine.yaml: ParserError"),
        (
            "inner: {middle: 3}",
            "inner.middle: no such option for inner, which has near, far",
        ),
        ("inner: 3", "mine.yaml: inner: expected keys with values, got 3"),
    ],
)
def test_a_yaml_that_does_not_fit_is_its_packages_fault(text, words, add, capfd):
    add(files={"posexp_mine.py": good("mine"), "mine.yaml": text})
    assert main(["model=mine"]) == 1
    shown = capfd.readouterr().err
    assert "the package posexp-mine 1.0 cannot be used: " in shown and words in shown
    assert shown.count("\n") == 1
    assert "mine" not in config.choices()["model"]
    with pytest.raises(ModelError):
        registry.options_for("mine")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("self.level = options.level", "1 / 0", "ZeroDivisionError: division by zero"),
        ("self.level = options.level", "raise SystemError('native')", "SystemError: native"),
        ("*BODY,", "*BODY[1:],", "its skeleton lacks left_shoulder"),
        ("skeleton = Skel", "bones = Skel", "has no attribute 'skeleton'"),
        ("def estimate", "@classmethod\n    def find_weights(cls, options):\n        return 'x'\n"
         "    def estimate", "expected its weights as a ModelFile, got 'x'"),
    ],
)  # fmt: skip
def test_what_fails_in_a_model_while_it_loads_is_its_packages_fault(before, after, words, add):
    add(files={"posexp_mine.py": good("mine").replace(before, after)})
    options = registry.options_for("mine")
    with pytest.raises(ModelError, match=r"package posexp-mine 1\.0 cannot be used") as caught:
        registry.find_weights(options), registry.load(options)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("image = np", "image = 1 / 0 * np", "ZeroDivisionError: division by zero"),
        ("yield FramePose(frame.index,", "yield FramePose(7,", "its pose in frame 0, got 7"),
        ("        for frame in frames:", "        for frame in list(frames)[1:]:",
         "expected its pose in frame 0, got 1"),
        ("        for frame in frames:", "        for frame in list(frames)[:1]:",
         "expected its pose in frame 1, got none"),
        ("            yield", "            if frame.index == 1: yield 'no pose'\n            yield",
         "AttributeError: 'str' object has no attribute 'frame'"),
        ("self.level)", "2.5 + 0)", "frame 0: expected confidence between 0 and 1, got 2.5"),
        ("image = np", "image = np.nan * np", "frame 0: expected confidence 0 where image is NaN"),
        ("joints, 2", "2, joints", "image (J, 2) and confidence (J,) of 14 joints, got (2, 14)"),
    ],
)  # fmt: skip
def test_what_fails_in_a_model_while_it_runs_is_its_packages_fault(
    before, after, words, add, tmp_path
):
    add(files={"posexp_mine.py": but(before, after)})
    clip = make_clip(tmp_path / "clip.mp4", frames=3)
    with pytest.raises(ModelError, match=r"package posexp-mine 1\.0 cannot be used") as caught:
        extract(clip, "mine")
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_what_fails_while_the_video_is_read_is_not_the_models_fault(add, tmp_path):
    add(files={"posexp_mine.py": but("frames:", "iter(frames):")})
    model = registry.load(registry.options_for("mine"))

    def frames():
        raise VideoError("clip.mp4", "cannot be read")
        yield

    with pytest.raises(VideoError, match=r"^clip\.mp4: cannot be read$"):
        list(model.estimate(frames()))


def test_a_model_may_return_a_list(add, tmp_path):
    listed = (
        "def estimate(self, frames):\n        return [*self.all(frames)]\n\n    def all(self, fr"
    )
    add(files={"posexp_mine.py": but("def estimate(self, fr", listed)})
    assert len(extract(make_clip(tmp_path / "clip.mp4", frames=3), "mine")) == 3


def test_a_check_of_its_own_kind_is_a_mistake_in_the_configuration(add, capfd):
    add(files={"posexp_mine.py": but('check_range("model.level", self.level, 0, 1)',
        "if self.level > 1: raise ValueError('too high')")})  # fmt: skip
    assert main(["model=mine", "model.level=2"]) == 2
    assert capfd.readouterr().err == "posexp: model=mine: too high\n"
    with pytest.raises(ConfigError, match="model=mine: ValueError: too high"):
        registry.options_for("mine", level=2)


def test_of_two_with_one_name_ours_is_taken_else_the_first(add, caplog):
    add("zebra", {"mlkit": "posexp_mine:Mine", "mine": "posexp_z:Mine"},
        {"posexp_z.py": good("mine").replace("0.5", "0.25")})  # fmt: skip
    add()
    assert registry.model("mlkit").__module__ == "posexp.models.mlkit"
    assert registry.options_for("mine").level == 0.5
    assert registry.package_of("mine") == ("posexp-mine", "1.0")
    assert caplog.messages == [
        "model=mlkit: that of the package posexp is taken; there is another of zebra",
        "model=mine: that of the package posexp-mine is taken; there is another of zebra",
    ]


def test_a_name_that_nobody_can_type_is_left_out(add, caplog):
    add(models={"a b": "posexp_mine:Mine", "a,b": "posexp_mine:Mine", **MINE})
    assert entries.names() == ["lightning", "mine", "mlkit", "thunder"]
    assert len(caplog.messages) == 2 and "posexp-mine: nobody can type" in caplog.messages[0]


def test_a_package_that_is_installed_meanwhile_is_found(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    forget()
    with pytest.raises(ConfigError, match="lightning, mlkit, thunder, got 'mine'"):
        registry.model("mine")
    install(tmp_path, "posexp-mine", MINE, {"posexp_mine.py": good("mine")})
    assert config.load_config(["model=mine"])[0].model.level == 0.5
    monkeypatch.undo()
    del sys.modules["posexp_mine"]
    forget()


def test_an_installation_older_than_the_code_says_how_to_install_again(monkeypatch, capfd):
    nothing = importlib.metadata.EntryPoints(())
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: nothing)
    forget()
    assert entries.names() == []
    assert main(["model=mlkit"]) == main([]) == 1
    first, second = capfd.readouterr().err.splitlines()
    assert first == second and "none are registered: this installation is older than" in first
    for ask in (registry.variants, lambda: registry.options_for("thunder")):
        with pytest.raises(ModelError, match="Install it again"):
            ask()
    assert "overlay" in config.choices()
    monkeypatch.undo()
    forget()


def test_somebodys_own_file_in_conf_configures_a_model_of_ours(tmp_path, monkeypatch):
    import shutil

    shutil.copytree(config.conf_folder(), tmp_path / "conf")
    text = (tmp_path / "conf" / "model" / "mlkit.yaml").read_text()
    (tmp_path / "conf" / "model" / "quick.yaml").write_text(text.replace("full #", "lite #"))
    monkeypatch.setattr(config, "conf_folder", lambda: tmp_path / "conf")
    assert config.load_config(["model=quick"])[0].model == registry.options_for(
        "mlkit", complexity="lite"
    )
    assert "quick" in config.choices()["model"]
    (tmp_path / "conf" / "model" / "quick.yaml").write_text("complexity: lite")
    with pytest.raises(ConfigError, match="the keys of a model, its name among them"):
        config.load_config(["model=quick"])


def test_a_logged_configuration_is_typed_again_but_no_address(add, tmp_path):
    add()
    file = tmp_path / "config.yaml"
    taken = ("cuda:0", "/dev/gpu-1", "1.5")
    for device in (*taken, "http://a.b/c", "//a.b/c", "${oc.env:HOME}", "a, b"):
        file.write_text(f"model: {{name: mine, device: '{device}', inner: {{far: 4}}}}")
        if device in taken:
            options = config.load_config(config.logged_overrides(file))[0].model
            assert options.device == device and options.inner.far == 4
        else:
            with pytest.raises(ConfigError, match=r"model\.device: expected a plain value"):
                config.logged_overrides(file)
    file.write_text("model: {name: gone}")
    with pytest.raises(ConfigError, match="If it is another package's, install that"):
        config.logged_overrides(file)


def test_what_its_killed_run_left_becomes_a_table(add, tmp_path):
    add()
    model = registry.load(registry.options_for("mine"))
    shape = {**model.skeleton.described(), "width": 64, "height": 48, "source": "a.mp4",
             "model": "mine", "confidence_meaning": ""}  # fmt: skip
    record = RunRecord("x", "x", {}, {}, {}, shape=shape)
    record.save(tmp_path)
    journal = Journal(tmp_path / FILE, len(model.skeleton))
    for index in range(4):
        frame = type("Frame", (), {"index": index, "time": index / 25})()
        (pose,) = model.estimate([frame])
        journal.add(frame, pose)
    journal.close()
    recovery._salvage(tmp_path, RunRecord.read(tmp_path))
    poses = PoseSequence.read(tmp_path / "artifacts" / "keypoints" / "keypoints.parquet")
    assert poses.skeleton == model.skeleton and len(poses) == 4
    assert np.array_equal(poses.image[3], pose.image.astype(np.float32))
