"""Chair stands and squats of somebody whose every moment is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from people import LEAN, RISE, chair_stands, person, squats, without

from posexp.errors import ConfigError
from posexp.movement.repetitions import repetitions
from posexp.pose.sequence import PoseSequence
from posexp.runs.extraction import extract

DATA = Path(__file__).resolve().parents[2] / "src" / "posexp" / "data"
STARTS = np.array([2, 6, 10, 14, 18])


def test_the_moments_of_five_chair_stands():
    poses = chair_stands()
    found = repetitions(poses)
    assert (found.activity, found.height, len(found.table)) == ("sit_to_stand", "hips", 5)
    table = found.table
    assert np.abs(table["rise_start"] - STARTS).max() < 0.2
    assert np.abs(table["standing"] - STARTS - RISE).max() < 0.2
    assert np.abs(table["sit_start"] - STARTS - 2).max() < 0.2
    assert np.abs(table["seated"] - STARTS - 2 - RISE).max() < 0.2
    assert np.abs(table["lean_start"] - STARTS + LEAN).max() < 0.2
    assert (
        np.diff(table[["lean_start", "rise_start", "standing", "sit_start", "seated"]]) > 0
    ).all()
    assert table["peak_lean_deg"].to_numpy() == pytest.approx(40, abs=3)
    assert table["left_knee_at_rise_deg"].to_numpy() == pytest.approx(85, abs=25)
    assert (table["left_knee_standing_deg"] < 25).all()
    assert np.abs(table["knee_difference_deg"]).max() < 2
    assert table["rise_px"].to_numpy() == pytest.approx(86, rel=0.05)
    assert table["momentum_transfer_s"].isna().all()  # no feet
    assert found.notes == ()


def test_the_figures_of_the_clip_and_its_sentence():
    found = repetitions(chair_stands())
    figures = found.figures
    assert figures["repetitions"] == 5
    assert figures["five_times_standing_s"] == pytest.approx(16 + LEAN + RISE, abs=0.3)
    assert figures["five_times_seated_s"] == pytest.approx(18 + LEAN + RISE, abs=0.3)
    assert "stands_in_30_s" not in figures  # the recording is 22 s long
    assert abs(figures["rise_slope_s_per_repetition"]) < 0.02
    assert figures["rise_s"] == pytest.approx(float(found.table["rise_s"].median()))
    begin, five, rise, lean = found.sentence.split(", ")
    assert (begin, five) == ("5 stands", f"five times {figures['five_times_standing_s']:.1f} s")
    assert rise.startswith("rise 0.9")
    assert lean == f"peak lean {figures['peak_lean_deg']:.0f} deg"
    assert found.metrics()["movement/repetitions"] == 5


def test_stands_in_30_s_are_counted_to_the_half_of_the_last():
    starts = np.arange(1, 40, 3.5)
    found = repetitions(chair_stands(starts=starts, stop=42))
    begin = found.table["lean_start"].iloc[0]
    assert found.figures["stands_in_30_s"] == (starts + RISE / 2 <= begin + 30).sum() == 9


def test_slower_and_slower_is_a_positive_slope():
    time = np.arange(0, 30, 1 / 30)
    up = np.zeros_like(time)
    for row, start in enumerate((2, 7, 12, 17, 22)):
        share = (time - start) / (1.0 + 0.2 * row)
        back = (time - start - 3) / 1.2
        for sign, each in ((1, share), (-1, back)):
            each = np.clip(each, 0, 1)
            up += sign * each**3 * (10 - 15 * each + 6 * each**2)
    found = repetitions(person(time, up, np.full_like(time, 10.0)))
    assert found.figures["rise_slope_s_per_repetition"] == pytest.approx(0.17, abs=0.05)


def test_five_squats_are_told_from_chair_stands():
    found = repetitions(squats())
    assert (found.activity, found.height, len(found.table)) == ("squat", "shoulders", 5)
    order = found.table[["sit_start", "seated", "rise_start", "standing"]]
    assert (np.diff(order) > -0.11).all()
    assert found.table["lean_start"].isna().all()
    assert found.sentence.startswith("5 squats, rise 0.7")
    assert "five_times_standing_s" not in found.figures


def test_whoever_rocks_first_has_leaned_when_it_counts():
    found = repetitions(chair_stands(starts=(5, 10), stop=14, rocks=(1.5, 2.6)))
    assert len(found.table) == 2
    assert found.table["lean_start"].iloc[0] == pytest.approx(5 - LEAN, abs=0.2)


def test_a_walk_after_the_last_stand_is_none():
    time = np.arange(0, 14, 1 / 30)
    share = np.clip((time - 2) / RISE, 0, 1)
    up = share**3 * (10 - 15 * share + 6 * share**2)
    steps = np.where(time > 5, 0.09 * np.sin(2 * np.pi * 1.9 * time), 0)  # 3.5 cm
    walk = np.where(time > 5, 120 * (time - 5), 0)
    found = repetitions(person(time, up + steps, np.full_like(time, 8.0), walk=walk))
    assert len(found.table) == 1
    assert np.isnan(found.table["seated"].iloc[0])


@pytest.mark.parametrize("rate", [12, 25, 240])
def test_any_frame_rate(rate):
    found = repetitions(chair_stands(rate=rate))
    assert len(found.table) == 5
    assert np.abs(found.table["rise_start"] - STARTS).max() < 0.25


def test_whoever_only_sits_has_an_empty_table_that_says_why():
    time = np.arange(0, 8, 1 / 30)
    breath = 0.01 * np.sin(2 * np.pi * 0.3 * time)
    found = repetitions(person(time, breath, np.full_like(time, 8.0), noise=0.2))
    assert found.table.empty
    assert found.sentence == "no stands"
    assert found.figures == {"repetitions": 0}
    assert any("less than a quarter of the trunk" in n or "never rise" in n for n in found.notes)


@pytest.mark.parametrize(("start", "stop", "word"), [(-0.6, 22, "begins"), (2, 18.7, "ends")])
def test_half_a_rise_at_either_end_is_not_counted_and_that_is_said(start, stop, word):
    found = repetitions(chair_stands(starts=(start, 6, 10, 14, 18), stop=stop))
    assert len(found.table) == 4
    assert f"the recording {word} in it" in " ".join(found.notes)


def test_with_half_of_the_clip_unseen_the_rest_is_told():
    poses = chair_stands()
    rows = np.flatnonzero((poses.time > 5) & (poses.time < 16.5))
    found = repetitions(without(poses, rows=rows))
    assert len(found.table) == 2
    assert "from 5.0 to 16.5 s nothing is seen: repetitions there are not counted" in found.notes
    assert "five_times_standing_s" not in found.figures


def test_a_beginning_that_is_not_seen_is_said():
    poses = chair_stands()
    found = repetitions(without(poses, rows=slice(0, len(poses) // 2)))
    assert len(found.table) == 2
    assert "the hips are seen in 50% of the frames" in " ".join(found.notes)


def test_nobody_at_all():
    found = repetitions(without(chair_stands()))
    assert found.table.empty
    assert found.notes == ("neither hips nor shoulders are seen in any frame",)


def test_legs_that_are_never_seen():
    legs = [f"{side}_{part}" for side in ("left", "right") for part in ("knee", "ankle")]
    found = repetitions(without(chair_stands(), *legs))
    assert len(found.table) == 5
    assert found.table["left_knee_at_rise_deg"].isna().all()
    assert "the legs are not seen: no knee angles" in found.notes
    found = repetitions(without(chair_stands(), *legs, "left_hip", "right_hip"))
    assert found.height == "shoulders"
    assert len(found.table) == 5
    assert "the hips are hardly seen: the shoulders are timed in their place" in found.notes


def test_from_behind_no_lean_is_seen():
    time = np.arange(0, 12, 1 / 30)
    share = np.clip((time - 2) / RISE, 0, 1), np.clip((time - 6) / RISE, 0, 1)
    up = share[0] ** 3 * (10 - 15 * share[0] + 6 * share[0] ** 2)
    up -= share[1] ** 3 * (10 - 15 * share[1] + 6 * share[1] ** 2)
    found = repetitions(person(time, up, np.zeros_like(time)))
    assert len(found.table) == 1
    assert np.isnan(found.table["lean_start"].iloc[0])
    assert any("no lean of the trunk" in note for note in found.notes)


def test_none_looks_for_nothing_and_others_are_refused():
    found = repetitions(chair_stands(), activity="none")
    assert found.table.empty
    assert found.sentence == ""
    with pytest.raises(ConfigError, match="activity: expected one of auto, sit_to_stand"):
        repetitions(chair_stands(), activity="jumping")


def test_what_is_said_overrules_what_is_seen():
    assert repetitions(squats(), activity="sit_to_stand").activity == "sit_to_stand"


def test_phases_with_an_ankle_angle_are_four():
    poses = PoseSequence.read(DATA / "sit_to_stand.truth.parquet")
    table = repetitions(poses).table
    parts = table["momentum_transfer_s"] + table["extension_s"]
    assert parts.to_numpy() == pytest.approx(table["rise_s"].to_numpy())
    assert (table["momentum_transfer_s"] > 0).all()


def test_momentum_is_transferred_until_the_shanks_lean_most():
    """As it truly is in space; mlkit's ankles in space bend most when the person stands."""
    clip = DATA / "sit_to_stand.mp4"
    truth = PoseSequence.read(DATA / "sit_to_stand.truth.parquet")
    shanks = [
        truth.world[:, truth.skeleton.index(f"{side}_knee")]
        - truth.world[:, truth.skeleton.index(f"{side}_ankle")] for side in ("left", "right")
    ]  # fmt: skip
    up = -np.mean(shanks, axis=0)[:, 1] / np.linalg.norm(np.mean(shanks, axis=0), axis=1)
    for row in repetitions(extract(clip, "mlkit")).table.to_dict("records"):
        rise = (truth.time >= row["rise_start"]) & (truth.time <= row["standing"])
        most = truth.time[rise][np.argmin(up[rise])]
        assert row["rise_start"] + row["momentum_transfer_s"] == pytest.approx(most, abs=0.15)


@pytest.mark.parametrize("noise", [0.3, 1.5])
def test_more_shake_is_less_sure(noise):
    poses = chair_stands(noise=noise)
    found = repetitions(poses)
    assert list(found.table)[:3] == ["repetition", "lean_start", "lean_start_bootstrap_sd"]
    sd = found.table["rise_s_bootstrap_sd"].to_numpy()
    assert (sd > 0).all()
    again = [repetitions(chair_stands(noise=noise, seed=s)).table["rise_s"] for s in range(1, 21)]
    scatter = pd.concat(again, axis=1).std(axis=1).mean()
    assert 0.5 < sd.mean() / scatter < 2
    assert found.figures["rise_s_bootstrap_sd"] > 0
    pd.testing.assert_frame_equal(found.table, repetitions(poses).table)
