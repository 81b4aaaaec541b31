"""Whose pose it is, where it is known where everybody is."""

import numpy as np
import pytest

from posexp.benchmark.who import NO_POSE, NOBODY, on_whom, person_metrics
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import COCO17

BODY = COCO17.indices(COCO17.body)


def person(x, frames=10):
    """Somebody who stands still at x px: a torso of 60 px, 20 px wide."""
    at = {"shoulder": 100, "hip": 160, "knee": 200, "ankle": 240, "elbow": 130, "wrist": 160}
    image = np.full((17, 2), (x, 80.0))
    for row, joint in enumerate(COCO17.joints):
        side, _, part = joint.partition("_")
        if part in at:
            image[row] = x + (10 if side == "left" else -10), at[part]
    return sequence(np.repeat(image[None], frames, axis=0))


def sequence(image):
    frames = len(image)
    known = np.isfinite(image).all(axis=-1)
    return PoseSequence(
        skeleton=COCO17, frame=np.arange(frames), time=np.arange(frames) / 25,
        image=image.astype(np.float32), confidence=known.astype(np.float32), width=640, height=480,
    )  # fmt: skip


PEOPLE = [person(200.0), person(300.0)]


def test_the_nearest_person_within_half_a_torso():
    image = PEOPLE[0].image.copy()
    image[2:4] += (100, 0)  # the other
    image[4] += (25, 0)  # the first still
    image[5] += (40, 0)  # nobody: more than 30 px from both
    image[6] = np.nan
    image[7, BODY[:4]] += (0, 400)  # a third of the joints are wild
    whose = on_whom(sequence(image), PEOPLE)
    assert whose.tolist() == [0, 0, 1, 1, 0, NOBODY, NO_POSE, 0, 0, 0]
    metrics = person_metrics(sequence(image), PEOPLE)
    assert metrics["person/right_share"] == pytest.approx(0.6)
    assert metrics["person/other_share"] == pytest.approx(0.2)
    assert metrics["person/changes"] == 2


def test_frames_of_nobody_are_no_change():
    image = PEOPLE[0].image.copy()
    image[3:6] = np.nan
    image[7] += (40, 0)
    assert person_metrics(sequence(image), PEOPLE)["person/changes"] == 0


def test_no_pose_is_right_where_the_person_is_outside_the_picture():
    gone = PEOPLE[0].image.copy()
    gone[5:] -= (400, 0)
    seen = gone.copy()
    seen[5:8] = np.nan  # says so, for three frames of five
    metrics = person_metrics(sequence(seen), [sequence(gone), PEOPLE[1]])
    assert metrics["person/right_share"] == pytest.approx(0.8)


def test_a_pose_at_nobody_s_place_is_nobody_s_even_with_somebody_behind_the_camera():
    behind = sequence(np.full((10, 17, 2), np.nan))
    image = PEOPLE[0].image.copy()
    whose = on_whom(sequence(image), [PEOPLE[0], behind])
    assert (whose == 0).all()
