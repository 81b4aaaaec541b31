"""Cleaning of poses in which it is known what is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from posexp.errors import ConfigError
from posexp.movement.cleaning import clean
from posexp.movement.swaps import swapped, without_swaps
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import COCO17
from posexp.video.embedded import embedded_clip
from tests.movement.people import chair_stands

LEGS = ("hip", "knee", "ankle")


def truth():
    """What was to be seen in the embedded clip, as a model would say it."""
    poses = PoseSequence.read(embedded_clip().with_suffix(".truth.parquet"))
    return replace(poses, world=None, depth=None, visibility=None)


def legs(poses, frames):
    """(P, T): the pairs of the legs in some frames."""
    of_legs = [left.split("_", 1)[1] in LEGS for left, _ in poses.skeleton.symmetries]
    return np.array(of_legs)[:, None] & frames


def in_blocks(count, share, length, seed):
    random, frames = np.random.default_rng(seed), np.zeros(count, bool)
    while frames.mean() < share:
        begin = random.integers(0, count - length + 1)
        frames[begin : begin + length] = True
    return frames


@pytest.mark.parametrize("length", [1, 5, 20])
def test_legs_that_were_swapped_in_a_tenth_of_the_frames_are_put_back(length):
    poses = truth()
    frames = in_blocks(len(poses), 0.1, length, seed=length)
    which = legs(poses, frames)
    assert not swapped(poses).any()
    found = swapped(without_swaps(poses, which))
    assert (found & which).sum() >= 0.95 * which.sum()
    assert (found & ~which).sum() <= 0.01 * (~which).sum()


def test_what_belongs_to_a_joint_goes_with_it():
    poses = truth()
    sides = np.where([joint.startswith("left") for joint in poses.skeleton.joints], 0.9, 0.6)
    marked = replace(poses, confidence=np.tile(sides, (len(poses), 1)))
    which = legs(poses, np.arange(len(poses)) == 50)
    other = without_swaps(marked, which)
    left, right = (poses.skeleton.index(f"{side}_knee") for side in ("left", "right"))
    assert other.confidence[50, left] == np.float32(0.6)
    assert np.array_equal(other.image[50, left], poses.image[50, right])
    assert without_swaps(other, which) == marked


def test_every_step_says_what_it_changed_and_the_raw_poses_stay():
    poses = chair_stands()
    before = replace(poses, image=poses.image.copy())
    image, confidence = poses.image.copy(), np.full(poses.confidence.shape, 0.9, np.float32)
    knee, wrist = (COCO17.index(joint) for joint in ("left_knee", "left_wrist"))
    image[100, knee] += 300  # an outlier
    confidence[200:203, wrist] = 0.05  # a guess
    image[300:330, wrist] = np.nan  # a second
    confidence[300:330, wrist] = 0
    dirty = replace(poses, image=image, confidence=confidence, model="lightning")
    cleaned = clean(dirty)
    assert poses == before
    steps = {step.name: step for step in cleaned.steps}
    assert list(steps) == [
        "unsure joints dropped", "left and right put back", "outliers dropped", "gaps filled",
        "low-pass",
    ]  # fmt: skip
    assert steps["unsure joints dropped"].changed == 3
    assert steps["unsure joints dropped"].parameters == {"confidence": 0.2}
    assert steps["left and right put back"].share < 0.001  # from the side one lies on the other
    assert steps["outliers dropped"].changed == 1
    assert steps["gaps filled"].changed == 4
    clear = cleaned.poses
    assert np.isnan(clear.image[300:330, wrist]).all()
    assert (clear.confidence[300:330, wrist] == 0).all()
    assert np.abs(clear.image[100, knee] - poses.image[100, knee]).max() < 3
    assert clear.confidence[201, wrist] == np.float32(0.05)  # the model's own, also where filled


def test_none_changes_nothing():
    poses = chair_stands()
    assert clean(poses, "none").poses is poses
    assert clean(poses, "none").steps == ()
    with pytest.raises(ConfigError, match="cleaning"):
        clean(poses, "tidy")


@pytest.mark.parametrize("case", ["no frames", "one frame", "nobody", "half", "no legs"])
def test_little_to_see_is_no_error(case):
    poses = chair_stands()
    if case in ("no frames", "one frame"):
        poses = poses.take(np.arange(case == "one frame"))
    elif case == "no legs":
        poses = poses.select(["left_shoulder", "right_shoulder", "nose"])
    else:
        lost = np.arange(len(poses)) % 300 >= (0 if case == "nobody" else 150)
        image = np.where(lost[:, None, None], np.nan, poses.image)
        poses = replace(poses, image=image, confidence=np.where(lost[:, None], 0, poses.confidence))
    cleaned = clean(poses).poses
    assert len(cleaned) == len(poses)
    assert np.array_equal(np.isnan(cleaned.image), np.isnan(poses.image))
