"""Workers do not outlive who wants them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import Connection

import psutil
from conftest import wait_for

from posexp.sweeps import worker


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
