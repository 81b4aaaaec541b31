"""What cannot be exported is said in one line, and nothing is left half-written."""

import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sequences import standing

import posexp
from posexp.errors import ConfigError, PosexpError, TableError, TrackingError
from posexp.exports import formats
from posexp.exports.formats import FORMATS, as_markdown
from posexp.exports.recording import Recording
from posexp.exports.write import export_into
from posexp.terminal.usage import PROGRAM

POSES = standing(5, source="clip.mp4", model="thunder")


@pytest.mark.parametrize(
    ("name", "format", "more", "said"),
    [
        ("x.abc", None, {}, "ends in one of .xlsx, .csv, .mat, .trc, .mot"),
        ("x", None, {}, "ends in one of .xlsx"),
        ("x.trc", "trcc", {}, "expected some of xlsx, csv, mat, trc"),
        ("x.txt", "trc", {}, "expected a name that ends in .trc for format=trc"),
        ("x.trc", None, {"unit": "mm"}, "unit: expected one of px, m, got 'mm'"),
        ("x.trc", None, {"unit": "m"}, "the scale of the video is not known. Take unit=px"),
        ("x.json", None, {"unit": "m"}, "coco holds px only. These hold m: xlsx, csv"),
        ("no/x.trc", None, {}, "could not be written (No such file or directory)"),
    ],
)
def test_one_line_and_no_file(name, format, more, said, tmp_path):
    with pytest.raises(PosexpError) as raised:
        posexp.export(POSES, tmp_path / name, format, **more)
    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS[name].needs])
def test_a_format_without_its_package_says_what_to_install(name, tmp_path, monkeypatch):
    package = FORMATS[name].needs[-1]
    monkeypatch.setitem(sys.modules, package, None)  # as Python marks what is not there
    path = tmp_path / f"x{FORMATS[name].suffix}"
    with pytest.raises(PosexpError, match=rf'{package}.*pip install "posexp\[export\]"'):
        posexp.export(POSES, path, name)
    assert not path.exists()
    posexp.export(POSES, tmp_path / "x.csv")  # others need nothing


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "x.trc"
    path.write_text("mine")
    with pytest.raises(ConfigError, match=r"is there already\. overwrite=true replaces it"):
        posexp.export(POSES, path)
    assert path.read_text() == "mine"
    posexp.export(POSES, path, overwrite=True)
    assert path.read_text().startswith("PathFileType")


def test_an_export_that_fails_midway_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    def half(recording, path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(formats.FORMATS, "trc", replace(FORMATS["trc"], write=half))
    path = tmp_path / "x.trc"
    path.write_text("whole")
    with pytest.raises(PosexpError, match="Free some space"):
        posexp.export(POSES, path, overwrite=True)
    assert path.read_text() == "whole" and list(tmp_path.iterdir()) == [path]


def test_no_frames_and_angles_of_other_frames():
    with pytest.raises(TableError, match="expected at least one frame"):
        Recording(POSES.take(np.arange(0)))
    with pytest.raises(TableError, match="expected angles of 5 frames, got 3"):
        Recording(POSES, angles=Recording(POSES.take(np.arange(3))).angles)


def test_joints_without_angles_make_no_mot(tmp_path):
    with pytest.raises(TableError, match="no angle is seen"):
        posexp.export(POSES.select(["nose", "left_eye"]), tmp_path / "x.mot")
    for name in FORMATS.keys() - {"mot"}:
        path = tmp_path / f"x{FORMATS[name].suffix}"
        assert posexp.export(POSES.select(["nose", "left_eye"]), path, name).stat().st_size > 100


def test_a_c3d_holds_as_many_frames_as_its_header_counts(tmp_path):
    with pytest.raises(ConfigError, match="has 65535 frames, the recording 65536"):
        posexp.export(standing(65_536).select(["nose"]), tmp_path / "x.c3d")
    assert list(tmp_path.iterdir()) == []


def test_uneven_frames_are_said_to_be_resampled(tmp_path, caplog):
    poses = replace(POSES, time=[0, 0.02, 0.05, 0.06, 0.09])
    with caplog.at_level(logging.WARNING, "posexp"):
        posexp.export(poses, tmp_path / "x.trc")
        posexp.export(poses, tmp_path / "x.c3d")
        posexp.export(poses, tmp_path / "x.nc")
    said = [record.message for record in caplog.records if "resampled" in record.message]
    assert [text.partition(":")[0] for text in said] == ["x.trc", "x.c3d"]


class LoggedRun:
    """What an export asks of a run; its files are none but keypoints."""

    name, model, threshold, start_ms, metrics = "thunder clip", "thunder", 0.3, 0, {}

    def __init__(self, id, video):
        self.id, self.video = id, video

    def file(self, path):
        raise TrackingError("run", "no such artifact")

    def table(self, path):
        return None

    def poses(self):
        return POSES


def test_several_runs_in_one_folder_do_not_collide(tmp_path):
    videos = [Path("/a/min film å.mp4"), Path("/b/min film å.mp4"), Path('/c/a:b?"<>|.mp4'), None]
    runs = [LoggedRun(f"{i}" * 32, video) for i, video in enumerate(videos)]
    paths = [path for run in runs for path in export_into(run, tmp_path / "to", ["trc", "csv"])]
    assert len({path.name.lower() for path in paths}) == 8
    assert all(path.is_file() for path in paths)
    assert paths[0].name == "min film å_thunder_raw_px_00000000.trc"
    assert not set('<>:"|?*') & set("".join(path.name for path in paths))


def test_nothing_is_written_when_one_of_several_formats_cannot_be(tmp_path):
    run = LoggedRun("0" * 32, None)
    for names, unit, said in (
        (["trc", "nope"], "px", "expected some of"),
        (["trc", "coco"], "m", "coco holds px only"),
        (["trc"], "m", "the scale of the video is not known"),
        ([], "px", "got none"),
    ):
        with pytest.raises(PosexpError, match=said):
            export_into(run, tmp_path / "to", names, unit=unit)
    with pytest.raises(ConfigError, match=r"has no cleaned keypoints\. Take what=raw"):
        export_into(run, tmp_path / "to", ["trc"], what="cleaned")
    with pytest.raises(ConfigError, match="expected one of raw, cleaned"):
        export_into(run, tmp_path / "to", ["trc"], what="clean")
    assert not (tmp_path / "to").exists()


def test_the_docs_have_the_table_of_the_formats():
    """``python -c "from posexp.exports.formats import as_markdown; print(as_markdown())"``."""
    docs = Path(__file__).resolve().parents[2] / "docs" / "export.md"
    assert as_markdown() in docs.read_text(encoding="utf-8")


def test_the_help_names_every_format():
    (command,) = [each for each in PROGRAM.commands if each.name == "export"]
    for name in FORMATS:
        assert name in command.help
