"""A group's MLflow server with PostgreSQL: real ones, started here and filled."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clips import make_clip
from conftest import free_port, wait_for
from integration.test_faults import runs_of, start
from integration.test_server import served, server_command

import posexp
from posexp.files import sha256_of
from posexp.notebook.widgets import CompareRuns
from posexp.runs import results
from posexp.runs.delivery import WaitingError
from posexp.runs.recovery import log_waiting
from posexp.settings import TrackingSettings
from posexp.store.archive import Archive
from posexp.store.mlflow import Store

RUNS = 2000


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of an empty PostgreSQL database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    folder, port = Path(f"/tmp/posexp-postgres-{os.getpid()}"), free_port()
    folder.mkdir()
    user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    subprocess.run(
        [programs[-1] / "initdb", "-D", data, "-U", "posexp", "-A", "trust", "-E", "UTF8"],
        user=user, check=True, stdout=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    process = subprocess.Popen(
        [programs[-1] / "postgres", "-D", data, "-p", str(port), "-k", folder,
         "-c", "listen_addresses=127.0.0.1"],
        user=user, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    import psycopg2

    def answers() -> bool:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="posexp", dbname="postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    try:
        wait_for(answers)
        yield f"postgresql+psycopg2://posexp@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a server that keeps runs in PostgreSQL and hands out artifacts itself."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    command = server_command(folder, port, database, workers=2)
    with served(command, port, folder) as address:
        yield address, folder


def test_four_processes_log_to_it_at_once(server, tmp_path, monkeypatch):
    address, folder = server
    monkeypatch.chdir(tmp_path)
    uri = f"tracking.uri={address}"
    processes = []
    for index in range(4):
        make_clip(tmp_path / f"c{index}.mp4", frames=20 + index)
        processes.append(start(
            f"video=c{index}.mp4", uri, "tracking.experiment=at once", "overlay.height=32",
            cwd=tmp_path,
        ))  # fmt: skip
    assert [process.wait(150) for process in processes] == [0] * 4
    runs = runs_of(Store(address, tmp_path))
    assert [run.status for run in runs] == ["FINISHED"] * 4
    assert sorted(len(run.poses()) for run in runs) == [20, 21, 22, 23]  # through the server
    assert all(run.artifacts.startswith("mlflow-artifacts:") for run in runs)
    assert len(list((folder / "artifacts").rglob("overlay.mp4"))) == 4


def copy_run(database: str, run_id: str) -> None:
    """Fill the database with copies of a run's rows, under other names, participants and times."""
    import psycopg2

    new = {"run_uuid": "md5(n::text)", "name": "'mlkit subject ' || lpad(n::text, 4, '0')",
           "start_time": "1000000000000 + n"}  # fmt: skip
    with psycopg2.connect(database.replace("+psycopg2", "")) as connection:
        cursor = connection.cursor()
        for table in ("runs", "tags", "params", "metrics", "latest_metrics"):
            cursor.execute(f"SELECT * FROM {table} LIMIT 0")
            columns = [column.name for column in cursor.description]
            values = [new.get(c, f"r.{c}") if table == "runs" or c == "run_uuid" else f"r.{c}"
                      for c in columns]  # fmt: skip
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
                f"FROM {table} r, generate_series(1, {RUNS - 1}) n WHERE r.run_uuid = %s",
                (run_id,),
            )
        cursor.execute(
            "INSERT INTO tags (key, value, run_uuid) "
            "SELECT 'participant', 'P' || lpad((n % 50)::text, 2, '0'), md5(n::text) "
            f"FROM generate_series(1, {RUNS - 1}) n"
        )
        cursor.execute("UPDATE tags SET value = r.name FROM runs r WHERE tags.run_uuid = "
                       "r.run_uuid AND tags.key = 'mlflow.runName'")  # fmt: skip


def test_two_thousand_runs_and_the_chooser_still_answers(server, database, tmp_path, monkeypatch):
    address, _ = server
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    make_clip(tmp_path / "clip.mp4", frames=5)
    real = posexp.run(["video=clip.mp4", "tracking.experiment=many", "overlay=none"])
    store = Store(address, tmp_path)
    copy_run(database, real.id)
    chooser = CompareRuns([real])
    for name, word, expected in (
        ("one of the oldest", "subject 0003", 1), ("a participant", "participant=P07", 40),
        ("everything", "", 99),
    ):  # fmt: skip
        began = time.monotonic()
        chooser.search.value = word
        print(f"{name}: {time.monotonic() - began:.2f} s")
        assert len(set(chooser._found) - {real.id}) == expected, name
    began = time.monotonic()
    chooser.older.click()
    print(f"the next page: {time.monotonic() - began:.2f} s")
    assert len(set(chooser._found) - {real.id}) == 100
    assert Archive(TrackingSettings()).open().run("last").id == real.id
    oldest = store.search({}, None)[-1]
    assert store.run(oldest.id[:12]).id == oldest.id  # found by the beginning of its id


def test_a_server_that_stops_at_the_end_of_a_run_costs_nothing(database, tmp_path, monkeypatch):
    """It stops when all frames are done; the results wait, and are logged once when it is back."""
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "clip.mp4", frames=30)
    port = free_port()
    command = server_command(tmp_path, port, database)
    settings = TrackingSettings(uri=f"http://127.0.0.1:{port}", experiment="stopped")
    arguments = ["video=clip.mp4", f"tracking.uri={settings.uri}", "tracking.experiment=stopped"]
    original = results.write_pictures
    with contextlib.ExitStack() as first:
        first.enter_context(served(command, port, tmp_path))

        def stop_and_write(*given):
            first.close()
            original(*given)

        monkeypatch.setattr(results, "write_pictures", stop_and_write)
        with pytest.raises(WaitingError, match="posexp sync"):
            posexp.run(arguments)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    with served(command, port, tmp_path) as address:
        store = Store(address, tmp_path)
        for expected in (1, 0):
            assert len(log_waiting(Archive(settings), store, every=True)) == expected
        (run,) = store.search({"video.sha256": sha256_of(tmp_path / "clip.mp4")})
        assert (run.status, len(run.poses())) == ("FINISHED", 30)
        assert run.file("overlay/overlay.mp4").stat().st_size > 0
