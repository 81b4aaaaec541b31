"""One pass: what runs ahead, what is drawn behind, and that errors and order survive it."""

import threading
import time
import weakref

import numpy as np
import pytest
from clips import make_clip

from posexp.errors import VideoError
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import COCO17
from posexp.runs.extraction import Extraction
from posexp.video.ahead import ahead
from posexp.video.source import VideoSource


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("posexp")]


class Picture:
    """Of which one sees whether it is kept."""


def test_ahead_keeps_order_and_stays_one_ahead():
    made = []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    for number in ahead(items()):
        time.sleep(0.001)
        assert len(made) <= number + 2  # the one in use, and the next
    assert made == list(range(50)) and not threads()


def test_ahead_keeps_nothing_but_the_next_picture():
    kept = weakref.WeakSet()

    def items():
        for _ in range(20):
            kept.add(picture := Picture())
            yield picture
            del picture

    for picture in ahead(items()):
        del picture
        time.sleep(0.001)
        assert len(kept) <= 1


def test_ahead_passes_errors_on_after_what_came_before():
    def items():
        yield 1
        raise VideoError("clip.mp4", "broken")

    taken = []
    with pytest.raises(VideoError, match="broken"):
        for item in ahead(items()):
            taken.append(item)
    assert taken == [1] and not threads()


def test_ahead_that_is_left_closes_its_source():
    closed = []

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    running = ahead(items())
    assert next(running) == 0
    running.close()
    assert closed == [True] and not threads()


class Middle:
    """An estimator that sees everybody in the middle; it stops where it is told."""

    name, skeleton, weights, confidence_meaning = "middle", COCO17, None, "none"

    def __init__(self, stop=None):
        self.stop = stop

    def estimate(self, frames):
        for frame in ahead(frames):
            if frame.index == self.stop:
                raise KeyboardInterrupt
            place = np.full((17, 2), (frame.width / 2, frame.height / 2))
            yield FramePose(frame.index, frame.time, place, np.ones(17))


class Notes:
    def __init__(self, fail_at=None):
        self.seen, self.names, self.fail_at = [], set(), fail_at

    def add(self, frame, pose):
        assert frame.index == pose.frame
        if frame.index == self.fail_at:
            raise VideoError("overlay.mp4", "could not be written")
        self.seen.append(frame.index)
        self.names.add(threading.current_thread().name)


@pytest.fixture
def source(tmp_path):
    return VideoSource(make_clip(tmp_path / "clip.mp4", frames=40))


def test_sinks_get_every_frame_in_order_in_one_thread(source):
    sinks = [Notes(), Notes()]
    extraction = Extraction(source, Middle(), sinks)
    extraction.run()
    assert [sink.seen for sink in sinks] == [list(range(40))] * 2
    assert sinks[0].names == sinks[1].names and len(sinks[0].names) == 1
    assert len(extraction.poses()) == 40 and not threads()


def test_a_failing_sink_ends_the_pass_and_is_not_called_again(source):
    sink = Notes(fail_at=7)
    extraction = Extraction(source, Middle(), [sink])
    with pytest.raises(VideoError, match="could not be written"):
        extraction.run()
    assert sink.seen == list(range(7))
    assert 8 <= len(extraction) < 12 and not threads()


def test_after_an_interruption_sinks_have_what_the_table_has(source):
    sink = Notes()
    extraction = Extraction(source, Middle(stop=20), [sink])
    with pytest.raises(KeyboardInterrupt):
        extraction.run()
    assert sink.seen == list(range(20)) == list(extraction.poses().frame)
    assert not threads()
