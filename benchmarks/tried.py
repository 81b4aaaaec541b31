"""Print a profile of the extraction, and what was tried to make it faster and did not.

``python benchmarks/tried.py``: needs ``../shared``; docs/performance.md quotes what it prints.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def encoder_threads(video: Path, folder: Path) -> None:
    import av

    from posexp.video.source import VideoSource

    pictures = [frame._picture for frame in VideoSource(video).frames()]
    for threads in (1, 2):

        def encode(threads: int = threads) -> int:
            with av.open(str(folder / "x.mp4"), "w") as container:
                options = {"crf": "21", "preset": "superfast"}
                stream: Any = container.add_stream("libx264", rate=50, options=options)
                stream.width, stream.height = pictures[0].width, pictures[0].height
                stream.pix_fmt, stream.codec_context.thread_count = "yuv420p", threads
                for picture in pictures:
                    container.mux(stream.encode(picture))
                container.mux(stream.encode(None))
            return len(pictures)

        say(f"x264, 720p, {threads} threads", best(encode))


def memory_given_back(video: Path) -> None:
    for threshold in (None, "4194304"):
        environment = {**os.environ}
        if threshold:
            environment["MALLOC_MMAP_THRESHOLD_"] = threshold
        process = subprocess.Popen(
            [sys.executable, __file__, str(video)], env=environment, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        if status:
            raise SystemExit("the extraction failed")
        print(
            f"    M_MMAP_THRESHOLD {threshold or 'dynamic'}: {usage.ru_maxrss / 1000:.0f} MB peak"
        )


def extraction(video: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        work = stages(video, "mlkit", Path(name))["extraction"]
        say("mlkit, 4k, extraction", measured(work))


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
        memory_given_back(large)
        profile(small, folder)
        encoder_threads(small, folder)
    lite_threads()
    saved_model()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        extraction(Path(sys.argv[1]))
    else:
        main()
