"""COCO keypoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.exports.format import Format
from posexp.exports.recording import Recording


def _write(recording: Recording, path: Path) -> list[str]:
    poses, skeleton = recording.poses, recording.poses.skeleton
    points, confidence = recording.points, poses.confidence
    seen = np.isfinite(points).all(axis=-1)
    flags = np.where(seen, np.where(confidence >= recording.threshold, 2, 1), 0)
    images, annotations = [], []
    for row, frame in enumerate(poses.frame.tolist()):
        images.append({
            "id": frame, "width": poses.width, "height": poses.height,
            "file_name": f"{recording.stem}_{frame:06d}.png", "frame": frame,
            "time_s": float(poses.time[row]),
        })  # fmt: skip
        if seen[row].any():
            annotations.append(
                _annotation(frame, points[row], flags[row], confidence[row].tolist())
            )
    content = {
        "info": {"description": f"posexp: {recording.what} keypoints", **recording.about},
        "images": images,
        "annotations": annotations,
        "categories": [{
            "id": 1, "name": "person", "supercategory": "person",
            "keypoints": list(skeleton.joints),
            "skeleton": [[i + 1 for i in skeleton.indices(edge)] for edge in skeleton.edges],
        }],
    }  # fmt: skip
    path.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    return []


def _annotation(
    frame: int, points: NDArray[np.float64], flags: NDArray[np.int64], confidence: list[float]
) -> dict[str, Any]:
    """Of one frame in which somebody was seen."""
    there = points[flags > 0]
    low, size = there.min(axis=0), np.ptp(there, axis=0)
    triples = np.column_stack([np.where(flags[:, None] > 0, points, 0), flags])
    return {
        "id": frame + 1, "image_id": frame, "category_id": 1, "iscrowd": 0,
        "keypoints": [int(v) if i % 3 == 2 else round(v, 6) for i, v in enumerate(triples.ravel())],
        "num_keypoints": int((flags > 0).sum()),
        "bbox": np.round([*low, *size], 6).tolist(), "area": round(float(size.prod()), 6),
        "keypoint_confidence": [round(value, 9) for value in confidence],
    }  # fmt: skip


COCO = Format(
    name="coco",
    suffix=".coco.json",
    program="pycocotools, CVAT, FiftyOne, MMPose",
    holds="an image for each frame, an annotation for each frame with a person. Flags: "
    "0 not found, 1 found below the run's confidence_threshold, 2 at or above it. The box is that "
    "of the joints. Ours besides: time_s, keypoint_confidence",
    units=("px",),
    axes="x right, y down from the top left corner",
    missing="0, 0, 0; no annotation where nobody was found",
    lacks="angles, repetitions, z; its images are names, not files",
    write=_write,
)
