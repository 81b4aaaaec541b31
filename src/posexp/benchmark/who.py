"""On whom a variant is, in clips where it is known where everybody is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posexp.measure.quality import torso_length
from posexp.pose.sequence import PoseSequence

REACH = 0.5
"""Share of somebody's torso length within which a pose's median joint is theirs."""

NOBODY, NO_POSE = -1, -2


def on_whom(poses: PoseSequence, people: Sequence[PoseSequence]) -> NDArray[np.int64]:
    """Whose pose it is in each frame: the person's to whose true joints it is nearest.

    Parameters
    ----------
    poses : PoseSequence
        What a variant saw (T frames).
    people : sequence of PoseSequence
        The truth of everybody, a row per frame of the video.

    Returns
    -------
    (T,) int array
        The place in `people` of who has the smallest median distance of the body joints, in
        their own torso lengths; `NOBODY` where that is more than `REACH` of everybody, `NO_POSE`
        where there is no pose.
    """
    joints = [j for j in poses.skeleton.body if j in people[0].skeleton.joints]
    seen = poses.select(joints).image.astype(np.float64)
    found = np.isfinite(seen).all(axis=-1).any(axis=-1)
    apart = np.full((len(people), len(poses)), np.inf)
    for row, person in enumerate(people):
        there = person.select(joints).take(poses.frame).image
        distance = np.linalg.norm(seen - there, axis=-1) / torso_length(person)
        # A joint that is not returned is no nearer to anybody than another.
        known = np.isfinite(distance).any(axis=-1)
        apart[row, known] = np.nanmedian(distance[known], axis=-1)
    nearest = apart.argmin(axis=0)
    return np.where(~found, NO_POSE, np.where(apart.min(axis=0) <= REACH, nearest, NOBODY))


def person_metrics(poses: PoseSequence, people: Sequence[PoseSequence]) -> dict[str, float]:
    """How well a variant stays with the first of the people.

    Returns
    -------
    dict
        ``person/right_share``: of all frames, those in which the pose is the first person's, as
        `on_whom` says. Where fewer than half of that person's body joints are inside the picture,
        no pose is right. ``person/other_share``: of all frames, those in which it is somebody
        else's. ``person/changes``: how often it goes from one person to another; frames without a
        pose, and poses of nobody, are passed over.
    """
    whose = on_whom(poses, people)
    image = people[0].select(people[0].skeleton.body).take(poses.frame).image
    with np.errstate(invalid="ignore"):
        inside = ((image >= 0) & (image <= (poses.width, poses.height))).all(axis=-1)
    there = inside.mean(axis=-1) >= 0.5
    right = np.where(there, whose == 0, whose == NO_POSE)
    known = whose[whose >= 0]
    return {
        "person/right_share": float(right.mean()),
        "person/other_share": float((whose > 0).mean()),
        "person/changes": float(np.count_nonzero(np.diff(known))),
    }
