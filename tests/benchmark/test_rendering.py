"""Figures, scenes and pictures of the rendered clips, and that their joints are exact."""

from dataclasses import replace

import numpy as np
import psutil
import pytest

import posexp
from posexp.benchmark.catalogue import EMBEDDED, catalogue, select
from posexp.benchmark.rendering.drawing import draw, visible_joints
from posexp.benchmark.rendering.events import ANGLES, EVENTS, true_angles, true_events
from posexp.benchmark.rendering.figure import Body, Movement, joints_at, minimum_jerk, walking_at
from posexp.benchmark.rendering.film import develop, draw_frames, frame_times, write_beside
from posexp.benchmark.rendering.scene import (
    Camera,
    Film,
    Other,
    Scene,
    joint_places,
    truth,
    truth_of_others,
)
from posexp.benchmark.rendering.shapes import LOOKS, chair, person, together
from posexp.errors import ConfigError, PosexpError
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BLAZEPOSE33, BODY
from posexp.video.embedded import embedded_clip
from posexp.video.source import VideoSource

STOUT = Body(1.60, 1.3)
DEMO = select(catalogue(), ["sit_to_stand"])[0]
TIMES = frame_times(DEMO.film, DEMO.duration)


def small(view=45.0, **changes):
    return Scene(Camera.around(view, 3.2, 1.3, 116, (160, 120)), **changes)


def length(joints, a, b):
    return np.linalg.norm(joints[a] - joints[b])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("body", [Body(), STOUT], ids=["average", "stout"])
@pytest.mark.parametrize("arms", ["sides", "crossed", "walking"])
def test_segments_keep_their_lengths(side, body, arms):
    for time in TIMES[::7]:
        if arms == "walking":
            joints = walking_at(time, body)
        else:
            joints = joints_at(time, Movement(arms=arms), body)
        for a, b, expected in (("hip", "knee", 0.425), ("knee", "ankle", 0.425),
                               ("shoulder", "elbow", 0.29), ("elbow", "wrist", 0.255)):  # fmt: skip
            found = length(joints, f"{side}_{a}", f"{side}_{b}")
            assert found == pytest.approx(expected * body.scale, abs=2e-3)


@pytest.mark.parametrize("speed", [0.6, 1.0, 1.8])
def test_the_hips_rise_smoothly_once_per_cycle(speed):
    movement = Movement(speed=speed)
    times = np.arange(0, 2 * movement.cycle, 0.02)
    height = np.array([joints_at(time, movement)["mid_hip"][1] for time in times])
    assert height.min() == pytest.approx(0.515, abs=1e-3)
    assert height.max() == pytest.approx(0.915, abs=1e-3)
    standing = height > 0.9
    assert np.count_nonzero(np.diff(standing.astype(int)) == 1) == 2
    # A jump of the speed would show as an acceleration far beyond a person's.
    assert np.abs(np.diff(height, 2)).max() / 0.02**2 < 5.0 * speed**2
    assert minimum_jerk(0.5) == 0.5 and minimum_jerk(-1) == 0 and minimum_jerk(2) == 1


def test_seeds_sway_differently_and_rise_alike():
    first, second = (
        np.array([joints_at(t, Movement(seed=seed))["nose"] for t in TIMES[:200]])
        for seed in (0, 1)
    )
    apart = np.linalg.norm(first - second, axis=1)
    assert 1e-3 < apart.max() < 0.08


def test_crossed_hands_are_at_the_other_side_of_the_chest():
    joints = joints_at(2.0, Movement(arms="crossed"))
    assert joints["left_wrist"][0] < 0 < joints["right_wrist"][0]
    assert joints["left_wrist"][2] > joints["mid_shoulder"][2] + 0.1


def test_world_and_image_are_the_same_joints_through_the_camera():
    scene = small()
    poses = truth(scene, TIMES[:3], np.ones((3, 33), bool), "clip")
    hips = [scene.joints(t)["mid_hip"] for t in TIMES[:3]]
    places = poses.world @ scene.camera.rotation + np.array(hips)[:, None]
    assert np.abs(scene.camera.project(places) - poses.image).max() < 1e-2
    assert np.abs(places - joint_places(scene, TIMES[:3])).max() < 1e-6
    hips = poses.joint("left_hip") + poses.joint("right_hip")
    assert poses.depth[:, BLAZEPOSE33.indices(("left_hip", "right_hip"))].mean() == pytest.approx(
        0, abs=0.05
    )
    assert np.isfinite(hips).all()


def test_the_picture_shows_the_person_where_the_joints_are():
    scene = small()
    with_person = develop(draw(scene, 1.0), Film()).astype(int)
    empty = develop(draw(replace(scene, body=Body(1.4)), 3.9), Film()).astype(int)
    changed = np.abs(with_person - empty).sum(axis=2) > 60
    poses = truth(scene, np.array([1.0]), np.ones((1, 33), bool), "")
    head = poses.joint("nose")[0].astype(int)
    assert changed[head[1], head[0]]
    assert changed.mean() < 0.5


def test_seen_from_the_left_the_far_side_is_hidden():
    times = np.array([0.0])
    seen = dict(zip(BLAZEPOSE33.joints, visible_joints(small(90.0), times)[0], strict=True))
    assert seen["left_knee"] and seen["left_hip"] and seen["left_ankle"] and seen["left_shoulder"]
    assert not (seen["right_hip"] or seen["right_shoulder"] or seen["right_ear"])


def test_seen_from_the_front_only_thighs_hide_joints():
    sitting, standing = (
        dict(zip(BLAZEPOSE33.joints, row, strict=True))
        for row in visible_joints(small(0.0), np.array([0.0, 2.0]))
    )
    assert all(sitting[joint] == ("hip" not in joint) for joint in BODY)
    assert all(standing[joint] for joint in BODY)
    assert sitting["nose"] and not sitting["left_heel"]


def test_a_table_hides_the_legs_and_the_border_what_is_outside():
    times = np.array([0.0])
    hidden = visible_joints(small(table=45.0), times)[0]
    legs = BLAZEPOSE33.indices([j for j in BODY if "ankle" in j])
    assert not hidden[legs].any() and visible_joints(small(), times)[0][legs].all()
    near = Scene(Camera.around(45.0, 1.0, 1.3, 116, (160, 120)))
    assert not visible_joints(near, times)[0][legs].any()


def test_somebody_who_walks_past_is_drawn_and_hides_nothing_in_front():
    scene = small(passer_by=True)
    difference = np.abs(draw(scene, 1.0) - draw(small(), 1.0)).sum(axis=2)
    assert 0.005 < (difference > 0.1).mean() < 0.3
    assert np.array_equal(visible_joints(scene, TIMES[:1]), visible_joints(small(), TIMES[:1]))


def test_somebody_in_front_hides_joints_and_everybody_has_a_truth():
    # From the front, a metre nearer to the camera, on the way across.
    crossing = Other(-1.15, 0.8, 90.0, 1.15)
    scene = small(0.0, others=(crossing, Other(0.9, 0.0, -90.0)))
    hidden, alone = (visible_joints(each, np.array([1.0])) for each in (scene, small(0.0)))
    assert hidden.sum() < alone.sum() - 5
    walking, standing = truth_of_others(scene, np.array([0.0, 1.0]), "clip")
    hips = walking.select(["left_hip", "right_hip"]).image.mean(axis=1)
    assert hips[1, 0] == pytest.approx(80, abs=1) and hips[0, 0] < 60
    assert np.abs(np.diff(standing.image, axis=0)).max() < 2
    # The picture shows them there.
    changed = np.abs(draw(scene, 1.0) - draw(small(0.0), 1.0)).sum(axis=2) > 0.1
    for other in (walking, standing):
        x, y = other.joint("left_shoulder")[1].astype(int)
        assert changed[y - 1 : y + 2, x - 1 : x + 2].any()


def test_who_is_behind_the_camera_has_no_place_in_the_picture():
    behind = small(0.0, others=(Other(0.0, 9.0, 0.0),))
    assert np.isnan(truth_of_others(behind, np.array([0.0]), "")[0].image).all()


@pytest.mark.parametrize("speed", [0.6, 1.0, 1.8])
def test_events_are_those_of_the_motion(speed):
    movement = Movement(speed=speed)
    events = true_events(movement, 3)
    assert events["repetition"].tolist() == [1, 2, 3]
    assert np.diff(events["rise_start"]) == pytest.approx(movement.cycle, abs=2e-4)
    first = events.iloc[0]
    height = {name: joints_at(first[name], movement)["mid_hip"][1] for name in EVENTS}
    assert height["rise_start"] == pytest.approx(height["seated"], abs=1e-4) == pytest.approx(0.515)
    assert height["standing"] == pytest.approx(height["sit_start"], abs=1e-4)
    assert list(first[list(EVENTS)]) == sorted(first[list(EVENTS)])
    # The minimum-jerk way reaches a tenth of its top speed at 0.0865 of its length.
    rise = first["standing"] - first["rise_start"]
    assert first["rise_start_tenth"] - first["rise_start"] == pytest.approx(0.0865 * rise, abs=2e-3)
    assert first["standing"] - first["standing_tenth"] == pytest.approx(0.0865 * rise, abs=2e-3)


def test_angles_are_of_space_and_do_not_depend_on_the_camera():
    side, front = (true_angles(small(view), np.array([0.0, 1.0, 2.0])) for view in (90.0, 0.0))
    assert side.equals(front) and list(side) == ["time", *ANGLES]
    sitting, leaning, upright = (row for _, row in side.iterrows())
    assert sitting["left_knee_flexion"] > 90 > 30 > upright["left_knee_flexion"]
    assert leaning["trunk_lean"] > 35 and abs(upright["trunk_lean"]) < 5


@pytest.mark.parametrize("name", EMBEDDED)
def test_what_lies_beside_the_embedded_clips_is_what_the_catalogue_says(name, tmp_path):
    clip = select(catalogue(), [name])[0]
    for made in write_beside(tmp_path, name, clip.scene, clip.film, clip.repetitions):
        kept = embedded_clip().with_name(made.name)
        if made.suffix == ".csv":
            assert kept.read_text() == made.read_text()
        else:
            stored, drawn = map(PoseSequence.read, (kept, made))
            assert np.abs(stored.image - drawn.image).max() < 1e-3


@pytest.mark.parametrize(
    "change",
    [{"chair_arms": True}, {"look": "like_the_wall"}, {"light": "backlight"}, {"tone": 0.5},
     {"place": "outdoors"}, {"place": "room_side"}, {"table": 45.0}, {"body": STOUT},
     {"movement": Movement(arms="crossed")}, {"movement": Movement(seed=3)}],
    ids=str,
)  # fmt: skip
def test_every_parameter_changes_the_picture(change):
    other = draw(small(**change), 1.0)
    assert np.isfinite(other).all() and other.min() >= 0
    assert np.abs(other - draw(small(), 1.0)).max() > 0.05


def test_pictures_do_not_depend_on_the_number_of_processes():
    scene, film = small(), Film(fps=4)
    one, two = (list(draw_frames(scene, film, 1.0, count)) for count in (1, 2))
    assert len(one) == 4 and np.array_equal(one, two)


def test_a_killed_process_ends_the_drawing():
    before = set(psutil.Process().children())
    with pytest.raises(PosexpError, match="a process was killed"):
        for number, _ in enumerate(draw_frames(small(), Film(fps=50), 10.0, 2)):
            if number == 0:
                (set(psutil.Process().children()) - before).pop().kill()


def test_an_open_shutter_blurs_what_moves():
    scene = small()
    sharp, blurred = (
        next(iter(list(draw_frames(scene, Film(fps=2, shutter=s), 1.0, 1))[1:])) for s in (0.0, 1.0)
    )
    assert sharp.shape == blurred.shape
    gradient = [np.abs(np.diff(image.astype(float), axis=1)).max() for image in (sharp, blurred)]
    assert gradient[1] < gradient[0]


def test_film():
    image = np.full((12, 9, 3), 0.2)
    plain = develop(image, Film())
    assert plain.shape == (12, 9, 3) and np.ptp(plain) == 0
    assert develop(image, Film(shrink=3)).shape == (4, 3, 3)
    assert develop(image, Film(exposure=0.1)).max() < plain.min()
    noisy = [develop(image, Film(noise=10), (seed,)) for seed in (1, 1, 2)]
    assert np.array_equal(noisy[0], noisy[1]) and not np.array_equal(noisy[0], noisy[2])
    assert noisy[0].std() == pytest.approx(10, rel=0.2)


def test_shapes_can_be_placed_anywhere():
    figure = person(walking_at(0.3), Body(), "plain")
    placed = figure.placed(np.pi / 2, 1.0, -2.0)
    assert placed.groups[:, 7] == pytest.approx(figure.groups[:, 7])
    # A quarter turn from z towards x: what was ahead is now to the person's left.
    assert placed.groups[:, 4] == pytest.approx(figure.groups[:, 6] + 1.0)
    both = together([figure, chair(True)])
    assert len(both.colors) == 2 * len(LOOKS["plain"])
    assert both.groups[:, 3].max() < len(both.colors)
    assert both.groups[:, 1].max() == len(both.primitives)


@pytest.mark.parametrize(
    "make",
    [lambda: Body(height=3), lambda: Body(girth=9), lambda: Movement(speed=0),
     lambda: Movement(arms="up"), lambda: Film(fps=0), lambda: Film(crf=99),
     lambda: small(place="moon"), lambda: small(light="none"), lambda: small(tone=-1),
     lambda: Camera.around(0, 3, 1, 0, (9, 9))],
)  # fmt: skip
def test_parameters_are_checked(make):
    with pytest.raises(ConfigError):
        make()


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_embedded_clips_are_what_the_catalogue_draws(name):
    clip = select(catalogue(), [name])[0]
    path = embedded_clip().with_name(f"{name}.mp4")
    frames = list(VideoSource(path).frames())
    assert np.allclose([f.time for f in frames], frame_times(clip.film, clip.duration))
    row = len(frames) // 4
    drawn = develop(draw(clip.scene, frames[row].time), clip.film).astype(int)
    difference = np.abs(drawn - frames[row].rgb()).mean()
    assert difference < 3  # of 255: H.264 keeps that much
    assert np.abs(drawn - frames[0].rgb()).mean() > difference
    stored = PoseSequence.read(path.with_name(f"{name}.truth.parquet"))
    made = truth(clip.scene, stored.time, stored.visibility > 0.5, path.name)
    assert np.abs(stored.image - made.image).max() < 1e-3
    assert np.abs(stored.world - made.world).max() < 1e-6
    assert np.array_equal(
        stored.visibility[row] > 0.5, visible_joints(clip.scene, stored.time[row : row + 1])[0]
    )


@pytest.mark.parametrize("name", EMBEDDED[1:])
def test_a_model_finds_the_figure(name):
    path = embedded_clip().with_name(f"{name}.mp4")
    evaluation = posexp.evaluate(
        posexp.extract(path, "mlkit"), path.with_name(f"{name}.truth.parquet")
    )
    metrics = evaluation.metrics()
    near, far = (0.9, 0.9) if name.startswith("phone") else (0.4, 0.2)  # small from the drone
    assert metrics["detection/frames_share"] > near and metrics["pck/0.20"] > far
