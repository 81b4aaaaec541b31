"""What a run's page in MLflow says to a person."""

import json

import pytest

from posexp import run
from posexp.errors import ConfigError
from posexp.runs.note import describe
from posexp.settings import TrackingSettings
from posexp.store.archive import Archive
from posexp.store.record import RunRecord

TAGS = {"video": "/clips/a_b.mp4", "video.size": "640x480", "video.fps": "50"}


def noted(tmp_path, status="FINISHED", metrics=None, **more) -> str:
    record = RunRecord("mlkit heavy a_b", "posexp", {}, {**TAGS, **more}, {}, metrics or {})
    record.status = status
    describe(record, tmp_path)
    return record.tags["mlflow.note.content"]


def test_a_failed_run_begins_with_its_reason(tmp_path):
    said = noted(tmp_path, "FAILED", error="person: expected 1 to 3, got *7*")
    assert said.startswith("**Failed:** person: expected 1 to 3, got \\*7\\*\n\n**mlkit heavy** on")
    assert noted(tmp_path, "KILLED", error="x").startswith("**Ended before it was done:** x")


def test_what_was_found_the_people_and_the_movement_are_told(tmp_path):
    for name in ("overlay/overlay.mp4", "overlay/contact_sheet.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    metrics = {
        "tracking/frames": 30.0, "tracking/tracked_share": 0.5, "tracking/longest_gap_s": 0.2,
        "error/mean_px": 3.324, "movement/repetitions": 5.0,
    }  # fmt: skip
    person = {"person.people": "3", "person.followed": "2", "person.doubt": "may change at 1.00 s"}
    said = noted(tmp_path, metrics=metrics, **person, **{"video.warnings": "no <b>"})
    assert said.startswith("**mlkit heavy** on `a_b.mp4` (640x480 px, 50 frames/s)")
    for line in (
        "- Found: 30 frames, tracked in 50.0% of the frames, longest gap 0.20 s",
        "- Against ground truth: error 3.32 px in the mean",
        "- People: 3 found, number 2 is followed; may change at 1.00 s",
        "- Movement: repetitions 5",
        "- Warnings: no \\<b\\>",
    ):
        assert line in said.splitlines()
    assert "[overlay](artifact:overlay/overlay.mp4)" in said
    assert "[contact sheet](artifact:overlay/contact_sheet.png)" in said
    assert "people.jpg" not in said  # it is not there


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ([], "mlkit sit_to_stand"),
        (["model.mode=single_image"], "mlkit single_image sit_to_stand"),
        (["model.min_tracking_confidence=0.7"],
         "mlkit min_tracking_confidence=0.7 sit_to_stand"),
    ],
)  # fmt: skip
def test_names_differ_where_runs_differ_and_versions_are_in_a_file(
    empty_store, tmp_path, typed, name
):
    place = f"tracking.folder={tmp_path / 'mlruns'}"
    made = run([*typed, "video.stop=0.1", "overlay=none", place])
    assert made.name == name
    assert not any(key.startswith("version.") for key in made.tags)
    kept = json.loads(made.file("config/environment.json").read_text())
    assert kept["versions"]["posexp"] and kept["weights"]["sha256"] == made.tags["weights.sha256"]
    assert len(kept["fingerprint"]) == 64
    links = made.tags["mlflow.note.content"]
    assert f"(#/experiments/1/runs/{made.id}/artifacts/keypoints/keypoints.csv)" in links
    assert "artifact:" not in links and "table:" not in links


def test_runs_are_linked_to_the_model_of_their_weights_which_has_their_figures(tmp_path):
    place = f"tracking.folder={tmp_path / 'mlruns'}"
    typed = ["video.stop=0.1", "overlay=none", place]
    runs = [run(typed), run([*typed, "model.mode=single_image"])]
    store = Archive(TrackingSettings(folder=str(tmp_path / "mlruns"))).open()
    (model,) = store.client.search_logged_models(["1"])  # one, since the weights are the same
    assert model.tags["weights.sha256"] == runs[0].tags["weights.sha256"]
    for each in runs:
        (linked,) = store.client.get_run(each.id).inputs.model_inputs
        assert linked.model_id == model.model_id
    known = {(m.run_id, m.key): m.value for m in model.metrics}
    value = runs[1].metrics["jitter/residual_torso"]
    assert known[runs[1].id, "jitter/residual_torso"] == pytest.approx(value)
    assert not any(key.startswith("confidence") for _, key in known)
    assert {m.dataset_name for m in model.metrics} == {"sit_to_stand.mp4"}


def test_the_run_of_whoever_is_not_there_says_so_first(shared, tmp_path):
    place = f"tracking.folder={tmp_path / 'mlruns'}"
    clip = shared / "clips" / "two_people.mp4"
    with pytest.raises(ConfigError):
        run([f"video={clip}", "video.stop=0.1", "overlay=none", "person=7", place])
    store = Archive(TrackingSettings(folder=str(tmp_path / "mlruns"))).open()
    said = store.search({}, 1)[0].tags["mlflow.note.content"]
    assert said.startswith("**Failed:** person: expected 1 to 3, got 7: 3 people were found")
