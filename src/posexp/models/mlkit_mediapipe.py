"""BlazePose as MediaPipe Tasks runs it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from posexp.errors import ModelError
from posexp.models.native import without_tensorflow
from posexp.models.weights.model_file import ModelFile
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import BLAZEPOSE33
from posexp.video.ahead import ahead
from posexp.video.frame import Frame

with without_tensorflow():
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

if TYPE_CHECKING:
    from posexp.models.mlkit import MlkitOptions


def landmarker(file: ModelFile, options: MlkitOptions) -> Any:
    """MediaPipe's own, which tracks; ModelError for a file that it cannot use."""
    try:
        return vision.PoseLandmarker.create_from_options(
            vision.PoseLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=str(file.path)),
                running_mode=getattr(
                    vision.RunningMode, "VIDEO" if options.mode == "stream" else "IMAGE"
                ),
                min_pose_detection_confidence=options.min_detection_confidence,
                min_pose_presence_confidence=options.min_presence_confidence,
                min_tracking_confidence=options.min_tracking_confidence,
            )
        )
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            file.path, "expected a pose landmarker bundle (.task), got a file that "
            f"MediaPipe cannot use ({str(error).splitlines()[0][:120]})", "Get it again",
        ) from error  # fmt: skip


def estimate(
    file: ModelFile, options: MlkitOptions, frames: Iterable[Frame]
) -> Generator[FramePose, None, None]:
    """One pose per frame."""
    stream = options.mode == "stream"
    previous = -1
    # The stream mode tracks and cannot be reset: one landmarker per video.
    with landmarker(file, options) as running:
        for frame, rgb in ahead((frame, frame.rgb()) for frame in frames):
            image = mediapipe.Image(mediapipe.ImageFormat.SRGB, rgb)
            if stream:
                # Whole, strictly increasing milliseconds are asked for.
                previous = max(previous + 1, round(frame.time * 1000))
                result = running.detect_for_video(image, previous)
            else:
                result = running.detect(image)
            yield _pose(frame, result)


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
