"""Input that means harm, or might as well."""

from __future__ import annotations

import collections
import http.server
import json
import os
import re
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import yaml
from clips import ffmpeg, make_clip
from matplotlib.text import Text
from mutations import FORMATS, read_all, write_mutated
from sequences import standing

import posexp
from posexp import config
from posexp.errors import PosexpError
from posexp.notebook import widgets
from posexp.pose.sequence import FramePose, PoseSequence
from posexp.pose.skeleton import COCO17
from posexp.settings import TrackingSettings
from posexp.show import comparison_report, figures
from posexp.store.archive import Archive
from posexp.store.server import server_arguments
from posexp.sweeps.batch import sweep
from posexp.video.source import VideoSource

HTML = "<img src=x onerror=alert(1)>"
FILES = 300


def test_damaged_videos_end_in_frames_or_in_one_line(tmp_path):
    """Bits turned, cut, spliced, absurd headers; in bounded time and memory, without a crash."""
    results = list(read_all(write_mutated(tmp_path, FILES)))
    counts = collections.Counter(ended for _, ended, _ in results)
    odd = [(path.name, *rest) for path, *rest in results if rest[0] not in ("decoded", "error")]
    assert not odd
    assert sum(counts.values()) == FILES
    assert counts["decoded"] > 50 and counts["error"] > 50  # both were reached
    for path, ended, said in results:
        assert ended == "decoded" or "\n" not in said, path


def raw_video(path: Path, offset: int, value: bytes) -> Path:
    """An AVI of raw pictures, some bytes of its format header (strf) or stream header replaced."""
    make_clip(path, "-c:v", "rawvideo", "-pix_fmt", "bgr24", frames=3)
    data = bytearray(path.read_bytes())
    at = data.index(b"strf" if offset > 0 else b"strh") + 8 + abs(offset)
    data[at : at + len(value)] = value
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("size", "said"),
    [((65535, 65535), "no frame can be decoded"),  # FFmpeg's own limit
     ((20000, 5000), "no frame can be decoded; .* beyond 36 megapixels"),
     ((40000, 100), "at most 36 megapixels and 16384 px a side, got .* 40000x100")],
)  # fmt: skip
def test_a_header_that_claims_an_absurd_size_is_refused(tmp_path, size, said):
    clip = raw_video(tmp_path / "huge.avi", 4, struct.pack("<ii", *size))
    with pytest.raises(PosexpError, match=said):
        posexp.extract(clip)


def read(path: Path) -> list[Any]:
    return list(VideoSource(path).frames())


LISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{clip}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile {clip}\n",
    "list.mpd": '<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation><BaseURL>{clip}'
    "</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "list.txt": "{clip}\n",
    "list.avs": 'FFVideoSource("{clip}")\n',
}


@pytest.mark.parametrize("suffix", ["", ".mp4"])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_other_files_is_not_a_video(tmp_path, monkeypatch, name, suffix):
    """By its content, whatever it is called: the sha256 of the run would be that of the list."""
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "secret.ts", *FORMATS["ts"])
    (tmp_path / (name + suffix)).write_text(LISTS[name].format(clip="secret.ts"))
    with pytest.raises(PosexpError) as caught:
        read(tmp_path / (name + suffix))
    assert name in str(caught.value) and "\n" not in str(caught.value)
    said = "names other files" in str(caught.value)
    assert said == (not name.endswith(("txt", "avs")))


@pytest.mark.parametrize(
    "name", ["concat:secret.ts|secret.ts", "subfile,,start,0,end,0,,:secret.ts"]
)
def test_a_protocol_is_the_name_of_a_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "secret.ts", *FORMATS["ts"])
    with pytest.raises(PosexpError, match="found nothing there"):
        read(Path(name))


def test_a_pattern_is_the_name_of_one_picture(tmp_path):
    for name, color in (("a001.png", "red"), ("a%03d.png", "blue")):
        ffmpeg("-f", "lavfi", "-i", f"color={color}:size=64x48", "-frames:v", 1, "-update", 1,
               tmp_path / "plain.png")  # fmt: skip
        (tmp_path / "plain.png").rename(tmp_path / name)
    (frame,) = read(tmp_path / "a%03d.png")
    assert frame.rgb()[0, 0, 2] > 200


def test_a_tiny_file_of_huge_pictures_is_given_up(tmp_path):
    """A GIF of 12 bytes per frame, each of which is a whole 32-megapixel picture to a model."""
    still = make_clip(tmp_path / "still.gif", "-vf", "drawbox=t=fill:color=black", frames=1)
    head = bytearray(still.read_bytes()[: 13 + 3 * 256])
    head[6:11] = struct.pack("<HHB", 8000, 4000, 0xF7)
    frame = b"\x21\xf9\x04\0\4\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    bomb = tmp_path / "bomb.gif"
    bomb.write_bytes(head + (frame + b"\2\2\x44\1\0") * 97 + b";")
    count = 0
    with pytest.raises(PosexpError, match=r"got more than 3\d frames of 8000x4000 in 3 kB"):
        for _ in VideoSource(bomb).frames():
            count += 1
    assert count < 40


def test_a_fragment_cannot_claim_more_samples_than_the_file_has_bytes(tmp_path):
    """FFmpeg would make a table of 1.6 GB from 2 kB."""
    clip = tmp_path / "bomb.mp4"
    make_clip(clip, *FORMATS["mp4"], "-movflags", "frag_keyframe+empty_moov", frames=5)
    assert len(read(clip)) == 5
    data = bytearray(clip.read_bytes())
    struct.pack_into(">II", data, data.index(b"trun") + 4, 1, 40_000_000)
    clip.write_bytes(data)
    with pytest.raises(PosexpError, match=r"got 40000000 samples in \d+ bytes"):
        read(clip)


def test_a_header_that_claims_1e9_frames_per_second_is_gone_through(tmp_path, monkeypatch):
    """Scale and rate of strh; the frames are a nanosecond apart."""
    clip = raw_video(tmp_path / "fast.avi", -20, struct.pack("<ii", 1, 1_000_000_000))
    monkeypatch.chdir(tmp_path)
    try:
        run = posexp.run([f"video={clip}", "overlay.height=16"])
    except PosexpError as error:
        assert "fast.avi" in str(error) or "overlay.mp4" in str(error)
    else:
        assert len(run.poses()) == 3


def test_any_name_that_a_file_can_have(tmp_path, monkeypatch):
    here = tmp_path / "deep" / "er"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    names = [
        "two\nlines.mp4", "-rf.mp4", "a=b, c.mp4", "${oc.env:HOME}.mp4", "it's \"it\".mp4",
        "take [1].mp4", "å\u202fß 日本.mp4", "x" * 251 + ".mp4", "%2e%2e.mp4", f"{HTML}.mp4",
        os.fsdecode(b"\xff\xfe.mp4"), "back\\slash.mp4", "tab\t.mp4",
    ]  # fmt: skip
    (here / "clips").mkdir()
    for index, name in enumerate(names):
        make_clip(here / "plain.mp4", frames=2 + index)
        (here / "plain.mp4").rename(here / "clips" / name)
    result = sweep(["video=clips", "overlay=none"])
    assert result.table["status"].tolist() == ["finished"] * len(names), result.failed["problem"]
    assert sorted(result.table["frames"]) == [2 + index for index in range(len(names))]
    runs = Archive(TrackingSettings()).open().search({})
    assert len(runs) == len(names)
    for run in runs:
        assert len(run.poses()) == run.metrics["tracking/frames"]
        assert run.tags["video"].isprintable() or "\u202f" in run.tags["video"]
        assert "<img" not in run._repr_html_()
    assert "<img" not in result._repr_html_()
    assert {path.name for path in here.iterdir()} == {"clips", "mlruns"}
    assert sorted(path.name for path in (here / "clips").iterdir()) == sorted(names)
    assert [*tmp_path.iterdir()] == [here.parent] and [*here.parent.iterdir()] == [here]
    links = [path for path in here.rglob("*") if path.is_symlink()]
    assert all(here in path.resolve().parents for path in links)


def test_a_name_that_begins_with_a_tilde_is_nobodys_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PosexpError, match="found nothing there"):
        posexp.extract("~noone.mp4")
    make_clip(tmp_path / "~noone.mp4", frames=2)
    run = posexp.run(["video=~noone.mp4", "tracking.folder=~runs", "overlay=none"])
    assert run.metrics["tracking/frames"] == 2 and (tmp_path / "~runs" / "mlflow.db").is_file()


def sequence(source: str, model: str, shift: float = 0.0) -> PoseSequence:
    frames = [
        FramePose(i, i / 25, np.full((17, 2), 20.0 + shift) + np.arange(17)[:, None], np.ones(17))
        for i in range(10)
    ]
    return PoseSequence.from_frames(
        frames, COCO17, 640, 480, source=source, model=model, confidence_meaning=HTML
    )


def test_markup_in_names_and_metadata_is_shown_and_not_run(tmp_path):
    first = sequence(f"{HTML}.mp4", f"{HTML}1")
    second = sequence(f"{HTML}.mp4", f"{HTML}2", 3.0)
    for shown in (first._repr_html_(), widgets.RunView(first).children[2].children[1].value):
        assert "<img" not in shown
    assert "&lt;img" in first._repr_html_()
    compared = posexp.compare([first, second])
    comparison_report.write_comparison(compared, tmp_path, HTML, [])
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "&lt;img" in page and "<img src=x" not in page
    for path in Path(widgets.__file__).parent.glob("*.js"):
        player = path.read_text(encoding="utf-8")
        assert "innerHTML" not in player and "insertAdjacentHTML" not in player


TEX = "$\\frac{_{ $"


def test_tex_in_names_is_written_as_it_is(tmp_path):
    labels = f"{TEX}1", f"{TEX}2"
    compared = posexp.compare(dict(zip(labels, map(standing, (30, 30)), strict=True)))
    comparison_report.write_comparison(compared, tmp_path, TEX, [])
    assert len(list((tmp_path / "figures").glob("*.png"))) == 6
    poses = replace(standing(30), model=TEX, confidence_meaning=TEX, source=f"{TEX}.mp4")
    evaluation = posexp.evaluate(poses, standing(30))
    for index, figure in enumerate((
        figures.confidence_heatmap(poses), figures.trajectories(poses, 0.3),
        figures.error_by_joint(evaluation), figures.error_over_time(evaluation),
        figures.pck_curves({TEX: evaluation.pck_curve()}, TEX),
        figures.calibration_curve(evaluation),
    )):  # fmt: skip
        figure.savefig(tmp_path / f"{index}.png", dpi=40)
        written = [text for text in figure.findobj(Text) if TEX in text.get_text()]
        assert not any(text.get_parse_math() for text in written)


def table_of(path: Path) -> tuple[pd.DataFrame, dict[bytes, bytes]]:
    table = pyarrow.parquet.read_table(path)
    return table, dict(table.schema.metadata)


@pytest.mark.parametrize("lie", ["joints", "no joints", "huge", "not json", "missing", "text"])
def test_a_keypoint_table_that_lies_about_its_shape(tmp_path, lie):
    path = tmp_path / "keypoints.parquet"
    sequence("clip.mp4", "lightning").to_parquet(path)
    table, metadata = table_of(path)
    about = json.loads(metadata[b"posexp"])
    if lie == "joints":
        about["joints"] = ["nose"] * 17
    elif lie == "no joints":
        about["joints"] = []
    elif lie == "huge":
        about.update(width=10**400, height=-1)
    elif lie == "missing":
        about = {}
    elif lie == "text":
        index = table.schema.get_field_index("nose_x")
        words = pyarrow.array(["x"] * len(table))
        table = table.set_column(index, "nose_x", words)
    data = b"{" if lie == "not json" else json.dumps(about).encode()
    table = table.replace_schema_metadata({**metadata, b"posexp": data})
    pyarrow.parquet.write_table(table, path)
    with pytest.raises(PosexpError) as caught:
        PoseSequence.read(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


class Recorder(http.server.BaseHTTPRequestHandler):
    """A server that writes down what it is asked, and answers what the test says."""

    asked: ClassVar[list[str]] = []
    answers: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = next((b for start, b in self.answers.items() if self.path.startswith(start)), b"")
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def elsewhere(monkeypatch) -> Iterator[str]:
    """The address of a `Recorder`."""
    monkeypatch.setattr(Recorder, "asked", [])
    monkeypatch.setattr(Recorder, "answers", {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def logged(tmp_path_factory) -> posexp.Run:
    """A run in a store of its own, to be tampered with."""
    folder = tmp_path_factory.mktemp("logged")
    clip = make_clip(folder / "clip.mp4", frames=3)
    return posexp.run([f"video={clip}", "overlay=none", f"tracking.folder={folder}/mlruns",
                       "tracking.experiment=pilot"])  # fmt: skip


def repeated(logged: posexp.Run, tamper: Callable[[dict], object], **more) -> posexp.Run:
    """The repetition of a run whose configuration somebody has changed in the store."""
    path = logged.file("config/config.yaml")
    before = path.read_text()
    config = yaml.safe_load(before)
    tamper(config)
    path.write_text(yaml.safe_dump(config))
    folder = Path(logged.artifacts).parents[3]
    try:
        return posexp.rerun(logged.id, TrackingSettings(folder=str(folder)), **more).second
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("model", "weights", "{elsewhere}/${{oc.env:TOKEN}}/m.task", "address .* not a published"),
        ("model", "weights", "{elsewhere}/m.task", "If you trust it: .* weights=http"),
        ("model", "weights", "//127.0.0.1/share/m.task", "address .* not a published"),
        ("model", "weights", "${{oc.env:TOKEN}}.task", r"\$\{oc.env:TOKEN\}.task: expected"),
        ("model", "mode", "${{oc.env:TOKEN}}", "model.mode: expected a plain value"),
        ("overlay", "height", "${{oc.env:TOKEN}}", "overlay.height: expected a plain value"),
        ("keypoints", "joints", "[body,all]", "keypoints.joints: expected a plain value"),
        ("video", "path", "${{oc.env:TOKEN}}", r"expected its video at \$\{oc.env:TOKEN\}"),
        ("video", "new", "1", "other keys"),
        ("model", "name", "../evil", "expected one of"),
        ("keypoints", "joints", ["body"], "keypoints.joints: expected a plain value"),
    ],
)  # fmt: skip
def test_what_a_store_says_is_data_when_a_run_is_repeated(
    section, key, value, said, logged, elsewhere, monkeypatch
):
    monkeypatch.setenv("TOKEN", "secret")
    value = value.format(elsewhere=elsewhere) if isinstance(value, str) else value
    with pytest.raises(PosexpError, match=said) as caught:
        repeated(logged, lambda config: config[section].update({key: value}))
    assert "secret" not in str(caught.value)
    assert not Recorder.asked


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "model: 1", "model: {name: []}", "!!python/object/apply:os.getcwd []",
             "\0", "[" * 5000]
)  # fmt: skip
def test_a_configuration_that_is_none(text, tmp_path):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(PosexpError, match=r"expected (the configuration of a run|one of)"):
        config.logged_overrides(tmp_path / "config.yaml")


def test_an_address_that_the_user_repeats_is_asked_and_the_repetition_lies_beside_the_first(
    logged, elsewhere
):
    with pytest.raises(PosexpError, match="could not be downloaded"):
        repeated(logged, lambda _: None, weights=f"{elsewhere}/m.task")
    assert Recorder.asked == ["/m.task"]
    second = repeated(logged, lambda _: None)
    assert second.experiment_id == logged.experiment_id
    assert second.params == logged.params


def test_names_of_a_servers_artifacts_stay_in_the_folder(elsewhere, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp" / "deep"))
    (tmp_path / "temp" / "deep").mkdir(parents=True)
    names = ["../evil", "../../evil", "%2e%2e/%2e%2e/evil", str(tmp_path / "evil"), "..\\evil"]
    run = {"info": {"run_id": "1" * 32, "experiment_id": "1", "status": "FINISHED",
                    "artifact_uri": "mlflow-artifacts:/1/a"}, "data": {}}  # fmt: skip
    Recorder.answers["/api/2.0/mlflow/runs/get"] = json.dumps({"run": run}).encode()
    for name in names:
        listing = {"files": [{"path": name, "is_dir": False, "file_size": 4},
                             {"path": "x", "is_dir": False, "file_size": 4}]}  # fmt: skip
        Recorder.answers["/api/2.0/mlflow-artifacts/artifacts?"] = json.dumps(listing).encode()
        Recorder.answers["/api/2.0/mlflow-artifacts/artifacts/"] = b"evil"
        found = posexp.Run("1" * 32, "", "FINISHED", {}, {}, {}, "mlflow-artifacts:/1/a", "1",
                           elsewhere)  # fmt: skip
        with pytest.raises(PosexpError, match="expected the artifact"):
            found.file("config/config.yaml")
    assert len(Recorder.asked) > len(names)
    assert not [path for path in tmp_path.rglob("evil*") if "deep" not in path.parts]


def test_what_a_terminal_obeys_is_not_passed_on_from_a_store(logged):
    store = Archive(TrackingSettings(folder=str(Path(logged.artifacts).parents[3]))).open()
    store.client.set_tag(logged.id, "video.size", "\x1b]0;title\x07\x1b[2J")
    store.client.set_tag(logged.id, "mlflow.runName", "two\nlines \x1b[31m")
    run = store.run(logged.id)
    assert (run.name + run.tags["video.size"]).isprintable()


def test_the_ui_is_served_to_this_machine_only_and_nothing_is_unpickled(tmp_path):
    command = server_arguments(Archive(TrackingSettings(folder=str(tmp_path))).address, 5000)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    source = Path(posexp.__file__).parent
    for file in source.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\b(pickle|joblib\.load|allow_pickle|read_pickle|marshal)\b", text), (
            file
        )
