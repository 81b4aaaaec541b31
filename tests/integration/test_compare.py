"""``python -m posexp compare`` over real runs, and what it leaves in MLflow."""

import contextlib
import re
import shlex
import sqlite3
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from clips import ffmpeg

import posexp
from posexp.__main__ import main
from posexp.settings import TrackingSettings
from posexp.store.archive import Archive
from posexp.video.embedded import embedded_clip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two variants of one clip, the first of them twice, and a run of another clip."""
    folder = tmp_path_factory.mktemp("compare å")
    ffmpeg("-i", embedded_clip(), "-frames:v", "40", folder / "my clip.mp4")
    ffmpeg("-i", embedded_clip(), "-ss", "1", "-frames:v", "10", folder / "other.mp4")
    common = [f"tracking.folder={folder / 'mlruns'}", "overlay=none"]
    clip = f"video={folder / 'my clip.mp4'}"
    runs = [
        posexp.run([clip, *common]),
        posexp.run([clip, "model.mode=single_image", *common]),
        posexp.run([clip, *common]),
        posexp.run([f"video={folder / 'other.mp4'}", *common]),
    ]
    return folder, runs


@pytest.fixture
def command(place, monkeypatch, capfd):
    monkeypatch.chdir(place[0])

    def run(line):
        status = main(["compare", *shlex.split(line)])
        out, err = capfd.readouterr()
        return status, out, err.splitlines()

    return run


def test_the_newest_run_of_each_variant_of_a_video(command, place):
    folder, runs = place
    status, out, err = command("video='my clip.mp4'")
    assert status == 0 and err == []
    assert "mlkit single_image" in out and "They disagree most in frames" in out
    comparisons = (
        Archive(TrackingSettings(folder=str(folder / "mlruns")))
        .open()
        .find("tags.`posexp.kind` = 'comparison'")
    )
    logged = posexp.load(comparisons[0].info.run_id, uri=f"sqlite:///{folder}/mlruns/mlflow.db")
    assert logged.params["runs"] == f"{runs[1].id}, {runs[2].id}"
    assert logged.status == "FINISHED" and logged.metrics["frame_disagreement/torso"] >= 0
    expected = posexp.compare(runs[1:3]).pairwise()
    table = pd.read_csv(logged.file("tables/pairwise.csv"))
    assert table["median_px"].to_numpy() == pytest.approx(
        expected["median_px"].to_numpy(), rel=1e-4
    )
    body = table[table["joint"] == "body"].iloc[0]
    assert f"{body['median_px']:.1f} px" in out
    assert "my clip" in logged.file("comparison.html").read_text(encoding="utf-8")
    for name in ("tables/pairwise.json", "figures/worst_frames.png", "figures/agreement.png"):
        assert logged.file(name).stat().st_size > 500
    # A comparison is no extraction: `last` still means the last of those.
    assert posexp.load("last", uri=f"sqlite:///{folder}/mlruns/mlflow.db").id == runs[3].id


def test_runs_by_id_and_a_video_that_has_gone(command, place):
    folder, runs = place
    video = folder / "my clip.mp4"
    video.rename(folder / "moved.mp4")
    try:
        status, out, err = command(f"runs=[{runs[0].id[:12]},{runs[1].id}]")
    finally:
        (folder / "moved.mp4").rename(video)
    assert status == 0 and len(err) == 1 and "has gone or changed; no pictures" in err[0]
    assert "comparison.html" in out


def test_the_pages_of_runs_lead_to_their_comparisons_and_back(command, place):
    folder, runs = place
    store = Archive(TrackingSettings(folder=str(folder / "mlruns"))).open()
    first, second = runs[0].id, runs[1].id

    def route_of(run_id):
        text = store.client.get_run(run_id).data.tags["mlflow.note.content"]
        return re.findall(r"\[comparisons\]\(([^)]+)\)", text), text

    store.client.set_tag(second, "mlflow.note.content", "her own words")
    for _ in range(2):  # said once, however often
        assert command(f"runs=[{first},{second}]")[0] == 0
    [route], text = route_of(first)
    assert text.startswith("**mlkit** on `my clip.mp4`")
    assert text.splitlines()[1].startswith("[comparisons](")
    page = urlsplit(route.removeprefix("#"))
    wanted = parse_qs(page.query)["searchFilter"][0]
    experiment = page.path.split("/")[2]
    found = store.client.search_runs([experiment], wanted)
    assert len(found) >= 2
    for comparison in found:
        assert f"/runs/{first})" in comparison.data.tags["mlflow.note.content"]
        assert first in comparison.data.params["runs"]
    store.client.delete_run(found[0].info.run_id)  # which makes no dead link
    assert len(store.client.search_runs([experiment], wanted)) == len(found) - 1
    assert route_of(second)[1].startswith("her own words\n\n[comparisons](")


def test_a_store_that_keeps_descriptions_to_itself_does_not_end_a_comparison(command, place):
    _, runs = place
    database = place[0] / "mlruns" / "mlflow.db"
    store = Archive(TrackingSettings(folder=str(database.parent))).open()
    store.client.set_tag(runs[2].id, "mlflow.note.content", "")
    with contextlib.closing(sqlite3.connect(database)) as opened:
        opened.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON tags WHEN new.key = 'mlflow.note.content' "
            f"AND new.run_uuid = '{runs[2].id}' BEGIN SELECT RAISE(ABORT, 'not you'); END"
        )
        opened.commit()
        status, out, err = command(f"runs=[{runs[2].id},{runs[1].id}]")
        opened.execute("DROP TRIGGER no")
        opened.commit()
    assert status == 0 and "comparison.html" in out
    assert len(err) == 1 and "does not lead to the comparison" in err[0]


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("", "expected runs=[...], video=FILE or sweep=ID"),
        ("video=nowhere.mp4", "expected a file, found none"),
        ("video=other.mp4", "expected two runs or more, got 1"),
        ("sweep=none", "expected two runs or more, got 0"),
        ("runs=[last]", "expected two runs or more, got 1"),
        ("runs=[abc,def]", "expected one run"),
        ("vidoe=x.mp4", "expected runs=, video=, sweep="),
    ],
)
def test_usage(line, fragment, command):
    status, out, err = command(line)
    assert status and out == "" and len(err) == 1 and fragment in err[0]


def test_different_videos(command, place):
    _, runs = place
    status, _, err = command(f"runs=[{runs[0].id},{runs[3].id}]")
    assert status == 1 and "expected runs of one video" in err[0]
