"""Comparisons whose answers are known beforehand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequences import standing

import posexp
from posexp.errors import TableError
from posexp.measure.comparison import bone_variation, compare, labels_of
from posexp.measure.quality import summary
from posexp.pose.skeleton import BODY, COCO17
from posexp.settings import KeypointSettings
from posexp.show import comparison_figures as figures
from posexp.show.comparison_report import write_comparison


def moved(poses, dx=0.0, dy=0.0, rows=slice(None), joints=COCO17.joints, **changes):
    image = poses.image.copy()
    for joint in joints:
        image[rows, poses.skeleton.index(joint)] += (dx, dy)
    return replace(poses, image=image, **changes)


def lost(poses, rows):
    image, confidence = poses.image.copy(), poses.confidence.copy()
    image[rows], confidence[rows] = np.nan, 0
    return replace(poses, image=image, confidence=confidence)


def body(table):
    return table[table["joint"] == "body"].iloc[0]


def test_distances_between_runs():
    comparison = compare({"a": standing(10), "b": moved(standing(10), 6, 8)})
    assert comparison.torso == 100
    row = body(comparison.pairwise())
    assert (row["first"], row["second"]) == ("a", "b")
    assert row["mean_px"] == row["median_px"] == row["p95_px"] == 10
    assert row["median_torso"] == pytest.approx(0.1) and row["agree"] == 1
    assert len(comparison.pairwise()) == 18
    curve = comparison.agreement_curve().set_index("threshold")["agree"]
    assert curve[0.05] == 0 and curve[0.1] == 1
    assert comparison.disagreement == pytest.approx([0.1] * 10)


def test_spread_of_the_distances_and_of_the_confidence():
    away = np.arange(101.0)
    image = standing(101).image + np.stack([away, 0 * away], axis=-1)[:, None]
    confidence = np.tile(away[::-1, None] / 100, (1, 17))
    comparison = compare({
        "a": standing(101), "b": replace(standing(101), image=image, confidence=confidence)
    })  # fmt: skip
    row = body(comparison.pairwise())
    assert (row["mean_px"], row["median_px"], row["p95_px"]) == (50, 50, 95)
    knee = comparison.confidence().set_index(["run", "joint"]).loc[("b", "left_knee")]
    assert knee.tolist() == pytest.approx([0.05, 0.25, 0.5, 0.75, 0.95])


def test_the_two_runs_furthest_apart_are_the_disagreement():
    runs = {"a": standing(4), "b": moved(standing(4), 5), "c": moved(standing(4), -20)}
    assert compare(runs).disagreement == pytest.approx([0.25] * 4)


def test_what_one_run_lacks_is_no_agreement():
    comparison = compare({"a": standing(10), "b": lost(standing(10), [2, 3])})
    row = body(comparison.pairwise())
    assert row["mean_px"] == 0 and row["agree"] == row["both"] == pytest.approx(0.8)
    assert comparison.worst_frames(1).tolist() == [2] and comparison.disagreement[2] == 1
    overlap = comparison.overlap().iloc[0]
    assert overlap["only_second_lost"] == pytest.approx(0.2)
    assert overlap["both_lost"] == overlap["only_first_lost"] == 0


def test_bland_altman_by_hand():
    values = np.array([1.0, 3.0, 5.0, 7.0])
    first = standing(4)
    image = first.image.copy()
    image[:, first.skeleton.index("left_wrist"), 0] += values
    table = compare({"a": replace(first, image=image), "b": standing(4)}).bland_altman()
    row = table.set_index("quantity").loc["left_wrist_x"]
    sd = np.std(values, ddof=1)
    assert row["bias"] == pytest.approx(4) and row["sd"] == pytest.approx(sd)
    assert row["lower"] == pytest.approx(4 - 1.96 * sd) and row["n"] == 4 and row["unit"] == "px"
    assert row["upper"] == pytest.approx(4 + 1.96 * sd)
    assert table.set_index("quantity").loc["right_knee_angle", "bias"] == 0


def test_each_run_by_itself():
    shaking = standing(10)
    image = shaking.image.copy()
    image[::2] += 1
    comparison = compare({"still": standing(10), "shaking": replace(shaking, image=image)})
    table = comparison.run_table().set_index("run")
    assert table.loc["still", "jitter_residual_px"] < 1e-6 and table.loc["still", "bone_cv"] < 1e-12
    assert table.loc["shaking", "jitter_residual_px"] > 0.5
    assert (table["tracked"] == 1).all() and (table["bone_space"] == "image").all()
    assert (table["threshold"] == KeypointSettings().confidence_threshold).all()


def test_jitter_is_that_of_the_runs_own_metrics():
    random = np.random.default_rng(0)
    small, large = standing(60), standing(60)
    runs = {
        "small": replace(small, image=small.image / 2 + random.normal(0, 1, small.image.shape)),
        "large": replace(large, image=large.image + random.normal(0, 1, large.image.shape)),
    }
    wrist = large.skeleton.index("left_wrist")
    image, confidence = runs["large"].image.copy(), large.confidence.copy()
    image[:, wrist], confidence[:, wrist] = np.nan, 0  # never seen
    runs["large"] = replace(runs["large"], image=image, confidence=confidence)
    table = compare(runs).run_table().set_index("run")
    for label, poses in runs.items():
        own = summary(poses, 0.3)
        for name in ("residual_px", "residual_torso"):
            assert table.loc[label, f"jitter_{name}"] == pytest.approx(own[f"jitter/{name}"])
    shares = table["jitter_residual_torso"]
    assert shares["small"] == pytest.approx(2 * shares["large"], rel=0.2)
    assert (table["tracked"] == 1).all()


def test_bones_are_measured_in_space_where_there_is_one():
    world = np.zeros((4, 17, 3))
    world[..., 0] = np.arange(17) * 0.1
    steady = standing(4, world=world)
    assert bone_variation(steady) < 1e-12
    growing = standing(4, world=world * np.array([1.0, 1.1, 1.2, 1.3])[:, None, None])
    assert bone_variation(growing) == pytest.approx(np.std([1, 1.1, 1.2, 1.3]) / 1.15, rel=1e-4)
    assert np.isnan(bone_variation(standing(4).select(["nose"])))


def test_lag_and_swaps_between_runs():
    times = np.arange(200) / 50

    def rising(late):
        rise = 80 * np.sin(2 * np.pi * 0.4 * (times - late))
        return replace(standing(200), image=standing(200).image + rise[:, None, None])

    timing = compare({"late": rising(0.06), "early": rising(0.0)}).timing().iloc[0]
    assert timing["lag_ms"] == pytest.approx(60, abs=3) and timing["swaps"] == 0
    other = [j.replace("left", "L").replace("right", "left").replace("L", "right")
             for j in COCO17.joints]  # fmt: skip
    seen = standing(3)
    turned = replace(seen, image=seen.image[:, COCO17.indices(other)])
    assert compare({"a": seen, "b": turned}).timing()["swaps"].iloc[0] == 3 * 6


def test_worst_frames_are_apart_and_worst_first():
    poses = standing(100)
    image = poses.image.copy()
    image[40:45] += 50
    image[80] += 20
    comparison = compare({"a": standing(100), "b": replace(poses, image=image)})
    worst = comparison.worst_frames(4)
    assert worst[0] == 40 and worst[1] == 80
    gaps = np.abs(np.subtract.outer(comparison.time[worst], comparison.time[worst]))
    assert (gaps[~np.eye(len(worst), dtype=bool)] >= 0.3 - 1e-9).all()


def test_runs_are_aligned_by_time_and_joint():
    few = standing(5, fps=25).select([*BODY[::-1], "nose"])
    later = standing(20).take(np.arange(4, 20))
    comparison = compare({"slow": few, "fast": later})
    assert comparison.time == pytest.approx([0.08, 0.12, 0.16])
    assert set(comparison.joints) == {*BODY, "nose"}
    assert body(comparison.pairwise())["mean_px"] == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 4))
def test_distance_is_symmetric_and_pairs_are_complete(seed, count):
    random = np.random.default_rng(seed)
    base = standing(6)
    runs = {
        f"r{i}": replace(base, image=base.image + random.normal(0, 9, base.image.shape))
        for i in range(count)
    }
    comparison = compare(runs)
    assert len(list(comparison.pairs())) == count * (count - 1) // 2
    for first, second in comparison.pairs():
        assert np.array_equal(
            comparison.distance(first, second), comparison.distance(second, first)
        )


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ({"a": standing(3)}, "expected two runs or more, got 1"),
        ({}, "expected two runs or more, got 0"),
        ({"a": standing(3), "b": replace(standing(3), width=320)}, "runs of one video"),
        ({"a": standing(3).select(["nose"]), "b": standing(3).select(["left_hip"])},
         "joints in common"),
        ({"a": standing(3), "b": replace(standing(3), time=standing(3).time + 9)},
         "moments in common"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_one_line(runs, expected):
    with pytest.raises(TableError, match=expected):
        compare(runs)


class Logged(posexp.Run):
    def poses(self):
        return standing(3, model=self.name, confidence=np.full((3, 17), 0.4))


def logged(name, video="clip.mp4", threshold=None, **options):
    params = {"model": name, **{f"model.{k}": v for k, v in options.items()}}
    if threshold is not None:
        params["keypoints.confidence_threshold"] = str(threshold)
    tags = {"video": video, "video.sha256": video}
    return Logged(name, name, "FINISHED", params, tags, {}, "", "1", "sqlite:///mlflow.db")


def test_each_run_keeps_its_own_confidence_threshold(tmp_path):
    comparison = compare(
        [logged("mlkit", threshold=0.3), logged("lightning", threshold=0.5), standing(3, model="x")]
    )
    table = comparison.run_table().set_index("run")
    assert table["threshold"].tolist() == [0.3, 0.5, 0.3]
    assert table["tracked"].tolist() == [1, 0, 1]
    lost = comparison.overlap()
    assert lost["only_second_lost"].tolist() == [1, 0, 0]
    assert (comparison.run_table(0.5)["tracked"] == [0, 0, 1]).all()
    assert (comparison.overlap(0.2)["only_second_lost"] == 0).all()
    page = write_comparison(comparison, tmp_path / "a", "title", []).read_text(encoding="utf-8")
    assert "seen from confidence" in page
    alike = compare([logged("mlkit", threshold=0.5), logged("lightning", threshold=0.5)])
    page = write_comparison(alike, tmp_path / "b", "title", []).read_text(encoding="utf-8")
    assert "seen from confidence" not in page
    assert "0.5" in (tmp_path / "b" / "tables" / "runs.csv").read_text()


def test_labels_tell_runs_apart():
    runs = [logged("mlkit", mode="stream"), logged("mlkit", mode="single_image"),
            logged("lightning", weights="https://a/b/4"),
            logged("lightning", weights="/x/c.tflite"),
            logged("thunder"), standing(2, model="thunder")]  # fmt: skip
    assert labels_of(runs) == [
        "mlkit stream", "mlkit single_image", "lightning weights=4", "lightning weights=c.tflite",
        "thunder (1)", "thunder (2)",
    ]  # fmt: skip


def test_logged_runs_of_different_videos():
    with pytest.raises(TableError, match=r"one video, got a\.mp4 and b\.mp4"):
        compare([logged("mlkit", "a.mp4"), logged("lightning", "b.mp4")])
    assert compare([logged("mlkit"), logged("lightning")]).labels == ["mlkit", "lightning"]


def test_one_model_on_two_people_is_told_apart():
    runs = [logged("mlkit") for _ in range(2)]
    for run, who in zip(runs, ("left", "612,340"), strict=True):
        run.params["person.who"] = who
    assert labels_of(runs) == ["mlkit person=left", "mlkit person=612,340"]


def parting(rows, frames=200, by=120):
    """A run that follows somebody `by` px further right in `rows` (50 frames/s, torso 100 px)."""
    return moved(standing(frames), by, rows=rows)


def stretches_of(comparison):
    return [
        (round(r.start, 2), round(r.end, 2)) for r in comparison.different_people().itertuples()
    ]


def test_where_runs_follow_different_people_is_left_out():
    other = parting(slice(50, 100))
    comparison = compare({"a": standing(200), "b": other})
    table = comparison.different_people()
    assert list(table) == ["first", "second", "start", "end", "frames"]
    assert table.values.tolist() == [["a", "b", 1.0, 1.98, 50]]
    assert comparison.notes() == [
        "a and b follow different people from 1.00 s to 1.98 s: 50 of 200 frames are left out of "
        "what is between them"
    ]
    assert comparison.different("b", "a").sum() == 50
    row = body(comparison.pairwise())
    assert row["mean_px"] == 0 and row["agree"] == row["both"] == 1
    assert (comparison.agreement_curve()["agree"] == 1).all()
    assert (comparison.bland_altman()[["bias", "sd"]] == 0).all(axis=None)
    assert (comparison.bland_altman()["n"] == 150).all()
    assert np.isnan(comparison.disagreement[50:100]).all()
    assert (comparison.disagreement[:50] == 0).all()
    assert not set(range(50, 100)) & set(comparison.worst_frames())


def test_swaps_are_not_counted_between_different_people():
    # The other one stands so that their left side is where the first one's right side is.
    turned = [j.replace("left", "L").replace("right", "left").replace("L", "right")
              for j in COCO17.joints]  # fmt: skip
    seen = standing(100)
    swapped = replace(seen, image=seen.image[:, COCO17.indices(turned)])
    assert compare({"a": seen, "b": swapped}).different_people().empty
    far = moved(seen, 40, 90)
    assert compare({"a": seen, "b": far}).timing()["swaps"].iloc[0] == 0
    assert len(compare({"a": seen, "b": far}).different_people()) == 1


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        (range(50, 58), []),  # 0.16 s: a pose that went astray
        (range(50, 60), [(1.0, 1.18)]),
        ([*range(40, 60), *range(68, 80)], [(0.8, 1.58)]),  # they pass each other for 0.16 s
        ([*range(40, 60), *range(70, 80)], [(0.8, 1.18), (1.4, 1.58)]),
        ([*range(20), *range(190, 200)], [(0.0, 0.38), (3.8, 3.98)]),
    ],
)
def test_what_is_short_is_no_other_person(rows, expected):
    assert stretches_of(compare({"a": standing(200), "b": parting(list(rows))})) == expected


def test_different_people_at_any_frame_rate_and_size():
    for fps in (12.5, 25, 60, 240):
        frames = round(4 * fps)
        seen = standing(frames, fps=fps)
        other = moved(seen, 120, rows=slice(frames // 4, frames // 2))
        small = [replace(p, image=p.image / 10) for p in (seen, other)]
        for pair in ((seen, other), small):
            ((start, end),) = stretches_of(compare(dict(zip("ab", pair, strict=True))))
            assert start == pytest.approx(1, abs=1.3 / fps) and end == pytest.approx(
                2, abs=1.3 / fps
            )


def test_a_gap_within_a_stretch_belongs_to_it_and_one_beside_it_does_not():
    other = lost(parting(slice(50, 100)), [*range(40, 50), *range(70, 80)])
    comparison = compare({"a": standing(200), "b": other})
    assert stretches_of(comparison) == [(1.0, 1.98)]
    assert (comparison.disagreement[40:50] == 1).all()  # one alone has somebody: no agreement


def test_a_guess_is_nobody_who_is_followed():
    other = parting(slice(50, 100))
    confidence = other.confidence.copy()
    confidence[50:100] = 0.1
    comparison = compare({"a": standing(200), "b": replace(other, confidence=confidence)})
    assert comparison.different_people().empty
    assert comparison.disagreement[60] == pytest.approx(1.2)


def test_different_people_throughout_is_said_and_nothing_fails(tmp_path):
    comparison = compare({"a": standing(60), "b": parting(slice(None), 60), "c": standing(60)})
    assert comparison.notes()[0] == (
        "a and b follow different people throughout: there is nothing to compare between them"
    )
    assert len(comparison.notes()) == 2  # a and c are one
    table = comparison.pairwise().set_index(["first", "second", "joint"])
    assert table.loc[("a", "b", "body")].isna().all()
    assert table.loc[("a", "c", "body"), "agree"] == 1
    alone = compare({"a": standing(60), "b": parting(slice(None), 60)})
    assert alone.bland_altman().empty and len(alone.worst_frames()) == 0
    assert alone.timing()[["lag_ms", "swaps"]].isna().values.tolist() == [[True, False]]
    for each in (comparison, alone):
        page = write_comparison(each, tmp_path, "title", []).read_text(encoding="utf-8")
        assert "follow different people throughout" in page
    assert (tmp_path / "tables" / "different_people.csv").read_text().splitlines() == [
        "first,second,start,end,frames", "a,b,0,1.18,60",
    ]  # fmt: skip


def test_the_figures_mark_where_people_differ():
    comparison = compare({"a": standing(200), "b": parting(slice(50, 100))})
    for draw in (figures.disagreement, figures.angles_over_time):
        for axes in draw(comparison).axes:
            (band,) = axes.patches
            assert band.get_x() == pytest.approx(1.0) and band.get_width() == pytest.approx(0.98)


@pytest.mark.parametrize("model", ["mlkit", "lightning"])
def test_two_real_people_are_two(model, shared, published):
    clip = shared / "clips" / "two_people.mp4"
    published("full" if model == "mlkit" else model)
    left, right, again = (
        posexp.extract(clip, model, person=who, stop=0.5) for who in ("left", "right", "left")
    )
    comparison = compare({"left": left, "right": right, "again": again})
    table = comparison.different_people()
    assert table[["first", "second"]].values.tolist() == [["left", "right"], ["right", "again"]]
    assert (table["frames"] == len(left)).all()
    assert comparison.pairwise().query("joint == 'body'")["agree"].isna().tolist() == [
        True, False, True,
    ]  # fmt: skip
    # One run that changes over to the other half-way.
    half = len(left) // 2
    image = np.concatenate([left.image[:half], right.image[half:]])
    confidence = np.concatenate([left.confidence[:half], right.confidence[half:]])
    mixed = replace(left, image=image, confidence=confidence, depth=None, world=None,
                    visibility=None)  # fmt: skip
    (row,) = compare({"left": left, "mixed": mixed}).different_people().itertuples()
    assert row.start == left.time[half] and row.end == left.time[-1]


def test_figures_and_report(tmp_path):
    seen = lost(moved(standing(60), 3, rows=slice(10, 20)), [30])
    comparison = compare({"<b>bold</b>": standing(60), "b": seen, "c": moved(standing(60), 9)})
    for draw in (figures.agreement, figures.distance_by_joint, figures.angles_over_time,
                 figures.disagreement, figures.confidence):  # fmt: skip
        figure = draw(comparison)
        assert all(axes.get_xlabel() or axes.get_ylabel() for axes in figure.axes)
        figure.savefig(tmp_path / "figure.pdf")
        assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    picture = np.zeros((360, 360, 3), np.uint8)
    path = write_comparison(comparison, tmp_path / "out", "<script>x</script>", [(4, picture)])
    page = path.read_text(encoding="utf-8")
    assert "<script" not in page and "<b>bold" not in page and "&lt;b&gt;bold" in page
    assert "http://" not in page and "https://" not in page  # opens offline
    assert page.count("data:image/") == 3 + 3 + 1 + 2
    names = {p.stem for p in (tmp_path / "out" / "tables").iterdir()}
    assert names == {"runs", "pairwise", "agreement", "bland_altman", "overlap", "timing",
                     "confidence", "different_people"}  # fmt: skip
