"""Bad input ends in one line that says what to do, and leaves nothing half-written."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import encode, ffmpeg, make_clip
from conftest import newest_run, wait_for

import posexp
from posexp.__main__ import main

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
FASTSTART = (*H264, "-movflags", "+faststart")
SMALL = ("overlay.height=48",)
NOBODY = "no person was found"
NOTICES = (NOBODY, "is converted for LiteRT, once")


@dataclass
class Ended:
    """How a command ended: exit status, lines on stderr, and the store that it logged to."""

    status: int
    lines: list[str]
    store: Path

    def fails_with(self, status: int, *fragments: str) -> str:
        """Check for one line of error, before which only what is no error may be said; the line."""
        errors = [line for line in self.lines if not any(notice in line for notice in NOTICES)]
        assert errors == self.lines[-1:]
        line = self.lines[-1]
        assert self.status == status, line
        assert line.startswith("posexp: ")
        assert "unexpected" not in line
        for fragment in fragments:
            assert fragment in line
        return line

    def succeeds(self) -> posexp.Run:
        """Check that the run is logged as finished; the run."""
        assert self.status == 0, self.lines
        assert all(line.startswith("posexp: ") for line in self.lines)
        run = self.run()
        assert run.status == "FINISHED"
        return run

    def run(self) -> posexp.Run:
        return newest_run(self.store)


Cli = Callable[..., Ended]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run in it: creating the database takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    clip = make_clip(folder / "clip.mp4", frames=1)
    posexp.run([f"video={clip}", f"tracking.folder={folder}", "overlay=none"])
    return folder


@pytest.fixture
def cli(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    store: Path,
) -> Iterator[Cli]:
    """`python -m posexp` within this process and `tmp_path`; nothing may be left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    on_sigterm = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str) -> Ended:
        folder = f"tracking.folder={store}"
        chosen = [] if any("tracking.folder=" in a for a in arguments) else [folder]
        # Without pytest's handlers, so that main sets up its own.
        monkeypatch.setattr(logging.root, "handlers", [])
        capfd.readouterr()
        status = main([*arguments, *chosen])
        return Ended(status, capfd.readouterr().err.splitlines(), store)

    yield run
    signal.signal(signal.SIGTERM, on_sigterm)
    assert not [*tmp_path.rglob("*.part"), *store.rglob("*.part")]
    assert not any((store / "pending").iterdir())


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def packets(path: Path) -> list[Any]:
    """(position, size) of the video packets, bytes."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.size]


# Files that are no video, or hardly one


def test_missing_file_suggests_the_name_that_was_meant(cli: Cli, tmp_path: Path) -> None:
    make_clip(tmp_path / "sit_to_stand.mp4", frames=1)
    cli("video=sit_to_stadn.mp4").fails_with(1, "sit_to_stadn.mp4", "Did you mean sit_to_stand.mp4")


def test_missing_folder_is_named(cli: Cli) -> None:
    cli("video=films/clip.mp4").fails_with(1, "films/clip.mp4", "folder films does not exist")


def text(path: Path) -> None:
    path.write_text("frame,time\n0,0.0\n" * 100)


def empty(path: Path) -> None:
    path.touch()


def cut_without_index(path: Path) -> None:
    make_clip(path, *H264, frames=30)
    os.truncate(path, path.stat().st_size * 6 // 10)  # the index of a plain mp4 is at its end


def audio_only(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", "-c:a", "aac", path)


NO_VIDEO = {
    "text.mp4": (text, "cannot be read", "convert it to mp4"),
    "empty.mp4": (empty, "got an empty file", "Copy it again"),
    "cut.mp4": (cut_without_index, "cannot be read", "copy it again"),
    "audio.m4a": (audio_only, "expected a video", "without a picture track"),
    "audio.mp4": (audio_only, "expected a video", "without a picture track"),
}


@pytest.mark.parametrize("name", NO_VIDEO)
def test_what_is_no_video_is_refused(name: str, cli: Cli, tmp_path: Path) -> None:
    make, *fragments = NO_VIDEO[name]
    make(tmp_path / name)
    cli(f"video={name}").fails_with(1, f"posexp: {name}: ", *fragments)


def test_a_folder_without_videos(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "notes.txt").touch()
    cli("video=clips").fails_with(2, "video: expected videos in clips, found none", ".mp4")


def test_truncated_video_is_used_as_far_as_it_goes(cli: Cli, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "cut.mp4", *FASTSTART, frames=60)
    size = clip.stat().st_size * 6 // 10
    whole = sum(position + length <= size for position, length in packets(clip))
    os.truncate(clip, size)
    ended = cli("video=cut.mp4", *SMALL)
    run = ended.succeeds()
    assert run.metrics["tracking/frames"] == len(run.poses()) == whole > 10
    for warning in ("the file ends within a frame", f"{whole} frames decoded of the 60"):
        assert warning in run.tags["video.warnings"]
        assert any(line.startswith(f"posexp: cut.mp4: {warning}") for line in ended.lines)


def test_packets_that_cannot_be_decoded_are_skipped_and_counted(cli: Cli, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "hurt.mp4", *H264, frames=30)
    for position, _ in packets(clip)[14:16]:
        overwrite(clip, position, b"\xff" * 4)  # the length of the NAL unit
    ended = cli("video=hurt.mp4", "video.stop=1", *SMALL)
    run = ended.succeeds()
    assert run.poses().time == pytest.approx(np.delete(np.arange(25), [14, 15]) / 25)
    assert run.tags["video.warnings"] == "damaged packets, skipped: 2"
    assert "posexp: hurt.mp4: damaged packets, skipped: 2" in ended.lines


def test_damage_that_the_decoder_conceals_is_reported(cli: Cli, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "hurt.mp4", *H264, frames=30)
    position, size = packets(clip)[15]
    overwrite(clip, position + 12, bytes(range(256))[: size - 12])
    ended = cli("video=hurt.mp4", *SMALL)
    run = ended.succeeds()
    assert run.metrics["tracking/frames"] == 30
    assert run.tags["video.warnings"] == "frames with damage in the picture: 1"
    assert "posexp: hurt.mp4: frames with damage in the picture: 1" in ended.lines


# Videos that are odd, or go wrong on the way


@pytest.mark.parametrize(("frames", "size"), [(1, "64x48"), (5, "16x16")])
def test_tiny_videos(frames: int, size: str, cli: Cli, tmp_path: Path) -> None:
    make_clip(tmp_path / "tiny.mp4", *H264, frames=frames, size=size)
    run = cli("video=tiny.mp4", "overlay.height=16").succeeds()
    assert run.metrics["tracking/frames"] == frames
    assert run.file("overlay/overlay.mp4").stat().st_size > 0


def test_a_video_with_nobody_in_it(cli: Cli, tmp_path: Path) -> None:
    make_clip(tmp_path / "empty_room.mp4", frames=5)
    ended = cli("video=empty_room.mp4", *SMALL)
    run = ended.succeeds()
    assert ended.lines == [f"posexp: empty_room.mp4: {NOBODY} in any of the 5 frames"]
    assert run.metrics["tracking/tracked_share"] == 0
    assert run.tags["note"] == "no person found"
    poses = run.poses()
    assert len(poses) == 5
    assert np.isnan(poses.image).all()
    assert (poses.confidence == 0).all()


def join(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def stopped_at_frame_10(ended: Ended, *fragments: str) -> None:
    """The frames before the trouble are kept in a run that says FAILED."""
    line = ended.fails_with(1, "frame 10", *fragments)
    run = ended.run()
    assert run.status == "FAILED"
    assert f"posexp: {run.tags['error']}" == line
    assert run.poses().frame.tolist() == list(range(10))


@pytest.mark.parametrize("suffix", ["ts", "h264"])
def test_frames_that_change_size(suffix: str, cli: Cli, tmp_path: Path) -> None:
    small = make_clip(tmp_path / f"small.{suffix}", *H264)
    large = tmp_path / f"large.{suffix}"
    make_clip(large, *H264, "-output_ts_offset", "5", size="96x64")
    join(tmp_path / f"both.{suffix}", small, large)
    ended = cli(f"video=both.{suffix}", *SMALL)
    ended.lines = [line for line in ended.lines if "average rate" not in line]  # raw .h264
    stopped_at_frame_10(ended, "expected 64x48 px, got 96x64", "set video.stop=")


def test_presentation_times_that_go_back(cli: Cli, tmp_path: Path) -> None:
    part = make_clip(tmp_path / "part.ts", *H264)
    join(tmp_path / "twice.ts", part, part)
    ended = cli("video=twice.ts", *SMALL)
    stopped_at_frame_10(ended, "twice.ts", "times go back", "0.360 s, got 0.000 s", "video.stop")


def test_start_beyond_the_end(cli: Cli, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4")
    ended = cli("video=clip.mp4", "video.start=9")
    ended.fails_with(1, "clip.mp4", "no frame between 9 s and the end", "ends at 0.36 s")
    assert ended.run().status == "FAILED"


# Keys and values


USAGE = {
    "model=thundr": ("mlkit, thunder", "'thundr'", "Did you mean model=thunder?"),
    "model.min_detection_confidense=0.4": ("Did you mean model.min_detection_confidence?",),
    "keypoints.confidence_threshold=1.5": ("between 0 and 1", "got 1.5"),
    "keypoints.confidence_threshold=nan": ("between 0 and 1", "got nan"),
    "model.min_tracking_confidence=-0.1": ("between 0 and 1", "got -0.1"),
    "overlay.confidence_threshold=2": ("between 0 and 1", "got 2"),
    "overlay.height=5": ("between 16 and 4320 px", "got 5"),
    "video.start=-1": ("at least 0", "got -1"),
    "video.start=early": ("expected a number", "'early'"),
    "video.stop=0": ("expected more than video.start", "got 0"),
    "keypoints.joints=hands": ("expected one of body, all", "'hands'"),
    "model.input_size=256": ("does not apply to model=mlkit", "lightning", "thunder"),
    "+anything": ("cannot be added", "key=value"),
    "video.start": ("expected key=value",),
}


@pytest.mark.parametrize("argument", USAGE)
def test_a_wrong_key_or_value_is_named_with_what_is_right(argument: str, cli: Cli) -> None:
    key = argument.split("=")[0]
    cli(argument).fails_with(2, f"posexp: {key}: ", *USAGE[argument])


def test_a_threshold_of_the_crop_is_checked(cli: Cli) -> None:
    ended = cli("model=thunder", "model.crop.min_keypoint_score=7")
    ended.fails_with(2, "model.crop.min_keypoint_score", "between 0 and 1", "got 7")


def test_an_unknown_option(cli: Cli) -> None:
    cli("--frobnicate").fails_with(2, "--frobnicate", "--help")


# Weights


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("pose_detector.tflite", b"changed")


def folder_of_text(path: Path) -> None:
    path.mkdir()
    text(path / "notes.txt")


WEIGHTS = {
    "missing.task": (None, "mlkit", "found nothing there"),
    "text.task": (text, "mlkit", "expected a .task bundle"),
    "pose_landmarker_lite.task": (other_zip, "mlkit", "wrong hash: expected sha256 59929e1d"),
    "mine.task": (other_zip, "mlkit", "expected a pose landmarker bundle"),
    "text.tflite": (text, "lightning", "LiteRT cannot read"),
    "text.h5": (text, "lightning", "expected a SavedModel folder, a .tflite file or a TF.js"),
    "text.json": (text, "lightning", "expected a TF.js model (model.json), got another file"),
    "saved_model": (folder_of_text, "lightning", "without saved_model.pb"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_wrong_weights_are_named(name: str, cli: Cli, tmp_path: Path) -> None:
    make, model, fragment = WEIGHTS[name]
    make_clip(tmp_path / "clip.mp4", frames=1)
    if make is not None:
        make(tmp_path / name)
    ended = cli("video=clip.mp4", f"model={model}", f"model.weights={name}")
    ended.fails_with(1, name, fragment)


def test_a_saved_model_with_another_signature(cli: Cli, tmp_path: Path) -> None:
    import tensorflow as tf

    class Classifier(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 224, 224, 3], tf.float32)])
        def __call__(self, image: Any) -> dict[str, Any]:
            return {"classes": tf.reduce_mean(image, axis=(1, 2))}

    model = Classifier()
    tf.saved_model.save(model, str(tmp_path / "classifier"), signatures=model.__call__)
    make_clip(tmp_path / "clip.mp4", frames=1)
    ended = cli("video=clip.mp4", "model=lightning", "model.weights=classifier")
    ended.fails_with(
        1, "classifier", "expected MoveNet's signature", "[1, 224, 224, 3]", "Set model.weights"
    )


# Where the results go


def test_results_below_a_file(cli: Cli, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", frames=1)
    ended = cli("video=clip.mp4", "tracking.folder=clip.mp4/mlruns")
    ended.fails_with(1, "clip.mp4/mlruns", "cannot be written", "set tracking.folder")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk of its own with the given options."""
    point = tmp_path / "disk"
    point.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(point)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting a small disk is not permitted here")
        return point

    yield mount
    if point.is_mount():
        # Lazy, as SQLAlchemy keeps connections open.
        subprocess.run(["umount", "--lazy", str(point)], check=True)


def test_read_only_disk(cli: Cli, disk: Callable[[str], Path], tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", frames=1)
    ended = cli("video=clip.mp4", f"tracking.folder={disk('ro')}")
    ended.fails_with(1, "disk: ", "cannot be written", "Read-only", "set tracking.folder")


def test_disk_without_room_for_the_store(
    cli: Cli, disk: Callable[[str], Path], tmp_path: Path
) -> None:
    make_clip(tmp_path / "clip.mp4", frames=1)
    ended = cli("video=clip.mp4", f"tracking.folder={disk('size=64k')}")
    ended.fails_with(1, "disk", "space")


@pytest.mark.parametrize("size", ["4k", "64k", "256k"])
def test_disk_that_fills_up_while_writing(
    size: str, cli: Cli, disk: Callable[[str], Path], tmp_path: Path, store: Path
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (40, 96, 128, 3), np.uint8)
    encode(tmp_path / "noise.mp4", noise, *H264)
    full = disk(f"size={size}")
    ended = cli(
        "video=noise.mp4", f"tracking.folder={full}", f"tracking.uri=sqlite:///{store}/mlflow.db"
    )
    ended.fails_with(1, "disk/pending", "(No space left on device)", "Free some space there")
    run = ended.run()
    assert run.status == "FAILED"
    for table in Path(run.artifacts).rglob("keypoints.csv"):  # whole or not at all
        assert len(table.read_text().splitlines()) == 1 + run.metrics["tracking/frames"]
    assert not list(full.rglob("*.part"))
    assert not list((full / "pending").iterdir())


def test_server_that_is_down_costs_no_results(cli: Cli, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", frames=3)
    with socket.socket() as taken:  # bound and not listening: nothing answers there
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ended = cli("video=clip.mp4", f"tracking.uri={uri}", "tracking.folder=mlruns", *SMALL)
    assert ended.status == 1
    assert all(line.startswith("posexp: ") for line in ended.lines)
    assert uri in ended.lines[-1]
    assert "posexp sync" in ended.lines[-1]
    (kept,) = (tmp_path / "mlruns" / "pending").iterdir()
    assert f"the results are in {kept}" in ended.lines[-1]
    assert (kept / "run.json").is_file()
    assert len((kept / "artifacts/keypoints/keypoints.csv").read_text().splitlines()) == 1 + 3
    assert (kept / "artifacts/overlay/overlay.mp4").is_file()


# Ctrl-C


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_is_killed_and_keeps_its_keypoints(
    sent: signal.Signals, tmp_path: Path, store: Path
) -> None:
    make_clip(tmp_path / "long.mp4", *H264, frames=3000, size="160x120")
    process = subprocess.Popen(
        [sys.executable, "-m", "posexp", "video=long.mp4", f"tracking.folder={store}"],
        cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"},
        # In the background of a shell, SIGINT would come ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        overlay = "pending/*/artifacts/overlay/*.part"
        wait_for(lambda: any(f.stat().st_size for f in store.glob(overlay)), process, 60)
        process.send_signal(sent)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert re.fullmatch(r"(posexp: .*no person.*\n)?posexp: interrupted.* kept\n", stderr)
    run = newest_run(store)
    assert run.status == "KILLED"
    poses = run.poses()
    assert 0 < len(poses) < 3000
    assert poses.frame.tolist() == list(range(len(poses)))
    with av.open(str(run.file("overlay/overlay.mp4"))) as container:
        assert abs(sum(1 for _ in container.decode(video=0)) - len(poses)) <= 1
    assert not any((store / "pending").iterdir())
