"""Evaluation on cases that can be done by hand, and on real clips against their references."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import errors_px
from hypothesis import given, settings
from hypothesis import strategies as st
from sequences import HEIGHT, WIDTH, standing

import posexp
from posexp.evaluation import evaluate
from posexp.poses import PoseSequence
from posexp.skeleton import BODY
from posexp.truth import GroundTruth


def shifted(poses, dx=0.0, dy=0.0, joints=None, **changes):
    """The sequence with some joints (all) moved by px."""
    image = poses.image.copy()
    image[:, poses.skeleton.indices(joints or poses.skeleton.joints)] += (dx, dy)
    return replace(poses, image=image, **changes)


def without(poses, frames):
    """The sequence as of a model that saw nobody in some frames."""
    image, confidence = poses.image.copy(), poses.confidence.copy()
    image[frames], confidence[frames] = np.nan, 0
    return replace(poses, image=image, confidence=confidence)


def test_a_perfect_model():
    metrics = evaluate(standing(4), standing(4)).metrics()
    assert metrics["error/mean_px"] == 0 and metrics["pck/0.05"] == 1
    assert metrics["oks/mean"] == metrics["oks/ap"] == 1
    assert metrics["detection/frames_share"] == 1 and metrics["detection/missing_share"] == 0
    assert metrics["angle_error/knee_deg"] == 0 and metrics["swaps/count"] == 0


def test_a_shift_by_three_and_four_is_five():
    evaluation = evaluate(shifted(standing(4), 6, 8), standing(4))
    metrics = evaluation.metrics()
    assert metrics["error/mean_px"] == metrics["error/p95_px"] == pytest.approx(10)
    assert metrics["error/mean_torso"] == pytest.approx(0.1)
    assert metrics["pck/0.05"] == 0 and metrics["pck/0.15"] == 1
    assert metrics["angle_error/trunk_deg"] == pytest.approx(0, abs=1e-4)
    assert evaluation.frame_error() == pytest.approx([10] * 4)


def test_missing_frames_count_against_the_model():
    evaluation = evaluate(without(standing(4), [1]), standing(4))
    metrics = evaluation.metrics()
    assert metrics["error/mean_px"] == 0 and metrics["error/median_px"] == 0
    assert metrics["error/p95_px"] == np.inf
    assert metrics["pck/0.50"] == 0.75
    assert metrics["oks/mean"] == 0.75
    assert metrics["oks/ap"] == pytest.approx(76 / 101)  # recall ends at 0.75: levels 0..75 of 101
    assert metrics["detection/frames_share"] == 0.75
    assert metrics["detection/missing_share"] == 0.25
    table = evaluation.joint_table().set_index("joint")
    assert table.loc["left_knee", "missing"] == 1 and table.loc["body", "missing"] == 12
    assert np.isnan(evaluation.frame_error()[1])


def test_what_is_not_labelled_counts_nowhere():
    truth = standing(4)
    image, confidence = truth.image.copy(), truth.confidence.copy()
    knee = truth.skeleton.index("left_knee")
    image[:, knee], confidence[:, knee] = np.nan, 0
    truth = replace(truth, image=image, confidence=confidence)
    evaluation = evaluate(shifted(standing(4), 500, joints=["left_knee"]), truth)
    assert evaluation.metrics()["error/mean_px"] == 0 and evaluation.metrics()["oks/ap"] == 1
    row = evaluation.joint_table().set_index("joint").loc["left_knee"]
    assert row["labelled"] == 0 and np.isnan(row["mean_px"]) and np.isnan(row["pck_0.20"])


def test_hidden_joints_are_told_apart():
    visibility = np.ones((4, 17))
    visibility[:, standing().skeleton.index("left_wrist")] = 0
    truth = standing(4, visibility=visibility)
    metrics = evaluate(shifted(standing(4), 24, joints=["left_wrist"]), truth).metrics()
    assert metrics["error/visible_px"] == 0 and metrics["error/hidden_px"] == 24
    assert metrics["error/mean_px"] == pytest.approx(2)


def test_angles_by_hand():
    # The shank is 90 px long: 90 px to the side turn it by 45 degrees.
    seen = shifted(standing(2), 90, joints=["right_ankle"])
    truth = shifted(standing(2), 2, joints=["right_ankle"])  # straight: hip, knee, ankle in line
    evaluation = evaluate(shifted(seen, 2, joints=["right_hip"]), truth)
    assert evaluation.metrics()["angle_error/knee_deg"] == pytest.approx(22.5, abs=2)
    assert evaluation.angles()["left_knee"].tolist() == [0, 0]


def test_world_errors():
    random = np.random.default_rng(0)
    world = random.normal(0, 0.3, (3, 17, 3))
    hips = standing().skeleton.indices(("left_hip", "right_hip"))
    world -= world[:, hips].mean(axis=1, keepdims=True)
    truth = standing(3, world=world)
    moved = evaluate(standing(3, world=world + np.array([0.1, 0, 0])), truth).metrics()
    assert moved["world_error/mpjpe_mm"] == pytest.approx(100, rel=1e-4)
    assert moved["world_error/root_relative_mm"] == pytest.approx(0, abs=1e-3)
    grown = evaluate(standing(3, world=world * 1.2), truth).metrics()
    size = 1000 * np.linalg.norm(world[:, truth.skeleton.indices(BODY)], axis=-1).mean()
    assert grown["world_error/root_relative_mm"] == pytest.approx(0.2 * size, rel=1e-4)
    assert grown["world_error/pa_mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    assert "world_error/mpjpe_mm" not in evaluate(standing(3), truth).metrics()


def test_confidence_that_tells_the_error():
    random = np.random.default_rng(0)
    distance = random.uniform(0, 50, (50, 17))
    seen = standing(50, confidence=1 - distance / 60)
    seen = replace(seen, image=seen.image + np.stack([distance, 0 * distance], axis=-1))
    evaluation = evaluate(seen, standing(50))
    assert evaluation.metrics()["calibration/spearman"] == pytest.approx(-1, abs=1e-3)
    bins = evaluation.calibration()
    assert len(bins) == 10 and bins["count"].sum() == 50 * 12
    assert bins["confidence"].is_monotonic_increasing
    assert bins["error_px"].is_monotonic_decreasing
    assert "calibration/spearman" not in evaluate(standing(50), standing(50)).metrics()


def test_whole_body_swaps_look_like_exchanged_labels():
    truth = standing(4)
    names = [j.translate({}) for j in truth.skeleton.joints]
    other = [j.replace("left", "R").replace("right", "left").replace("R", "right") for j in names]
    seen = replace(truth, image=truth.image[:, truth.skeleton.indices(other)])
    evaluation = evaluate(seen, truth)
    assert evaluation.metrics()["swaps/share"] == 1
    assert "left and right look swapped" in evaluation.notes[0]


def test_exchanged_axes_are_suspected():
    truth = standing(4)
    evaluation = evaluate(truth, replace(truth, image=truth.image[..., ::-1]))
    assert "x and y look swapped" in evaluation.notes[0]
    assert evaluate(shifted(truth, 9, 9), truth).notes == ()
    assert "far from" in evaluate(shifted(truth, 200, 90), truth).notes[0]


def test_joints_without_body_or_torso_still_have_errors():
    face = ["nose", "left_eye", "right_eye"]
    evaluation = evaluate(shifted(standing(2), 3, 4), standing(2).select(face))
    metrics = evaluation.metrics()
    assert metrics["error/mean_px"] == 5 and "pck/0.20" not in metrics
    assert list(evaluation.joint_table()["joint"]) == [*face, "body"]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.5, 3), st.floats(0, 80))
def test_metrics_do_not_depend_on_the_size_of_the_picture(seed, scale, spread):
    random = np.random.default_rng(seed)
    truth = standing(5)
    seen = replace(truth, image=truth.image + random.normal(0, spread, truth.image.shape))

    def sized(poses):
        size = {"width": round(WIDTH * scale * 2), "height": round(HEIGHT * scale * 2)}
        return replace(poses, image=poses.image * scale, **size)

    first, second = evaluate(seen, truth).metrics(), evaluate(sized(seen), sized(truth)).metrics()
    assert first.keys() == second.keys()
    for name, value in first.items():
        if name.startswith("error/") and name.endswith("_px"):
            assert second[name] == pytest.approx(value * scale, rel=1e-3, abs=1e-3)
        elif not name.startswith(("pck/", "oks/ap", "swaps/")):  # steps may fall either way
            assert second[name] == pytest.approx(value, rel=1e-2, abs=1e-2), name


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_pck_grows_with_its_threshold(seed):
    random = np.random.default_rng(seed)
    seen = standing(3)
    seen = replace(seen, image=seen.image + random.normal(0, 30, seen.image.shape))
    curve = evaluate(seen, standing(3)).pck_curve()
    assert curve["pck"].is_monotonic_increasing and curve["pck"].between(0, 1).all()


def test_the_reference_clip_gives_the_main_jobs_numbers(shared, movenet):
    poses = posexp.extract(shared / "clips" / "pose_1.mp4", "lightning")
    reference = json.loads((shared / "clips" / "pose_1.json").read_text())
    names = list(reference[0])
    image = np.array([[[f[j]["x"], f[j]["y"]] for j in names] for f in reference], np.float32)
    truth = replace(
        poses, skeleton=poses.skeleton.subset(names), image=image,
        confidence=np.ones(image.shape[:2]),
    )  # fmt: skip
    metrics = evaluate(poses, truth).metrics()
    expected = errors_px(poses.select(BODY).image, truth.select(BODY).image)
    assert metrics["error/median_px"] == pytest.approx(np.median(expected), rel=1e-5)
    assert metrics["error/median_px"] <= 5


def test_the_reference_world_points(shared):
    poses = posexp.extract(shared / "clips" / "pose_squats.mp4", "mlkit")
    image = np.array(json.loads((shared / "clips" / "pose_squats.full.json").read_text()))
    world = np.array(json.loads((shared / "clips" / "pose_squats_3d.full.json").read_text()))
    truth = replace(poses, image=image[..., :2], world=world)
    evaluation = evaluate(poses, truth)
    error, distance = evaluation.error, evaluation.world_error()
    assert np.median(error) <= 5 and np.median(distance) <= 50
    table = evaluation.joint_table()
    assert len(table) == 34 and table["mpjpe_mm"].notna().all()


@pytest.mark.parametrize(("row", "name"), [(0, "image1.png"), (1, "image2.jpeg")])
def test_lightning_on_the_stills(row, name, shared, movenet):
    stills = shared / "clips" / "stills"
    poses = posexp.extract(stills / name, "lightning")
    truth = posexp.read_truth(stills / "pose_landmark_truth.csv", poses.width, poses.height)
    labels = replace(truth.poses.take(np.array([row])), frame=np.array([0]))
    evaluation = evaluate(poses, GroundTruth(labels, timed=False))
    assert evaluation.error.mean() < 10
    assert evaluation.notes == ()


def test_a_run_is_as_good_as_its_poses():
    class Logged:
        def poses(self) -> PoseSequence:
            return standing(3)

    assert evaluate(Logged(), standing(3)).metrics()["pck/0.05"] == 1
