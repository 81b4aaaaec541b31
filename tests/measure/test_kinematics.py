"""Angles and lags that are known beforehand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequences import standing

from posexp.measure.kinematics import ANGLES, angle_difference, angles, lag, world_angles
from posexp.pose.skeleton import COCO17


def placed(poses, **joints):
    """The sequence with some joints elsewhere, x and y in px."""
    image = poses.image.copy()
    for name, place in joints.items():
        image[:, poses.skeleton.index(name)] = place
    return replace(poses, image=image)


def test_right_angles_are_right_angles():
    poses = placed(
        standing(2), left_shoulder=(320, 100), left_hip=(320, 200), left_knee=(420, 200),
        left_ankle=(420, 300),
    )  # fmt: skip
    table = angles(poses)
    assert list(table) == list(ANGLES) and len(table) == 2
    assert table["left_knee"].tolist() == pytest.approx([90, 90])
    assert table["left_hip"].tolist() == pytest.approx([90, 90])
    assert angles(standing())["right_knee"][0] == pytest.approx(180, abs=1)


@pytest.mark.parametrize(("dx", "dy", "degrees"), [(0, -1, 0), (1, -1, 45), (-1, 0, -90)])
def test_the_trunk_leans_to_the_right_of_the_image(dx, dy, degrees):
    top, bottom = np.array([300 + 50 * dx, 200 + 50 * dy]), np.array([300, 200])
    poses = placed(
        standing(), left_shoulder=top, right_shoulder=top, left_hip=bottom, right_hip=bottom
    )
    assert angles(poses)["trunk"][0] == pytest.approx(degrees)


def test_differences_go_the_short_way_round():
    import pandas as pd

    first, second = pd.DataFrame({"trunk": [179.0]}), pd.DataFrame({"trunk": [-179.0]})
    assert angle_difference(first, second)["trunk"][0] == pytest.approx(-2)


def test_missing_joints_give_nan_and_missing_columns():
    sure = np.ones((1, len(COCO17)))
    sure[0, COCO17.index("left_knee")] = 0
    poses = placed(standing(confidence=sure), left_knee=(np.nan, np.nan))
    assert np.isnan(angles(poses)["left_knee"][0])
    few = standing().select(["left_hip", "left_knee", "left_ankle"])
    assert list(angles(few)) == ["left_knee"]
    with pytest.raises(ValueError, match="no world"):
        world_angles(few)


def test_world_angles_do_not_depend_on_the_camera():
    poses = standing()
    flat = np.concatenate([poses.image / 100, np.zeros((1, len(COCO17), 1))], axis=-1)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    first = world_angles(replace(poses, world=flat.astype(np.float32)))
    second = world_angles(replace(poses, world=(flat @ turn).astype(np.float32)))
    assert first.to_numpy() == pytest.approx(second.to_numpy(), abs=0.01)
    assert first.to_numpy() == pytest.approx(angles(poses)[list(first)].to_numpy(), abs=0.01)


def moving(times, late=0.0):
    poses = standing(len(times))
    rise = 80 * np.sin(2 * np.pi * 0.4 * (times - late)) + 20 * np.sin(7 * (times - late))
    image = poses.image + np.stack([0.3 * rise, rise], axis=-1)[:, None]
    return replace(poses, time=times, image=image)


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.3, 0.3))
def test_the_lag_is_what_it_was_made_with(late):
    times = np.arange(200) / 50
    noise = np.random.default_rng(0).normal(0, 0.3, (200, 17, 2))
    seen = moving(times, late)
    seen = replace(seen, image=seen.image + noise)
    assert lag(seen, moving(times)) == pytest.approx(late, abs=0.004)


def test_the_lag_holds_at_other_and_uneven_rates():
    random = np.random.default_rng(3)
    times = np.sort(random.uniform(0, 6, 170))
    assert lag(moving(times, 0.1), moving(np.arange(300) / 50)) == pytest.approx(0.1, abs=0.01)


def test_no_lag_where_there_is_none_to_tell():
    few = np.arange(20) / 4  # labels every quarter of a second
    assert np.isnan(lag(moving(np.arange(250) / 50, 0.06), moving(few)))
    still = standing(200)
    assert np.isnan(lag(still, still))
    assert np.isnan(lag(moving(np.arange(20) / 50), moving(np.arange(20) / 50)))
    short = np.arange(90) / 50  # 1.8 s
    assert np.isnan(lag(moving(short, 0.06), moving(short)))
    noise = np.random.default_rng(0).normal(0, 5, (200, 17, 2))
    assert np.isnan(lag(replace(still, image=still.image + noise), moving(still.time)))
