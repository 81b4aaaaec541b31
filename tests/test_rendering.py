"""The embedded clip is what the script makes, and its joints are exact."""

import numpy as np
import pytest

from posexp.app import embedded_clip
from posexp.poses import PoseSequence
from posexp.rendering.__main__ import CAMERA, FPS, render, truth
from posexp.rendering.figure import DURATION, joints_at, minimum_jerk
from posexp.video import VideoSource

TIMES = np.arange(round(DURATION * FPS)) / FPS


def length(joints, a, b):
    return np.linalg.norm(joints[a] - joints[b])


@pytest.mark.parametrize("side", ["left", "right"])
def test_segments_keep_their_lengths(side):
    for time in TIMES[::7]:
        joints = joints_at(time)
        assert length(joints, f"{side}_hip", f"{side}_knee") == pytest.approx(0.425, abs=1e-3)
        assert length(joints, f"{side}_knee", f"{side}_ankle") == pytest.approx(0.425, abs=1e-3)
        assert length(joints, f"{side}_shoulder", f"{side}_elbow") == pytest.approx(0.29, abs=1e-3)
        assert length(joints, f"{side}_elbow", f"{side}_wrist") == pytest.approx(0.255, abs=1e-3)


def test_the_hips_rise_smoothly_twice():
    height = np.array([joints_at(time)["mid_hip"][1] for time in TIMES])
    assert height.min() == pytest.approx(0.515, abs=1e-3)
    assert height.max() == pytest.approx(0.915, abs=1e-3)
    standing = height > 0.9
    assert np.count_nonzero(np.diff(standing.astype(int)) == 1) == 2
    # A jump of the speed would show as an acceleration far beyond a person's.
    assert np.abs(np.diff(height, 2)).max() * FPS**2 < 5.0
    assert minimum_jerk(0.5) == 0.5 and minimum_jerk(-1) == 0 and minimum_jerk(2) == 1


def test_the_truth_beside_the_clip_is_the_scripts():
    stored = PoseSequence.read(embedded_clip().with_suffix(".parquet"))
    made = truth(TIMES)
    assert np.abs(stored.image - made.image).max() < 1e-3
    assert np.abs(stored.world - made.world).max() < 1e-6
    inside = (stored.image > 10) & (stored.image < (630, 470))
    assert inside.all()


def test_world_and_image_are_the_same_joints_through_the_camera():
    poses = truth(TIMES[:1])
    scene = poses.world[0] @ CAMERA.rotation + joints_at(0.0)["mid_hip"]
    assert np.abs(CAMERA.project(scene) - poses.image[0]).max() < 1e-2


def test_the_clip_is_what_the_script_draws():
    frames = {frame.index: frame.rgb() for frame in VideoSource(embedded_clip(), stop=1.6).frames()}
    drawn = render(TIMES[[75]])[0]
    difference = np.abs(drawn.astype(int) - frames[75]).mean()
    assert difference < 3  # of 255: H.264 keeps that much
    assert np.abs(drawn.astype(int) - frames[0]).mean() > difference + 1


def test_the_clip_is_small_and_regular():
    source = VideoSource(embedded_clip())
    assert embedded_clip().stat().st_size < 1_500_000
    times = [frame.time for frame in source.frames()]
    assert np.allclose(times, TIMES)
