import numpy as np
import pytest

from posexp.measure import quality
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BODY, COCO17, REGIONS


def poses_of(image: np.ndarray, confidence: np.ndarray, times=None) -> PoseSequence:
    frames = len(image)
    times = np.arange(frames) / 50 if times is None else times
    return PoseSequence(COCO17, np.arange(frames), times, image, confidence, 640, 480)


def standing(frames: int) -> np.ndarray:
    """A still figure whose torso is 100 px long."""
    image = np.zeros((frames, 17, 2))
    image[:, COCO17.indices(("left_hip", "right_hip")), 1] = 100
    return image


def test_confidence_statistics_of_a_hand_computed_case():
    confidence = np.tile(np.array([0.0, 0.2, 0.4, 0.6, 0.8])[:, None], (1, 17))
    table = quality.confidence_table(poses_of(standing(5), confidence), 0.4).set_index("joint")
    row = table.loc["left_knee"]
    assert row["mean"] == pytest.approx(0.4)
    assert row["median"] == pytest.approx(0.4)
    assert row["sd"] == pytest.approx(np.sqrt(0.08))
    assert row["p05"] == pytest.approx(0.04)
    assert row["p95"] == pytest.approx(0.76)
    assert row["above"] == pytest.approx(0.6)
    assert row["second_difference_px"] == 0
    assert list(table.index) == list(COCO17.joints)


def test_the_second_difference_is_in_px_and_torso_lengths():
    image = standing(5)
    # x = 0 3 0 3 0: second differences -6, 6, -6
    image[:, COCO17.index("left_wrist"), 0] = [0, 3, 0, 3, 0]
    poses = poses_of(image, np.ones((5, 17)))
    assert quality.torso_length(poses) == pytest.approx(100)
    row = quality.confidence_table(poses, 0.3).set_index("joint").loc["left_wrist"]
    assert row["second_difference_px"] == pytest.approx(6)
    assert row["second_difference_torso"] == pytest.approx(0.06)
    figures = quality.summary(poses, 0.3)
    assert figures["jitter/second_difference_px"] == pytest.approx(np.sqrt(36 / 12))
    assert figures["jitter/second_difference_torso"] == pytest.approx(np.sqrt(36 / 12) / 100)


def test_one_odd_frame_does_not_change_the_torso_length():
    image = standing(5)
    image[3] *= 40
    assert quality.torso_length(poses_of(image, np.ones((5, 17)))) == pytest.approx(100)
    few = poses_of(image, np.ones((5, 17))).select(["left_hip", "right_hip", "left_shoulder"])
    assert np.isnan(quality.torso_length(few))


def test_the_summary_is_over_the_body_and_its_regions():
    confidence = np.tile(np.linspace(0, 1, 21)[:, None], (1, 17))
    confidence[:, COCO17.index("nose")] = 1  # no body joint
    confidence[:, COCO17.indices(REGIONS["arms"])] = 0.2
    figures = quality.summary(poses_of(standing(21), confidence), 0.55)
    body = confidence[:, COCO17.indices(BODY)]
    assert figures["confidence/mean"] == pytest.approx(body.mean())
    assert figures["confidence/sd"] == pytest.approx(body.std())
    for name, share in (("p05", 5), ("median", 50), ("p95", 95)):
        assert figures[f"confidence/{name}"] == pytest.approx(np.percentile(body, share))
    assert figures["confidence/p05"] < figures["confidence/median"] < figures["confidence/p95"]
    assert figures["confidence/arms"] == pytest.approx(0.2)
    assert figures["confidence/torso"] == figures["confidence/legs"] == pytest.approx(0.5)
    assert figures["confidence/above_threshold"] == pytest.approx(8 / 12 * 10 / 21)


def test_constant_velocity_is_no_jitter():
    image = standing(20) + np.arange(20)[:, None, None] * 7.0
    poses = poses_of(image, np.ones((20, 17)))
    assert quality.second_difference(poses).max() < 1e-4
    assert quality.jitter(poses).max() < 1e-4


RATES = (12.5, 15, 25, 30, 50, 60, 120, 240)


def rising(times: np.ndarray) -> np.ndarray:
    """(T, 17, 2) a figure that rises and sits down by 250 px in 1.5 s each, smoothly."""
    share = np.clip(np.abs((times % 5) - 2.5) * -1 + 2.25, 0, 1.5) / 1.5
    height = 250 * (10 * share**3 - 15 * share**4 + 6 * share**5)
    return standing(len(times)) + np.stack([0.3 * height, -height], axis=-1)[:, None]


@pytest.mark.parametrize("rate", RATES)
def test_smooth_movement_has_no_jitter_at_any_frame_rate(rate):
    times = np.arange(round(15 * rate)) / rate
    poses = poses_of(rising(times), np.ones((len(times), 17)), times)
    shake, share = quality.jitter_of_body(poses)
    assert shake < 0.06 and share == pytest.approx(shake / 100)


@pytest.mark.parametrize("rate", RATES)
def test_the_same_noise_is_the_same_jitter_at_any_frame_rate(rate):
    times = np.arange(round(30 * rate)) / rate
    noise = np.random.default_rng(0).normal(0, 0.5, (len(times), 17, 2))
    poses = poses_of(rising(times) + noise, np.ones((len(times), 17)), times)
    assert quality.jitter_of_body(poses)[0] == pytest.approx(0.5 * np.sqrt(2), rel=0.05)
    assert quality.jitter(poses) == pytest.approx(0.5 * np.sqrt(2), rel=0.3)


def test_jitter_goes_by_presentation_times_and_bridges_gaps():
    random = np.random.default_rng(1)
    times = np.delete(np.cumsum(random.uniform(0.5, 1.5, 900)) / 30, slice(300, 360))
    image = rising(times) + random.normal(0, 0.5, (len(times), 17, 2))
    confidence = np.ones(image.shape[:2])
    image[500:600], confidence[500:600] = np.nan, 0
    shake = quality.jitter_of_body(poses_of(image, confidence, times))[0]
    assert shake == pytest.approx(0.5 * np.sqrt(2), rel=0.05)


def test_the_low_pass_is_scipys_smoothing_spline_and_butterworths_gain():
    from scipy.interpolate import make_smoothing_spline

    random = np.random.default_rng(2)
    times = np.sort(random.uniform(0, 3, 90))
    signal = random.normal(size=(90, 1))
    weight = 1 / np.median(np.diff(times)) / (2 * np.pi * quality.CUTOFF) ** 4
    spline = make_smoothing_spline(times, signal[:, 0], lam=weight)
    above = quality._above_cutoff(times, signal)
    assert above[:, 0] == pytest.approx(signal[:, 0] - spline(times), abs=1e-9)
    responses = quality._above_cutoff(times, np.eye(90))
    assert quality._noise_left(times) == pytest.approx((responses**2).sum(), rel=1e-3)
    even = np.arange(4800) / 240
    for frequency in (2.0, 6.0, 12.0):
        wave = np.sin(2 * np.pi * frequency * even)[:, None]
        left = np.std(quality._above_cutoff(even, wave)[960:-960]) / np.std(wave)
        ratio = (frequency / quality.CUTOFF) ** 4
        assert left == pytest.approx(ratio / (1 + ratio), rel=0.01)


def test_jitter_that_cannot_be_told_is_nan():
    random = np.random.default_rng(3)

    def shaking(frames, rate):
        image = standing(frames) + random.normal(0, 1, (frames, 17, 2))
        return poses_of(image, np.ones((frames, 17)), np.arange(frames) / rate)

    assert np.isnan(quality.jitter(shaking(60, 11))).all()  # nothing is above 6 Hz
    assert np.isfinite(quality.jitter(shaking(60, 12.5))).all()
    assert np.isnan(quality.jitter(shaking(4, 50))).all()
    assert np.isnan(quality.jitter_of_body(shaking(4, 50))).all()
    assert not any(n.startswith("jitter/res") for n in quality.summary(shaking(60, 10), 0.3))


def test_a_joint_that_is_never_seen_costs_the_others_nothing():
    image = rising(np.arange(200) / 50) + np.random.default_rng(4).normal(0, 1, (200, 17, 2))
    confidence = np.ones((200, 17))
    whole = quality.summary(poses_of(image, confidence), 0.3)
    wrist = COCO17.index("left_wrist")
    image[:, wrist], confidence[:, wrist] = np.nan, 0
    poses = poses_of(image, confidence)
    figures = quality.summary(poses, 0.3)
    assert poses.found.all() and figures["tracking/tracked_share"] == 1
    assert figures["jitter/residual_px"] == pytest.approx(whole["jitter/residual_px"], rel=0.1)
    assert "jitter/second_difference_px" in figures
    assert np.isnan(quality.jitter(poses)[wrist])


def test_tracked_needs_half_of_the_body():
    confidence = np.zeros((2, 17))
    confidence[0, COCO17.indices(BODY[:6])] = 0.9
    confidence[1, COCO17.indices(BODY[:5])] = 0.9
    seen = quality.tracked(poses_of(standing(2), confidence), 0.3)
    assert seen.tolist() == [True, False]


def test_what_has_no_position_is_not_seen_at_a_threshold_of_zero_either():
    image, confidence = standing(3), np.zeros((3, 17))
    image[1] = np.nan
    image[2, COCO17.indices(BODY[:7])] = np.nan
    poses = poses_of(image, confidence)
    assert quality.tracked(poses, 0.0).tolist() == [True, False, False]
    above = quality.confidence_table(poses, 0.0).set_index("joint")["above"]
    assert above["left_shoulder"] == pytest.approx(1 / 3)
    assert above["left_ankle"] == pytest.approx(2 / 3)
    share = quality.summary(poses, 0.0)["confidence/above_threshold"]
    assert share == pytest.approx((12 + 5) / 36)


def test_longest_gap_is_measured_on_presentation_times():
    confidence = np.ones((7, 17))
    confidence[[1, 4, 5]] = 0
    times = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.9, 1.0])
    poses = poses_of(standing(7), confidence, times)
    assert quality.longest_gap(poses, 0.3) == pytest.approx(0.7)  # from 0.3 s to 1.0 s
    confidence[4:] = 1
    one = poses_of(standing(7), confidence, times)
    assert quality.longest_gap(one, 0.3) == pytest.approx(0.2)  # from 0 to 0.2 s
    assert quality.longest_gap(poses_of(standing(7), np.ones((7, 17))), 0.3) == 0
    nobody = poses_of(standing(7), np.zeros((7, 17)), times)
    assert quality.longest_gap(nobody, 0.3) == pytest.approx(1.0)


def test_a_clip_with_nobody_still_has_a_summary():
    image = np.full((4, 17, 2), np.nan)
    figures = quality.summary(poses_of(image, np.zeros((4, 17))), 0.3)
    assert figures["tracking/tracked_share"] == 0
    assert figures["confidence/mean"] == 0
    assert not any(name.startswith(("jitter", "scale")) for name in figures)


def test_one_frame_has_no_jitter_and_no_error():
    figures = quality.summary(poses_of(standing(1), np.ones((1, 17))), 0.3)
    assert figures["tracking/tracked_share"] == 1
    assert not any(name.startswith("jitter") for name in figures)


def test_series_follow_the_regions():
    confidence = np.zeros((3, 17))
    confidence[1, COCO17.indices(("left_knee", "right_knee"))] = 1
    series = quality.confidence_series(poses_of(standing(3), confidence))
    assert series["frame_confidence/legs"].tolist() == [0, 0.5, 0]
    assert series["frame_confidence/arms"].tolist() == [0, 0, 0]
    assert series["frame_confidence/body"] == pytest.approx([0, 1 / 6, 0])
