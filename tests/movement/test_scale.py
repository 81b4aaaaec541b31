"""Metres at a person's depth, and cameras that are tilted."""

import numpy as np
import pytest
from people import PX_PER_M, chair_stands, without

from posexp.errors import ConfigError
from posexp.movement.repetitions import repetitions
from posexp.movement.scale import scale_of, tilt_of
from posexp.pose.sequence import PoseSequence
from posexp.settings import ScaleSettings

HEIGHT = 0.425 / 0.2455  # m, of whose thighs and shanks the figure has


@pytest.mark.parametrize(
    "known",
    [
        {"height_m": HEIGHT},
        {"shank_m": 0.425},
        {"points": "100,40,100,440", "distance_m": 400 / PX_PER_M},
    ],
)
def test_metres_per_pixel(known):
    scale = scale_of(chair_stands(), ScaleSettings(**known))
    assert scale.metres_per_px == pytest.approx(1 / PX_PER_M, rel=0.02)
    found = repetitions(chair_stands(), scale=ScaleSettings(**known))
    assert found.table["rise_m"].to_numpy() == pytest.approx(0.43, rel=0.05)
    ratio = found.table["peak_rise_velocity_px_s"] / found.table["peak_rise_velocity_m_s"]
    assert ratio.to_numpy() == pytest.approx(PX_PER_M, rel=0.02)
    assert scale.how.split(" from ")[-1] in " ".join(found.notes)


def test_without_anything_known_there_are_no_metres():
    found = repetitions(chair_stands())
    assert found.table["rise_m"].isna().all()
    assert "rise_m" not in found.figures


def test_without_a_body_there_are_none_and_that_is_said():
    legs = [f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle")]
    found = repetitions(without(chair_stands(), *legs), scale=ScaleSettings(height_m=1.7))
    assert "no metres: trunk, thighs and shanks are not seen" in found.notes
    assert found.table["rise_m"].isna().all()


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"height_m": 17.5}, "scale.height_m: expected a number between 0.5 and 2.6 m, got 17.5"),
        ({"height_m": 175}, "got 175"),
        ({"shank_m": 42}, "scale.shank_m: expected a number between 0.1 and 0.8 m, got 42"),
        ({"height_m": 1.7, "shank_m": 0.4}, "expected one of them, got scale.height_m and scale.s"),
        ({"points": "1,2,3,4"}, "together, got one of them"),
        ({"points": "1,2,3", "distance_m": 1.0}, "expected X,Y,X,Y in px, got '1,2,3'"),
        ({"points": "1,2,1,2", "distance_m": 1.0}, "expected two points"),
    ],
)
def test_mistakes_are_one_line(known, words):
    with pytest.raises(ConfigError, match=words) as caught:
        ScaleSettings(**known)
    assert "\n" not in str(caught.value)


def tilted(poses: PoseSequence, degrees: float) -> PoseSequence:
    """As a camera that is turned anticlockwise sees them."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    image = (poses.image - (320, 240)) @ np.array([[c, s], [-s, c]]) + (320, 240)
    return PoseSequence(
        skeleton=poses.skeleton, frame=poses.frame, time=poses.time, image=image,
        confidence=poses.confidence, width=640, height=480, model=poses.model,
    )  # fmt: skip


@pytest.mark.parametrize("degrees", [-15, 8, 15])
def test_a_tilted_camera_is_reported(degrees):
    poses = apart(chair_stands())
    assert tilt_of(poses) == 0
    assert tilt_of(tilted(poses, degrees)) == pytest.approx(degrees, abs=4)
    notes = repetitions(tilted(poses, degrees)).notes
    assert any(note.startswith("the camera seems tilted by") for note in notes)


def test_a_level_camera_is_not_called_tilted():
    assert tilt_of(apart(chair_stands())) == 0
    assert tilt_of(tilted(apart(chair_stands()), 3)) == 0
    seated = chair_stands(starts=(), stop=5)
    assert np.isnan(tilt_of(seated))


def apart(poses: PoseSequence) -> PoseSequence:
    """With the feet apart, one before the other."""
    image = poses.image.copy()
    image[:, poses.skeleton.index("left_ankle"), 0] += 15
    image[:, poses.skeleton.index("right_ankle"), 0] -= 15
    return PoseSequence(
        skeleton=poses.skeleton, frame=poses.frame, time=poses.time, image=image,
        confidence=poses.confidence, width=640, height=480, model=poses.model,
    )  # fmt: skip
