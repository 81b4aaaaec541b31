"""MLflow: names, filters, addresses and servers as people have them."""

import contextlib
import nturl2path
import re
import shutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import numpy as np
import pytest

from posexp import files
from posexp.__main__ import main
from posexp.errors import ConfigError, TrackingError
from posexp.settings import TrackingSettings
from posexp.store import address, locks
from posexp.store.archive import Archive
from posexp.store.mlflow import Store
from posexp.store.record import RunRecord
from posexp.store.shown import add_pictures, add_tables
from posexp.store.tags import tag_name

ODD = ["Anna's pilot", 'the "good" one', "both ' and \"", "back\\slash", "\\", "'", "100%", "a_b",
       "aXb", "å 𝄞", "x' OR '1'='1", "a`b", "a;b -- c", " ends in space "]  # fmt: skip


@pytest.fixture
def store(empty_store, tmp_path) -> Store:
    shutil.copytree(empty_store, tmp_path / "mlruns")
    return Archive(TrackingSettings(folder=str(tmp_path / "mlruns"))).open()


def record(name: str = "run", **tags: str) -> RunRecord:
    about = {"name": "clip.mp4", "digest": "0", "source": "clip.mp4"}
    return RunRecord(name, "posexp", {"model": "mlkit"}, {"video": "clip.mp4", **tags}, about)


def test_any_value_of_a_tag_is_found_and_no_other(store):
    for value in ODD:
        store.start(record(value, **{"posexp.sweep": value, "posexp.fingerprint": "f"}))
    for value in ODD:
        tags = {"posexp.sweep": value, "posexp.fingerprint": "f"}
        assert [run.name for run in store.search(tags)] == [value]
        assert [run.name for run in store.search(tags, 1, "status = 'RUNNING'")] == [value]
    assert len(store.search({})) == len(ODD)


def test_any_word_finds_the_runs_that_have_it(store):
    for value in ODD:
        store.start(record(value, group=value.replace(" ", "_")))
    for value in ODD:
        word = max(value.split(), key=len)
        expected = {name for name in ODD if word.lower() in name.lower()}
        assert {run.name for run in store.page_of({}, word, "", 50)[0]} == expected
        group = value.replace(" ", "_")
        assert [run.name for run in store.page_of({}, f"group={group}", "", 50)[0]] == [value]
    assert len(store.page_of({}, "model=mlkit", "status = 'RUNNING'", 50)[0]) == len(ODD)


@pytest.mark.parametrize("column", ["height (cm)", "Größe", "a/b", "../x", "..", "", "x" * 300,
                                    "what?", "a\nb", "50%"])  # fmt: skip
def test_any_column_becomes_a_tag(store, column):
    run = record(**{tag_name(column): "1"})
    store.start(run)
    assert "1" in store.run(run.run_id).tags.values()


def test_more_tags_and_params_than_mlflow_takes_at_once(store, tmp_path):
    many = record(**{f"tag {n}": str(n) for n in range(250)})
    many.params |= {f"param {n}": str(n) for n in range(250)}
    store.start(many)
    run = store.finish(many, tmp_path)
    assert len(run.params) == 251
    assert sum(name.startswith("tag ") for name in run.tags) == 250


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "a%b", "a b", "å&=;'", "?"])
def test_any_folder_holds_a_store_and_nothing_stray(empty_store, tmp_path, name):
    folder = tmp_path / name / "mlruns"
    settings = TrackingSettings(folder=str(folder))
    if "?" in name:
        Archive(settings).open()  # made there; else a copy is quicker
    else:
        shutil.copytree(empty_store, folder)
    store = Archive(settings).open()
    made = record()
    store.start(made)
    (tmp_path / "results" / "artifacts").mkdir(parents=True)
    (tmp_path / "results" / "artifacts" / "file.txt").write_text("x")
    run = store.finish(made, tmp_path / "results")
    assert run.file("file.txt").read_text() == "x"
    assert run.file("file.txt").is_relative_to(folder)
    assert {path.name for path in tmp_path.iterdir()} == {name, "results"}
    assert [path.name for path in (tmp_path / name).iterdir()] == ["mlruns"]
    assert (folder / "mlflow.db").is_file()


@pytest.mark.parametrize("key", ["experiment", "run_name", "sweep"])
@pytest.mark.parametrize("name", ["", " ", ".", "..", "...", "x" * 501])
def test_a_name_that_no_store_takes_is_refused_at_once(key, name):
    with pytest.raises(ConfigError, match=f"tracking.{key}: expected a name of at most 500"):
        TrackingSettings(**{key: name})


@pytest.mark.parametrize(
    "name", ["x" * 500, "å" * 500, ".hidden", "group/study", "../../up", "a\\b"]
)
def test_other_names_are_experiments_with_a_folder_inside(store, tmp_path, name):
    TrackingSettings(experiment=name)
    made = record()
    made.experiment = name
    store.start(made)
    inside = tmp_path / "mlruns" / "artifacts"
    assert Path(store.run(made.run_id).artifacts).resolve().parent.parent.parent == inside


@contextlib.contextmanager
def answering(text: bytes, kind: str = "application/json"):
    """A server that answers everything with the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("text", [b"{}", b"[]", b"<html>Welcome</html>", b"", b"null", b"\xff\x00"])
def test_another_kind_of_server_is_no_store(text):
    with (
        answering(text) as uri,
        pytest.raises(TrackingError, match="expected an MLflow server, which says OK"),
    ):
        Archive(TrackingSettings(uri=uri)).open()


def test_a_server_that_says_ok_to_everything_is_no_store():
    with answering(b"OK", "text/plain") as uri:
        store = Archive(TrackingSettings(uri=uri)).open()
        assert not store.answers()
        with pytest.raises(TrackingError, match="does not work"):
            store.search({})


def test_a_server_that_accepts_and_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(address, "_SOON", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TrackingError, match="no answer"):
            Archive(TrackingSettings(uri=uri)).open()


def test_pictures_are_named_as_mlflow_names_them(store, tmp_path):
    made = record()
    store.start(made)
    picture = np.zeros((48, 64, 3), np.uint8)
    store.client.log_image(made.run_id, picture, key="overlay", step=7, synchronous=True)
    add_pictures(made, tmp_path / "artifacts", {7: picture})
    add_pictures(made, tmp_path / "artifacts", {7: picture})  # once more, the same

    def masked(names):
        return sorted(re.sub(r"\d{10,}|[0-9a-f-]{36}", "#", name) for name in names)

    theirs = [file.path for file in store.client.list_artifacts(made.run_id, "images")]
    ours = [f"images/{path.name}" for path in (tmp_path / "artifacts" / "images").iterdir()]
    assert masked(ours) == masked(theirs)
    assert store.run(made.run_id).tags["mlflow.loggedImages"] == made.tags["mlflow.loggedImages"]


def test_tables_are_written_as_mlflow_writes_them(store, tmp_path):
    import pandas as pd

    made = record()
    store.start(made)
    table = pd.DataFrame({"joint": ["knee", None], "px": [1.5, float("nan")]})
    store.client.log_table(made.run_id, table, "tables/pairs.json")
    theirs = store.run(made.run_id)
    (tmp_path / "tables").mkdir()
    table.to_csv(tmp_path / "tables" / "pairs.csv", index=False)
    add_tables(made, tmp_path)
    assert (tmp_path / "tables/pairs.json").read_text() == theirs.file(
        "tables/pairs.json"
    ).read_text()
    assert made.tags["mlflow.loggedArtifacts"] == theirs.tags["mlflow.loggedArtifacts"]


def test_a_lock_that_another_holds_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_PATIENCE", 0.1)
    with (
        locks.locked(tmp_path / ".store.lock"),
        pytest.raises(TrackingError, match="another process has held this lock"),
    ):
        Archive(TrackingSettings(folder=str(tmp_path))).open()


def test_what_a_process_left_that_died_while_it_made_the_store_goes(tmp_path):
    """Half a database, and SQLite's journal of it."""
    for name in (".0123.part", ".0123.part-journal"):
        (tmp_path / name).write_text("half")
    Archive(TrackingSettings(folder=str(tmp_path))).open()
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", ".store.lock"}


def test_a_store_whose_lock_cannot_be_had_is_one_line(tmp_path, capfd):
    (tmp_path / ".pending.lock").mkdir()  # as a folder that is read-only refuses it
    assert main([f"tracking.folder={tmp_path}", "video.stop=0.1"]) == 1
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1 and ".pending.lock: cannot be locked (" in said[0]
    assert "tracking.folder" in said[0] and "mistake in posexp" not in said[0]


@pytest.mark.parametrize(
    "path",
    [r"C:\Users\Ann\My clips\mlruns\artifacts\posexp", r"\\server\share\mlruns\artifacts\posexp",
     r"D:\100% ä #1\mlruns"],
)  # fmt: skip
def test_places_on_windows_are_found_again(path, monkeypatch):
    uri = PureWindowsPath(path).as_uri()
    monkeypatch.setattr(files, "os", SimpleNamespace(name="nt"))
    monkeypatch.setattr(files, "url2pathname", nturl2path.url2pathname)
    assert files.of_uri(uri) == path


@pytest.mark.parametrize("name", ["CON", "aux", "nul.2", "lpt1", "pilot."])
def test_folders_of_experiments_have_names_that_windows_keeps(name):
    made = address.folder_name(name)
    assert not PureWindowsPath(made).is_reserved() and not made.endswith((".", " "))
    assert address.folder_name("posexp") == "posexp"
