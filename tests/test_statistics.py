import numpy as np
import pytest

from posexp import statistics
from posexp.poses import PoseSequence
from posexp.skeleton import BODY, COCO17


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
    table = statistics.confidence_table(poses_of(standing(5), confidence), 0.4).set_index("joint")
    row = table.loc["left_knee"]
    assert row["mean"] == pytest.approx(0.4)
    assert row["median"] == pytest.approx(0.4)
    assert row["sd"] == pytest.approx(np.sqrt(0.08))
    assert row["p05"] == pytest.approx(0.04)
    assert row["p95"] == pytest.approx(0.76)
    assert row["above"] == pytest.approx(0.6)
    assert row["jitter_px"] == 0
    assert list(table.index) == list(COCO17.joints)


def test_jitter_is_the_rms_second_difference_in_px_and_torso_lengths():
    image = standing(5)
    # x = 0 3 0 3 0: second differences -6, 6, -6
    image[:, COCO17.index("left_wrist"), 0] = [0, 3, 0, 3, 0]
    poses = poses_of(image, np.ones((5, 17)))
    assert statistics.torso_length(poses) == pytest.approx(100)
    row = statistics.confidence_table(poses, 0.3).set_index("joint").loc["left_wrist"]
    assert row["jitter_px"] == pytest.approx(6)
    assert row["jitter_torso"] == pytest.approx(0.06)
    assert statistics.summary(poses, 0.3)["jitter/px"] == pytest.approx(np.sqrt(36 / 12))


def test_constant_velocity_is_no_jitter():
    image = standing(20) + np.arange(20)[:, None, None] * 7.0
    assert statistics.jitter(poses_of(image, np.ones((20, 17)))).max() < 1e-4


def test_tracked_needs_half_of_the_body():
    confidence = np.zeros((2, 17))
    confidence[0, COCO17.indices(BODY[:6])] = 0.9
    confidence[1, COCO17.indices(BODY[:5])] = 0.9
    seen = statistics.tracked(poses_of(standing(2), confidence), 0.3)
    assert seen.tolist() == [True, False]


def test_longest_gap_is_measured_on_presentation_times():
    confidence = np.ones((7, 17))
    confidence[[1, 4, 5]] = 0
    times = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.9, 1.0])
    poses = poses_of(standing(7), confidence, times)
    assert statistics.longest_gap(poses, 0.3) == pytest.approx(0.7)  # from 0.3 s to 1.0 s
    assert statistics.longest_gap(poses_of(standing(7), np.ones((7, 17))), 0.3) == 0
    nobody = poses_of(standing(7), np.zeros((7, 17)), times)
    assert statistics.longest_gap(nobody, 0.3) == pytest.approx(1.0)


def test_a_clip_with_nobody_still_has_a_summary():
    image = np.full((4, 17, 2), np.nan)
    figures = statistics.summary(poses_of(image, np.zeros((4, 17))), 0.3)
    assert figures["tracking/tracked_share"] == 0
    assert figures["confidence/mean"] == 0
    assert not any(name.startswith(("jitter", "scale")) for name in figures)


def test_one_frame_has_no_jitter_and_no_error():
    figures = statistics.summary(poses_of(standing(1), np.ones((1, 17))), 0.3)
    assert figures["tracking/tracked_share"] == 1
    assert "jitter/px" not in figures


def test_series_follow_the_regions():
    confidence = np.zeros((3, 17))
    confidence[1, COCO17.indices(("left_knee", "right_knee"))] = 1
    series = statistics.confidence_series(poses_of(standing(3), confidence))
    assert series["frame_confidence/legs"].tolist() == [0, 0.5, 0]
    assert series["frame_confidence/arms"].tolist() == [0, 0, 0]
    assert series["frame_confidence/body"] == pytest.approx([0, 1 / 6, 0])
