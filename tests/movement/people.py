"""Somebody on a chair, seen from the side: poses whose moments are known."""

import numpy as np

from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import COCO17

PX_PER_M = 200.0
RISE = 1.2  # s from seated to standing
LEAN = 0.5  # s before a rise that the trunk begins to lean
FLOOR = 440.0  # px
_SHANK = _THIGH = 0.425
_TRUNK = 0.5


def minimum_jerk(share):
    share = np.clip(share, 0, 1)
    return share**3 * (10 - 15 * share + 6 * share**2)


def chair_stands(starts=(2, 6, 10, 14, 18), stop=22.0, rate=30.0, sits=True, rocks=(), **more):
    """Poses with a rise that begins at each of `starts`, s; seated again 3.2 s later."""
    time = np.arange(0, stop, 1 / rate)
    up, lean = np.zeros_like(time), np.full_like(time, 5.0)
    for start in starts:
        up += minimum_jerk((time - start) / RISE)
        lean += bump(time, start - LEAN, start + RISE, 35)
        if sits:
            up -= minimum_jerk((time - start - 2) / RISE)
            lean += bump(time, start + 1.8, start + 3.4, 25)
    for start in rocks:
        lean += bump(time, start, start + 0.9, 25)
    return person(time, up, lean, **more)


def squats(starts=(2, 5, 8, 11, 14), stop=17.0, rate=60.0):
    """Poses of somebody who stands, goes down at each of `starts`, turns round, comes up."""
    time = np.arange(0, stop, 1 / rate)
    down = sum(
        minimum_jerk((time - start) / 0.9) - minimum_jerk((time - start - 0.9) / 0.9)
        for start in starts
    )
    return person(time, 1 - down, 5 + 30 * down)


def bump(time, start, end, size):
    middle = (start + end) / 2
    up, down = minimum_jerk((time - start) / (middle - start)), (time - middle) / (end - middle)
    return size * (up - minimum_jerk(down))


def person(time, up, lean, noise=0.5, walk=None, seed=0):
    """Poses of a person `up` (0 seated, 1 upright) with the trunk at `lean` degrees, facing right.

    `walk` (T,) px moves them to the side.
    """
    hip = np.stack([-0.40 * (1 - up), 0.5 + 0.43 * up], axis=1)
    ankle = np.tile([0.0, 0.09], (len(time), 1))
    between = ankle - hip
    length = np.linalg.norm(between, axis=1, keepdims=True)
    half = length / 2
    out = np.sqrt(np.maximum(_THIGH**2 - half**2, 0))
    knee = hip + between / 2 + out * np.stack([-between[:, 1], between[:, 0]], axis=1) / length
    angle = np.deg2rad(lean)
    trunk = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    shoulder, head = hip + _TRUNK * trunk, hip + 0.72 * trunk
    elbow, wrist = shoulder - [0.0, 0.28], shoulder - [-0.1, 0.5]
    parts = {"shoulder": shoulder, "elbow": elbow, "wrist": wrist, "hip": hip, "knee": knee,
             "ankle": ankle}  # fmt: skip
    joints = [parts.get(name.split("_")[-1], head) for name in COCO17.joints]
    points = np.stack(joints, axis=1) * (PX_PER_M, -PX_PER_M) + (300, FLOOR)
    if walk is not None:
        points[..., 0] += walk[:, None]
    points = points + noise * np.random.default_rng(seed).standard_normal(points.shape)
    return PoseSequence(
        skeleton=COCO17, frame=np.arange(len(time)), time=time, image=points,
        confidence=np.ones(points.shape[:2]), width=640, height=480, model="stick",
    )  # fmt: skip


def without(poses, *joints, rows=slice(None)):
    """The same with joints that were never seen (in some rows)."""
    image, confidence = poses.image.copy(), poses.confidence.copy()
    for index in poses.skeleton.indices(joints or poses.skeleton.joints):
        image[rows, index], confidence[rows, index] = np.nan, 0
    return PoseSequence(
        skeleton=poses.skeleton, frame=poses.frame, time=poses.time, image=image,
        confidence=confidence, width=poses.width, height=poses.height, model=poses.model,
    )  # fmt: skip
