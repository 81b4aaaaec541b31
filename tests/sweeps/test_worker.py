"""Workers do not outlive who wants them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import Connection

import psutil
from clips import make_clip
from conftest import wait_for

from posexp.config import load_config
from posexp.models.registry import find_weights
from posexp.runs.fingerprint import content_of
from posexp.runs.job import prepare
from posexp.sweeps import worker


def test_a_worker_says_what_it_does_after_the_last_frame(tmp_path, monkeypatch) -> None:
    """To the bar of its clip, through the pipe."""
    monkeypatch.chdir(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=5)
    config, plain = load_config(["model=mlkit", f"video={clip}", "overlay=none"])
    job = prepare(config, plain, clip, content_of(clip), find_weights(config.model), "s")
    heard = []
    busy = worker.Worker()
    try:
        assert busy.do(job, lambda *said: heard.append(said)).status == "finished"
    finally:
        busy.stop()
    texts = [said[2] for said in heard]
    assert texts[:5] == [""] * 5
    assert {"writing tables", "writing figures", "logging to MLflow"} <= set(texts[5:])


def stuck(connection: Connection) -> None:
    """A worker that hears no signal, like one that native code has for ever."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    worker.PATIENCE = 0.2
    threading.Thread(target=worker._follow_parent, daemon=True).start()
    connection.send(os.getpid())
    time.sleep(600)


def parent(connection: Connection) -> None:
    multiprocessing.get_context("spawn").Process(target=stuck, args=(connection,)).start()
    time.sleep(600)


def test_a_stuck_worker_ends_after_its_parent() -> None:
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe()
    process = context.Process(target=parent, args=(its,))
    process.start()
    assert mine.poll(60)
    worker = psutil.Process(mine.recv())
    process.kill()
    process.join()

    def ended() -> bool:
        return not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE

    try:
        wait_for(ended, seconds=60)
    finally:
        if worker.is_running():
            worker.kill()
