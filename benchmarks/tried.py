"""Print a profile of the extraction, and what was tried to make it faster and did not.

``python benchmarks/tried.py``: needs ``../shared``; docs/performance.md quotes what it prints.
"""

from __future__ import annotations

import cProfile
import itertools
import os
import pstats
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
from throughput import INT8, SHARED, make_clip, measured, stages

ROUNDS = 3


def best(work: Callable[[], int]) -> tuple[float, float]:
    """The least (CPU ms, wall ms) per item of some rounds."""
    rounds = [measured(work) for _ in range(ROUNDS)]
    return min(cpu for cpu, _ in rounds), min(wall for _, wall in rounds)


def say(what: str, figures: tuple[float, float]) -> None:
    print(f"{what:<58} CPU {figures[0]:7.1f} ms  wall {figures[1]:7.1f} ms", flush=True)


def repeated(call: Callable[[], Any], count: int) -> Callable[[], int]:
    def work() -> int:
        for _ in range(count):
            call()
        return count

    work()
    return work


def saved_model() -> None:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    # Lightning's, by the sha1 of its TF Hub handle.
    folder = SHARED / "models" / "tfhub_cache" / "29fb93a7b6cbd61f33bf8c76777682f0a9b06839"
    model = tf.saved_model.load(str(folder))
    plain = model.signatures["serving_default"]
    name = next(iter(plain.structured_input_signature[1]))
    frozen = convert_variables_to_constants_v2(plain)
    compiled = tf.function(lambda image: plain(**{name: image})["output_0"], jit_compile=True)
    image = tf.constant(np.random.default_rng(0).integers(0, 255, (1, 192, 192, 3)), tf.int32)
    ways = {
        "as it is": repeated(lambda: plain(**{name: image})["output_0"].numpy(), 30),
        "frozen into constants": repeated(lambda: frozen(image)[0].numpy(), 30),
        "XLA": repeated(lambda: compiled(image).numpy(), 30),
    }
    rounds = [{what: measured(work) for what, work in ways.items()} for _ in range(ROUNDS)]
    for what in ways:
        say(f"SavedModel, {what}", min(figures[what] for figures in rounds))


def lite_threads() -> None:
    from ai_edge_litert.interpreter import Interpreter

    for threads in (1, 2, 3, 4):
        interpreter: Any = Interpreter(model_path=str(INT8), num_threads=threads)
        interpreter.allocate_tensors()
        say(f"int8 under LiteRT, {threads} threads", best(repeated(interpreter.invoke, 100)))


def with_poses(video: Path, count: int) -> tuple[list[Any], list[Any]]:
    from posexp.models import registry
    from posexp.video.source import VideoSource

    frames = list(itertools.islice(VideoSource(video).frames(), count))
    estimator = registry.load(registry.options_for("mlkit"))
    return frames, list(estimator.estimate(iter(frames)))


def overlay_parts(video: Path) -> None:
    """Of 4K, and other ways of doing them."""
    from posexp.pose.skeleton import BLAZEPOSE33
    from posexp.show.drawing import draw_skeleton

    frames, poses = with_poses(video, 40)
    size = frames[0].nv12(720).y.shape[::-1]

    def through_rgb(frame: Any) -> Any:
        planes = cv2.cvtColor(frame.resized(720), cv2.COLOR_RGB2YUV_I420)
        return av.VideoFrame.from_ndarray(planes, format="yuv420p")

    def scaled(frame: Any, kind: str) -> Any:
        return frame._picture.reformat(*size, "nv12", interpolation=kind, threads=1)

    def each(call: Callable[..., Any], *given: Any) -> tuple[float, float]:
        return best(lambda: len([call(*one) for one in zip(*given, strict=True)]))

    say("4k to 720 lines of NV12", each(lambda frame: frame.nv12(720), frames))
    say("    through RGB", each(through_rgb, frames))
    for kind in ("BILINEAR", "FAST_BILINEAR", "BICUBIC"):
        say(f"    {kind.lower()}", each(lambda frame, kind=kind: scaled(frame, kind), frames))
    for what in ("nv12", "resized"):
        canvases = [getattr(frame, what)(720) for frame in frames]

        def draw(canvas: Any, pose: Any) -> None:
            draw_skeleton(canvas, BLAZEPOSE33, pose.image / 3, pose.confidence, 0.3)

        say(f"33 joints on {'NV12' if what == 'nv12' else 'RGB'}", each(draw, canvases, poses))


def encoder(video: Path, folder: Path) -> None:
    """x264's options at 720 lines: kB per frame, and dB that luma keeps."""
    from posexp.pose.skeleton import BLAZEPOSE33
    from posexp.show.overlay import OverlayPen
    from posexp.video.source import VideoSource
    from posexp.video.writer import QUICK, VideoWriter

    print(f"x264, {video.stem.split('-')[0]}")
    path, (frames, poses) = folder / "x.mp4", with_poses(video, 60)
    pictures = [frame.nv12(720) for frame in frames]
    pen = OverlayPen(BLAZEPOSE33, "mlkit", 0.3)
    for picture, frame, pose in zip(pictures, frames, poses, strict=True):
        pen.draw(picture, frame, pose)
    for what, options in {
        "as it is": QUICK, "two threads": {**QUICK, "x264-params": "threads=2"},
        "without B-frames": {**QUICK, "bf": "0"},
        "without deblocking": {key: value for key, value in QUICK.items() if key != "deblock"},
        "crf 24 for qp 25": {**QUICK, "qp": "-1", "crf": "24"},
        "superfast, crf 21": {"preset": "superfast", "crf": "21", "g": "15"},
        "veryfast, crf 21": {"preset": "veryfast", "crf": "21", "g": "15"},
    }.items():  # fmt: skip

        def encode(options: dict[str, str] = options) -> int:
            with VideoWriter(path, 50, options) as writer:
                for frame, picture in zip(frames, pictures, strict=True):
                    writer.write(picture, frame.time)
            return len(frames)

        figures = best(encode)
        errors = [
            np.square(again.nv12(720).y.astype(float) - picture.y).mean()
            for again, picture in zip(VideoSource(path).frames(), pictures, strict=True)
        ]
        size = path.stat().st_size / len(frames) / 1000
        kept = 10 * np.log10(255**2 / np.mean(errors))
        say(f"    {what:19}{size:5.1f} kB {kept:4.1f} dB", figures)


def memory_kept(video: Path) -> None:
    at_once = {"HEAP": "glibc", "MALLOC_MMAP_THRESHOLD_": "4194304"}
    ways: dict[str, dict[str, str]] = {
        "as posexp keeps it": {}, "as glibc keeps it": {"HEAP": "glibc"}, "given back": at_once
    }  # fmt: skip
    for way, more in ways.items():
        print(f"memory of pictures {way}:", flush=True)
        subprocess.run([sys.executable, __file__, str(video)], env={**os.environ, **more},
                       stderr=subprocess.DEVNULL, check=True)  # fmt: skip


def extraction(video: Path) -> None:
    """One pass by itself, from the sixtieth frame on: before that, all memory is new."""
    from posexp.models import registry
    from posexp.video import heap
    from posexp.video.source import VideoSource

    if "HEAP" in os.environ:
        vars(heap)["sys"] = SimpleNamespace(platform="elsewhere")
    poses = registry.load(registry.options_for("mlkit")).estimate(VideoSource(video).frames())
    for _ in zip(range(60), poses, strict=False):
        pass
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    say("    mlkit, 4k", measured(lambda: sum(1 for _ in poses)))
    after = resource.getrusage(resource.RUSAGE_SELF)
    frames = VideoSource(video).info.frames - 60
    print(f"    {(after.ru_minflt - before) / frames:.0f} page faults a frame, "
          f"{after.ru_maxrss * 1024 / 1e6:.0f} MB peak", flush=True)  # fmt: skip


def profile(video: Path, folder: Path) -> None:
    """Of the thread that runs the model."""
    work = stages(video, "int8", folder)["extraction"]
    profiler = cProfile.Profile()
    frames = profiler.runcall(work)
    print(f"int8, 720p, {frames} frames: ms per frame in the thread that runs the model")
    table = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    rows = sorted(table.items(), key=lambda item: -item[1][2])[:8]
    for (file, _, function), (_, _, own, _, _) in rows:
        print(f"  {1000 * own / frames:6.2f}  {Path(file).name} {function}")


def main() -> None:
    os.environ.setdefault("TFHUB_CACHE_DIR", str(SHARED / "models" / "tfhub_cache"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large, small = make_clip(folder, "4k"), make_clip(folder, "720p")
        memory_kept(large)
        profile(small, folder)
        overlay_parts(large)
        for video in (small, SHARED / "clips" / "squat.mp4"):
            encoder(video, folder)
    lite_threads()
    saved_model()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        extraction(Path(sys.argv[1]))
    else:
        main()
