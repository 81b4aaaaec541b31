"""BlazePose as MediaPipe Tasks runs it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from posexp.errors import ModelError
from posexp.models.native import without_tensorflow
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import BLAZEPOSE33
from posexp.video.ahead import ahead
from posexp.video.frame import Frame

with without_tensorflow():
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision


class BlazePose:
    """A bundle, ready to run.

    Parameters
    ----------
    path : Path
        Of the bundle; ModelError when it is none.
    stream : bool
        Detect once, track and smooth; or detect in every frame.
    detection, presence, tracking : float
        The least confidence of each, 0..1.
    """

    def __init__(
        self, path: Path, stream: bool, detection: float, presence: float, tracking: float
    ) -> None:
        self._path, self._stream = path, stream
        self._options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(path)),
            running_mode=vision.RunningMode.VIDEO if stream else vision.RunningMode.IMAGE,
            min_pose_detection_confidence=detection,
            min_pose_presence_confidence=presence,
            min_tracking_confidence=tracking,
        )
        # A damaged bundle should fail here and not in the middle of a run.
        self._landmarker().close()

    def estimate(self, frames: Iterable[Frame]) -> Generator[FramePose, None, None]:
        """One pose per frame."""
        previous = -1
        # The stream mode tracks and cannot be reset: one landmarker per video.
        with self._landmarker() as landmarker:
            for frame, rgb in ahead((frame, frame.rgb()) for frame in frames):
                image = mediapipe.Image(mediapipe.ImageFormat.SRGB, rgb)
                del rgb  # each 25 MB in 4K, and MediaPipe copies them twice
                if self._stream:
                    # Whole, strictly increasing milliseconds are asked for.
                    previous = max(previous + 1, round(frame.time * 1000))
                    result = landmarker.detect_for_video(image, previous)
                else:
                    result = landmarker.detect(image)
                del image
                yield _pose(frame, result)

    def _landmarker(self) -> Any:
        try:
            return vision.PoseLandmarker.create_from_options(self._options)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                self._path, "expected a pose landmarker bundle (.task), got a file that MediaPipe "
                f"cannot use ({str(error).splitlines()[0][:120]})", "Get it again",
            ) from error  # fmt: skip


def _pose(frame: Frame, result: Any) -> FramePose:
    joints = len(BLAZEPOSE33)
    if not result.pose_landmarks:
        nothing = np.full((joints, 3), np.nan, np.float32)
        zero = np.zeros(joints, np.float32)
        return FramePose(
            frame.index, frame.time, nothing[:, :2], zero, nothing[:, 0], nothing, zero
        )
    landmarks = result.pose_landmarks[0]
    # z has the scale of x (ML Kit's convention), so both go by the width.
    scale = np.array([frame.width, frame.height, frame.width])
    image = np.array([(p.x, p.y, p.z) for p in landmarks]) * scale
    return FramePose(
        frame.index,
        frame.time,
        image[:, :2],
        np.array([p.presence for p in landmarks]),
        image[:, 2],
        np.array([(p.x, p.y, p.z) for p in result.pose_world_landmarks[0]]),
        np.array([p.visibility for p in landmarks]),
    )
