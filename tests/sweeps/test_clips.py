"""Which videos a batch is about."""

import unicodedata
from pathlib import Path

import pytest

from posexp.errors import ConfigError
from posexp.sweeps.clips import Clip, find_clips, is_batch, sweep_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.mp4", "a.MOV", "notes.txt", "a.truth.csv", "p1/c.mp4", "p2/d.avi"):
        (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "clips" / name).touch()
    return tmp_path / "clips"


def names(clips: list[Clip]) -> list[str]:
    return [clip.path.name for clip in clips]


def test_a_folder_gives_its_own_videos_in_order(folder):
    assert names(find_clips(str(folder))) == ["a.MOV", "b.mp4"]


def test_a_glob_gives_files_below_too(folder):
    assert names(find_clips(f"{folder}/**/*.mp4")) == ["b.mp4", "c.mp4"]
    assert names(find_clips(f"{folder}/p?/*")) == ["c.mp4", "d.avi"]


def test_a_file_with_a_globs_letters_in_its_name_is_that_file(tmp_path):
    (tmp_path / "take [1].mp4").touch()
    assert names(find_clips(str(tmp_path / "take [1].mp4"))) == ["take [1].mp4"]
    assert not is_batch([f"video={tmp_path}/take [1].mp4"])


def test_a_text_list_is_relative_to_itself(folder):
    (folder / "list.txt").write_text("# first\np1/c.mp4\n\nmissing.mp4\n")
    assert [c.path for c in find_clips(str(folder / "list.txt"))] == [
        folder / "p1/c.mp4", folder / "missing.mp4",
    ]  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_the_other_columns_of_a_csv_list_describe_the_video(folder, delimiter):
    rows = [["participant", "video", "session"], ["P01", "b.mp4", "1"], ["Åsa", "p1/c.mp4", ""]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    (folder / "study.csv").write_text("\ufeff" + text, encoding="utf-8", newline="")
    clips = find_clips(str(folder / "study.csv"))
    assert clips == [
        Clip(folder / "b.mp4", {"participant": "P01", "session": "1"}),
        Clip(folder / "p1/c.mp4", {"participant": "Åsa"}),
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "clip,participant\nb.mp4,1\n", "expected a column named video"),
        ("b.csv", "video,note\nb.mp4,a\0b\n", "line 2 of .*: expected text, got a NUL"),
        ("c.csv", 'video,note\nb.mp4,"left open\nc.mp4,\n', "Is a quote left open"),
        ("c2.csv", f"video,note\nb.mp4,{'x' * 131_073}\n", "longer than 131,072 characters"),
        ("d.csv", "video,x\nb.mp4,1,2\n", "line 2 .*: expected a path and 2 cells"),
        ("e.csv", "video,x\n,1\n", "line 2 .*: expected a path"),
        ("f.csv", "", "expected a column named video"),
        ("g.txt", "# nothing\n", "expected videos in .* found no line"),
    ],
)
def test_a_list_that_cannot_be_used_is_told(folder, name, text, said):
    (folder / name).write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        find_clips(str(folder / name))
    assert "\n" not in str(caught.value)


def test_nothing_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="found none with a video's suffix"):
        find_clips(str(tmp_path))
    with pytest.raises(ConfigError, match="found no file"):
        find_clips(f"{tmp_path}/*.mp4")
    (tmp_path / "list.csv").write_bytes(b"video\n\x81.mp4\n")
    with pytest.raises(ConfigError, match="not UTF-8, UTF-16 or Windows-1252"):
        find_clips(str(tmp_path / "list.csv"))
    (tmp_path / "study.xlsx").write_bytes(b"PK")
    assert is_batch([f"video={tmp_path}/study.xlsx"])
    with pytest.raises(ConfigError, match=r"spreadsheet .* Save it as CSV"):
        find_clips(str(tmp_path / "study.xlsx"))
    with pytest.raises(ConfigError, match="No such file"):
        find_clips(str(tmp_path / "other.csv"))


ROWS = "video,participant\r\nb.mp4,Åsa\r\np1/c.mp4,Bö\r\n"


@pytest.mark.parametrize(
    "data",
    [
        ROWS.encode("cp1252"), ROWS.encode("utf-16"), b"\xfe\xff" + ROWS.encode("utf-16-be"),
        ROWS.encode("utf-8-sig"), ROWS.replace("\r\n", "\r").encode(),
        ROWS.replace("\r\n", "\n\n").encode(), ROWS.replace(",", "\t").encode(),
        ROWS.replace(",", "|").encode(), b"sep=;\r\n" + ROWS.replace(",", ";").encode(),
        ROWS.replace("video", "Video").encode(), ROWS.replace("video", " VIDEO ").encode(),
        ROWS.replace("\r\n", ",,\r\n").encode(), ROWS.replace(",", " , ").encode(),
        ROWS.replace("p1/", "p1\\").encode(), ROWS.replace("b.mp4", '"b.mp4"').encode(),
        ROWS.replace("b.mp4", '"""b.mp4"""').encode(), (ROWS + ",\r\n,,\r\n").encode(),
        (ROWS + "#p2/d.avi,no\r\n").encode(), (ROWS + ROWS.partition("\n")[2]).encode(),
    ],
)  # fmt: skip
def test_a_csv_list_is_read_as_programs_write_it(folder, data):
    (folder / "study.csv").write_bytes(data)
    assert find_clips(str(folder / "study.csv")) == [
        Clip(folder / "b.mp4", {"participant": "Åsa"}),
        Clip(folder / "p1/c.mp4", {"participant": "Bö"}),
    ]


def test_the_other_forms_of_a_path_in_a_list(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    name = unicodedata.normalize("NFD", "nå.mp4")  # as macOS writes it
    for other in (name, "a b.mp4", "#1.mp4", "p1\\odd.mp4", "~odd.mp4"):
        (folder / other).touch()
    lines = ["nå.mp4", f"{folder}/b.mp4", (folder / "a b.mp4").as_uri(), "~/a.MOV", "#1.mp4",
             "# a comment", '"b.mp4"', "p1\\odd.mp4", "~odd.mp4", "~noone/x.mp4", "p2", "p?/*.mp4",
             "x" * 5000, "none*.mp4"]  # fmt: skip
    (folder / "list.txt").write_text("\r\n".join(lines), newline="")
    assert [str(clip.path.relative_to(folder)) for clip in find_clips(f"{folder}/list.txt")] == [
        name, "b.mp4", "a b.mp4", "a.MOV", "#1.mp4", "p1\\odd.mp4", "~odd.mp4", "~noone/x.mp4",
        "p2/d.avi", "p1/c.mp4", "x" * 5000, "none*.mp4",
    ]  # fmt: skip
    assert not is_batch(["video=~odd.mp4"]) and not is_batch([f"video={'x' * 5000}"])


def test_the_same_video_with_other_columns_is_another_row(folder, caplog):
    (folder / "study.csv").write_text("video,when\nb.mp4,pre\nb.mp4,post\n./b.mp4,pre\n")
    assert [clip.columns["when"] for clip in find_clips(f"{folder}/study.csv")] == ["pre", "post"]
    assert "1 of its rows stand there twice; each is done once" in caplog.text


def test_columns_of_any_name_are_kept_and_ours_are_not_theirs(folder, caplog):
    names = ["video", "Status", "run", "model.mode", "posexp.sweep", "<b>", "Ålder (år)", "", "",
             "note", "age", "age", "..", "video", "frame rate"]  # fmt: skip
    cells = ["b.mp4", *map(str, range(1, len(names)))]
    (folder / "study.csv").write_text(";".join(names) + "\n" + ";".join(cells))
    (clip,) = find_clips(f"{folder}/study.csv", taken=("status", "run"))
    assert list(clip.columns) == [
        "list.Status", "list.run", "list.model.mode", "list.posexp.sweep", "_b_", "Ålder _år_",
        "column 8", "column 9", "list.note", "age", "age 2", "column 13", "list.video",
        "frame rate",
    ]  # fmt: skip
    assert list(clip.columns.values()) == cells[1:]
    assert "the list's are called list.Status, list.run" in caplog.text


def test_a_cell_may_have_several_lines_and_commas(folder):
    (folder / "study.csv").write_text('video,note\nb.mp4,"two\nlines, and ""more"""\n')
    assert find_clips(f"{folder}/study.csv")[0].columns == {"list.note": 'two\nlines, and "more"'}


def test_links_in_a_circle_end_and_each_file_is_taken_once(folder):
    for name in ("again", "p1/up", "p2/up"):
        (folder / name).symlink_to(folder)
    (folder / "loop.mp4").symlink_to("loop.mp4")
    (folder / "a_link.mp4").symlink_to("b.mp4")
    (folder.parent / "other").symlink_to(folder / "p1")
    assert names(find_clips(f"{folder}/**/*.mp4")) == ["b.mp4", "c.mp4"]
    assert names(find_clips(f"{folder}/**")) == ["a.MOV", "b.mp4", "c.mp4", "d.avi"]
    assert names(find_clips(str(folder))) == ["a.MOV", "b.mp4"]
    assert names(find_clips(f"{folder.parent}/**/c.mp4")) == ["c.mp4"]
    assert names(find_clips(f"{folder.parent}/other/*.mp4")) == ["c.mp4"]


def test_hidden_files_are_no_videos_and_other_files_are_not_taken_beside_videos(folder, tmp_path):
    for name in ("._b.mp4", ".DS_Store", ".hidden.mp4", ".trash/x.mp4", "__MACOSX/._c.mp4"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    assert names(find_clips(str(folder))) == ["a.MOV", "b.mp4"]
    assert names(find_clips(f"{folder}/**/*.mp4")) == ["b.mp4", "c.mp4"]
    assert names(find_clips(f"{folder}/*")) == ["a.MOV", "b.mp4"]
    assert names(find_clips(f"{folder}/.trash/*")) == ["x.mp4"]
    assert names(find_clips(f"{folder}/*.t?t")) == ["notes.txt"]  # whoever asks for it


def test_what_makes_a_batch(folder):
    assert not is_batch([f"video={folder}/b.mp4", "model=mlkit"])
    assert not is_batch([])
    for arguments in (["-m"], ["force=true"], ["launcher=joblib"], ["launcher.jobs=2"],
                      [f"video={folder}"], [f"video={folder}/*.mp4"],
                      ["video=list.csv"]):  # fmt: skip
        assert is_batch(arguments), arguments


def test_the_same_videos_are_the_same_sweep_wherever_it_is_started(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert sweep_of("clips", "posexp") == sweep_of(f"{folder}/", "posexp")
    assert sweep_of("clips", "posexp") != sweep_of("clips", "other")
    assert sweep_of("clips", "posexp").startswith("clips-")


def test_a_folder_names_what_it_skips(folder, caplog):
    (folder / "c.gif").touch()
    assert names(find_clips(str(folder))) == ["a.MOV", "b.mp4", "c.gif"]
    assert f"{folder}: 4 files: 3 videos, 1 skipped: notes.txt" in caplog.text
    caplog.clear()
    (folder / "notes.txt").unlink()
    find_clips(str(folder))
    assert not caplog.records
