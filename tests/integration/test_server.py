"""A real MLflow server, and its UI in a real browser."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import free_port, posexp_command

import posexp
from posexp.store.server import own_names


@contextlib.contextmanager
def served(command: list[str], port: int, cwd: Path):
    """Run a server until the end of the block; it answers when the block begins."""
    with (cwd / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true",
                 "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )  # fmt: skip
        try:
            for _ in range(240):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                    break
                assert process.poll() is None, (cwd / "server.log").read_text()[-2000:]
                time.sleep(0.5)
            else:
                pytest.fail("the server did not answer within two minutes")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def server_command(folder: Path, port: int, database: str = "", workers: int = 1) -> list[str]:
    """An MLflow server that hands out artifacts itself; SQLite in `folder` by default."""
    return [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", database or f"sqlite:///{folder}/server.db",
        "--artifacts-destination", str(folder / "artifacts"), "--workers", str(workers),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def local_store(tmp_path_factory):
    """A folder in which the default run, shortened, has been made."""
    folder = tmp_path_factory.mktemp("store")
    result = posexp_command("video.stop=2", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_runs_wait_for_a_server_that_is_down_and_are_logged_later_once(tmp_path):
    port = free_port()
    uri = f"tracking.uri=http://127.0.0.1:{port}"
    down = posexp_command("video.stop=0.2", uri, cwd=tmp_path)
    assert down.returncode == 1
    assert "python -m posexp sync" in down.stderr.splitlines()[-1]
    waiting = list((tmp_path / "mlruns" / "pending").iterdir())
    assert len(waiting) == 1 and (waiting[0] / "artifacts" / "keypoints").is_dir()
    with served(server_command(tmp_path, port), port, tmp_path) as address:
        synced = posexp_command("sync", uri, cwd=tmp_path)
        assert synced.returncode == 0, synced.stderr
        assert synced.stdout.startswith("Logged mlkit sit_to_stand (FINISHED): http://127.0.0.1")
        assert "Nothing is waiting" in posexp_command("sync", uri, cwd=tmp_path).stdout
        logged = posexp.load("last", uri=address)
        assert logged.metrics["tracking/frames"] == 10
        assert len(logged.poses()) == 10
        # And a run straight to the server, found through the environment.
        direct = posexp_command("video.stop=0.2", cwd=tmp_path, MLFLOW_TRACKING_URI=address)
        assert direct.returncode == 0, direct.stderr
        assert f"{address}/#/experiments/" in direct.stdout
        assert posexp.load("last", uri=address).id != logged.id
    assert not list((tmp_path / "mlruns" / "pending").iterdir())


def test_the_ui_shows_the_run_its_charts_its_overlay_and_its_pictures(local_store, browser):
    run = posexp.load("last", uri=f"sqlite:///{local_store}/mlruns/mlflow.db")
    port = free_port()
    command = [sys.executable, "-m", "posexp", "ui", "--port", str(port)]
    with served(command, port, local_store) as address:
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(60_000)
        base = f"{address}/#/experiments/{run.experiment_id}"

        page.goto(f"{base}/runs?workflowType=machine_learning&compareRunsMode=CHART")
        page.get_by_text("frame_confidence", exact=False).first.wait_for()

        page.goto(f"{base}/runs/{run.id}")
        page.get_by_text("tracking/tracked_share").first.wait_for()
        page.get_by_text("model.complexity").first.wait_for()

        page.goto(f"{base}/runs/{run.id}/artifacts/overlay/overlay.mp4")
        video = page.locator("video").first
        video.wait_for(state="attached")
        page.wait_for_function("document.querySelector('video').readyState >= 2")
        assert video.evaluate("v => [v.videoWidth, v.videoHeight]") == [640, 480]
        assert abs(video.evaluate("v => v.duration") - 2.0) < 0.05
        moved = video.evaluate(
            "async v => { v.muted = true; v.currentTime = 1.01;"
            " await new Promise(done => v.onseeked = done); await v.play();"
            " await new Promise(done => v.ontimeupdate = done); return v.currentTime }"
        )
        assert moved >= 1.01
        page.close()


def test_a_new_browser_lands_on_the_runs_and_nothing_stands_in_the_way(local_store, browser):
    port = free_port()
    command = [sys.executable, "-m", "posexp", "ui", "--port", str(port)]
    with served(command, port, local_store) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(60_000)
        asked_for: list[str] = []
        page.on("request", lambda request: asked_for.append(request.url))
        page.goto(address)
        page.get_by_text("mlkit sit_to_stand").first.wait_for()
        assert "viewStateShareKey=runs" in page.url
        page.wait_for_timeout(1000)
        assert page.get_by_text("Get Started").count() == 0  # MLflow's assistant
        assert all(url.startswith((address, "data:", "blob:")) for url in asked_for)
        assert not [url for url in asked_for if "telemetry" in url]
        page.evaluate("localStorage.setItem('mlflow.workflowType_v1', '\"genai\"')")
        page.goto(address)
        page.get_by_text("mlkit sit_to_stand").first.wait_for()
        assert page.evaluate("localStorage.getItem('mlflow.workflowType_v1')") == '"genai"'
        page.close()
    said = (local_store / "server.log").read_text().splitlines()
    assert [line.partition(" ")[0] for line in said] == ["Open", "(it"], said


def asked(address: str, host: str, origin: str | None = None) -> int:
    """The status of a search as a browser sends it, by this name of the server."""
    body = json.dumps({"experiment_ids": ["1"]}).encode()
    headers = {"Host": host, "Content-Type": "application/json"}
    headers |= {"Origin": origin} if origin else {}
    request = urllib.request.Request(
        f"{address}/ajax-api/2.0/mlflow/runs/search", body, headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


def test_the_ui_for_others_answers_to_this_machines_names_and_says_that_it_has_no_password(
    local_store,
):
    port, name = free_port(), socket.gethostname()
    command = [sys.executable, "-m", "posexp", "ui", "--host", "0.0.0.0", f"--port={port}",
               "--allowed-hosts", "runs.example.org"]  # fmt: skip
    with served(command, port, local_store) as address:
        for host in (f"{name}:{port}", f"{name}.local:{port}", "runs.example.org", "localhost",
                     f"127.0.0.1:{port}", *own_names("0.0.0.0")):  # fmt: skip
            assert asked(address, host) == 200, host
            assert asked(address, host, f"http://{host}") == 200, host
        assert asked(address, "runs.example.org", "https://runs.example.org") == 200
        assert asked(address, "evil.example.com") == 403  # DNS rebinding
        assert asked(address, f"{name}:{port}", "http://evil.example.com") == 403
    said = (local_store / "server.log").read_text()
    assert "posexp: there is no password" in said and f"http://{name}:{port}" in said
