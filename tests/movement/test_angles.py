"""Angles and the view, of a body whose pose is known."""

from dataclasses import replace

import numpy as np
import pytest

from posexp.movement.angles import angles
from posexp.movement.view import TRUSTED, view
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BLAZEPOSE33, COCO17


def sitting(yaw, lean=30.0, thigh=70.0, frames=5, in_space=True):
    """Somebody who sits, seen from `yaw` degrees (0 from the front, 90 from the person's left)."""
    skeleton = BLAZEPOSE33 if in_space else COCO17
    lean, thigh = np.deg2rad([lean, thigh])
    hip = np.array([0.0, 0.0])  # forward, up
    knee = hip + 0.4 * np.array([np.sin(thigh), -np.cos(thigh)])
    ankle = knee - np.array([0, 0.4])
    places = {
        "hip": hip, "knee": knee, "ankle": ankle, "heel": ankle - np.array([0.05, 0.05]),
        "foot_index": ankle + np.array([0.2, -0.05]),
        "shoulder": hip + 0.5 * np.array([np.sin(lean), np.cos(lean)]),
    }  # fmt: skip
    widths = {"shoulder": 0.175}
    points = np.full((frames, len(skeleton), 3), np.nan)
    turn = np.deg2rad(yaw)
    for part, (forward, up) in places.items():
        for side, sign in (("left", 1), ("right", -1)):
            if f"{side}_{part}" in skeleton.joints:
                out = sign * widths.get(part, 0.1)
                # Facing the camera is -z, and the left hand is then at the image's right.
                x = np.cos(turn) * out - np.sin(turn) * forward
                z = -np.sin(turn) * out - np.cos(turn) * forward
                points[:, skeleton.index(f"{side}_{part}")] = x, -up, z
    image = 500 + 300 * points[..., :2]
    seen = np.isfinite(image).all(axis=2)
    return PoseSequence(
        skeleton, np.arange(frames), np.arange(frames) / 25, image, seen.astype(float), 1000, 1000,
        world=points if in_space else None,
    )  # fmt: skip


@pytest.mark.parametrize("yaw", [0, 30, 45, 60, 90, 135, 170])
def test_angles_in_space_are_those_of_the_body_from_anywhere(yaw):
    table = angles(sitting(yaw))
    assert table["left_knee_flexion_world"].to_numpy() == pytest.approx(70, abs=1e-3)
    assert table["right_hip_flexion_world"].to_numpy() == pytest.approx(100, abs=0.2)
    assert table["trunk_lean_world"].to_numpy() == pytest.approx(30, abs=1e-3)
    assert table["left_ankle_dorsiflexion_world"].to_numpy() == pytest.approx(0, abs=1e-3)
    assert table["pelvis_obliquity_world"].to_numpy() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("yaw", [90, -90])
def test_from_the_side_so_are_those_in_the_plane(yaw):
    table = angles(sitting(yaw, in_space=False))
    assert table["left_knee_flexion"].to_numpy() == pytest.approx(70, abs=1e-3)
    assert table["left_hip_flexion"].to_numpy() == pytest.approx(100, abs=1e-3)
    assert np.abs(table["trunk_lean"].to_numpy()) == pytest.approx(30, abs=1e-3)
    assert not any(name.endswith("_world") or "ankle" in name for name in table)


def test_leaning_back_is_negative_in_space_and_a_straight_leg_is_zero():
    table = angles(sitting(20, lean=-10, thigh=0))
    assert table["trunk_lean_world"].to_numpy() == pytest.approx(-10, abs=1e-3)
    assert table["left_knee_flexion_world"].to_numpy() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("yaw", [0, 20, 45, 75, 90, 110, 160, 180])
@pytest.mark.parametrize("in_space", [True, False])
def test_the_view_is_told_with_and_without_space(yaw, in_space):
    seen = view(sitting(yaw, lean=0, in_space=in_space))
    assert seen.yaw == pytest.approx(yaw, abs=1e-3 if in_space else 10)
    if abs(abs(yaw - 90) - TRUSTED) > 10:
        assert seen.trusted == (abs(yaw - 90) < TRUSTED)
        assert (seen.sentence == "") == seen.trusted
    if not seen.trusted:
        assert ("behind" in seen.sentence) == (yaw > 90)
        assert ("_world" in seen.sentence) == in_space


@pytest.mark.parametrize("down", [-50, -10, 0, 20, 45, 70])
def test_a_camera_that_looks_steeply_down_is_said(down):
    stands = sitting(90, lean=0, thigh=0)
    turn = np.deg2rad(down)
    turned = stands.world @ np.array(
        [[1, 0, 0], [0, np.cos(turn), np.sin(turn)], [0, -np.sin(turn), np.cos(turn)]]
    )
    seen = view(replace(stands, world=turned.astype(np.float32)))
    assert seen.pitch == pytest.approx(down, abs=0.1)
    assert seen.trusted == (abs(down) < 30)
    assert ("steeply from above" in seen.sentence) == (down > 30)


def test_who_only_sits_tells_nothing_of_the_cameras_pitch():
    """They may lean towards it."""
    assert np.isnan(view(sitting(0, lean=45)).pitch)


def test_at_the_limit_a_knee_is_off_by_what_the_docs_say():
    """`TRUSTED`: a knee bent by 75 degrees, thigh 60 and shank 15 from the vertical, by 6."""
    thigh, shank = np.deg2rad([60, 15])
    seen = [
        np.rad2deg(np.arctan(np.tan(each) * np.cos(np.deg2rad(TRUSTED)))) for each in (thigh, shank)
    ]
    assert 75 - sum(seen) == pytest.approx(6, abs=0.5)


def test_nobody_is_no_view():
    poses = sitting(90)
    nobody = PoseSequence(
        poses.skeleton, poses.frame, poses.time, np.full(poses.image.shape, np.nan),
        np.zeros(poses.confidence.shape), 1000, 1000,
    )  # fmt: skip
    seen = view(nobody)
    assert np.isnan(seen.yaw)
    assert not seen.trusted
    assert "not seen" in seen.sentence
    assert angles(nobody).drop(columns=["frame", "time"]).isna().all(axis=None)
