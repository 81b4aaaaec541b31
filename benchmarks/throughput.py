"""Print what a run costs beside what decoder and model cost, and beside the naive way.

``python benchmarks/throughput.py [clips=720p,1080p,4k,4k-hevc] [models=lightning,thunder,...]
[rounds=3] [json=throughput.json]``: clips are the embedded one, enlarged, with sensor noise.
Every stage is measured in turn in each round, so that a noisy machine hurts all alike; what
counts are ratios within a round, and the median of the rounds is printed. Weights of MoveNet
come from ``../shared`` where it is there, else from where runs take them, without int8.
"""

from __future__ import annotations

import json
import os
import platform
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

from posexp.video.embedded import embedded_clip

SHARED = Path(__file__).resolve().parents[2] / "shared"
INT8 = SHARED / "models" / "movenet_singlepose_lightning_int8_v4.tflite"
CLIPS = {
    "720p": (720, "libx264", 200), "1080p": (1080, "libx264", 150),
    "4k": (2160, "libx264", 75), "4k-hevc": (2160, "libx265", 75),
}  # fmt: skip
MODELS: dict[str, tuple[str, dict[str, str]]] = {
    "lightning": ("lightning", {}), "thunder": ("thunder", {}),
    "int8": ("lightning", {"weights": str(INT8)}),
    "mlkit": ("mlkit", {}), "heavy": ("mlkit", {"complexity": "heavy"}),
}  # fmt: skip
CORES = os.cpu_count() or 1


def make_clip(folder: Path, name: str, frames: int | None = None, lines: int | None = None) -> Path:
    """The embedded clip at the size of `name`, 16:9, 50 frames/s, with noise."""
    height, codec, count = CLIPS[name]
    height = lines or height
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


def run_process(*command: object) -> dict[str, float]:
    """Wall s, CPU s and peak MB of a process; SystemExit when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    printed = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    result = {
        "wall": time.perf_counter() - started, "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss * 1024 / 1e6,
    }  # fmt: skip
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
    from posexp.runs.extraction import Extraction
    from posexp.settings import OverlaySettings
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
        for _ in range(100):
            estimator._predict(crop.astype(np.uint8))
        return 100

    def extraction(*sinks: Any) -> int:
        done = Extraction(source, estimator, sinks)
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
    poses = list(estimator.estimate(source.frames()))
    return {
        "decode": decode,
        "source": convert if variant == "mlkit" else decode,  # MediaPipe takes nothing but RGB
        "inference": inference, "extraction": extraction, "overlay": overlay, "drawing": drawing,
    }  # fmt: skip


def arguments(model: str, video: Path, folder: Path, *more: str) -> list[str]:
    """A whole run as a person starts it."""
    variant, options = MODELS[model]
    chosen = [f"model={variant}", *(f"model.{key}={value}" for key, value in options.items())]
    return ["-m", "posexp", *chosen, f"video={video}", f"tracking.folder={folder / 'runs'}", *more]


def naive(video: Path, drawn: bool) -> None:
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
    if drawn:
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
    print(f"#seconds {time.perf_counter() - started}")


def ours(video: Path, drawn: bool) -> None:
    """The same as `naive`, with the model loaded beforehand as there; prints its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        work = stages(video, "lightning", Path(folder))["overlay" if drawn else "extraction"]
        started = time.perf_counter()
        work()
        print(f"#seconds {time.perf_counter() - started}")


def first_keypoint() -> None:
    """From nothing to the first pose of the embedded model; prints whether TensorFlow came in."""
    from posexp.models import registry
    from posexp.video.source import VideoSource

    frames = VideoSource(embedded_clip()).frames()
    next(registry.load(registry.options_for("mlkit")).estimate(frames))
    print(f"#tensorflow {int('tensorflow' in sys.modules)}")


def logging_time(video: Path, folder: Path) -> tuple[float, float]:
    """(s that MLflow takes, s of the whole run) of a run without overlay, the store made."""
    from posexp import run
    from posexp.store.mlflow import Store

    spent = 0.0

    def timed(method: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal spent
            begun = time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                spent += time.perf_counter() - begun

        return call

    start, finish = Store.start, Store.finish
    Store.start, Store.finish = timed(start), timed(finish)  # type: ignore[method-assign]
    try:
        begun = time.perf_counter()
        run([f"video={video}", f"tracking.folder={folder / 'runs'}", "overlay=none"])
        return spent, time.perf_counter() - begun
    finally:
        Store.start, Store.finish = start, finish  # type: ignore[method-assign]


def together(folder: Path) -> float:
    """Throughput of two 720p clips at once, launcher.jobs=2, over one after the other, mlkit."""
    clips = folder / "pair"
    clips.mkdir(exist_ok=True)
    for frames in (1000, 1001):  # of different content, so that neither is skipped
        made = make_clip(folder, "720p", frames)
        made.rename(clips / made.name)
    seconds = []
    for jobs in (1, 2):
        command = [
            "-m", "posexp", f"video={clips}", "overlay=none", f"launcher.jobs={jobs}",
            f"tracking.folder={folder}/runs", f"tracking.sweep=of-{jobs}",
        ]  # fmt: skip
        seconds.append(run_process(*command)["wall"])
    return seconds[0] / seconds[1]


def main() -> None:
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    if SHARED.is_dir():
        os.environ.setdefault("TFHUB_CACHE_DIR", str(SHARED / "models" / "tfhub_cache"))
    models = given.get("models", ",".join(MODELS)).split(",")
    models = [model for model in models if model != "int8" or INT8.exists()]
    clips = given.get("clips", ",".join(CLIPS)).split(",")
    rounds = int(given.get("rounds", "3"))
    machine = f"{platform.machine()}, {CORES} processors"
    print(f"{machine}; medians of {rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Processes first: the peak that the system reports counts this one's size at their start.
        found = processes(folder, clips, models, rounds)
        table = by_stage(folder, clips, models, rounds)
        found.update(in_process(folder, clips, models, rounds))
    if "json" in given:
        results = {"machine": machine, "rounds": rounds, "stages": table, "whole": found}
        Path(given["json"]).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def say(text: str, value: float, asked: str = "") -> dict[str, float]:
    print(f"{text:<66}{value:9.2f}" + (f"   asked: {asked}" if asked else ""), flush=True)
    return {text: value}


def by_stage(
    folder: Path, clips: list[str], models: list[str], rounds: int
) -> list[dict[str, Any]]:
    columns = ("source", "inference", "extraction", "overlay")
    titles = ("decode", "inference", "extraction", "with overlay")
    print("\nms per frame, CPU / wall; for mlkit and heavy, decode includes the conversion to RGB")
    print(f"{'clip':8} {'model':10}" + "".join(f"{title:>16}" for title in titles), end="")
    print("   CPU x  wall x  drawing + H.264, CPU")
    rows = []
    for clip in clips:
        video = make_clip(folder, clip)
        for model in models:
            work = stages(video, model, folder)
            table = [{key: measured(step) for key, step in work.items()} for _ in range(rounds)]
            cpu, wall, extra = (
                statistics.median(values) for values in zip(*map(row_ratios, table), strict=True)
            )
            middle = {
                key: [statistics.median(row[key][i] for row in table) for i in (0, 1)]
                for key in work
            }
            rows.append(
                {"clip": clip, "model": model, **middle, "cpu_ratio": cpu, "wall_ratio": wall,
                 "overlay_cpu_ms": extra}
            )  # fmt: skip
            cells = "".join(f"{middle[c][0]:8.1f} /{middle[c][1]:6.1f}" for c in columns)
            print(f"{clip:8} {model:10}{cells}{cpu:8.2f}{wall:8.2f}{extra:8.1f} ms", flush=True)
    print("asked: CPU x <= 1.15, wall x <= 1.2, drawing + H.264 <= 6 ms\n")
    return rows


def row_ratios(row: dict[str, tuple[float, float]]) -> tuple[float, float, float]:
    """CPU and wall of the extraction over its bounds, and the overlay's own CPU, ms."""
    source, inference, extraction = row["source"], row["inference"], row["extraction"]
    cpu = source[0] + inference[0]
    bound = max(source[1], inference[1], cpu / CORES)
    # Without the model beside it, whose threads spin while they wait for a processor.
    return extraction[0] / cpu, extraction[1] / bound, row["drawing"][0] - row["decode"][0]


def processes(folder: Path, clips: list[str], models: list[str], rounds: int) -> dict[str, float]:
    """What needs processes of its own: whole runs, start-up, the naive way, two at once."""
    script, found = Path(__file__), {}

    def middle(*command: object) -> float:
        return statistics.median(run_process(*command)["wall"] for _ in range(rounds))

    largest = "4k" if "4k" in clips else clips[-1]
    video = make_clip(folder, largest)
    found |= say("python -m posexp --help, s", middle("-m", "posexp", "--help"), "<= 0.6")
    found |= say("start to first keypoint, mlkit, s", middle(script, "--first"), "<= 3")
    imported = run_process(script, "--first")["tensorflow"]
    found |= say("    TensorFlow was imported (1) or not (0)", imported, "0")
    run_process(*arguments(models[0], make_clip(folder, clips[0]), folder))  # makes the store
    for model in models:
        done = run_process(*arguments(model, video, folder))
        limit = 900 if model in ("lightning", "thunder") else 600
        found |= say(f"{largest}, {model}: whole run, peak MB", done["peak"], f"<= {limit}")
        found |= say(f"    whole run of {CLIPS[largest][2]} frames, s", done["wall"])
    posexp_only = "import posexp.store.mlflow, mlflow, pandas, cv2, av"
    for name, code in (
        ("MLflow and pandas", posexp_only),
        ("and MediaPipe", f"{posexp_only}, posexp.models.mlkit_mediapipe"),
        ("and TensorFlow", f"{posexp_only}, tensorflow"),
    ):
        peak = run_process("-c", code)["peak"]
        found |= say(f"    imports alone, {name}: peak MB", peak)
    if "lightning" in models:
        for drawn, asked in ((0, ">= 6"), (1, ">= 15")):
            both = [
                [run_process(script, way, video, drawn) for way in ("--naive", "--ours")]
                for _ in range(1 if drawn else rounds)
            ]
            label = f"{largest}, lightning, {'with' if drawn else 'without'} overlay: naive / ours"
            ratio = statistics.median(naive["seconds"] / ours["seconds"] for naive, ours in both)
            found |= say(label, ratio, asked)
            found |= say(f"    {CLIPS[largest][2]} frames, naive: peak MB", both[0][0]["peak"])
            found |= say(f"    {CLIPS[largest][2]} frames, ours: peak MB", both[0][1]["peak"])
    if "mlkit" in models:
        label = "two 720p clips at once over one after the other, mlkit"
        found |= say(label, together(folder), ">= 1.5")
    return found


def in_process(folder: Path, clips: list[str], models: list[str], rounds: int) -> dict[str, float]:
    """Ratios of models, and what MLflow takes of a run."""
    found = {}
    video = make_clip(folder, clips[0])
    if {"lightning", "int8"} <= set(models):
        slow, fast = (stages(video, m, folder)["extraction"] for m in ("lightning", "int8"))
        ratio = statistics.median(measured(slow)[1] / measured(fast)[1] for _ in range(rounds))
        found |= say(f"{clips[0]}: int8 over SavedModel, frames/s of extraction", ratio, ">= 2.5")
    logging_time(video, folder)  # imports MLflow
    spent, total = logging_time(make_clip(folder, clips[0], 1500, 480), folder)
    found |= say("MLflow logging of a 1500-frame run, mlkit, s", spent, "<= 2")
    found |= say("    share of the run, %", 100 * spent / total, "<= 5")
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--naive"]:
        naive(Path(sys.argv[2]), sys.argv[3] == "1")
    elif sys.argv[1:2] == ["--ours"]:
        ours(Path(sys.argv[2]), sys.argv[3] == "1")
    elif sys.argv[1:2] == ["--first"]:
        first_keypoint()
    else:
        main()
