from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posexp.errors import ConfigError
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import COCO17, Skeleton
from posexp.settings import OverlaySettings
from posexp.show.drawing import LEFT, MIDDLE, RIGHT, draw_skeleton, draw_trail
from posexp.show.pictures import KeyFrames


def figure_points(width: int, height: int) -> np.ndarray:
    """Joints on a grid: left ones in the left half of the picture, right ones in the right."""
    points = np.zeros((17, 2))
    for index, joint in enumerate(COCO17.joints):
        x = 0.25 if joint.startswith("left") else 0.75
        points[index] = x * width, (index + 1) / 19 * height
    return points


def drawn(confidence: float, threshold: float = 0.3) -> np.ndarray:
    image = np.full((240, 320, 3), 128, np.uint8)
    points = figure_points(320, 240)
    draw_skeleton(image, COCO17, points, np.full(17, confidence), threshold)
    return image


def test_left_and_right_have_their_own_colours():
    image = drawn(0.9)
    points = figure_points(320, 240)
    for joint, color in (("left_knee", LEFT), ("right_knee", RIGHT)):
        x, y = points[COCO17.index(joint)].astype(int)
        assert np.abs(image[y, x].astype(int) - color).max() < 12


def test_without_symmetries_all_joints_have_the_colour_of_the_middle():
    image = np.full((240, 320, 3), 128, np.uint8)
    points, plain = figure_points(320, 240), Skeleton("mine", COCO17.joints, COCO17.edges)
    draw_trail(image, plain, deque([points + 20, points]))
    draw_skeleton(image, plain, points, np.ones(17), 0.3)
    for joint in ("left_knee", "right_knee", "nose"):
        x, y = points[COCO17.index(joint)].astype(int)
        assert np.abs(image[y, x].astype(int) - MIDDLE).max() < 12


def test_low_confidence_is_faint_and_not_absent():
    x, y = figure_points(320, 240)[COCO17.index("left_knee")].astype(int)
    strong, faint = drawn(0.9)[y, x].astype(int), drawn(0.1)[y, x].astype(int)
    change = np.abs(strong - 128).sum(), np.abs(faint - 128).sum()
    assert 0 < change[1] < 0.6 * change[0]


def test_lost_joints_are_not_drawn():
    image = np.full((240, 320, 3), 128, np.uint8)
    draw_skeleton(image, COCO17, np.full((17, 2), np.nan), np.zeros(17), 0.3)
    assert (image == 128).all()


@given(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7))
def test_joints_far_outside_the_picture_do_no_harm(x, y):
    points = figure_points(32, 24)
    points[COCO17.index("left_wrist")] = x, y
    draw_skeleton(np.zeros((24, 32, 3), np.uint8), COCO17, points, np.ones(17), 0.3)


class StillFrame(SimpleNamespace):
    def resized(self, height: int) -> np.ndarray:
        return np.full((height, 2 * round(self.width * height / self.height / 2), 3), 90, np.uint8)


@pytest.mark.parametrize("frames", [1, 2, 11, 24, 25, 100, 1000])
def test_key_frames_are_evenly_spread_over_a_video_of_unknown_length(frames):
    keys = KeyFrames(OverlaySettings(), COCO17, "test")
    pose = FramePose(0, 0.0, np.full((17, 2), np.nan), np.zeros(17))
    for index in range(frames):
        keys.add(StillFrame(index=index, time=index / 50, width=64, height=48), pose)
    kept = list(keys.pictures)
    assert kept[0] == 0
    assert min(frames, 12) <= len(kept) <= 24
    assert len(set(np.diff(kept))) <= 1
    assert frames - kept[-1] <= (np.diff(kept)[0] if len(kept) > 1 else 1)
    assert keys.contact_sheet().ndim == 3


@pytest.mark.parametrize("wrong", [{"height": 8}, {"trail": -1}, {"start_frame": -1}])
def test_settings_are_checked(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        OverlaySettings(**wrong)


def test_a_frame_range_is_half_open():
    settings = OverlaySettings(start_frame=3, stop_frame=5)
    assert [frame for frame in range(8) if settings.covers(frame)] == [3, 4]
