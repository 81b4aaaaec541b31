"""Print what a run costs beside what decoder and model cost, and beside the naive way.

``python benchmarks/throughput.py [quick] [clips=720p,1080p,4k,4k-hevc] [rounds=3]
[models=thunder,lightning,int8,mlkit] [json=throughput.json]``: clips are the embedded one,
enlarged, with sensor noise. Every stage is measured in turn in each round, so that a noisy machine
hurts all alike; what counts are ratios within a round, and the median of the rounds is printed.
``quick`` takes one round of fewer and shorter clips. Weights of MoveNet come from ``../shared``
where it is there, else from where runs take them, without int8.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np

from posexp.models.native import messages_off, processors
from posexp.video.embedded import embedded_clip

SHARED = Path(__file__).resolve().parents[2] / "shared"
INT8 = SHARED / "models" / "movenet_singlepose_lightning_int8_v4.tflite"
CLIPS = {
    "720p": (720, "libx264", 200), "1080p": (1080, "libx264", 150),
    "4k": (2160, "libx264", 150), "4k-hevc": (2160, "libx265", 150),
}  # fmt: skip
MODELS: dict[str, tuple[str, dict[str, str]]] = {
    "thunder": ("thunder", {}), "lightning": ("lightning", {}),
    "int8": ("lightning", {"weights": str(INT8)}), "mlkit": ("mlkit", {}),
}  # fmt: skip
Found = dict[str, float]


def make_clip(folder: Path, name: str, frames: int | None = None) -> Path:
    """The embedded clip at the size of `name`, 16:9, 50 frames/s, with noise."""
    height, codec, count = CLIPS[name]
    path = folder / f"{name}-{frames or count}.mp4"
    if not path.exists():
        size = f"scale=-2:{height},pad={height * 16 // 9}:{height}:(ow-iw)/2:0"
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", "-stream_loop", "-1",
             "-i", str(embedded_clip()), "-frames:v", str(frames or count),
             "-vf", f"{size},noise=alls=3:allf=t", "-c:v", codec, "-preset", "veryfast",
             *(["-x265-params", "log-level=error"] if codec == "libx265" else []), str(path)],
            check=True,
        )  # fmt: skip
    return path


def measured(work: Callable[[], int]) -> tuple[float, float]:
    """(CPU ms, wall ms) per frame of work that returns its number of frames."""
    cpu, wall = time.process_time(), time.perf_counter()
    frames = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return 1000 * cpu / frames, 1000 * wall / frames


def run_process(*command: object, alone_on: int | None = None) -> Found:
    """Wall s and peak MB of a process, perhaps on one processor; SystemExit when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        preexec_fn=None if alone_on is None else lambda: os.sched_setaffinity(0, {alone_on}),
    )  # fmt: skip
    assert process.stdout is not None
    printed = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    result = {"wall": time.perf_counter() - started, "peak": usage.ru_maxrss * 1024 / 1e6}
    for line in printed.splitlines():
        if line.startswith("#"):
            key, value = line[1:].split()
            result[key] = float(value)
    return result


class Fixed:
    """One picture again and again, as frames: inference without decoder."""

    def __init__(self, video: Path) -> None:
        from posexp.video.source import VideoSource

        first = next(iter(VideoSource(video).frames()))
        self.width, self.height, self._rgb = first.width, first.height, first.rgb()

    def __call__(self, count: int) -> Iterator[Any]:
        for index in range(count):
            self.index, self.time = index, index / 50
            yield self

    def rgb(self) -> Any:
        return self._rgb


def stages(video: Path, model: str, folder: Path) -> dict[str, Callable[[], int]]:
    """What is measured in this process, by name; each returns how many frames it did."""
    from posexp.models import registry
    from posexp.people.watched import on_person
    from posexp.runs.extraction import Extraction
    from posexp.settings import OverlaySettings, PersonSettings
    from posexp.show.overlay import OverlayVideo
    from posexp.video.source import VideoSource

    variant, options = MODELS[model]
    estimator: Any = registry.load(registry.options_for(variant, **options))
    fixed, source = Fixed(video), VideoSource(video)

    def decode() -> int:
        return sum(1 for _ in source.frames())

    def convert() -> int:
        return sum(1 for frame in source.frames() if frame.rgb().size)

    def inference() -> int:
        if variant == "mlkit":
            return sum(1 for _ in estimator.estimate(fixed(60)))
        crop = np.random.default_rng(0).integers(0, 255, (estimator.input_size,) * 2 + (3,))
        for _ in range(60):
            estimator._predict(crop.astype(np.uint8))
        return 60

    def extraction(*sinks: Any) -> int:
        done = Extraction(source, estimator, sinks)
        done.run()
        return len(done)

    def followed() -> int:  # the clip is searched in the first round only, the warm-up
        done = Extraction(source, on_person(estimator, source, PersonSettings()))
        done.run()
        return len(done)

    def overlay() -> int:
        sink = OverlayVideo(
            folder / "o.mp4", OverlaySettings(), estimator.skeleton, model, source.info.fps
        )
        frames = extraction(sink)
        sink.close()
        return frames

    def drawing() -> int:
        sink = OverlayVideo(
            folder / "d.mp4", OverlaySettings(), estimator.skeleton, model, source.info.fps
        )
        for frame, pose in zip(source.frames(), poses, strict=True):
            sink.add(frame, pose)
        sink.close()
        return len(poses)

    inference()  # warm-up
    followed()
    poses = list(estimator.estimate(source.frames()))
    return {
        "decode": decode,
        "source": convert if variant == "mlkit" else decode,  # MediaPipe takes nothing but RGB
        "inference": inference, "extraction": extraction, "followed": followed,
        "overlay": overlay, "drawing": drawing,
    }  # fmt: skip


def naive(video: Path) -> None:
    """The notebook that posexp replaces, again from its description; prints its seconds."""
    import imageio.v3 as iio
    import matplotlib as mpl
    import tensorflow as tf

    from posexp.pose.skeleton import COCO17

    mpl.use("agg")
    import matplotlib.pyplot as plt

    # Lightning's SavedModel, by the sha1 of its TF Hub handle.
    path = SHARED / "models" / "tfhub_cache" / "29fb93a7b6cbd61f33bf8c76777682f0a9b06839"
    model = tf.saved_model.load(str(path)).signatures["serving_default"]
    name = next(iter(model.structured_input_signature[1]))
    model(**{name: tf.zeros((1, 192, 192, 3), tf.int32)})
    started = time.perf_counter()
    frames = iio.imread(video, plugin="FFMPEG")
    height, width = frames.shape[1:3]
    side = max(width, height)
    first = [(height - side) / 2 / height, (width - side) / 2 / width]
    box = first_box = [*first, 1 - first[0], 1 - first[1]]
    found = []
    for frame in frames:
        image = tf.cast(frame[None], tf.float32)
        crop = tf.image.crop_and_resize(image, [box], [0], (192, 192))
        points = model(**{name: tf.cast(crop, tf.int32)})["output_0"].numpy()[0, 0]
        points[:, 0] = box[0] + (box[2] - box[0]) * points[:, 0]
        points[:, 1] = box[1] + (box[3] - box[1]) * points[:, 1]
        found.append(points)
        box = first_box
        sure = points[points[:, 2] > 0.2]
        if len(sure) > 3:
            place = sure[:, :2] * (height, width)
            middle = points[[11, 12], :2].mean(axis=0) * (height, width)
            half = min(1.2 * np.abs(place - middle).max(), side / 2)
            low, high = (middle - half) / (height, width), (middle + half) / (height, width)
            box = [*low, *high]
    print(f"#without {time.perf_counter() - started}")
    pictures = []
    for frame, points in zip(frames, found, strict=True):
        figure, axes = plt.subplots(figsize=(12 * width / height, 12))
        axes.axis("off")
        axes.imshow(frame)
        for a, b in COCO17.edges:
            pair = points[[COCO17.index(a), COCO17.index(b)]] * (height, width, 1)
            axes.plot(pair[:, 1], pair[:, 0], linewidth=4)
        axes.scatter(points[:, 1] * width, points[:, 0] * height, s=60, zorder=3)
        figure.tight_layout(pad=0)
        figure.canvas.draw()
        pictures.append(np.asarray(figure.canvas.buffer_rgba())[..., :3])
        plt.close(figure)
    iio.imwrite(video.with_suffix(".naive.mp4"), pictures, plugin="FFMPEG", fps=50)
    print(f"#with {time.perf_counter() - started}")


def ours(video: Path) -> None:
    """The same as `naive`, with the model loaded beforehand as there; prints its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        work = stages(video, "lightning", Path(folder))
        for key, stage in (("without", "extraction"), ("with", "overlay")):
            started = time.perf_counter()
            work[stage]()
            print(f"#{key} {time.perf_counter() - started}")


def arguments(model: str, video: Path, folder: Path, *more: str) -> list[str]:
    """A whole run as a person starts it."""
    variant, options = MODELS[model]
    chosen = [f"model={variant}", *(f"model.{key}={value}" for key, value in options.items())]
    return ["-m", "posexp", *chosen, f"video={video}", f"tracking.folder={folder / 'runs'}", *more]


def say(text: str, value: float, asked: str = "") -> Found:
    print(f"{text:<84}{value:9.2f}" + (f"   asked: {asked}" if asked else ""), flush=True)
    return {text: value}


def starts(folder: Path, models: list[str], rounds: int) -> Found:
    """Seconds from the command to the first keypoint, the store made."""
    from startup import whole

    found = {}
    for model in models:
        command = arguments(model, embedded_clip(), folder, "video.stop=0.2")
        done = [whole(command, folder)["first keypoint"] for _ in range(rounds + 1)]
        text = f"from the command to the first keypoint, {model}, s"
        found |= say(text, statistics.median(done[1:]), "<= 2")
    return found


def whole_runs(folder: Path, clip: str, video: Path, models: list[str]) -> Found:
    """Peak memory and seconds of runs as a person starts them, with overlay and MLflow."""
    found = {}
    for model in models:
        done = run_process(*arguments(model, video, folder))
        found |= say(f"{clip}, {model}: whole run, peak MB", done["peak"], "<= 600")
        found |= say("    s", done["wall"])
    return found


def beside_naive(clip: str, video: Path, rounds: int) -> Found:
    """How many times as long, and how much memory, the notebook took."""
    both = [[run_process(__file__, way, video) for way in ("--naive", "--ours")]
            for _ in range(rounds)]  # fmt: skip
    found = {}
    for key, asked in (("without", ">= 15"), ("with", ">= 30")):
        ratio = statistics.median(naive[key] / ours[key] for naive, ours in both)
        found |= say(f"{clip}, lightning, {key} overlay: naive / ours", ratio, asked)
    for place, way in enumerate(("naive", "ours")):
        found |= say(f"    {way}: peak MB", both[0][place]["peak"])
    return found


def numbered(folder: Path, clip: Path, count: int) -> Path:
    """A folder of copies that differ by a number, so that a sweep skips none."""
    folder.mkdir()
    for number in range(count):
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(clip), "-c", "copy",
             "-metadata", f"title={number}", str(folder / f"{number}.mp4")], check=True,
        )  # fmt: skip
    return folder


def sweep(
    clips: Path, model: str, folder: Path, jobs: int, alone_on: int | None = None
) -> tuple[float, float]:
    """Clips/s of a sweep: with the start of all processes, and between its first and last ends."""
    more = ("overlay=none", f"launcher.jobs={jobs}")
    seconds = run_process(*arguments(model, clips, folder, *more), alone_on=alone_on)["wall"]
    with sqlite3.connect(folder / "runs" / "mlflow.db") as store:
        ends = [end / 1000 for (end,) in store.execute("SELECT end_time FROM runs ORDER BY 1")]
    span = statistics.mean(ends[-jobs:]) - statistics.mean(ends[:jobs])
    return len(ends) / seconds, (len(ends) - jobs) / span


def side_by_side(folder: Path, model: str, count: int, frames: int) -> Found:
    """Clips/s of two workers over one that has both processors, and over one that has one."""
    clips = numbered(folder / f"many-{model}", make_clip(folder, "720p", frames), count)
    ways = {"two": (2, None), "one": (1, None), "one on one processor": (1, 0)}
    rates = {
        way: sweep(clips, model, folder / f"{model}-{way}", jobs, alone_on)
        for way, (jobs, alone_on) in ways.items()
    }
    found = {}
    for place, when in enumerate(("with the start", "at work")):
        for way in ("one", "one on one processor"):
            text = f"{count} clips of {frames} frames, {model}, {when}: two workers / {way}"
            ratio = rates["two"][place] / rates[way][place]
            found |= say(text, ratio, ">= 1.8" if when == "at work" else "")
    return found


def by_stage(
    folder: Path, clips: list[str], models: list[str], rounds: int
) -> list[dict[str, Any]]:
    columns = ("source", "inference", "extraction", "overlay")
    titles = ("decode", "inference", "extraction", "with overlay")
    print("\nms per frame, CPU / wall; for mlkit, decode includes the conversion to RGB")
    print(f"{'clip':8} {'model':10}" + "".join(f"{title:>16}" for title in titles), end="")
    print("   CPU x  wall x  person=auto x  drawing + H.264, CPU")
    rows = []
    for clip in clips:
        video = make_clip(folder, clip)
        for model in models:
            work = stages(video, model, folder)
            table = [{key: measured(step) for key, step in work.items()} for _ in range(rounds)]
            cpu, wall, auto, extra = (
                statistics.median(values) for values in zip(*map(row_ratios, table), strict=True)
            )
            middle = {
                key: [statistics.median(row[key][i] for row in table) for i in (0, 1)]
                for key in work
            }
            rows.append(
                {"clip": clip, "model": model, **middle, "cpu_ratio": cpu, "wall_ratio": wall,
                 "followed_ratio": auto, "overlay_cpu_ms": extra}
            )  # fmt: skip
            cells = "".join(f"{middle[c][0]:8.1f} /{middle[c][1]:6.1f}" for c in columns)
            ratios = f"{cpu:8.2f}{wall:8.2f}{auto:15.3f}"
            print(f"{clip:8} {model:10}{cells}{ratios}{extra:8.1f} ms", flush=True)
    print("asked: CPU x <= 1.15, wall x <= 1.2, person=auto x <= 1.05, drawing + H.264 <= 6 ms")
    return rows


def row_ratios(row: dict[str, tuple[float, float]]) -> tuple[float, float, float, float]:
    """CPU and wall of the extraction over its bounds; following over not; the overlay's CPU, ms."""
    source, inference, extraction = row["source"], row["inference"], row["extraction"]
    cpu = source[0] + inference[0]
    bound = max(source[1], inference[1], cpu / processors())
    # Without the model beside it, whose threads spin while they wait for a processor.
    followed, drawing = row["followed"][0], row["drawing"][0] - row["decode"][0]
    return extraction[0] / cpu, extraction[1] / bound, followed / extraction[0], drawing


def main() -> None:
    quick = "quick" in sys.argv[1:]
    given = dict(argument.split("=", 1) for argument in sys.argv[1:] if argument != "quick")
    if SHARED.is_dir():
        os.environ.setdefault("TFHUB_CACHE_DIR", str(SHARED / "models" / "tfhub_cache"))
    models = given.get("models", ",".join(MODELS)).split(",")
    models = [model for model in models if model != "int8" or INT8.exists()]
    clips = given.get("clips", "720p,4k" if quick else ",".join(CLIPS)).split(",")
    rounds = int(given.get("rounds", "1" if quick else "3"))
    if quick:
        CLIPS.update({name: (*CLIPS[name][:2], 50 if "4k" in name else 25) for name in CLIPS})
    machine = f"{platform.machine()}, {processors()} processors"
    print(f"{machine}; medians of {rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        largest = "4k" if "4k" in clips else clips[-1]
        video = make_clip(folder, largest)
        # Processes first: the peak that the system reports counts this one's size at their start.
        found = starts(folder, models, rounds)
        found |= whole_runs(folder, largest, video, models)
        if "lightning" in models and SHARED.is_dir():
            short = make_clip(folder, largest, CLIPS[largest][2] // 2)  # for the notebook's memory
            found |= beside_naive(largest, short, rounds)
        for model in ("mlkit",) if quick else ("thunder", "mlkit"):
            found |= side_by_side(folder, model, *((4, 50) if quick else (8, 250)))
        table = by_stage(folder, clips, models, rounds)
    if "json" in given:
        results = {"machine": machine, "rounds": rounds, "stages": table, "whole": found}
        Path(given["json"]).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--naive"]:
        naive(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--ours"]:
        ours(Path(sys.argv[2]))
    else:
        with messages_off():
            main()
