"""Print how far each variant is from exact and other results: ``python benchmarks/accuracy.py``.

The embedded clip needs nothing but the weights; the others are in ``../shared``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import posexp
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BODY
from posexp.video.embedded import embedded_clip

SHARED = Path(__file__).resolve().parents[2] / "shared"
VARIANTS = (
    ("thunder", "thunder", {}), ("lightning", "lightning", {}),
    *((f"mlkit {size}", "mlkit", {"complexity": size}) for size in ("lite", "full", "heavy")),
)  # fmt: skip


def line(what: str, errors: np.ndarray, unit: str, limit: str) -> None:
    figures = f"mean {errors.mean():8.3f}  median {np.median(errors):8.3f}  max {errors.max():8.3f}"
    print(f"{what:<46}{figures} {unit:<3} asked: {limit}", flush=True)


def main() -> None:
    clip = embedded_clip()
    truth = PoseSequence.read(clip.with_suffix(".truth.parquet"))
    for what, model, options in VARIANTS:
        poses = posexp.extract(clip, model, **options)
        errors = np.linalg.norm(poses.select(BODY).image - truth.select(BODY).image, axis=-1)
        asked = f"mean < {0.02 * poses.height:.1f}" if what == "mlkit full" else "-"
        line(f"embedded clip, {what}, 12 joints", errors, "px", asked)
        share = posexp.evaluate(poses, truth).metrics()["pck/0.10"]
        print(f"embedded clip, {what}: {poses.found.sum()} of {len(poses)} frames with a pose, "
              f"PCK@0.1 {share:.1%}", flush=True)  # fmt: skip
    if not SHARED.is_dir():
        print("../shared is not here: the other clips are left out")
        return
    clips = SHARED / "clips"
    reference = json.loads((clips / "pose_1.json").read_text())
    expected = np.array([[[f[j]["x"], f[j]["y"]] for j in BODY] for f in reference])
    int8 = str(SHARED / "models" / "movenet_singlepose_lightning_int8_v4.tflite")
    for what, model, options in (*VARIANTS[:2], ("lightning int8", "lightning", {"weights": int8})):
        found = posexp.extract(clips / "pose_1.mp4", model, **options).select(BODY)
        errors = np.linalg.norm(found.image - expected, axis=-1)
        line(f"pose_1.mp4, {what}, 12 joints", errors, "px", "median <= 5, max <= 60")
    found = posexp.extract(clips / "pose_squats.mp4", "mlkit")
    expected = np.array(json.loads((clips / "pose_squats.full.json").read_text()))
    errors = np.linalg.norm(found.image - expected[..., :2], axis=-1)
    line("pose_squats.mp4, mlkit stream, 33 landmarks", errors, "px", "median <= 5, max <= 60")
    expected = np.array(json.loads((clips / "pose_squats_3d.full.json").read_text()))
    errors = np.linalg.norm(found.world - expected, axis=-1)
    line("pose_squats.mp4, mlkit stream, world", errors, "m", "median <= 0.05")


if __name__ == "__main__":
    main()
