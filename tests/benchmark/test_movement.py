"""Repetitions, moments and angles against those of the motion itself."""

import numpy as np
import pandas as pd
import pytest

from posexp.benchmark.catalogue import catalogue, select
from posexp.benchmark.movement import angle_metrics, event_metrics, movement_metrics
from posexp.benchmark.rendering.events import EVENTS, true_angles, true_events
from posexp.benchmark.rendering.figure import Movement
from posexp.benchmark.rendering.scene import truth
from posexp.benchmark.report_movement import movement

TRUE = true_events(Movement(), 3)


def found(rows=(0, 1, 2), late=0.0):
    table = TRUE.loc[list(rows), [f"{name}_tenth" for name in EVENTS]] + late
    return table.set_axis(list(EVENTS), axis=1)


def test_what_is_found_as_it_is_has_no_error():
    metrics = event_metrics(found(), TRUE)
    assert metrics.pop("movement/found_share") == 1
    assert list(metrics.values()) == [0] * (len(EVENTS) + 2)


def test_late_missing_and_wrong_repetitions():
    late = event_metrics(found(late=0.05), TRUE)
    assert late["movement/rise_start_ms"] == pytest.approx(50)
    assert late["movement/rise_ms"] == pytest.approx(0, abs=1e-6)
    fewer = event_metrics(found((0, 2)), TRUE)
    assert fewer["movement/found_share"] == pytest.approx(2 / 3)
    assert fewer["movement/standing_ms"] == np.inf and fewer["movement/extra"] == 0
    elsewhere = pd.concat([found(), found((0,), late=2.0), found((1,), late=0.1)])
    more = event_metrics(elsewhere, TRUE)
    assert more["movement/found_share"] == 1 and more["movement/extra"] == 2
    assert more["movement/standing_ms"] == 0
    none = event_metrics(found(()), TRUE)
    assert none["movement/found_share"] == 0 and none["movement/lean_start_ms"] == np.inf


def test_an_event_that_is_not_told_is_infinitely_wrong():
    table = found()
    table.loc[1, "seated"] = np.nan
    metrics = event_metrics(table, TRUE)
    assert metrics["movement/seated_ms"] == np.inf and metrics["movement/rise_start_ms"] == 0


def test_angles_in_plane_and_in_space():
    times = np.arange(100) / 25
    clip = select(catalogue(), ["phone_side"])[0]
    true = true_angles(clip.scene, times)
    table = true.assign(frame=range(100), left_knee_flexion_world=true["left_knee_flexion"] + 10,
                        right_knee_flexion_world=true["right_knee_flexion"] - 10)  # fmt: skip
    table["trunk_lean"] = np.where(times < 2.2, np.nan, table["trunk_lean"])
    metrics = angle_metrics(table, true)
    assert metrics["movement/knee_plane_deg"] == metrics["movement/hip_plane_deg"] == 0
    assert metrics["movement/knee_space_deg"] == pytest.approx(10)
    assert metrics["movement/trunk_plane_deg"] == np.inf
    assert "movement/hip_space_deg" not in metrics


@pytest.mark.parametrize("name", ["phone_side", "phone_oblique", "drone_oblique", "sit_to_stand"])
def test_the_truth_itself_is_found_exactly(name):
    # So what a variant is off by is its own, and not of the definitions.
    clip = select(catalogue(), [name])[0]
    times = np.arange(0, clip.duration, 1 / clip.film.fps)
    poses = truth(clip.scene, times, np.ones((len(times), 33), bool), name)
    metrics = movement_metrics(
        poses, true_events(clip.scene.movement, clip.repetitions), true_angles(clip.scene, times)
    )
    assert metrics["movement/found_share"] == 1 and metrics["movement/extra"] == 0
    for event in ("rise_start", "standing", "rise"):
        assert metrics[f"movement/{event}_ms"] < 80, event  # two frames
    assert metrics["movement/knee_space_deg"] < 1 and metrics["movement/hip_space_deg"] < 1
    if clip.view == "side":
        assert metrics["movement/knee_plane_deg"] < 4


def test_the_report_says_what_is_found_and_how_far_off():
    rows = [
        {"variant": variant, "clip": "a", "factor": "view", "level": "side", "view": "side",
         "camera": "phone", "movement/found_share": share, "movement/extra": 0.0,
         "movement/rise_start_ms": off, "movement/standing_ms": off,
         "movement/knee_plane_deg": 3.2, "movement/knee_space_deg": space}
        for variant, share, off, space in (("flat", 1.0, 41.0, np.nan), ("deep", 0.0, np.inf, 5.0))
    ]  # fmt: skip
    text = "\n".join(movement(pd.DataFrame(rows)))
    assert "| phone, side (1) | `flat` | 100% | 0.00 | 41 | 41 | 3.2 | - |" in text
    assert "| phone: side view | 100%, 41 / 41 ms, 3° | 0%, ∞ / ∞ ms, 3° / 5° |" in text
