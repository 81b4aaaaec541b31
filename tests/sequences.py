"""Small pose sequences for the tests."""

import numpy as np

from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import COCO17, Skeleton

WIDTH, HEIGHT = 640, 480

# x, y in px of a person who stands upright in the image; torso length 100 px.
STANDING = {
    "nose": (300, 60), "left_eye": (305, 55), "right_eye": (295, 55), "left_ear": (312, 58),
    "right_ear": (288, 58), "left_shoulder": (330, 100), "right_shoulder": (270, 100),
    "left_elbow": (345, 150), "right_elbow": (255, 150), "left_wrist": (350, 200),
    "right_wrist": (250, 200), "left_hip": (320, 200), "right_hip": (280, 200),
    "left_knee": (322, 290), "right_knee": (278, 290), "left_ankle": (324, 380),
    "right_ankle": (276, 380),
}  # fmt: skip


def standing(
    frames: int = 1, skeleton: Skeleton = COCO17, fps: float = 50, **about
) -> PoseSequence:
    """The same pose in every frame, confidence 1."""
    image = np.array([STANDING[joint] for joint in skeleton.joints], np.float32)
    about.setdefault("confidence", np.ones((frames, len(skeleton))))
    return PoseSequence(
        skeleton=skeleton, frame=np.arange(frames), time=np.arange(frames) / fps,
        image=np.repeat(image[None], frames, axis=0), width=WIDTH, height=HEIGHT, **about,
    )  # fmt: skip
