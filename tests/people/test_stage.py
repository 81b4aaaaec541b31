"""The model stays with one person, whoever else is there, and says when it cannot."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clips import encode, make_clip

from posexp.measure.evaluation import evaluate
from posexp.models import registry
from posexp.people import stage as stage_module
from posexp.people.choose import look_around
from posexp.people.film import Film
from posexp.people.part import Part
from posexp.people.watched import on_person
from posexp.pose.sequence import FramePose, PoseSequence
from posexp.pose.skeleton import BODY, COCO17
from posexp.runs.extraction import Extraction, extract
from posexp.settings import PersonSettings
from posexp.video.embedded import embedded_clip
from posexp.video.source import VideoSource

LABELS = Path(__file__).parents[1] / "data" / "two_people.boxes.csv"
DRONE = embedded_clip().with_name("drone_oblique.mp4")


def followed(clip, model, who="auto", stop=None, **options):
    """(poses, the stage) of a clip."""
    source = VideoSource(clip, stop=stop)
    loaded = registry.load(registry.options_for(model, **options)) if isinstance(model, str) \
        else model  # fmt: skip
    stage = on_person(loaded, source, PersonSettings(who))
    extraction = Extraction(source, stage)
    extraction.run()
    return extraction.poses(), stage


def boxes_of(who):
    """(100, 4) the hand-labelled boxes, every tenth frame, and what lies between."""
    table = pd.read_csv(LABELS).query("person == @who").set_index("frame")
    columns = [table[side] for side in ("left", "top", "right", "bottom")]
    return np.stack([np.interp(range(100), table.index, each) for each in columns], axis=1)


def overlap(first, second):
    """(T,) intersection over union of boxes (T, 4)."""
    low, high = np.maximum(first, second)[:, :2], np.minimum(first, second)[:, 2:]
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = [np.prod(each[:, 2:] - each[:, :2], axis=1) for each in (first, second)]
    return shared / (sum(areas) - shared)


@pytest.mark.parametrize("who", ["left", "right", "200,1000", "570,800"])
@pytest.mark.parametrize("model", ["lightning", "thunder", "mlkit"])
def test_of_two_people_it_is_the_same_in_every_frame(model, who, shared, published):
    published("full" if model == "mlkit" else model)
    poses, stage = followed(shared / "clips" / "two_people.mp4", model, who)
    own, other = (boxes_of(each) for each in ("left", "right"))
    if who in ("right", "570,800"):
        own, other = other, own
    body = poses.select(BODY).image
    found = np.concatenate((body.min(axis=1), body.max(axis=1)), axis=1)
    assert poses.found.all() and {row.state for row in stage.track} == {"seen"}
    assert (overlap(found, own) > overlap(found, other) + 0.2).all()
    trunk = body[:, [0, 1, 6, 7]].mean(axis=1)
    assert ((trunk > own[:, :2]) & (trunk < own[:, 2:])).all()


@pytest.mark.parametrize(("mode", "least"), [("stream", 0.84), ("single_image", 0.79)])
def test_a_person_far_from_a_drone_is_seen_in_every_frame(mode, least):
    """The whole picture gives 60 frames and a PCK@0.1 of 0.32, or 20 and 0.03."""
    poses, _ = followed(DRONE, "mlkit", mode=mode)
    assert poses.found.all()
    truth = PoseSequence.read(DRONE.with_suffix(".truth.parquet"))
    assert evaluate(poses, truth).metrics()["pck/0.10"] >= least


def test_where_one_person_fills_the_picture_it_is_as_without(published):
    """Bit for bit: the model sees the picture, and nobody interferes."""
    clip = embedded_clip()
    assert replace(extract(clip, "mlkit"), source="") == replace(
        extract(clip, "mlkit", person="off"), source=""
    )


def test_all_units_are_those_of_the_picture(tmp_path):
    """Depth is px of the picture and world is m, whether a part of it was seen or all."""
    picture = next(VideoSource(embedded_clip()).frames()).rgb()
    wide = np.pad(picture, ((160, 80), (320, 640), (0, 0)), mode="edge")
    poses = []
    for name, image in (("near", picture), ("wide", wide)):
        lossless = ("-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p")
        clip = encode(tmp_path / f"{name}.mp4", image[None], *lossless)
        poses.append(followed(clip, "mlkit")[0])
    near, far = (each.select(BODY) for each in poses)
    assert np.abs(far.image - (320, 160) - near.image).max() < 8
    assert np.abs(far.depth - near.depth).max() < 0.25 * np.ptp(near.depth)
    assert np.abs(far.world - near.world).max() < 0.1


def test_a_part_that_moves_does_not_show_in_the_keypoints(shared, tmp_path):
    """A person carried across a wide picture, and the same person who stays."""
    still = [f.rgb()[500:1120, 150:550] for f in VideoSource(shared / "clips" / "squat.mp4",
             stop=2.0).frames()]  # fmt: skip
    still = np.stack([image[::2, ::2] for image in still])  # (n, 310, 200)
    wide = np.full((len(still), 480, 1280, 3), 120, np.uint8)
    shift = np.arange(len(still)) * 5  # px, at 60 frames/s: 2 m/s
    for image, target, x in zip(still, wide, shift, strict=True):
        target[100:410, 40 + x : 240 + x] = image
    first = np.full_like(wide, 120)
    first[:, 100:410, 40:240] = still
    clips = [encode(tmp_path / f"{name}.mp4", frames, "-crf", "10", "-pix_fmt", "yuv420p", rate=60)
             for name, frames in (("walks", wide), ("stays", first))]  # fmt: skip
    (walks, stage), (stays, _) = (followed(clip, "mlkit") for clip in clips)
    assert {row.state for row in stage.track} == {"seen"}
    path = walks.select(BODY).image - stays.select(BODY).image
    path[..., 0] -= shift[:, None]
    jumps = np.linalg.norm(np.diff(path, axis=0), axis=-1).mean(axis=1)
    torso = np.linalg.norm(stays.joint("left_shoulder") - stays.joint("left_hip"), axis=-1).mean()
    assert jumps.max() < 0.1 * torso
    assert np.linalg.norm(path, axis=-1).mean() < 0.1 * torso


class Puppet:
    """A model that sees a person where it is told, in px of the clip, and none elsewhere."""

    name, skeleton, weights, confidence_meaning = "puppet", COCO17, None, "none"
    computed_by = ""
    sees = "person"

    def __init__(self, place):
        self.place, self.sizes = place, []

    def estimate(self, frames):
        for frame in frames:
            self.sizes.append((frame.width, frame.height))
            image = self.place(frame)
            seen = image is not None
            image = image if seen else np.full((17, 2), np.nan)
            yield FramePose(frame.index, frame.time, image, np.full(17, 0.9 * seen))


@pytest.fixture(scope="module")
def bodies():
    """(100, 17, 2) where the person of the embedded clip is, who fills the picture, px."""
    truth = PoseSequence.read(embedded_clip().with_suffix(".truth.parquet"))
    image = np.full((100, 17, 2), np.nan)
    image[:, COCO17.indices(BODY)] = truth.select(BODY).image[:100]
    image[:, :5] = image[:, 5:7].mean(axis=1, keepdims=True)
    return image


def test_a_jump_to_another_is_a_gap_and_never_silent(bodies):
    """The model says, from frame 40 to 59, that the person is where nobody is."""

    def place(frame):
        return bodies[frame.index] + np.array((200 if 40 <= frame.index < 60 else 0, 0))

    poses, stage = followed(embedded_clip(), Puppet(place), stop=2.0)
    assert not poses.found[40:60].any() and poses.found[:40].all()
    assert (poses.confidence[40:60] == 0).all()
    states = [row.state for row in stage.track]
    assert states[39] == "seen" and set(states[40:60]) == {"lost"}
    assert [row.box is None for row in stage.track] == [state == "lost" for state in states]


def test_what_is_lost_is_found_again(bodies):
    model = Puppet(lambda frame: None if 40 <= frame.index < 60 else bodies[frame.index])
    poses, stage = followed(embedded_clip(), model, stop=2.0)
    states = [row.state for row in stage.track]
    assert set(states[40:60]) == {"lost"} and states.count("found again") == 1
    after = states.index("found again")
    assert 60 <= after < 85 and set(states[after + 1 :]) == {"seen"}
    assert poses.found[after:].all()


def test_who_comes_in_later_is_met_where_the_clip_was_searched(bodies, monkeypatch):
    """Even where no search by the way finds them: at the picture that has them."""

    def later(*asked):
        crowd = look_around(*asked)
        del crowd.people[0].sightings[0]
        return crowd

    monkeypatch.setattr(stage_module, "look_around", later)
    monkeypatch.setattr(stage_module, "find_people", lambda *_: [])
    model = Puppet(lambda frame: bodies[frame.index])
    _, stage = followed(embedded_clip(), model, stop=1.98)
    states = [row.state for row in stage.track]
    when = [picture.time for picture in stage.crowd.pictures]
    met = next(row.time for row in stage.track if row.state == "found again")
    assert when[0] < met == when[min(stage.crowd.people[0].sightings)]
    assert states.count("lost") == states.index("found again")


def test_who_has_left_is_lost_though_another_stays(tmp_path):
    """Two of the same, one in other colours; the one on the right glides out of the picture."""
    still = [f.rgb()[40:460, 130:450] for f in VideoSource(embedded_clip(), stop=1.2).frames()]
    clip = np.full((len(still), 480, 960, 3), 150, np.uint8)
    for number, (picture, target) in enumerate(zip(still, clip, strict=True)):
        target[30:450, 40:360] = picture[..., ::-1]
        left = 480 + max(0, 14 * (number - 10))
        target[30:450, left : left + 320] = picture[:, : max(0, 960 - left)]
    path = encode(tmp_path / "leaves.mp4", clip, "-crf", "14", "-pix_fmt", "yuv420p", rate=50)
    poses, stage = followed(path, "mlkit", "right")
    states = [row.state for row in stage.track]
    trunk = poses.select(BODY).image.mean(axis=1)[:, 0]
    assert set(states[:10]) == {"seen"} and set(states[-8:]) == {"lost"}
    assert np.nanmin(trunk) > 500


def test_a_part_that_is_laid_when_the_person_is_lost_does_not_fall_behind(monkeypatch):
    """It would give poses of frames gone by: of somebody who is hidden for a moment."""
    truth = PoseSequence.read(DRONE.with_name("drone_oblique.truth.parquet"))
    there = np.full((100, 17, 2), truth.joint("nose")[:, None])
    there[:, COCO17.indices(BODY)] = truth.select(BODY).image

    def place(frame):  # frames whole, for the puppet to speak of their px
        return there[frame.index] + np.array((600 if 35 <= frame.index < 38 else 0, 0))

    monkeypatch.setattr(Part, "of", lambda part, frame: frame)
    monkeypatch.setattr(Part, "to_picture", lambda part, pose: pose)
    monkeypatch.setattr(Part, "suits", lambda *_: False)  # another part is always being laid
    monkeypatch.setattr(stage_module._Following, "_near", lambda *_: [])  # nobody is found
    poses, stage = followed(DRONE, Puppet(place))
    assert (poses.frame == np.arange(100)).all()
    states = [row.state for row in stage.track]
    assert set(states[35:38]) == {"lost"} and set(states[39:]) == {"seen"}
    assert np.abs(poses.image[38:] - there[38:]).max() < 1e-3


def test_a_model_of_the_picture_is_left_alone():
    model = Puppet(None)
    model.sees = "picture"
    source = VideoSource(DRONE)
    assert on_person(model, source, PersonSettings("auto")) is None
    model.sees = "person"
    assert on_person(model, source, PersonSettings("off")) is None
    assert on_person(model, source, PersonSettings()) is not None


def test_where_nobody_is_found_the_model_sees_the_picture(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", frames=12, size="320x240")
    model = Puppet(lambda frame: np.full((17, 2), 50.0))
    poses, stage = followed(clip, model)
    assert stage.followed is None and stage.track == [] and stage.crowd.people == []
    assert set(model.sizes) == {(320, 240)} and poses.found.all()


def test_a_clip_of_one_frame(tmp_path):
    picture = next(VideoSource(DRONE).frames()).rgb()
    clip = encode(tmp_path / "one.mp4", picture[None], "-crf", "10", "-pix_fmt", "yuv420p")
    poses, stage = followed(clip, "mlkit")
    assert poses.found.all() and len(stage.track) == 1


def test_a_film_is_the_same_for_all_who_go_through_it():
    film = Film(iter(range(9)))
    one, other = film.since(0), film.since(3)
    assert [next(one), next(other), next(one)] == [0, 3, 1]
    film.forget(2)
    assert [*one] == [*range(2, 9)] and [*other] == [*range(4, 9)]
    assert film.at(9) is None
