"""What a run says of the people in its video."""

import shutil
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import pandas as pd
import pytest
from conftest import newest_run

from posexp import run
from posexp.errors import ConfigError
from posexp.settings import TrackingSettings
from posexp.store.archive import Archive
from posexp.terminal.summaries import print_run

LIGHT = {"posexp.people.track", "posexp.show.people", "posexp.measure.different_people"}
"""What writes tables and pictures."""


@pytest.fixture
def place(empty_store, tmp_path):
    return shutil.copytree(empty_store, tmp_path / "mlruns")


def one(shared, place, *typed):
    clip = shared / "clips" / "two_people.mp4"
    return run([f"video={clip}", "video.stop=0.15", "overlay=none", f"tracking.folder={place}",
                *typed])  # fmt: skip


def test_a_run_shows_the_people_and_whom_it_followed(shared, place, capsys):
    logged = one(shared, place, "person=2")
    people = pd.read_csv(logged.file("person/people.csv"))
    assert list(people.query("followed")["person"]) == [2] and len(people) == 3
    assert iio.imread(logged.file("person/people.jpg")).shape == (720, 408, 3)
    track = pd.read_csv(logged.file("person/track.csv"))
    assert list(track["frame"]) == list(range(9)) and set(track["state"]) == {"seen"}
    assert track["right"].max() < 400  # the one on the left
    assert logged.metrics["person/lost_share"] == logged.metrics["person/changes"] == 0
    assert logged.params["person.who"] == "2" and "person=2" in logged.name
    print_run(logged)
    assert "3 people, following number 2 (person=1 for another)" in capsys.readouterr().out


def test_whoever_is_not_there_ends_the_run_with_a_picture_of_who_is(shared, place):
    with pytest.raises(ConfigError, match="expected 1 to 3, got 7: 3 people were found") as caught:
        one(shared, place, "person=7")
    (path,) = (word for word in str(caught.value).split() if word.endswith("people.jpg"))
    assert Path(path).is_file()
    assert newest_run(place).status == "FAILED"


def test_without_anybody_who_watches_a_run_says_nothing_of_people(shared, place, capsys):
    """And nothing that finds people is loaded."""
    code = (
        "import sys; from posexp import run; run(sys.argv[1:]);"
        "print(*(m for m in sys.modules if m.startswith('posexp.') and 'people' in m))"
    )
    typed = [f"video={shared / 'clips' / 'two_people.mp4'}", "video.stop=0.15", "overlay=none",
             "person=off"]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, *typed, f"tracking.folder={place}"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert set(done.stdout.split()) <= {"posexp.people", "posexp.people.watched", *LIGHT}
    logged = Archive(TrackingSettings(folder=str(place))).open().run("last")
    assert logged.params["person.who"] == "off"
    assert not (Path(logged.artifacts) / "person").exists()
    assert not any(name.startswith("person/") for name in logged.metrics)
    assert "person.people" not in logged.tags
    print_run(logged)
    assert "following" not in capsys.readouterr().out
