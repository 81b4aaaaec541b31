"""The catalogue, its cache of clips, and the report over real variants."""

import json
import re
import shlex
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posexp
from posexp.benchmark import render as rendering
from posexp.benchmark.__main__ import main
from posexp.benchmark.averages import over_clips
from posexp.benchmark.catalogue import EMBEDDED, VIEWS, catalogue, select
from posexp.benchmark.measure import Results, _one
from posexp.benchmark.rendering import film
from posexp.benchmark.rendering.scene import truth
from posexp.benchmark.report import COLUMNS, summary, write_report
from posexp.errors import ConfigError
from posexp.models.registry import variants
from posexp.pose.sequence import PoseSequence
from posexp.video.embedded import embedded_clip
from posexp.video.source import VideoSource


def test_the_catalogue_has_every_factor_in_two_views_and_unique_names():
    clips = catalogue()
    names = [clip.name for clip in clips]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)
    factors = {clip.factor for clip in clips if clip.camera == "phone"}
    assert factors == {
        "demo", "view", "distance", "height", "frame rate", "resolution", "light", "contrast",
        "chair", "occlusion", "speed", "body", "arms", "second person", "motion blur", "noise",
        "compression", "several people",
    }  # fmt: skip
    for clip in clips:
        single = ("view", "demo", "several people")
        if clip.factor not in single and clip.camera == "phone":
            other = {"side": "oblique", "oblique": "side"}[clip.view]
            assert clip.name.replace(clip.view, other) in names
    for camera in ("phone", "drone"):
        found = {c.view for c in clips if c.factor == "view" and c.camera == camera}
        assert found == set(VIEWS)


def test_there_are_clips_with_two_and_three_people_and_distances_up_to_25_m():
    clips = catalogue()
    several = [clip for clip in clips if clip.factor == "several people"]
    assert {len(clip.scene.bystanders) for clip in several} == {1, 2}
    assert {clip.level for clip in several if clip.camera == "drone"} >= {
        "crosses in front", "crosses behind", "assistant beside the chair",
    }  # fmt: skip
    distances = {clip.level for clip in clips if clip.factor == "distance"}
    assert distances == {"6 m", "9 m", "12 m", "18 m", "25 m"}
    for clip in several:  # whom person=auto takes is there throughout
        times = np.arange(0, 4, 0.25)
        image = truth(clip.scene, times, np.ones((16, 33), bool), "").image
        assert ((image > 0) & (image < (clip.scene.camera.width, clip.scene.camera.height))).all()


def test_clips_that_were_drawn_before_there_were_several_people_are_not_drawn_again():
    # The fingerprint that stands beside the clips of the package.
    for name in EMBEDDED:
        known = json.loads(embedded_clip().with_name(f"{name}.scene.json").read_text())
        assert rendering.is_drawn(embedded_clip().parent, select(catalogue(), [name])[0], 0), name
        assert "others" not in known["scene"]


def test_a_seed_changes_every_clip_but_not_the_catalogue():
    first, second = catalogue(0), catalogue(1)
    assert [c.name for c in first] == [c.name for c in second]
    assert all(a.scene != b.scene for a, b in zip(first, second, strict=True))
    assert catalogue(0) == first


def test_the_catalogue_needs_no_renderer():
    import subprocess
    import sys

    code = (
        "import sys, posexp.benchmark.catalogue, posexp.benchmark.report\n"
        "assert not {'numba', 'cv2', 'av', 'tensorflow', 'mlflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_embedded_set_is_small():
    files = [f for name in EMBEDDED for f in embedded_clip().parent.glob(f"{name}.*")]
    assert len(files) == 5 * len(EMBEDDED) + 1  # one has somebody else in it
    assert sum(file.stat().st_size for file in files) <= 3_000_000
    assert {f for f in embedded_clip().parent.iterdir() if f.suffix != ".py"} == set(files)


@pytest.fixture
def tiny(monkeypatch):
    """A catalogue of two quick clips that share their pictures."""

    def small(seed=0):
        clip = next(c for c in catalogue(seed) if c.name == "phone_oblique_size_160")
        camera = replace(clip.scene.camera, width=216, height=120, focal=154.0)
        movement = replace(clip.scene.movement, speed=4.0)
        clip = replace(clip, scene=replace(clip.scene, camera=camera, movement=movement))
        film = replace(clip.film, fps=10.0, shrink=1)
        return (
            replace(clip, name="plain", film=film),
            replace(clip, name="noisy", film=replace(film, noise=20.0, every=2, shrink=2)),
        )

    monkeypatch.setattr(rendering, "catalogue", small)
    return small


def test_rendering_writes_clip_truth_and_scene_and_keeps_them(tiny, tmp_path, monkeypatch):
    drawn = []
    real = rendering.draw_frames
    monkeypatch.setattr(rendering, "draw_frames", lambda *a: drawn.append(a) or real(*a))
    paths = rendering.render(tmp_path, progress=False)
    assert [p.name for p in paths] == ["plain.mp4", "noisy.mp4"]
    assert len(drawn) == 1  # both from the same pictures
    assert len(list(tmp_path.iterdir())) == 10
    events = pd.read_csv(tmp_path / "noisy.events.csv")
    assert events["rise_start"].tolist() == [pytest.approx(0.769 / 4, abs=1e-3)]
    angles = pd.read_csv(tmp_path / "noisy.angles.csv")
    assert angles["time"].to_numpy() == pytest.approx(np.arange(5) / 5)
    assert angles["left_knee_flexion"].between(10, 110).all()
    plain, noisy = (PoseSequence.read(p.with_name(f"{p.stem}.truth.parquet")) for p in paths)
    assert len(plain) == 10 and len(noisy) == 5
    assert (noisy.width, noisy.height) == (108, 60)
    assert noisy.image == pytest.approx(plain.image[::2] / 2, abs=0.3)
    assert [f.time for f in VideoSource(paths[1]).frames()] == pytest.approx(noisy.time)
    about = json.loads((tmp_path / "noisy.scene.json").read_text())
    assert about["factor"] == "resolution" and about["film"]["noise"] == 20
    assert np.array(about["camera"]["rotation"]).shape == (3, 3)

    rendering.render(tmp_path, progress=False)
    assert len(drawn) == 1
    (tmp_path / "plain.mp4").unlink()
    rendering.render(tmp_path, ["plain"], progress=False)
    assert len(drawn) == 2
    rendering.render(tmp_path, ["plain"], seed=1, progress=False)
    assert len(drawn) == 3


def test_pictures_and_joints_are_the_same_every_time(tiny, tmp_path, monkeypatch):
    # What the encoder is given: x264's look-ahead does not promise the same bytes twice.
    given = []

    class Watched(film.VideoWriter):
        def write(self, image, time):
            given[-1].append(image)
            super().write(image, time)

    monkeypatch.setattr(film, "VideoWriter", Watched)
    for folder, seed in (("one", 0), ("two", 0), ("other", 1)):
        given.append([])
        rendering.render(tmp_path / folder, ["noisy"], seed=seed, progress=False)
    assert np.array_equal(given[0], given[1]) and not np.array_equal(given[0], given[2])
    for name in ("noisy.truth.parquet", "noisy.scene.json"):
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        assert one == two, name


def test_what_lies_beside_a_clip_is_made_without_drawing_and_anew_with_it(tiny, tmp_path):
    rendering.render(tmp_path, ["plain"], progress=False)
    (tmp_path / "plain.events.csv").unlink()
    (tmp_path / "plain.angles.csv").write_text("kept")
    rendering.render(tmp_path, ["plain"], progress=False)
    assert (tmp_path / "plain.events.csv").is_file()
    assert (tmp_path / "plain.angles.csv").read_text() == "kept"
    (tmp_path / "plain.scene.json").unlink()
    rendering.render(tmp_path, ["plain"], progress=False)
    assert (tmp_path / "plain.angles.csv").read_text() != "kept"


def test_names_are_checked():
    with pytest.raises(ConfigError, match="Did you mean phone_side"):
        select(catalogue(), ["phone_sid"])


def command(line, capfd):
    status = main(shlex.split(line))
    out, err = capfd.readouterr()
    return status, out, err


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("", "expected render, run or list"),
        ("draw", "expected render, run or list"),
        ("run models=[gpt] clips=embedded", "expected some of lightning"),
        ("run clips=[phone_sied]", "Did you mean phone_side"),
        ("run weights=/nowhere clips=embedded", "expected a folder with model files"),
        ("run seed=two", "seed: expected a whole number"),
        ("run modles=[mlkit]", "expected models=, clips="),
        ("render clips=", "expected a value"),
        ("run models=[lightning_int8] clips=embedded", "none of them could be run"),
    ],
)
def test_usage(line, fragment, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = command(line, capfd)
    assert status in (1, 2) and out == ""
    assert fragment in err.splitlines()[-1]


def test_help_and_list(capfd):
    assert "python -m posexp.benchmark run" in command("--help", capfd)[1]
    listed = command("list", capfd)[1]
    assert all(name in listed for name in (*variants(), *EMBEDDED))


def test_a_run_over_the_embedded_clips(shared, published, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    # Thunder has neither a cache nor a source here; lite, which is in this one, does.
    lite = published("lite").path
    cache = tmp_path / "cache"
    (cache / "posexp").mkdir(parents=True)
    shutil.copy(lite, cache / "posexp")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(cache / "tfhub"))
    weights = shared / "models"
    status, out, err = command(
        f"run models=[lightning_int8,mlkit_lite,thunder] clips=embedded weights={weights}", capfd
    )
    assert status == 0, err
    assert "thunder is left out: thunder: its weights cannot be had (TensorFlow Hub: " in err
    report = (tmp_path / "benchmark-report" / "benchmark.md").read_text(encoding="utf-8")
    assert "Made by `python -m posexp.benchmark run models=[lightning_int8" in report
    assert "- `thunder`: " in report
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", report):
        assert (tmp_path / "benchmark-report" / picture).stat().st_size > 5_000
    table = pd.read_csv(tmp_path / "benchmark-report" / "benchmark" / "results.csv")
    assert len(table) == 2 * len(EMBEDDED)
    assert set(table["clip"]) == set(EMBEDDED)
    lite = table[(table["variant"] == "mlkit_lite") & (table["clip"] == "phone_front")].iloc[0]
    assert f"{lite['pck/0.10']:.1%}" in report
    logged = re.findall(r"Logged (\w+): .*/runs/(\w+)", out)
    assert [name for name, _ in logged] == ["lightning_int8", "mlkit_lite"]
    run = posexp.load(logged[1][1], uri=f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    assert run.name == "mlkit_lite" and run.tags["posexp.sweep"]
    assert run.metrics["pck_0.10_by_clip/phone_front"] == pytest.approx(lite["pck/0.10"], abs=1e-5)
    assert run.file("benchmark.md").read_text(encoding="utf-8") == report


def test_the_report_names_the_best_and_where_it_breaks(tmp_path):
    rows, curves = [], {}
    curve = pd.DataFrame({"threshold": [0.1, 0.2], "pck": [0.5, 1.0]})
    for variant, ahead in (("good", 0.2), ("bad", 0.0)):
        for clip, factor, level, loss in (
            ("phone_side", "view", "side", 0.0), ("phone_side_noise", "noise", "strong", 0.3),
        ):  # fmt: skip
            metrics = {metric: 0.5 for _, metric, *_ in COLUMNS}
            metrics["pck/0.10"] = 0.7 + ahead - loss
            rows.append({
                "variant": variant, "clip": clip, "factor": factor, "level": level,
                "view": "side", "camera": "phone", "frames": 10, "fps": 9.0, **metrics,
            })  # fmt: skip
            curves[variant, clip] = curve
    weights = {"good": ("https://a/b", "0" * 64), "bad": ("/some/where/c.task", "1" * 64)}
    results = Results(pd.DataFrame(rows), curves, weights, {})
    text = write_report(results, tmp_path, "the command", "a machine").read_text(encoding="utf-8")
    assert "| phone, about 3 m away, side view (2) | **`good`** | 75.0% |" in text
    assert "| phone: noise strong | **60.0%** | 40.0% |" in text
    assert "- `good`: phone: noise strong (-30)" in text
    assert "2 rendered clips, 20 frames" in text
    assert "/some/where" not in text and "`c.task`" not in text and "| c.task |" in text


def test_the_report_says_who_is_followed_and_what_person_auto_does(tmp_path):
    def row(variant, clip, level, person, right, changes, near):
        metrics = {metric: 0.5 for _, metric, *_ in COLUMNS}
        factor = {"side": "view", "18 m": "distance"}.get(level, "several people")
        return {
            "variant": variant, "clip": clip, "factor": factor, "level": level, "view": "side",
            "camera": "phone", "person": person, "frames": 10, "fps": 9.0, **metrics,
            "person/right_share": right, "person/changes": changes, "pck/0.10": near,
        }  # fmt: skip

    table = pd.DataFrame([
        row("good", "phone_side", "side", "auto", 1.0, 0, 0.9),
        row("good", "phone_side_leaves", "leaves", "auto", 0.97, 0, 0.8),
        row("bad", "phone_side_leaves", "leaves", "auto", 0.5, 3, 0.4),
        row("good", "phone_side_far", "18 m", "auto", 1.0, 0, 0.7),
    ])  # fmt: skip
    off = pd.DataFrame([
        row("good", "phone_side_leaves", "leaves", "off", 0.25, 2, 0.1),
        row("good", "phone_side_far", "18 m", "off", 0.0, 0, 0.0),
    ])  # fmt: skip
    curve = pd.DataFrame({"threshold": [0.1, 0.2], "pck": [0.5, 1.0]})
    named = {(r["variant"], r["clip"]): curve for _, r in table.iterrows()}
    weights = {"good": ("a", "0" * 64), "bad": ("b", "1" * 64)}
    results = Results(table, named, weights, off=off)
    text = write_report(results, tmp_path, "the command", "a machine").read_text(encoding="utf-8")
    assert "| phone, side | leaves | **97%** | 50%, 3 |" in text
    assert "| phone, others in the picture (1) | `good` | 25.0% | 97.0% | 10.0% | 80.0% |" in text
    assert "| phone, 18 m away (1) | `good` | 0.0% | 100.0% | 0.0% | 70.0% |" in text
    kept = pd.read_csv(tmp_path / "benchmark" / "results.csv")
    assert kept["person"].tolist() == ["auto"] * 4 + ["off"] * 2


def test_a_variant_gains_nothing_by_what_it_does_not_return():
    def clips(variant, *values):
        return [{"variant": variant, "clip": f"c{i}", "error/median_torso": error, "pck/0.10": near,
                 "timing/lag_ms": lag, "cpu_ms": 2.0 * i}
                for i, (error, near, lag) in enumerate(values)]  # fmt: skip

    none = (np.inf, 0.0, np.nan)
    table = pd.DataFrame([
        *clips("honest", (0.04, 0.9, 10.0), (0.06, 0.8, 20.0), (0.30, 0.2, 60.0)),
        *clips("silent", (0.03, 0.9, 0.0), none, none),
        *clips("shy", (0.03, 0.9, 0.0), (0.05, 0.8, 0.0), none),
        *clips("mute", none, none, none),
    ])  # fmt: skip
    means = over_clips(table, ["error/median_torso", "pck/0.10", "timing/lag_ms", "cpu_ms"])
    assert means["error/median_torso"].tolist() == [0.06, np.inf, 0.05, np.inf]
    assert means["pck/0.10"].tolist() == pytest.approx([1.9 / 3, 0.3, 1.7 / 3, 0])
    assert means["timing/lag_ms"].tolist() == pytest.approx([20, 0, 0, np.nan], nan_ok=True)
    assert (means["cpu_ms"] == 2).all()
    lines = summary(table.assign(**{"pck/0.20": 0.5}), ["honest", "silent"]).splitlines()
    assert "6.0%" in lines[1] and "∞" in lines[2]


def test_a_clip_in_which_half_is_not_returned_is_infinitely_wrong(tmp_path):
    import shutil

    from posexp.models.registry import load, options_for

    class Blind:
        """The real model, which returns nothing from a frame on."""

        def __init__(self, first):
            self._real, self._first = load(options_for("mlkit")), first

        def __getattr__(self, name):
            return getattr(self._real, name)

        def estimate(self, frames):
            for index, pose in enumerate(self._real.estimate(frames)):
                if index < self._first:
                    yield pose
                else:
                    gone = {n: np.full_like(getattr(pose, n), np.nan) for n in ("image", "world")}
                    yield replace(pose, confidence=0 * pose.confidence, **gone)

    clip = next(c for c in catalogue() if c.name == "phone_front")
    for suffix in (".mp4", ".truth.parquet", ".events.csv", ".angles.csv"):
        shutil.copy(embedded_clip().with_name(f"phone_front{suffix}"), tmp_path)
    video = tmp_path / "phone_front.mp4"
    row, curve = _one(Blind(0), clip, video, "off")
    assert row["error/median_torso"] == row["angle_error/knee_median_deg"] == np.inf
    assert row["pck/0.50"] == row["oks/mean"] == 0 and row["detection/missing_share"] == 1
    assert (curve["pck"] == 0).all() and "error/mean_torso" not in row
    row, _ = _one(Blind(20), clip, video, "off")  # with auto it would be begun again
    assert row["error/mean_torso"] < 0.2 and row["error/median_torso"] == np.inf
    assert row["world_error/mpjpe_root_median_mm"] == np.inf
