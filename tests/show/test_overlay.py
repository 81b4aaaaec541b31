from collections import deque
from types import SimpleNamespace

import av
import numpy as np
import pytest
from clips import encode
from hypothesis import given
from hypothesis import strategies as st
from sequences import STANDING

from posexp.errors import ConfigError
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import COCO17, Skeleton
from posexp.settings import OverlaySettings
from posexp.show.captions import Captions
from posexp.show.drawing import (
    LEFT,
    MIDDLE,
    RIGHT,
    Canvas,
    draw_skeleton,
    draw_trail,
)
from posexp.show.overlay import OverlayVideo
from posexp.show.pictures import KeyFrames
from posexp.video.frame import Frame, Nv12
from posexp.video.source import VideoSource


def figure_points(width: int, height: int) -> np.ndarray:
    """Joints on a grid: left ones in the left half of the picture, right ones in the right."""
    points = np.zeros((17, 2))
    for index, joint in enumerate(COCO17.joints):
        x = 0.25 if joint.startswith("left") else 0.75
        points[index] = x * width, (index + 1) / 19 * height
    return points


def ground(colorspace: int, width: int = 320, height: int = 240, level: int = 128) -> Nv12:
    """A grey picture on its way to an encoder."""
    plain = av.VideoFrame.from_ndarray(np.full((height, width, 3), level, np.uint8))
    plain = plain.reformat(format="nv12", dst_colorspace=colorspace, dst_color_range=1)
    plain.colorspace = colorspace
    return Frame(0, 0.0, plain, (False, ())).nv12(height)


def rgb(canvas: Canvas) -> np.ndarray:
    if isinstance(canvas, np.ndarray):
        return canvas
    # FFmpeg's direct way from NV12 is two levels off.
    return canvas.picture.reformat(format="yuv420p").to_ndarray(format="rgb24")


GROUNDS = {
    "rgb": lambda: np.full((240, 320, 3), 128, np.uint8),
    "bt601": lambda: ground(5),
    "bt709": lambda: ground(1),
}


def drawn(confidence: float, threshold: float = 0.3, on: str = "rgb") -> np.ndarray:
    canvas = GROUNDS[on]()
    points = figure_points(320, 240)
    draw_skeleton(canvas, COCO17, points, np.full(17, confidence), threshold)
    return rgb(canvas)


@pytest.mark.parametrize("on", GROUNDS)
def test_left_and_right_have_their_own_colours(on):
    image = drawn(0.9, on=on)
    points = figure_points(320, 240)
    for joint, color in (("left_knee", LEFT), ("right_knee", RIGHT)):
        x, y = points[COCO17.index(joint)].astype(int)
        assert np.abs(image[y, x].astype(int) - color).max() < (12 if on == "rgb" else 24)


def draw_all(canvas: Canvas) -> np.ndarray:
    """A pose of which one side is sure, where it was, and a caption."""
    points = figure_points(320, 240)
    confidence = np.where([joint.startswith("left") for joint in COCO17.joints], 0.9, 0.2)
    draw_trail(canvas, COCO17, deque([points + 20, points + 9, points]))
    draw_skeleton(canvas, COCO17, points, confidence, 0.5)
    Captions(COCO17, "a model").draw(canvas, "frame 2   0.99", points, hides=False)
    return rgb(canvas).astype(int)


@pytest.mark.parametrize(("on", "luma"), [("bt601", (0.299, 0.587, 0.114)),
                                          ("bt709", (0.2126, 0.7152, 0.0722))])  # fmt: skip
def test_the_same_is_drawn_whatever_the_picture_is_stored_as(on, luma):
    change = draw_all(GROUNDS[on]()) - draw_all(GROUNDS["rgb"]())
    assert (np.abs(change @ luma) < 6).mean() > 0.98
    assert np.abs(change).mean() < 1  # colours have half the size


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


@given(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7), st.booleans())
def test_joints_far_outside_the_picture_do_no_harm(x, y, faint):
    points = figure_points(32, 24)
    points[COCO17.index("left_wrist")] = x, y
    confidence = np.ones(17)
    confidence[COCO17.index("left_wrist")] -= faint
    draw_skeleton(np.zeros((24, 32, 3), np.uint8), COCO17, points, confidence, 0.3)
    draw_skeleton(ground(5, 32, 24), COCO17, points + 1e5, confidence, 0.3)


def test_an_overlay_is_drawn_with_all_its_options(tmp_path):
    clip = encode(tmp_path / "a.mp4", np.full((12, 60, 82, 3), 128, np.uint8), "-c:v", "libx264")
    source = VideoSource(clip)
    settings = OverlaySettings(height=48, start_frame=2, stop_frame=10, trail=3)
    overlay = OverlayVideo(tmp_path / "o.mp4", settings, COCO17, "", source.info.fps)
    for frame in source.frames():
        points = figure_points(82, 60)
        overlay.add(frame, FramePose(frame.index, frame.time, points, np.ones(17)))
    assert overlay.close()
    frames = list(VideoSource(tmp_path / "o.mp4").frames())
    assert [frame.time for frame in frames] == pytest.approx(np.arange(8) / 25, abs=1e-4)
    x, y = (figure_points(66, 48)[COCO17.index("left_knee")]).astype(int)
    for frame in frames:
        assert frame.rgb().shape == (48, 66, 3)
        red, _, blue = frame.rgb()[y, x].astype(int)
        assert blue > red + 60  # the left knee


class StillFrame(SimpleNamespace):
    def cut(self, left: int, top: int, width: int, height: int) -> "StillFrame":
        return self

    def rgb(self) -> np.ndarray:
        return np.full((self.height, self.width, 3), 90, np.uint8)


@pytest.mark.parametrize("frames", [1, 2, 11, 24, 25, 100, 1000])
def test_key_frames_are_evenly_spread_over_a_video_of_unknown_length(frames):
    keys = KeyFrames(OverlaySettings(), COCO17)
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


def painted(visibility: np.ndarray, *joints: str) -> int:
    """How much is changed about the middle of an edge."""
    points = np.array([STANDING[joint] for joint in COCO17.joints], float)
    image = np.full((480, 640, 3), 128, np.uint8)
    draw_skeleton(image, COCO17, points, np.ones(17), 0.3, visibility=visibility)
    x, y = points[COCO17.indices(joints)].mean(axis=0).astype(int)
    return int(np.abs(image[y - 3 : y + 4, x - 3 : x + 4].astype(int) - 128).sum())


def test_a_limb_is_as_faint_as_its_less_visible_end():
    visible = np.ones(17)
    one, both = visible.copy(), visible.copy()
    one[COCO17.index("left_wrist")] = 0.1
    both[COCO17.indices(["left_wrist", "left_elbow"])] = 0.1
    forearm, upper_arm = ("left_elbow", "left_wrist"), ("left_shoulder", "left_elbow")
    strong = painted(visible, *forearm)
    assert 0 < painted(one, *forearm) < 0.6 * strong
    assert painted(both, *forearm) == painted(one, *forearm)
    assert painted(one, *upper_arm) == painted(visible, *upper_arm)
    assert painted(both, *upper_arm) < 0.6 * painted(visible, *upper_arm)


def test_between_hidden_and_seen_there_is_a_step():
    changes = [painted(np.full(17, v), "left_elbow", "left_wrist") for v in (0.1, 0.5, 0.9)]
    assert changes[0] < 0.8 * changes[1] < 0.8 * changes[2]
