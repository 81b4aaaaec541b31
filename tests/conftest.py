"""Shared fixtures: real weights and clips, and the command line."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posexp.errors import ModelError
from posexp.models.weights import table
from posexp.models.weights.model_file import ModelFile
from posexp.settings import TrackingSettings
from posexp.store.archive import Archive
from posexp.store.run import Run

# Some tests import mlflow before posexp does, which sets this for its own runs.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may log to the developer's own server."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real weights, clips and reference results, beside the project."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared with real weights, clips and reference results")
    return SHARED


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without runs, to be copied: MLflow takes seconds to make one."""
    folder = tmp_path_factory.mktemp("empty") / "mlruns"
    Archive(TrackingSettings(folder=str(folder))).open()
    return folder


@pytest.fixture(scope="session")
def published() -> Callable[[str], ModelFile]:
    """Real weights by their name, fetched once into the user's cache as a user's are."""

    def get(name: str) -> ModelFile:
        try:
            return table.published(name)
        except ModelError as error:
            pytest.skip(str(error))

    return get


@pytest.fixture(scope="session")
def movenet(published: Callable[[str], ModelFile]) -> None:
    """Thunder's and Lightning's real weights are here."""
    published("lightning"), published("thunder")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, without a window."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def posexp_command(
    *arguments: str, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m posexp`` as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "posexp", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def newest_run(folder: Path) -> Run:
    """The newest run of a local store, however it ended."""
    return Archive(TrackingSettings(folder=str(folder))).open().search({}, 1)[0]


def wait_for(
    what: Callable[[], Any], process: subprocess.Popen[str] | None = None, seconds: float = 150
) -> None:
    """Wait until `what` is true, while `process`, if there is one, goes on."""
    deadline = time.monotonic() + seconds
    while not what():
        assert process is None or process.poll() is None, process and process.communicate()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def errors_px(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Distances between (..., 2) points, px."""
    return np.linalg.norm(found - truth, axis=-1)
