"""Print how far each variant is from the reference results: ``python benchmarks/accuracy.py``.

Needs ``../shared`` (clips, weights and reference JSON); the embedded clip needs nothing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

import posexp
from posexp.app import embedded_clip
from posexp.poses import PoseSequence
from posexp.skeleton import BODY

SHARED = Path(__file__).resolve().parents[2] / "shared"


def line(what: str, errors: np.ndarray, unit: str, limit: str) -> None:
    figures = f"mean {errors.mean():8.3f}  median {np.median(errors):8.3f}  max {errors.max():8.3f}"
    print(f"{what:<46}{figures} {unit:<3} asked: {limit}", flush=True)


def main() -> None:
    clip = embedded_clip()
    truth = PoseSequence.read(clip.with_suffix(".truth.parquet"))
    poses = posexp.extract(clip, "mlkit")
    errors = np.linalg.norm(poses.select(BODY).image - truth.select(BODY).image, axis=-1)
    line("embedded clip, mlkit, 12 joints", errors, "px", f"mean < {0.02 * poses.height:.1f}")
    print(f"embedded clip, mlkit: {poses.found.sum()} of {len(poses)} frames with a pose")
    if not SHARED.is_dir():
        print("../shared is not here: the other clips are left out")
        return
    os.environ.setdefault("TFHUB_CACHE_DIR", str(SHARED / "models" / "tfhub_cache"))
    clips = SHARED / "clips"
    reference = json.loads((clips / "pose_1.json").read_text())
    expected = np.array([[[f[j]["x"], f[j]["y"]] for j in BODY] for f in reference])
    for what, weights in (
        ("SavedModel", None),
        ("int8 .tflite", str(SHARED / "models" / "movenet_singlepose_lightning_int8_v4.tflite")),
    ):
        options = {"weights": weights} if weights else {}
        found = posexp.extract(clips / "pose_1.mp4", "lightning", **options).select(BODY)
        errors = np.linalg.norm(found.image - expected, axis=-1)
        line(f"pose_1.mp4, lightning {what}, 12 joints", errors, "px", "median <= 5, max <= 60")
    found = posexp.extract(clips / "pose_squats.mp4", "mlkit")
    expected = np.array(json.loads((clips / "pose_squats.full.json").read_text()))
    errors = np.linalg.norm(found.image - expected[..., :2], axis=-1)
    line("pose_squats.mp4, mlkit stream, 33 landmarks", errors, "px", "median <= 5, max <= 60")
    expected = np.array(json.loads((clips / "pose_squats_3d.full.json").read_text()))
    errors = np.linalg.norm(found.world - expected, axis=-1)
    line("pose_squats.mp4, mlkit stream, world", errors, "m", "median <= 0.05")


if __name__ == "__main__":
    main()
