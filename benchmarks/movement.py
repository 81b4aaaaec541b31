"""Print how exact cleaning, angles and times are: ``python benchmarks/movement.py``.

Against sines, the embedded clip, whose joints are known, and a real squat with optical markers, in
``../shared``.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import posexp
from posexp.benchmark.rendering.figure import Body, joints_at
from posexp.config import Config
from posexp.movement.cleaning import clean
from posexp.movement.filters import fill_gaps, low_pass
from posexp.movement.repetitions import Repetitions
from posexp.movement.swaps import swapped, without_swaps
from posexp.movement.uncertainty import match
from posexp.pose.sequence import PoseSequence
from posexp.runs.movement import write_movement
from posexp.settings import ScaleSettings
from posexp.store.record import RunRecord
from posexp.video.embedded import embedded_clip

SHARED = Path(__file__).resolve().parents[2] / "shared"
VARIANTS = ("mlkit", "thunder", "lightning")
LEGS = ("hip", "knee", "ankle")


def filters() -> None:
    for rate in (30, 50, 240):
        times = np.arange(0, 12, 1 / rate)
        said = []
        for hz in (1, 6):
            inside = (times > 1) & (times < 11)
            waves = np.stack([np.sin(2 * np.pi * hz * times), np.cos(2 * np.pi * hz * times)], 1)
            smooth = low_pass(times, waves[:, 0])
            sine, cosine = np.linalg.lstsq(waves[inside], smooth[inside], rcond=None)[0]
            lag = np.arctan2(-cosine, sine) / (2 * np.pi * hz)
            said.append(
                f"{hz} Hz comes out at {np.hypot(sine, cosine):.4f}, {abs(1000 * lag):.2f} ms late"
            )
        sine = np.sin(2 * np.pi * times)
        worst = 0.0
        for begin in np.arange(2, 3, 0.05):
            lost = (times > begin) & (times < begin + 0.2 - 1 / rate)
            worst = max(worst, np.abs(fill_gaps(times, np.where(lost, np.nan, sine)) - sine).max())
        print(f"{rate:>4} Hz: {', '.join(said)}; a gap of 0.2 s in 1 Hz filled within {worst:.1%}")


def swaps() -> None:
    poses = PoseSequence.read(embedded_clip().with_suffix(".truth.parquet"))
    of_legs = [left.split("_", 1)[1] in LEGS for left, _ in poses.skeleton.symmetries]
    random = np.random.default_rng(0)
    for length in (1, 5, 20):
        frames = np.zeros(len(poses), bool)
        while frames.mean() < 0.1:
            begin = random.integers(0, len(poses) - length + 1)
            frames[begin : begin + length] = True
        which = np.array(of_legs)[:, None] & frames
        found = swapped(without_swaps(poses, which))
        print(f"embedded clip, legs swapped in {frames.mean():.0%} of the frames, {length} at a "
              f"time: {(found & which).sum() / which.sum():.1%} put back, "
              f"{(found & ~which).sum() / (~which).sum():.2%} falsely")  # fmt: skip


def markers() -> None:
    """A real squat, filmed obliquely, against optical markers."""
    clips = SHARED / "clips"
    truth = pd.read_csv(clips / "squat.markers.csv")
    for model in VARIANTS:
        poses = posexp.extract(clips / "squat.mp4", model)
        table = posexp.angles(clean(poses).poses)
        inside = table["time"] <= truth["time"].iloc[-1]
        endings = ("", "_world") if "trunk_lean_world" in table else ("",)
        for ending in endings:
            names = [(f"{side}_knee_flexion", f"knee_{side}_deg") for side in ("left", "right")]
            names.append(("trunk_lean", "trunk_deg"))
            *knees, trunk = [
                np.abs(
                    table[mine + ending] - np.interp(table["time"], truth["time"], truth[theirs])
                )[inside].mean()
                for mine, theirs in names
            ]
            print(f"squat.mp4, {model}, angles {'in space' if ending else 'in the plane'}: "
                  f"knee {min(knees):.1f} deg on the better side, {max(knees):.1f} on the other, "
                  f"trunk {trunk:.1f}", flush=True)  # fmt: skip
        print(f"squat.mp4, {model}: {clean(poses).view.sentence}")
        rises = pd.read_csv(clips / "squat.rises.csv").to_numpy()
        tell_times(f"squat.mp4, {model}", posexp.repetitions(poses), rises)


def stands() -> None:
    """Embedded clips, whose motion is known: the hips' own rises, by the same rule."""
    times = np.arange(0, 12, 0.002)
    hips = np.array([joints_at(time)["mid_hip"][1] for time in times])
    known = posexp.find_rises(times, hips)[["start", "end"]].to_numpy()
    for clip in sorted(embedded_clip().parent.glob("*.mp4")):
        for model in VARIANTS:
            poses = posexp.extract(clip, model)
            rises = known[known[:, 1] < poses.time[-1]]
            step = 1000 * float(np.median(np.diff(poses.time)))
            scale = ScaleSettings(height_m=Body().height)
            found = posexp.repetitions(poses, scale=scale)
            tell_times(f"{clip.name}, {model} (a frame is {step:.0f} ms)", found, rises)
            print(f"    rise {found.figures.get('rise_m', np.nan):.2f} m, is "
                  f"{np.ptp(hips):.2f} m; {found.sentence}", flush=True)  # fmt: skip


def tell_times(name: str, found: Repetitions, rises: np.ndarray) -> None:
    """How far onset, end and duration of each known rise are off, and how far within the clip."""
    spans = found.table[["rise_start", "standing"]].to_numpy(float)
    pairs = [(row, other) for row, other in enumerate(match(rises, spans)) if other is not None]
    print(f"{name}: {len(pairs)} of {len(rises)} found, {len(spans) - len(pairs)} besides", end="")
    if pairs:
        rows, others = (list(each) for each in zip(*pairs, strict=True))
        off = 1000 * (spans[others] - rises[rows])
        late = " and ".join(f"{mean:+.0f}" for mean in off.mean(axis=0))
        sd = 1000 * found.table["rise_s_bootstrap_sd"].mean()
        print(f"; start and end {late} ms off, duration {np.abs(np.diff(off)).mean():.0f} ms "
              f"(its bootstrap sd {sd:.0f})", end="")  # fmt: skip
        if len(pairs) > 1:
            print(f"; from one to the next {np.diff(off).std(ddof=1):.0f} ms", end="")
    print(flush=True)


def cost() -> None:
    """Of 30 s at 50 frames/s, beside nothing else."""
    long = _repeated(posexp.extract(embedded_clip(), "mlkit"), 1500)
    seconds = []
    for _ in range(5):  # the first loads what is drawn with
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            write_movement(long, Config(), RunRecord("", "", {}, {}, {}), Path(folder))
            seconds.append(time.perf_counter() - begin)
    print(f"30 s of mlkit, 50 frames/s: cleaned, angles and repetitions, as tables and figures, in "
          f"{np.median(seconds):.2f} s")  # fmt: skip


def _repeated(poses: PoseSequence, frames: int) -> PoseSequence:
    """The clip again and again, until it has so many frames."""
    rows = np.arange(frames) % len(poses)
    arrays = {
        name: getattr(poses, name)[rows]
        for name in ("image", "confidence", "depth", "world", "visibility")
        if getattr(poses, name) is not None
    }
    return replace(poses, frame=np.arange(frames), time=np.arange(frames) / 50, **arrays)


def main() -> None:
    filters()
    swaps()
    stands()
    if SHARED.is_dir():
        markers()
    else:
        print("../shared is not here: the squat with markers is left out")
    cost()


if __name__ == "__main__":
    main()
