"""One project, one store: it is found from inside the project, and may be moved or copied."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from posexp.__main__ import main
from posexp.errors import TrackingError
from posexp.settings import TrackingSettings
from posexp.store.address import Address
from posexp.store.archive import Archive
from posexp.store.mlflow import Store
from posexp.store.record import RunRecord
from posexp.store.run import Run


@pytest.fixture
def project(empty_store, tmp_path) -> Path:
    """A store with one run, in a folder whose name MLflow escapes."""
    shutil.copytree(empty_store, tmp_path / "first å" / "mlruns")
    logged(tmp_path / "first å", "first")
    return tmp_path / "first å"


def opened(project: Path) -> Store:
    return Archive(TrackingSettings(folder=str(project / "mlruns"))).open()


def logged(project: Path, name: str, status: str = "FINISHED", experiment: str = "posexp") -> Run:
    """A run with one file, which has its name in it."""
    about = {"name": "clip.mp4", "digest": "0", "source": "clip.mp4"}
    record = RunRecord(name, experiment, {"model": "mlkit"}, {"video": "clip.mp4"}, about)
    record.status = status
    results = project / "results"
    (results / "artifacts").mkdir(parents=True, exist_ok=True)
    (results / "artifacts" / "file.txt").write_text(name)
    store = opened(project)
    store.start(record)
    try:
        return store.finish(record, results)
    finally:
        shutil.rmtree(results)


def places(project: Path) -> str:
    """All that the database says of places."""
    with sqlite3.connect(project / "mlruns" / "mlflow.db") as database:
        rows = database.execute(
            "SELECT artifact_location FROM experiments WHERE experiment_id > 0 UNION ALL "
            "SELECT artifact_uri FROM runs"
        )
        return "\n".join(place for (place,) in rows)


def test_a_store_that_was_moved_finds_its_files(project, tmp_path, caplog):
    moved = tmp_path / "elsewhere" / "study"
    moved.parent.mkdir()
    project.rename(moved)
    run = opened(moved).run("last")
    assert run.file("file.txt").read_text() == "first"
    assert run.file("file.txt").is_relative_to(moved)
    assert f"{moved / 'mlruns'}: this store was made in {project / 'mlruns'}" in caplog.text
    assert "first" not in places(moved)
    caplog.clear()
    logged(moved, "second")
    assert not project.exists() and not caplog.records


def test_a_copy_writes_nothing_into_what_it_was_copied_from(project, tmp_path):
    def content(folder: Path) -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    before = content(project)
    second = logged(copy, "second")
    assert second.file("file.txt").is_relative_to(copy)
    assert opened(copy).run(opened(copy).search({})[1].id).file("file.txt").is_relative_to(copy)
    assert content(project) == before
    assert opened(project).run("last").file("file.txt").is_relative_to(project)


def test_a_copy_of_a_store_whose_runs_have_no_files_is_known_too(empty_store, tmp_path):
    shutil.copytree(empty_store, tmp_path / "a" / "mlruns")
    opened(tmp_path / "a").prepare("posexp")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert logged(tmp_path / "b", "run").file("file.txt").is_relative_to(tmp_path / "b")


def test_another_name_of_the_same_folder_changes_nothing(project, tmp_path, caplog):
    """As when a container has it under another path; here a store that was made by a link."""
    with sqlite3.connect(project / "mlruns" / "mlflow.db") as database:
        link = tmp_path / "link"
        link.symlink_to(project)
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                (project.as_uri(), link.as_uri()),
            )
    database.close()
    before = places(project)
    assert "link" in before
    assert opened(project).run("last").file("file.txt").read_text() == "first"
    assert places(project) == before and not caplog.records


def test_what_waits_in_a_store_that_was_moved_waits_for_it_still(project, tmp_path):
    archive = Archive(TrackingSettings(folder=str(project / "mlruns")))
    about = {"name": "clip.mp4", "digest": "0", "source": "clip.mp4"}
    record = RunRecord("r", "posexp", {}, {"video": "clip.mp4"}, about, uri=archive.address.uri)
    owned = archive.outbox.claim(record, "r")
    assert owned is not None
    owned.release()
    moved = project.rename(tmp_path / "moved")
    there = Archive(TrackingSettings(folder=str(moved / "mlruns")))
    there.open()
    ((folder, found),) = there.outbox.found(running=True)
    folder.release()
    assert found.uri == there.address.uri


def test_files_that_are_kept_elsewhere_on_purpose_stay_there(project, tmp_path):
    other = tmp_path / "big disk" / "artifacts" / "posexp2"
    other.mkdir(parents=True)
    store = opened(project)
    store.client.create_experiment("posexp2", artifact_location=other.as_uri())
    store.client.create_experiment("x", artifact_location=(tmp_path / "free").as_uri())
    before = places(project)
    opened(project)
    assert places(project) == before


def test_a_store_is_found_from_inside_its_project(project, monkeypatch):
    inside = project / "notebooks" / "deep"
    (inside / "mlruns" / "media").mkdir(parents=True)  # what notebooks keep is no store
    monkeypatch.chdir(inside)
    assert Address.of(TrackingSettings()).folder == project / "mlruns"
    assert Archive(TrackingSettings()).open().run("last").name == "first"
    assert Address.of(TrackingSettings(folder="./here/mlruns")).folder == Path("here/mlruns")
    assert Address.of(TrackingSettings(folder="other")).folder == Path("other")
    shutil.copytree(project / "mlruns", inside / "mlruns", dirs_exist_ok=True)
    assert Address.of(TrackingSettings()).folder == Path("mlruns")


def test_without_a_store_one_is_made_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    address = Address.of(TrackingSettings())
    assert address.folder == Path("mlruns")
    assert address.uri == f"sqlite:///{tmp_path}/mlruns/mlflow.db"


def test_last_is_the_last_that_finished_and_it_is_said(project, caplog):
    opened(project).run("last")
    assert not caplog.records
    failed = logged(project, "second", "FAILED")
    assert opened(project).run("last").name == "first"
    assert f"the newest run, second ({failed.id[:8]}), failed; last is first (" in caplog.text
    opened(project).client.delete_run(opened(project).search({})[1].id)
    with pytest.raises(TrackingError, match=r"found none; the newest run, second .*, failed"):
        opened(project).run("last")


def test_store_says_where_it_is_and_repair_fetches_what_a_copy_wrote_elsewhere(
    project, tmp_path, monkeypatch, capsys
):
    """As a copy did with older versions: its runs have their files in the first one."""
    copy = tmp_path / "copy"
    strayed = logged(project, "strayed")
    shutil.copytree(project, copy)
    shutil.rmtree(Path(str(copy / "mlruns/artifacts/posexp")) / strayed.id)
    (copy / "notebooks").mkdir()
    monkeypatch.chdir(copy / "notebooks")
    assert main(["store"]) == 0
    said = capsys.readouterr().out
    assert f"Store        {copy / 'mlruns'}\n" in said and "Runs         2: 2 finished\n" in said
    assert opened(copy).run("last").file("file.txt").is_relative_to(project)  # still found
    assert main(["store", "repair"]) == 0
    assert "Fetched the files of 1 runs" in capsys.readouterr().out
    shutil.rmtree(project)
    assert opened(copy).run("last").file("file.txt").read_text() == "strayed"
    shutil.rmtree(Path(opened(copy).run("last").artifacts))
    assert main(["store", "repair"]) == 1
    assert f"Its files are gone: strayed ({strayed.id[:8]})" in capsys.readouterr().out


def test_where_there_is_no_store_none_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["store"]) == 0
    assert f"There is no store in {tmp_path / 'mlruns'}" in capsys.readouterr().out
    assert not any(tmp_path.iterdir())
