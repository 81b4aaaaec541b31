"""The ML Kit-style 3D variant: BlazePose through MediaPipe Tasks."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from posexp.errors import ModelError, check_choice, check_range
from posexp.models import weights as weight_files
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import BLAZEPOSE33
from posexp.video.ahead import ahead
from posexp.video.frame import Frame


@dataclass
class MlkitOptions:
    """How to load and run BlazePose.

    Parameters
    ----------
    name : {"mlkit"}
        The variant.
    complexity : {"lite", "full", "heavy"}
        Size of the model; ``full`` is embedded.
    mode : {"stream", "single_image"}
        Detect once, track and smooth; or detect in every frame.
    weights : str, optional
        Path or URL of a .task file, in place of `complexity`'s.
    min_detection_confidence, min_presence_confidence, min_tracking_confidence : float
        0..1: to take a detection for a person, to keep a pose, to go on tracking it.
    """

    name: str = "mlkit"
    complexity: str = "full"
    mode: str = "stream"
    weights: str | None = None
    min_detection_confidence: float = 0.5
    min_presence_confidence: float = 0.5
    min_tracking_confidence: float = 0.5

    def __post_init__(self) -> None:
        check_choice("model.name", self.name, ("mlkit",))
        check_choice("model.complexity", self.complexity, ("lite", "full", "heavy"))
        check_choice("model.mode", self.mode, ("stream", "single_image"))
        for stage in ("detection", "presence", "tracking"):
            key = f"min_{stage}_confidence"
            check_range(f"model.{key}", getattr(self, key), 0, 1)


def find_weights(options: MlkitOptions) -> weight_files.ModelFile:
    """The model file, unpacked or downloaded if need be; ModelError when it cannot be had."""
    return weight_files.blazepose(options.complexity, options.weights)


class Mlkit:
    """The model, ready to run; see `posexp.models.registry.Estimator`."""

    name = "mlkit"
    skeleton = BLAZEPOSE33
    confidence_meaning = "in-frame likelihood (BlazePose presence)"

    def __init__(self, options: MlkitOptions) -> None:
        self.weights = find_weights(options)
        self._options = options
        # A damaged bundle should fail here and not in the middle of a run.
        self._landmarker().close()

    def estimate(self, frames: Iterable[Frame]) -> Generator[FramePose, None, None]:
        """One pose per frame."""
        mediapipe = weight_files.import_mediapipe()
        stream = self._options.mode == "stream"
        previous = -1
        # The stream mode tracks and cannot be reset: one landmarker per video.
        with self._landmarker() as landmarker:
            for frame, rgb in ahead((frame, frame.rgb()) for frame in frames):
                image = mediapipe.Image(mediapipe.ImageFormat.SRGB, rgb)
                if stream:
                    # Whole, strictly increasing milliseconds are asked for.
                    previous = max(previous + 1, round(frame.time * 1000))
                    result = landmarker.detect_for_video(image, previous)
                else:
                    result = landmarker.detect(image)
                yield _pose(frame, result)

    def _landmarker(self) -> Any:
        vision = weight_files.import_mediapipe().tasks.vision
        base = weight_files.import_mediapipe().tasks.BaseOptions
        options = self._options
        try:
            return vision.PoseLandmarker.create_from_options(
                vision.PoseLandmarkerOptions(
                    base_options=base(model_asset_path=str(self.weights.path)),
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
                self.weights.path, "expected a pose landmarker bundle (.task), got a file that "
                f"MediaPipe cannot use ({str(error).splitlines()[0][:120]})", "Get it again",
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
