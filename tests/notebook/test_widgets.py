"""What the widgets hand to the browser, and what they say when there is nothing to show."""

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from clips import ffmpeg
from sequences import HEIGHT, WIDTH, standing

import posexp
from posexp.__main__ import main
from posexp.errors import VideoError
from posexp.measure.comparison import compare
from posexp.measure.quality import confidence_table
from posexp.notebook import media
from posexp.notebook.player import Findings, Player, player_of
from posexp.notebook.table import COLUMNS
from posexp.notebook.widgets import (
    CompareRuns,
    RunView,
    _differences,
    _goes_down_first,
    _html,
)
from posexp.pose.skeleton import BLAZEPOSE33
from posexp.video.embedded import embedded_clip
from posexp.video.source import VideoSource


def unpacked(player, run):
    """x, y in px and confidence, as the browser reads them."""
    about = player.runs[run]
    values = np.frombuffer(player.points[run], np.uint16).reshape(-1, len(about["joints"]), 3)
    values = np.where(values == 65535, np.nan, values.astype(float))
    places = (-0.5 + 2 * values[..., :2] / 65534) * (WIDTH, HEIGHT)
    return places, values[..., 2] / 65534


def test_the_browser_gets_what_the_runs_have():
    poses = standing(6)
    image, confidence = poses.image.copy(), poses.confidence.copy()
    image[2], confidence[2] = np.nan, 0
    image[3, 0] = (-100, 600)  # outside the picture, and still there
    poses = replace(poses, image=image, confidence=confidence)
    comparison = compare({"one": standing(6), "two": poses})
    player = player_of(comparison.sequences, None, comparison, "no video")
    places, sure = unpacked(player, 1)
    assert np.nanmax(np.abs(places - poses.image)) < 0.02
    assert np.array_equal(np.isnan(places[..., 0]), np.isnan(poses.image[..., 0]))
    assert np.abs(sure - poses.confidence).max() < 1e-4
    assert np.frombuffer(player.times, np.float64) == pytest.approx(poses.time)
    assert np.frombuffer(player.frames, np.int32).tolist() == poses.frame.tolist()
    assert np.frombuffer(player.disagreement, np.float32) == pytest.approx(comparison.disagreement)
    angles = np.frombuffer(player.angles[0], np.float32).reshape(6, len(player.angle_names))
    assert angles[0, player.angle_names.index("left_knee_flexion")] == pytest.approx(0, abs=1)
    assert player.runs[0]["color"] != player.runs[1]["color"]
    edges = {tuple(poses.skeleton.joints[i] for i in edge) for edge in player.runs[0]["edges"]}
    assert edges == set(poses.skeleton.edges)
    assert player.joint == "left_knee" and set(player.joints) == set(poses.skeleton.joints)
    assert player.message == "no video" and player.video_url == ""


def test_long_videos_send_fewer_joints(monkeypatch):
    monkeypatch.setattr("posexp.notebook.player._MANY", 50)
    image = np.full((6, 33, 2), 50, np.float32)
    poses = replace(
        standing(6), skeleton=BLAZEPOSE33, image=image, confidence=np.ones((6, 33)),
    )  # fmt: skip
    player = player_of({"mlkit": poses}, None)
    assert len(player.runs[0]["joints"]) == 17
    assert len(player.points[0]) == 6 * 17 * 3 * 2


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A store with three runs of one clip, two variants, and one of another."""
    folder = tmp_path_factory.mktemp("widgets å")
    ffmpeg("-i", embedded_clip(), "-frames:v", "40", folder / "<i>clip.mp4")
    ffmpeg("-i", embedded_clip(), "-ss", "1", "-frames:v", "20", folder / "other.mp4")
    common = [f"tracking.folder={folder / 'mlruns'}", "overlay=none"]
    clip = f"video={folder / '<i>clip.mp4'}"
    runs = [
        posexp.run([f"video={folder / 'other.mp4'}", *common]),
        posexp.run([clip, "video.stop=0.3", *common]),
        posexp.run([clip, "model.mode=single_image", *common]),
        posexp.run([clip, *common]),
    ]
    return folder, runs


@pytest.fixture
def chooser(place, monkeypatch):
    monkeypatch.chdir(place[0])
    return CompareRuns()


def test_the_newest_video_is_chosen_with_one_run_of_each_variant(chooser, place):
    _, runs = place
    assert set(chooser.chooser.value) == {runs[2].id, runs[3].id}
    assert [run["label"] for run in chooser.player.runs] == ["mlkit stream", "mlkit single_image"]
    assert "model.mode" in chooser.table.value
    assert "no Jupyter server" in chooser.player.message  # none runs in this test
    assert "480 lines, 12 MB at most" in chooser.player.message
    assert "&lt;i&gt;" not in chooser.note.value and "<i>clip" not in chooser.table.value


@pytest.mark.parametrize("there", [True, False])
def test_no_player_is_made_to_be_closed_at_once(there, place, tmp_path, monkeypatch):
    """It is gone before the browser asks for it, which is an error there."""
    monkeypatch.chdir(place[0] if there else tmp_path)
    closed = []
    monkeypatch.setattr(Player, "close", lambda player: closed.append(player))
    chooser = CompareRuns()
    assert len(chooser.player.runs) == (2 if there else 0) and closed == []


def test_search_video_and_status_narrow_the_list(chooser, place):
    _, runs = place
    everything = len(chooser.chooser.rows)
    chooser.chooser.value = []
    chooser.search.value = "model.mode=single_image"
    assert chooser.chooser.ids == [runs[2].id]
    chooser.search.value = "MLKIT model.mode=single_image"
    assert chooser.chooser.ids == [runs[2].id]
    chooser.search.value = "nothing"
    assert not chooser.chooser.rows and "No run is like that" in chooser.note.value
    chooser.search.value = "it's tracked>0.5 MLKIT model.mode=single_image"
    assert chooser.chooser.ids == [runs[2].id]
    assert "left out: it&#x27;s, tracked&gt;0.5." in chooser.note.value
    chooser.search.value = "nmodel=3"
    assert not chooser.chooser.rows and "has nmodel." in chooser.note.value
    chooser.search.value = "variant=mlkit model.mode=single_image"
    assert chooser.chooser.ids == [runs[2].id]
    chooser.search.value = ""
    assert len(chooser.chooser.rows) == everything
    chooser.video.value = runs[0].tags["video.sha256"]
    assert chooser.chooser.ids == [runs[0].id]


def test_the_table_says_what_a_run_is_and_keeps_what_is_chosen(chooser, place):
    _, runs = place
    rows = {
        row["id"]: dict(zip(COLUMNS, row["cells"], strict=True)) for row in chooser.chooser.rows
    }
    assert rows[runs[2].id]["variant"] == "mlkit single_image"
    assert rows[runs[3].id]["video"] == "<i>clip.mp4" and rows[runs[3].id]["duration"] == "0.8 s"
    assert rows[runs[3].id]["result"].endswith("% tracked")
    chosen = chooser.chooser.value
    chooser.search.value = "other"  # leaves what is chosen in the list, and marked
    assert chooser.chooser.value == chosen and set(chooser.chooser.ids) == {runs[0].id, *chosen}


def test_the_list_has_pages(chooser, monkeypatch):
    everything = set(chooser.chooser.ids)
    monkeypatch.setattr("posexp.notebook.widgets._RUNS", 2)
    chooser.chooser.value = []
    chooser.refresh.click()
    pages = [chooser.chooser.ids]
    assert chooser.newer.disabled and not chooser.older.disabled
    while not chooser.older.disabled:
        chooser.older.click()
        pages.append(chooser.chooser.ids)
    assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
    seen = [key for page in pages for key in page]
    assert set(seen) == everything and len(seen) == len(everything)
    chooser.newer.click()
    assert chooser.chooser.ids == pages[-2]


def test_runs_can_be_given_by_id_and_removed(place, monkeypatch):
    folder, runs = place
    monkeypatch.chdir(folder)
    chooser = CompareRuns([runs[3], runs[2].id[:12]])
    assert len(chooser.player.runs) == 2 and chooser.player.worst
    chooser.chooser.value = [runs[3].id]
    assert [run["label"] for run in chooser.player.runs] == ["mlkit"] and not chooser.player.worst
    chooser.chooser.value = []
    assert chooser.player.runs == [] and "Choose a run" in chooser.player.message


def test_problems_are_messages(chooser, place):
    _, runs = place
    chooser.choose([runs[0], runs[3]])
    assert "expected runs of one video" in chooser.note.value and chooser.player.runs == []
    assert "<i>clip" not in chooser.note.value  # a name is text, never markup
    chooser.choose(["nonsense"])
    assert "expected one run" in chooser.note.value
    file = Path(runs[3].artifacts) / "keypoints" / "keypoints.parquet"
    aside = file.with_suffix(".aside")
    file.rename(aside)
    try:
        chooser.choose([runs[3]])
    finally:
        aside.rename(file)
    assert "expected the artifact keypoints/keypoints.parquet" in chooser.note.value
    chooser.choose([runs[3]])
    assert chooser.note.value == "" and len(chooser.player.runs) == 1


def test_no_runs_and_no_server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = CompareRuns().note.value
    assert f"No runs yet in {tmp_path / 'mlruns'}" in said
    gone = CompareRuns(uri="http://127.0.0.1:9")
    assert "does not work" in gone.note.value and "Is it running?" in gone.note.value


def test_the_video_of_a_run_that_has_moved(place, monkeypatch):
    folder, runs = place
    monkeypatch.chdir(folder)
    video = folder / "other.mp4"
    video.rename(folder / "moved.mp4")
    try:
        view = RunView(runs[0])
    finally:
        (folder / "moved.mp4").rename(video)
    assert "not where it was" in view.player.message and len(view.player.runs) == 1
    tables = view.children[2]
    assert "left_knee" in tables.children[0].value and "left_knee_x" in tables.children[1].value


def test_the_table_of_a_run_goes_by_its_own_threshold(place):
    run = place[1][3]
    strict = replace(run, params={**run.params, "keypoints.confidence_threshold": "1.0"})
    shown, strictly = (RunView(r).children[2].children[0].value for r in (run, strict))
    expected = [_html(confidence_table(run.poses(), t).round(3)) for t in (0.3, 1.0)]
    assert [shown, strictly] == expected
    assert shown != strictly


def test_runs_and_sequences_show_themselves(place):
    run = place[1][3]
    page = run._repr_html_()
    assert "<i>clip" not in page and "&lt;i&gt;clip" in page and run.page.split("?")[0] in page
    assert "40 frames" in run.poses()._repr_html_()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """What a Jupyter server with its root in a folder writes down of itself."""
    root = tmp_path / "root"
    (root / "notes å").mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", "123")
    about = {"root_dir": str(root), "base_url": "/user/me/"}
    (tmp_path / "jpserver-123.json").write_text(json.dumps(about))
    monkeypatch.chdir(root / "notes å")
    return root


def test_addresses_of_videos(server, tmp_path):
    inside = server / "notes å" / "clip #1.mp4"
    ffmpeg("-i", embedded_clip(), "-frames:v", "5", inside)
    assert media.url_of(inside) == "/user/me/files/notes%20%C3%A5/clip%20%231.mp4"
    outside = tmp_path / "clip.mp4"
    inside.rename(outside)
    url = media.url_of(outside)
    assert url.startswith("/user/me/files/notes%20%C3%A5/mlruns/media/") and url.endswith(".mp4")
    copy = next((server / "notes å" / "mlruns" / "media").glob("*.mp4"))
    assert copy.read_bytes() == outside.read_bytes()
    assert media.url_of(outside) == url and len(list(copy.parent.glob("*.mp4"))) == 1


def test_links_and_copies_go_with_their_videos(server, tmp_path, capsys):
    """A hard link keeps the content on the disk: a clip that is deleted must be gone for good."""
    folder = server / "notes å" / "mlruns" / "media"
    clips = [tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "c.avi", tmp_path / "d.mp4"]
    for index, clip in enumerate(clips):
        codec = "mpeg4" if clip.suffix == ".avi" else "copy"
        ffmpeg("-i", embedded_clip(), "-frames:v", 5 + index, "-c:v", codec, clip)
        media.url_of(clip)
    assert len(list(folder.glob("[!.]*"))) == 4
    assert clips[0].stat().st_nlink == 2
    assert main(["media"]) == 0
    shown = capsys.readouterr().out
    assert all(str(clip) in shown for clip in clips) and "has gone" not in shown
    clips[0].unlink()
    clips[1].write_bytes(b"another")
    clips[2].rename(tmp_path / "moved.avi")
    assert main(["media"]) == 0
    assert capsys.readouterr().out.count("its video has gone or changed") == 3
    (folder / "0123456789abcdef.mp4").touch()  # of a version that took no note
    media.url_of(clips[3])
    assert [each.video for each in media.kept()] == [clips[3]]
    assert len(list(folder.iterdir())) == 2  # and its note
    (folder / ".0123.part").touch()
    assert main(["media", "clear"]) == 0 and not list(folder.iterdir())
    assert "Removed 1 links and copies" in capsys.readouterr().out
    assert clips[3].stat().st_nlink == 1
    assert main(["media", "clean"]) == 2


def test_what_lies_below_a_hidden_folder_is_linked_or_told(server, monkeypatch):
    hidden = server / ".data" / "clip.mp4"
    hidden.parent.mkdir()
    ffmpeg("-i", embedded_clip(), "-frames:v", "5", hidden)
    assert "/notes%20%C3%A5/mlruns/media/" in media.url_of(hidden)
    (server / ".secret").mkdir()
    monkeypatch.chdir(server / ".secret")
    with pytest.raises(VideoError, match="does not serve what lies below a hidden folder"):
        media.url_of(hidden)


def test_what_browsers_cannot_play_becomes_h264_with_the_same_times(server):
    video = server / "clip.avi"
    ffmpeg("-i", embedded_clip(), "-frames:v", "30", "-c:v", "mpeg4", video)
    url = media.url_of(video)
    proxy = server / "notes å" / "mlruns" / "media" / url.rpartition("/")[2]
    made, original = VideoSource(proxy), VideoSource(video)
    assert made.info.codec == "h264"
    assert [f.time for f in made.frames()] == pytest.approx(
        [f.time for f in original.frames()], abs=1e-4
    )
    with av.open(str(proxy)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    assert all(packet.pts == packet.dts for packet in packets)  # no B-frames
    assert [i for i, packet in enumerate(packets) if packet.is_keyframe] == [0, 15]
    before = proxy.stat().st_mtime_ns
    assert media.url_of(video) == url and proxy.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "options",
    [("-vf", "interlace=lowpass=off", "-x264-params", "tff=1"),
     ("-map", "0", "-map", "0", "-s:v:0", "64x48")],
    ids=["interlaced", "two tracks"],
)  # fmt: skip
def test_what_a_browser_would_show_otherwise_is_converted(server, options):
    video = server / "clip.mp4"
    ffmpeg("-i", embedded_clip(), "-frames:v", "6", "-pix_fmt", "yuv420p", *options, video)
    proxy = server / "notes å" / "mlruns" / "media" / media.url_of(video).rpartition("/")[2]
    made, original = VideoSource(proxy), VideoSource(video)
    assert (made.info.width, made.info.height) == (original.info.width, original.info.height)
    assert original.remarks and not made.remarks


def test_no_address_without_a_server_or_beyond_its_folder(server, tmp_path, monkeypatch):
    outside = tmp_path / "clip.mp4"
    ffmpeg("-i", embedded_clip(), "-frames:v", "5", outside)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoError, match="expected the notebook under"):
        media.url_of(outside)
    monkeypatch.setenv("JPY_PARENT_PID", "124")
    with pytest.raises(VideoError, match="no Jupyter server"):
        media.url_of(outside)


def test_without_a_server_a_small_copy_is_sent_with_its_limit_said(tmp_path, monkeypatch):
    clip = embedded_clip()
    copy, ended = media.small_copy(clip)
    (tmp_path / "copy.mp4").write_bytes(copy)
    made, original = VideoSource(tmp_path / "copy.mp4"), VideoSource(clip)
    assert ended is None and made.info.codec == "h264" and made.info.height <= 480
    assert [f.time for f in made.frames()] == pytest.approx(
        [f.time for f in original.frames()], abs=1e-4
    )
    monkeypatch.setattr(media, "SENT", 300_000)
    copy, ended = media.small_copy(clip)
    (tmp_path / "part.mp4").write_bytes(copy)
    assert len(copy) < 300_000 and ended is not None
    frames = len([*VideoSource(tmp_path / "part.mp4").frames()])
    assert frames == round(ended * original.info.fps)
    monkeypatch.setenv("JPY_PARENT_PID", "none")
    poses = replace(standing(6), source=str(clip))
    player = RunView(poses).player
    assert player.video_bytes == copy and player.video_url == ""
    assert f"of its first {ended:.1f} s" in player.message


def test_bands_and_marks_come_from_the_files_of_a_run(place, tmp_path):
    run = replace(
        place[1][3], artifacts=str(tmp_path),
        tags={**place[1][3].tags, "person.people": "2", "person.followed": "1", "movement": "one"},
    )  # fmt: skip
    for name, text in (
        ("person/people.csv", "person,followed,time,left,top,right,bottom,score,seen\n"
                              "1,True,0.0,1,2,3,4,0.9,1.0\n2,False,0.4,5,6,7,8,0.8,0.5\n"),
        ("person/track.csv", "frame,time,state,left,top,right,bottom\n"
                             "0,0.0,seen,1,2,3,4\n1,0.1,lost,,,,\n2,0.2,lost,,,,\n"
                             "3,0.3,found again,1,2,3,4\n4,0.4,lost,,,,\n5,0.5,doubtful,1,2,3,4\n"),
        ("movement/repetitions.csv", "repetition,lean_start,standing,sit_start\n"
                                     "1,0.1,0.3,\n2,0.35,0.5,0.6\n"),
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    findings = Findings.of(run)
    assert findings.bands == [
        {"start": 0.1, "end": 0.2, "kind": "lost"}, {"start": 0.4, "end": 0.4, "kind": "lost"},
        {"start": 0.5, "end": 0.5, "kind": "doubtful"},
    ]  # fmt: skip
    assert findings.people[1] == {
        "number": 2, "followed": False, "time": 0.4, "box": [5.0, 6.0, 7.0, 8.0],
    }  # fmt: skip
    assert [(m["time"], m["label"]) for m in findings.marks] == [
        (0.1, "1 lean start"), (0.3, "1 standing"),
        (0.35, "2 lean start"), (0.5, "2 standing"), (0.6, "2 sit start"),
    ]  # fmt: skip
    player = player_of({"one": standing(6)}, None, findings=findings)
    boxes = np.frombuffer(player.track, np.float32).reshape(-1, 4)
    assert np.isnan(boxes[1]).all() and boxes[3].tolist() == [1, 2, 3, 4]
    assert player.bands == findings.bands and player.marks == findings.marks
    assert Findings.of(place[1][3]).bands == []


def test_differences_are_those_that_somebody_chose(place):
    run = place[1][3]
    plain = {
        "model": "mlkit",
        "model.weights": "None",
        "video.start": "0",
        "overlay.enabled": "True",
    }
    other = {"model": "lightning", "model.weights": "hub/lightning/4", "video.start": "2",
             "overlay.enabled": "False"}  # fmt: skip
    one, two, three = (
        replace(run, params=params)
        for params in (plain, other, {**plain, "model.weights": "my/heavy.task"})
    )
    assert {"model", "video.start"} == set(_differences([one, two])) & {*plain}
    table = _differences([one, three])
    assert table["model.weights"].tolist() == ["-", "heavy.task"]
    assert "overlay.enabled" not in table and "video.start" not in table


def test_the_order_of_squats_is_known_when_their_marks_are_saved(place, tmp_path):
    run = replace(
        place[1][3], artifacts=str(tmp_path), tags={**place[1][3].tags, "movement": "one"}
    )
    table = tmp_path / "movement" / "repetitions.csv"
    table.parent.mkdir()
    header = "repetition,lean_start,rise_start,standing,sit_start,seated\n"
    for row, first in (("1,,3,4,1,2", True), ("1,0.5,1,2,3,4", False), ("1,,1,2,,", False)):
        table.write_text(f"{header}{row}\n")
        assert _goes_down_first(run) is first
    table.write_text(header)
    assert _goes_down_first(run) is False
    assert _goes_down_first(replace(run, params={**run.params, "activity": "squat"})) is True
