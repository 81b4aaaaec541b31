"""Which videos a batch is about."""

from pathlib import Path

import pytest

from posexp.errors import ConfigError
from posexp.study import Clip, find_clips, is_batch, sweep_of


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
        ("b.csv", "video,posexp.sweep\nb.mp4,1\n", "'posexp.sweep' .* cannot be a tag"),
        ("c.csv", "video,<b>\nb.mp4,1\n", "cannot be a tag"),
        ("d.csv", "video,x\nb.mp4,1,2\n", "line 2 .*: expected a path and 2 cells"),
        ("e.csv", "video,x\n,1\n", "line 2 .*: expected a path"),
        ("f.csv", "", "expected a column named video"),
        ("g.txt", "# nothing\n", "expected videos in .* found no line"),
    ],
)
def test_a_list_that_cannot_be_used_is_told(folder, name, text, said):
    (folder / name).write_text(text)
    with pytest.raises(ConfigError, match=said):
        find_clips(str(folder / name))


def test_nothing_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="found none with a video's suffix"):
        find_clips(str(tmp_path))
    with pytest.raises(ConfigError, match="found no file"):
        find_clips(f"{tmp_path}/*.mp4")
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        find_clips(str(tmp_path / "list.csv"))
    with pytest.raises(ConfigError, match="No such file"):
        find_clips(str(tmp_path / "other.csv"))


def test_what_makes_a_batch(folder):
    assert not is_batch([f"video={folder}/b.mp4", "model=mlkit"])
    assert not is_batch([])
    for arguments in (["-m"], ["force=true"], ["launcher=joblib"], [f"video={folder}"],
                      [f"video={folder}/*.mp4"], ["video=list.csv"]):  # fmt: skip
        assert is_batch(arguments), arguments


def test_the_same_videos_are_the_same_sweep_wherever_it_is_started(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert sweep_of("clips", "posexp") == sweep_of(f"{folder}/", "posexp")
    assert sweep_of("clips", "posexp") != sweep_of("clips", "other")
    assert sweep_of("clips", "posexp").startswith("clips-")
