"""Print what one run over an hour of 720p takes and leaves behind.

``python benchmarks/hour.py [minutes=60] [model=mlkit]``: the embedded clip at 1280x720 and 25
frames/s, looped without re-encoding, through ``python -m posexp`` with overlay and MLflow. Memory
is read while it runs; then the table and the overlay are counted and the run's page is opened in
Chromium. MoveNet is the int8 model of ``../shared`` where it is there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import imageio_ffmpeg
import psutil

from posexp.video.embedded import embedded_clip

SHARED = Path(__file__).resolve().parents[2] / "shared"
INT8 = SHARED / "models" / "movenet_singlepose_lightning_int8_v4.tflite"
PORT = 5999


def make_clip(folder: Path, minutes: float) -> Path:
    """8 s of 720p, repeated by FFmpeg's concat for as long as asked."""
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y"]
    once, path = folder / "once.mp4", folder / "hour.mp4"
    size = "scale=-2:720,pad=1280:720:(ow-iw)/2:0"
    subprocess.run(
        [*ffmpeg, "-i", str(embedded_clip()), "-r", "25", "-vf", size, str(once)], check=True
    )
    listing = folder / "list.txt"
    listing.write_text(f"file '{once}'\n" * round(minutes * 60 / 8), encoding="utf-8")
    concat = ["-f", "concat", "-safe", "0", "-i", str(listing), "-c", "copy", str(path)]
    subprocess.run([*ffmpeg, *concat], check=True)
    return path


def watched(command: list[str]) -> tuple[float, list[tuple[float, float]]]:
    """Seconds that a process took, and (seconds, resident MB) every five of them."""
    begun, memory = time.perf_counter(), []
    process = psutil.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            memory.append((time.perf_counter() - begun, process.memory_info().rss / 1e6))
        time.sleep(5)
    if process.returncode:
        raise SystemExit("the run failed")
    return time.perf_counter() - begun, memory


def page_seconds(address: str, word: str) -> float:
    """Until a page of the MLflow UI shows a word."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        begun = time.perf_counter()
        page.goto(address)
        page.get_by_text(word).first.wait_for(timeout=60_000)
        seconds = time.perf_counter() - begun
        browser.close()
    return seconds


def main() -> None:
    asked = dict(argument.split("=", 1) for argument in sys.argv[1:])
    minutes, model = float(asked.get("minutes", 60)), asked.get("model", "mlkit")
    arguments = [f"model={model}"]
    if model != "mlkit" and INT8.is_file():
        arguments.append(f"model.weights={INT8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = make_clip(folder, minutes)
        os.chdir(folder)
        command = [sys.executable, "-m", "posexp", *arguments, f"video={video}"]
        seconds, memory = watched(command)

        import posexp
        from posexp.video.source import VideoSource

        run = posexp.load("last")
        frames = len(run.poses())
        shown = sum(1 for _ in VideoSource(run.file("overlay/overlay.mp4")).frames())
        print(f"{model}: {minutes:g} min of 720p, {frames} frames, in {seconds / 60:.1f} min")
        for share in (0.1, 0.25, 0.5, 0.75, 0.95):
            at, used = memory[int(share * (len(memory) - 1))]
            print(f"    memory after {at / 60:5.1f} min: {used:5.0f} MB")
        print(f"    rows of the table {frames}, frames of the overlay {shown}")
        print(f"    overlay {run.file('overlay/overlay.mp4').stat().st_size / 1e6:.0f} MB")

        server = subprocess.Popen(
            [sys.executable, "-m", "posexp", "ui", "--port", str(PORT)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(120):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=2).close()
                    break
                time.sleep(0.5)
            base = run.page.replace(":5000", f":{PORT}")
            page_seconds(base, "tracking/tracked_share")  # the browser's caches are cold
            print(f"    run page {page_seconds(base, 'tracking/tracked_share'):.1f} s", end="")
            charts = base.split("?")[0] + "/model-metrics?workflowType=machine_learning"
            print(f", its charts {page_seconds(charts, 'frame_confidence'):.1f} s")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
