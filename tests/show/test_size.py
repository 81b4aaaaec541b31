import math

import numpy as np
import pytest
from sequences import STANDING

from posexp.pose.skeleton import COCO17, Skeleton
from posexp.show.drawing import draw_skeleton
from posexp.show.size import SteadySize, size_of

UPRIGHT = np.array([STANDING[joint] for joint in COCO17.joints], float)  # about 400 px high


def shank_width(height: int, person: float, threshold: float = 40) -> int:
    """Columns that are painted across the middle of a left shank, px."""
    canvas = np.full((height, 2 * height, 3), 128, np.uint8)
    points = UPRIGHT * person / 400
    points += (height, height / 2) - points[COCO17.indices(["left_knee", "left_ankle"])].mean(
        axis=0
    )
    points[["right" in joint for joint in COCO17.joints]] = np.nan
    draw_skeleton(canvas, COCO17, points, np.ones(17), 0.3)
    knee, ankle = (points[COCO17.index(f"left_{part}")] for part in ("knee", "ankle"))
    x, y = ((knee + ankle) / 2).astype(int)
    row = np.abs(canvas[y, x - 20 : x + 20].astype(int) - 128).max(axis=1)
    return int((row > threshold).sum())


def test_lines_are_as_much_thinner_as_the_person_is_smaller():
    widths = [shank_width(1080, person) for person in (90, 225, 450, 900)]
    assert widths == sorted(widths)
    assert widths[3] > 2 * widths[1]  # OpenCV's smooth lines are a pixel or two wider than asked
    # The trunk of who is 90 px high is about 20 px broad: lines leave it to be seen.
    assert 2 <= widths[0] <= 4


def test_the_picture_around_the_person_does_not_make_lines_thicker():
    assert shank_width(480, 300) == shank_width(1440, 300)


def test_lines_of_who_fills_the_picture_do_not_cover_them():
    assert shank_width(480, 460) <= 8
    assert shank_width(480, 2000) <= 8


def test_a_skeleton_without_a_body_is_measured_by_its_box():
    hand = Skeleton("hand", ("a", "b", "c"), (("a", "b"),))
    points = np.array([[0.0, 0.0], [30.0, 40.0], [np.nan, 5.0]])
    assert size_of(hand, points) == 40
    assert math.isnan(size_of(hand, np.full((3, 2), np.nan)))


def test_the_size_is_about_the_standing_height_and_stays_when_some_joints_are_lost():
    height = UPRIGHT[:, 1].max() - UPRIGHT[:, 1].min()
    assert size_of(COCO17, UPRIGHT) == pytest.approx(height, rel=0.2)
    part = UPRIGHT.copy()
    part[COCO17.indices(["left_wrist", "left_elbow"])] = np.nan
    assert size_of(COCO17, part) == pytest.approx(size_of(COCO17, UPRIGHT), rel=0.1)


def steady(sizes: np.ndarray, fps: float = 25) -> np.ndarray:
    size = SteadySize()
    return np.array([size.update(float(s), n / fps) for n, s in enumerate(sizes)])


def test_the_size_does_not_flicker():
    jitter = 200 * np.exp(np.random.default_rng(0).normal(0, 0.08, 500))
    assert len(set(steady(jitter)[25:])) == 1
    spike = np.full(200, 200.0)
    spike[100:103] = 500  # another person for three frames
    spike[150:160] = np.nan  # nobody
    assert np.ptp(steady(spike)) == 0


def test_the_size_follows_who_comes_nearer_in_a_few_steps():
    sizes = np.geomspace(100, 400, 250)  # ten seconds
    taken = steady(sizes)
    assert (np.diff(taken) >= 0).all()
    assert len(set(taken)) <= 9
    assert (np.abs(np.log(taken[25:] / sizes[25:])) < math.log(1.45)).all()


def test_without_anybody_yet_there_is_no_size():
    assert math.isnan(SteadySize().update(math.nan, 0.0))
