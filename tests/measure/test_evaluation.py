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
from posexp.measure.evaluation import GROUPS, evaluate
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BLAZEPOSE33, BODY, COCO17
from posexp.pose.truth import GroundTruth


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
    image, confidence = standing(4).image.copy(), np.ones((4, 17))
    image[:2, 9], confidence[:2, 9] = np.nan, 0  # a wrist
    metrics = evaluate(replace(standing(4), image=image, confidence=confidence), standing(4))
    assert metrics.metrics()["detection/frames_share"] == 1
    assert metrics.metrics()["detection/missing_share"] == pytest.approx(2 / 48)


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


def test_the_bias_has_the_sign_of_predicted_minus_true():
    shoulders = ["left_shoulder", "right_shoulder"]
    metrics = evaluate(shifted(standing(3), 100, joints=shoulders), standing(3)).metrics()
    assert metrics["angle_error/trunk_bias_deg"] == pytest.approx(45)  # to the image's right
    metrics = evaluate(shifted(standing(3), -100, joints=shoulders), standing(3)).metrics()
    assert metrics["angle_error/trunk_bias_deg"] == pytest.approx(-45)
    assert metrics["angle_error/trunk_deg"] == pytest.approx(45)


def test_a_late_model_has_a_positive_lag():
    def rising(late):
        poses = standing(200)
        rise = 80 * np.sin(2 * np.pi * 0.4 * (poses.time - late))
        return replace(poses, image=poses.image + rise[:, None, None])

    assert evaluate(rising(0.06), rising(0)).metrics()["timing/lag_ms"] == pytest.approx(60, abs=4)


def test_percentiles_and_precision_at_each_threshold():
    away = np.arange(101.0)
    seen = standing(101, confidence=np.tile(1 - away[:, None] / 200, (1, 17)))
    seen = replace(seen, image=seen.image + np.stack([away, 0 * away], axis=-1)[:, None])
    evaluation = evaluate(seen, standing(101))
    metrics = evaluation.metrics()
    assert metrics["error/p95_px"] == pytest.approx(95)
    assert metrics["error/median_px"] == pytest.approx(50)
    # The surest are the nearest: precision is 1 up to the recall that each threshold allows.
    for name, threshold in (("ap50", 0.5), ("ap75", 0.75)):
        recall = (evaluation.oks >= threshold).mean()
        assert metrics[f"oks/{name}"] == pytest.approx(recall, abs=0.02)
    assert metrics["oks/ap75"] + 0.05 < metrics["oks/ap50"]


def test_a_frame_with_one_exchanged_pair_is_a_frame_with_a_swap():
    truth = standing(4)
    image = truth.image.copy()
    knees = truth.skeleton.indices(("left_knee", "right_knee"))
    image[1, knees] = image[1, knees[::-1]]
    evaluation = evaluate(replace(truth, image=image), truth)
    metrics = evaluation.metrics()
    assert (metrics["swaps/count"], metrics["swaps/frames"]) == (1, 1)
    assert metrics["swaps/share"] == pytest.approx(1 / 24)
    image[:2] = image[:2][:, truth.skeleton.indices([
        j.replace("left", "R").replace("right", "left").replace("R", "right")
        for j in truth.skeleton.joints
    ])]  # fmt: skip
    half = evaluate(replace(truth, image=image), truth)
    assert half.metrics()["swaps/share"] > 0.4 and half.notes == ()  # the model's, not the labels'


def test_world_errors():
    random = np.random.default_rng(0)
    world = random.normal(0, 0.3, (3, 17, 3))
    hips = standing().skeleton.indices(("left_hip", "right_hip"))
    world -= world[:, hips].mean(axis=1, keepdims=True)
    truth = standing(3, world=world)
    moved = evaluate(standing(3, world=world + np.array([0.1, 0, 0])), truth).metrics()
    assert moved["world_error/mpjpe_as_given_mm"] == pytest.approx(100, rel=1e-4)
    assert moved["world_error/mpjpe_root_mm"] == pytest.approx(0, abs=1e-3)
    grown = evaluate(standing(3, world=world * 1.2), truth)
    size = 1000 * np.linalg.norm(world[:, truth.skeleton.indices(BODY)], axis=-1)
    metrics = grown.metrics()
    assert metrics["world_error/mpjpe_root_mm"] == pytest.approx(0.2 * size.mean(), rel=1e-4)
    median = metrics["world_error/mpjpe_root_median_mm"]
    assert median == pytest.approx(0.2 * np.median(size), rel=1e-4)
    assert metrics["world_error/pa_mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    table = grown.joint_table().set_index("joint")["mpjpe_root_mm"]
    assert table["body"] == pytest.approx(metrics["world_error/mpjpe_root_mm"])
    flat = evaluate(standing(3), truth).metrics()
    assert not any(name.startswith("world_error") for name in flat)


def test_what_no_body_joint_has_does_not_steer_the_alignment():
    random = np.random.default_rng(0)
    world = random.normal(0, 0.3, (5, 17, 3))
    truth, seen = standing(5, world=world), world + random.normal(0, 0.03, world.shape)
    before = evaluate(standing(5, world=seen), truth).metrics()["world_error/pa_mpjpe_mm"]
    face = truth.skeleton.indices([j for j in truth.skeleton.joints if j not in BODY])
    seen[:, face] += 0.08
    evaluation = evaluate(standing(5, world=seen), truth)
    assert evaluation.metrics()["world_error/pa_mpjpe_mm"] == pytest.approx(before)
    body = evaluate(standing(5, world=seen).select(BODY), truth.select(BODY))
    assert body.metrics()["world_error/pa_mpjpe_mm"] == pytest.approx(before)
    assert evaluation.world_error("procrustes")[:, face].mean() > 100  # seen from the body


def test_without_hips_there_is_no_common_root():
    world = np.random.default_rng(0).normal(0, 0.3, (2, 17, 3))
    arms = [j for j in BODY if "hip" not in j]
    evaluation = evaluate(standing(2, world=world).select(arms), standing(2, world=world))
    metrics = evaluation.metrics()
    assert metrics["world_error/mpjpe_as_given_mm"] == 0
    assert "world_error/mpjpe_root_mm" not in metrics
    assert metrics["pck/0.20"] == 1  # the torso's length is the truth's own


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 16), st.booleans())
def test_oks_does_not_depend_on_what_else_a_model_sees(seed, more, labelled_in_part):
    random = np.random.default_rng(seed)
    others = [j for j in BLAZEPOSE33.joints if j not in COCO17.joints]
    joints = [*COCO17.joints, *random.permutation(others)[:more]]
    place = {j: random.uniform(100, 400, 2) for j in BLAZEPOSE33.joints}
    place |= {j: standing().joint(j)[0] for j in COCO17.joints}

    def sequence(names, offsets=None, confidence=None):
        image = np.tile([place[j] for j in names], (6, 1, 1)).astype(np.float32)
        for index, name in enumerate(names):
            image[:, index] += offsets[name] if offsets else 0
        sure = np.ones(image.shape[:2]) if confidence is None else confidence
        return PoseSequence(
            BLAZEPOSE33.subset(names), np.arange(6), np.arange(6) / 25, image, sure, WIDTH, HEIGHT
        )

    offsets = {j: random.normal(0, 12, (6, 2)) for j in BLAZEPOSE33.joints}
    scores = {j: random.random(6) for j in BLAZEPOSE33.joints}
    truth = sequence(BLAZEPOSE33.joints)
    if labelled_in_part:
        image, sure = truth.image.copy(), truth.confidence.copy()
        lost = random.random(sure.shape) < 0.2
        image[lost], sure[lost] = np.nan, 0
        truth = replace(truth, image=image, confidence=sure)
    few, many = (
        evaluate(sequence(j, offsets, np.stack([scores[n] for n in j], axis=1)), truth)
        for j in (COCO17.joints, joints)
    )
    assert many.area == pytest.approx(few.area)
    assert many.torso == pytest.approx(few.torso, nan_ok=True)
    assert many.oks == pytest.approx(few.oks, abs=1e-6, nan_ok=True)
    ours, theirs = many.metrics(), few.metrics()
    same = [n for n in theirs if n.startswith(("oks/", "pck/", "error/", "detection/"))]
    assert len(same) > 5
    assert {n: ours[n] for n in same} == pytest.approx({n: theirs[n] for n in same}, abs=1e-5)


def test_a_frame_in_which_nothing_was_returned_is_no_detection():
    truth = standing(4)
    image, confidence = truth.image.copy(), truth.confidence.copy()
    image[:, 0], confidence[:, 0] = np.nan, 0  # the nose is not labelled
    truth = replace(truth, image=image, confidence=confidence)
    unsure = standing(4, confidence=np.zeros((4, 17)))  # nothing ranks behind the empty frame
    metrics = evaluate(without(unsure, [0]), truth).metrics()
    assert metrics["oks/ap"] == pytest.approx(76 / 101)


def test_medians_count_what_is_missing_and_means_say_how_much():
    world = np.random.default_rng(0).normal(0, 0.3, (4, 17, 3))
    truth = standing(4, world=world)
    seen = shifted(standing(4, world=world + 0.01), 10)
    lost = without(seen, [0])
    lost = replace(lost, world=np.where(np.isnan(lost.image[..., :1]), np.nan, lost.world))
    metrics = evaluate(lost, truth).metrics()
    assert metrics["error/mean_torso"] == metrics["error/median_torso"] == pytest.approx(0.1)
    assert metrics["angle_error/knee_median_deg"] == metrics["angle_error/knee_deg"] == 0
    assert np.isfinite(metrics["world_error/pa_mpjpe_median_mm"])
    most = without(lost, [0, 1])
    most = replace(most, world=np.where(np.isnan(most.image[..., :1]), np.nan, most.world))
    metrics = evaluate(most, truth).metrics()
    assert metrics["error/mean_torso"] == pytest.approx(0.1)
    assert metrics["detection/missing_share"] == 0.5
    infinite = {name for name, value in metrics.items() if np.isinf(value)}
    assert infinite >= {
        "error/median_torso", "angle_error/trunk_median_deg", "angle_error/world_hip_median_deg",
        "world_error/mpjpe_root_median_mm", "world_error/pa_mpjpe_median_mm",
    }  # fmt: skip


def test_every_metric_belongs_to_a_group():
    world = np.random.default_rng(0).normal(0, 0.3, (120, 17, 3))
    random = np.random.default_rng(1)
    truth = standing(120, world=world, visibility=random.random((120, 17)).round())
    rise = 80 * np.sin(2 * np.pi * 0.4 * truth.time)[:, None, None]
    truth = replace(truth, image=truth.image + rise)
    seen = replace(truth, image=truth.image + random.normal(0, 3, truth.image.shape),
                   confidence=random.random((120, 17)))  # fmt: skip
    metrics = evaluate(seen, truth).metrics()
    assert {name.partition("/")[0] for name in metrics} == GROUPS


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
    assert len(table) == 34 and table["mpjpe_root_mm"].notna().all()


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
