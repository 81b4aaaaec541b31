"""Weights from a path, a cache, the wheel, and a real server on this machine."""

import http.server
import io
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from posexp import estimators, weights
from posexp.errors import ModelError

HANDLE = "/google/movenet/singlepose/{}/4"


class Hub:
    """Serves files by path, and SavedModels as TF Hub does: a .tar.gz for ?tf-hub-format."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.requests.append(self.path)
                body = hub.files.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add_saved_model(self, path: str, folder: Path) -> str:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(folder, arcname=".")
        self.files[f"{path}?tf-hub-format=compressed"] = packed.getvalue()
        return self.url + path


@pytest.fixture
def hub():
    hub = Hub()
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    return tmp_path / "cache" / "posexp"


def thunder_folder(thunder_cache: Path) -> Path:
    return next(thunder_cache.glob("*/saved_model.pb")).parent


def test_a_saved_model_is_downloaded_once_and_then_found_in_the_cache(hub, cache, thunder_cache):
    handle = hub.add_saved_model(HANDLE.format("thunder"), thunder_folder(thunder_cache))
    first = weights.movenet(handle)
    assert first.source == handle
    assert first.path.is_relative_to(cache)
    assert (first.path / "saved_model.pb").is_file()
    assert first.sha256 == weights.sha256_of(thunder_folder(thunder_cache))
    asked = len(hub.requests)
    assert weights.movenet(handle) == first
    assert len(hub.requests) == asked > 0
    model = estimators.load(estimators.options_for("thunder", weights=handle))
    assert model.input_size == 256


def test_tfhub_cache_dir_is_honoured(hub, cache, thunder_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "mine"))
    handle = hub.add_saved_model(HANDLE.format("thunder"), thunder_folder(thunder_cache))
    assert weights.movenet(handle).path.parent == tmp_path / "mine"


def test_the_prepared_cache_needs_no_network(tfhub_cache):
    found = weights.movenet("https://tfhub.dev/google/movenet/singlepose/lightning/4")
    assert found.path.parent == tfhub_cache


@pytest.mark.parametrize("broken", ["missing", "not an archive", "cut short"])
def test_a_failed_download_leaves_nothing_and_says_where_to_put_what(
    hub, cache, thunder_cache, broken
):
    path = HANDLE.format("lightning")
    handle = hub.add_saved_model(path, thunder_folder(thunder_cache))
    key = f"{path}?tf-hub-format=compressed"
    hub.files[key] = {"not an archive": b"hello", "cut short": hub.files[key][:2000]}.get(broken)
    with pytest.raises(ModelError, match="could not be downloaded") as caught:
        weights.movenet(handle)
    assert "saved_model.pb and variables/ into" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(cache.rglob("saved_model.pb"))


def test_a_task_file_is_downloaded_checked_and_cached(hub, cache, shared):
    original = shared / "models" / "pose_landmarker_lite.task"
    hub.files["/pose_landmarker_lite.task"] = original.read_bytes()
    url = f"{hub.url}/pose_landmarker_lite.task"
    found = weights.blazepose("lite", url)
    assert found.sha256 == weights.TASK_SHA256["pose_landmarker_lite.task"]
    assert found.path.parent == cache
    weights.blazepose("lite", url)
    assert hub.requests == ["/pose_landmarker_lite.task"]


def test_a_task_file_with_a_wrong_hash_is_not_kept(hub, cache):
    hub.files["/pose_landmarker_full.task"] = b"something else"
    with pytest.raises(ModelError, match="wrong hash: expected sha256 4eaa5eb7"):
        weights.blazepose("full", f"{hub.url}/pose_landmarker_full.task")
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_offline_says_what_to_put_where(cache):
    with pytest.raises(ModelError) as caught:
        weights.blazepose("heavy", "http://127.0.0.1:9/pose_landmarker_heavy.task")
    assert f"put pose_landmarker_heavy.task into {cache}" in str(caught.value)
    with pytest.raises(ModelError, match="Offline: put its saved_model"):
        weights.movenet("http://127.0.0.1:9" + HANDLE.format("thunder"))


def test_the_embedded_model_is_built_once_and_always_the_same(cache, monkeypatch, tmp_path):
    first = weights.blazepose("full", None)
    assert first.path.parent == cache
    built = first.path.stat().st_mtime_ns
    assert weights.blazepose("full", None) == first
    assert first.path.stat().st_mtime_ns == built
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert weights.blazepose("full", None).sha256 == first.sha256


def test_a_renamed_or_damaged_file_is_named(tmp_path, shared):
    for name, content, words in (
        ("x.task", b"text", "expected a .task bundle"),
        ("x.bin", b"text", "SavedModel folder or a .tflite"),
    ):
        (tmp_path / name).write_bytes(content)
        resolve = weights.movenet if name == "x.bin" else lambda p: weights.blazepose("full", p)
        with pytest.raises(ModelError, match=words):
            resolve(str(tmp_path / name))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"without saved_model\.pb"):
        weights.movenet(str(tmp_path / "empty"))
    with pytest.raises(ModelError, match="found nothing there"):
        weights.movenet(str(tmp_path / "nowhere.tflite"))
    damaged = tmp_path / "pose_landmarker_lite.task"
    shutil.copy(shared / "models" / damaged.name, damaged)
    with damaged.open("r+b") as file:
        file.seek(100_000)
        file.write(b"damage")
    with pytest.raises(ModelError, match="wrong hash: expected sha256 59929e1d"):
        weights.blazepose("lite", str(damaged))


def test_mediapipe_comes_without_tensorflow_and_leaves_it_importable(tmp_path):
    code = (
        "import sys; from posexp import estimators as e; e.load(e.options_for('mlkit'));"
        "assert 'tensorflow' not in sys.modules; import importlib.util;"
        "print(importlib.util.find_spec('tensorflow').name)"
    )
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert shown.stdout.strip() == "tensorflow"


def test_an_archive_cannot_write_outside_its_folder(hub, cache, tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("../../outside.txt", str(tmp_path / "absolute.txt"), "saved_model.pb"):
            info = tarfile.TarInfo(name)
            info.size = 4
            archive.addfile(info, io.BytesIO(b"evil"))
    path = HANDLE.format("evil")
    hub.files[f"{path}?tf-hub-format=compressed"] = packed.getvalue()
    with pytest.raises(ModelError):
        weights.movenet(hub.url + path)
    assert not list(tmp_path.rglob("outside.txt"))
    assert not list(tmp_path.rglob("absolute.txt"))
