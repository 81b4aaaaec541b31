"""Runs that somebody has put right: made by the real pipeline, from Python and the command line."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from clips import ffmpeg
from conftest import posexp_command

import posexp
from posexp.errors import PosexpError
from posexp.pose.sequence import PoseSequence
from posexp.settings import TrackingSettings
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.run import newest_of_each
from posexp.video.embedded import embedded_clip

EVENTS = ["lean_start", "rise_start", "standing", "sit_start", "seated"]
NAN = float("nan")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A sweep of a clip with one chair stand, and one of its runs."""
    folder = tmp_path_factory.mktemp("edit å")
    ffmpeg("-i", embedded_clip(), "-frames:v", "190", "-vf", "scale=320:-2", folder / "stand.mp4")
    (folder / "list.csv").write_text("video,participant\nstand.mp4,P07\n")
    posexp.sweep(
        [f"video={folder / 'list.csv'}", f"tracking.folder={folder / 'mlruns'}",
         "tracking.sweep=pilot", "overlay.height=120"]
    )  # fmt: skip
    return folder, store(folder).search({}, 1)[0]


def store(folder):
    return Archive(TrackingSettings(folder=str(folder / "mlruns"))).open()


def events_of(run):
    return pd.read_csv(run.file("movement/repetitions.csv"))


def points(*rows):
    return pd.DataFrame(rows, columns=["frame", "joint", "x", "y"])


def refused(run, **what):
    with pytest.raises(PosexpError) as caught:
        posexp.edit(run, **what)
    return str(caught.value)


@pytest.fixture(scope="module")
def both(place):
    """The run with a later end of its rise, a knee elsewhere, and an ankle that is not seen."""
    _, run = place
    events = events_of(run)
    events.loc[0, "standing"] += 0.2
    return posexp.edit(
        run, events, points((10, "left_knee", 100, 60.5), (11, "left_ankle", NAN, NAN))
    )


def test_a_run_says_that_it_was_edited_and_how(place, both):
    _, run = place
    assert both.status == "FINISHED" and both.id != run.id
    assert both.name == f"{run.name} edited" == "mlkit stand edited"
    assert both.tags[tags.EDITED_FROM] == run.id
    said = "1 event; 2 joints in 2 frames, of which depth and world are not known"
    assert both.tags[tags.EDITED] == said
    assert f"Edited by hand: {said}; from run {run.id}" in both.tags[tags.DESCRIPTION]
    assert both.tags["participant"] == "P07" and both.params == run.params | {
        "tracking.run_name": both.name, "tracking.sweep": both.params["tracking.sweep"]
    }  # fmt: skip
    table = pd.read_csv(both.file("edits/edits.csv"), keep_default_na=False)
    event, knee, ankle = table.to_dict("records")
    assert (event["what"], event["repetition"], event["name"]) == ("event", "1", "standing")
    assert float(event["after"]) == pytest.approx(float(event["before"]) + 0.2, abs=1e-4)
    assert (knee["frame"], knee["name"], knee["after"]) == ("10", "left_knee", "100.00 60.50")
    assert knee["before"] == "{:.2f} {:.2f}".format(*run.poses().joint("left_knee")[10])
    assert (ankle["name"], ankle["after"]) == ("left_ankle", "")
    assert table["who"].nunique() == 1
    when = pd.to_datetime(table["when"], utc=True)
    assert (abs((when - pd.Timestamp.now("UTC")).dt.total_seconds()) < 600).all()


def test_the_poses_are_edited_and_the_automatic_ones_kept(place, both):
    _, run = place
    first, poses = run.poses(), both.poses()
    assert PoseSequence.read(both.file("keypoints/automatic.parquet")) == first
    knee, ankle = poses.skeleton.indices(["left_knee", "left_ankle"])
    assert poses.image[10, knee].tolist() == [100, 60.5]
    assert poses.confidence[10, knee] == poses.visibility[10, knee] == 1
    assert np.isnan(poses.image[11, ankle]).all() and poses.confidence[11, ankle] == 0
    for row, joint in ((10, knee), (11, ankle)):
        assert np.isnan(poses.world[row, joint]).all() and np.isnan(poses.depth[row, joint])
    others = np.ones(poses.confidence.shape, bool)
    others[10, knee] = others[11, ankle] = False
    for field in dataclasses.fields(poses):
        before, after = getattr(first, field.name), getattr(poses, field.name)
        if field.name in ("image", "confidence", "depth", "world", "visibility"):
            assert np.array_equal(before[others], after[others], equal_nan=True)
        else:
            assert np.all(before == after)


def test_everything_that_follows_is_made_again(place, both):
    _, run = place
    before, after = events_of(run), events_of(both)
    assert after["standing"][0] == pytest.approx(before["standing"][0] + 0.2)
    assert after["rise_s"][0] == pytest.approx(before["rise_s"][0] + 0.2, abs=1e-5)
    assert both.metrics["movement/rise_s"] == pytest.approx(after["rise_s"][0], abs=1e-5)
    assert f"rise {after['rise_s'][0]:.2f} s" in both.tags[tags.MOVEMENT]
    assert events_of(run)[EVENTS].equals(pd.read_csv(both.file("movement/automatic.csv"))[EVENTS])
    for name in (
        "keypoints/cleaned.parquet", "angles/angles.csv", "figures/movement.png",
        "overlay/overlay.mp4", "overlay/contact_sheet.png", "person/track.csv",
    ):  # fmt: skip
        assert both.file(name).is_file()
    first, again = (pd.read_csv(r.file("angles/angles.csv"))["left_knee_flexion"] for r in
                    (run, both))  # fmt: skip
    changed = np.flatnonzero(first != again)
    assert 10 in changed and changed.min() > 0 and changed.max() < 40


def test_an_edited_run_is_edited_again_and_keeps_what_was_found_first(place, both):
    _, run = place
    again = posexp.edit(both, keypoints=points((20, "right_knee", 90, 50)))
    assert again.tags[tags.EDITED_FROM] == both.id and again.name == "mlkit stand edited"
    assert PoseSequence.read(again.file("keypoints/automatic.parquet")) == run.poses()
    assert events_of(again)[EVENTS].equals(events_of(both)[EVENTS])  # somebody has set them
    assert events_of(run)[EVENTS].equals(pd.read_csv(again.file("movement/automatic.csv"))[EVENTS])
    assert pd.read_csv(again.file("edits/edits.csv"))["name"].tolist() == [
        "standing", "left_knee", "left_ankle", "right_knee",
    ]  # fmt: skip
    labels = pd.read_csv(again.file("edits/labels.csv"))
    assert labels["frame"].tolist() == [10, 20]
    assert labels[["left_knee_x", "right_knee_x"]].notna().to_numpy().tolist() == [
        [True, False], [False, True],
    ]  # fmt: skip


def test_events_or_keypoints_alone(place):
    _, run = place
    one = events_of(run)[EVENTS].assign(lean_start=NAN)
    events = posexp.edit(run, one)
    assert events.poses() == run.poses()
    assert events.tags[tags.EDITED] == "1 event"
    with pytest.raises(PosexpError, match="expected the artifact"):
        events.file("keypoints/automatic.parquet")
    none = posexp.edit(run, one.iloc[:0])
    assert none.metrics["movement/repetitions"] == 0 and events_of(none).empty
    assert none.tags[tags.MOVEMENT] == (
        "no stands: all were removed; the events are as somebody has set them"
    )
    again = posexp.edit(none, one)  # and from nothing to what it was
    assert events_of(again)[EVENTS].equals(one)
    # A run whose keypoints alone are edited finds its events anew.
    frames = range(len(run.poses()))
    gone = posexp.edit(
        run, keypoints=points(*((f, f"{s}_hip", NAN, NAN) for f in frames for s in
                                ("left", "right")))
    )  # fmt: skip
    assert tags.EVENTS_SET not in gone.tags
    assert gone.tags[tags.MOVEMENT] != run.tags[tags.MOVEMENT]
    with pytest.raises(PosexpError, match="expected the artifact"):
        gone.file("edits/labels.csv")  # where a joint is not is no label


def test_nothing_takes_an_edited_run_for_what_a_model_said(place, both):
    folder, run = place
    for key in (tags.SWEEP, tags.KEYPOINTS, tags.FINGERPRINT):
        assert key in run.tags and key not in both.tags
    environment = [each.file(tags.ENVIRONMENT).read_text() for each in (run, both)]
    assert run.tags[tags.FINGERPRINT] in environment[0]
    assert run.tags[tags.FINGERPRINT] not in environment[1]
    assert run.tags[tags.KEYPOINTS] not in environment[1]
    assert newest_of_each([both, run]) == [run]
    assert posexp.compare([run, both]).labels == ["mlkit", "mlkit edited"]
    # The same sweep has nothing to do, and does not list it.
    done = posexp_command("-m", "video=list.csv", "tracking.sweep=pilot", "overlay.height=120",
                          cwd=folder)  # fmt: skip
    assert "1 jobs: 1 done before" in done.stdout, done.stdout + done.stderr
    done = posexp_command("rerun", f"run={both.id}", cwd=folder)
    assert done.returncode == 1 and "expected one that a model has made" in done.stderr
    assert f"run={run.id}" in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_command_line_and_labels_that_evaluate_reads(place):
    folder, run = place
    truth = run.poses()
    events_of(run).assign(seated=NAN).to_csv(folder / "events.csv", index=False)
    knee, hip = truth.joint("left_knee"), truth.joint("left_hip")
    points(
        *((frame, "left_knee", *(knee[frame] + (3, 4))) for frame in (30, 40, 50)),
        (40, "left_hip", *(hip[40] + (0, 1))),
    ).to_csv(folder / "points.csv", index=False)  # fmt: skip
    done = posexp_command(
        "edit", f"run={run.id}", "events=events.csv", "keypoints=points.csv", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    said = "edited by hand: 1 event; 4 joints in 3 frames, of which depth and world are not known"
    assert said in done.stdout and f"from run {run.id}" in done.stdout
    edited = store(folder).search({tags.EDITED_FROM: run.id}, 1)[0]
    labels = edited.file("edits/labels.csv")
    done = posexp_command("evaluate", f"run={run.id}", f"truth={labels}", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "3 labelled frames, 2 joints" in done.stdout
    again = store(folder).run(run.id)
    assert again.metrics["error/mean_px"] == pytest.approx((5 + 5 + 5 + 1) / 4, abs=0.01)
    done = posexp_command("evaluate", f"run={edited.id}", f"truth={labels}", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert store(folder).run(edited.id).metrics["error/mean_px"] == pytest.approx(0, abs=1e-4)
    # Another variant is scored against what somebody has set.
    posexp.run(
        [f"video={folder / 'stand.mp4'}", f"tracking.folder={folder / 'mlruns'}", "overlay=none",
         "model=mlkit", "model.mode=single_image"]
    )  # fmt: skip
    done = posexp_command("evaluate", "run=last", f"truth={labels}", cwd=folder)
    assert "3 labelled frames, 2 joints" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({}, "edit: expected events or keypoints, got neither"),
        ({"keypoints": points((10, "left_kne", 1, 1))},
         "keypoints: no joint 'left_kne' in this run. Did you mean left_knee"),
        ({"keypoints": points((10, "snout", 1, 1))}, "no joint 'snout' in this run. It has nose"),
        ({"keypoints": points((190, "left_knee", 1, 1))},
         "keypoints: expected a frame from 0 to 189, got 190"),
        ({"keypoints": points((1.5, "nose", 1, 1))}, "expected a frame from 0 to 189, got 1.5"),
        ({"keypoints": points((10, "left_knee", 1, NAN))}, "expected x and y, or neither"),
        ({"keypoints": points((10, "left_knee", 321, 5))},
         "left_knee in frame 10: expected a place in the picture of 320x240 px, got 321, 5"),
        ({"keypoints": points((10, "nose", 1, 1), (10, "nose", 2, 2))}, "nose in frame 10 once"),
        ({"keypoints": points((10, "nose", "a", 1))}, "keypoints: expected frames and px, got"),
        ({"keypoints": points((10, "nose", 1, 1)).drop(columns="y")}, "missing: y"),
        ({"keypoints": "none.csv"}, "none.csv: expected a CSV of keypoints, got"),
        ({"events": pd.DataFrame([(1, 2, 3, 3.5, 50)], columns=EVENTS)},
         "expected seated in the clip, 0.00 to 3.78 s, got 50.00 s"),
        ({"events": pd.DataFrame([(1, 3, 2, 2.5, 3)], columns=EVENTS)},
         "repetition 1: expected rise_start before standing"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_and_no_run(place, what, message):
    folder, run = place
    before = store(folder).count({})
    said = refused(run, **what)
    assert message in said and "\n" not in said
    assert store(folder).count({}) == before


def test_runs_that_cannot_be_edited(place, both, tmp_path):
    folder, run = place
    same = run.poses().joint("nose")[3]
    said = refused(run, events=events_of(run), keypoints=points((3, "nose", *same)))
    assert f"edit: nothing to change: run {run.name} ({run.id[:8]}) has the same already" == said
    killed = dataclasses.replace(run, status="KILLED")
    assert "expected a finished run, got one that is KILLED" in refused(
        killed, events=events_of(run)
    )
    video = folder / "stand.mp4"
    try:
        video.rename(folder / "moved.mp4")
        said = refused(run, keypoints=points((3, "nose", 1, 1)))
        assert f"expected its video at {video}, found nothing there. Put it back there" in said
    finally:
        (folder / "moved.mp4").rename(video)
    none = posexp.run(
        [f"video={video}", f"tracking.folder={tmp_path / 'mlruns'}", "activity=none",
         "overlay=none", "video.stop=0.2"]
    )  # fmt: skip
    assert "was made with activity=none" in refused(none, events=events_of(run))
