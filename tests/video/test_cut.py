"""A part of a frame, and a picture at a time."""

import av
import numpy as np
import pytest
from clips import encode, encoder, make_clip

from posexp.video.frame import Frame
from posexp.video.source import VideoSource


@pytest.mark.parametrize("turned", [(False, ()), (False, (0,)), (False, (0, 1)), (True, (1,)),
                                    (True, (0,)), (True, ())])  # fmt: skip
@pytest.mark.parametrize("layout", ["yuv420p", "yuvj420p", "yuv420p10le", "yuv444p", "rgb24"])
def test_a_cut_is_what_the_whole_picture_shows_there(turned, layout):
    rgb = np.random.default_rng(1).integers(0, 255, (12, 16, 3), np.uint8)
    rgb = rgb.repeat(8, axis=0).repeat(8, axis=1)  # 96 by 128
    picture = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=layout)
    frame = Frame(3, 0.5, picture, turned)
    part = frame.cut(10, 20, 40, 32)
    assert (part.index, part.time, part.width, part.height) == (3, 0.5, 40, 32)
    apart = part.rgb().astype(int) - frame.rgb()[20:52, 10:50]
    # The border's chroma has no neighbours to be blended with.
    assert np.abs(apart[2:-2, 2:-2]).max() <= 1


def test_a_cut_has_the_colours_of_its_picture():
    picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), (200, 40, 90), np.uint8), "rgb24")
    picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="JPEG")
    frame = Frame(0, 0.0, picture, (False, ()))
    assert np.array_equal(frame.cut(2, 2, 20, 20).rgb(), frame.rgb()[2:22, 2:22])
    assert frame.cut(2, 2, 20, 20).planes().to_rgb is frame.planes().to_rgb


def test_a_picture_at_a_time(tmp_path):
    """Exactly; or the one before it at which decoding can begin."""
    frames = np.arange(50, dtype=np.uint8)[:, None, None, None] * 5
    frames = np.broadcast_to(frames, (50, 48, 64, 3))
    clip = encode(tmp_path / "clip.mp4", frames, "-c:v", encoder("libx264"), "-g", "10",
                  "-pix_fmt", "yuv420p", rate=25)  # fmt: skip
    source = VideoSource(clip)
    exact, near = source.near(0.98, exact=True), source.near(0.98)
    assert exact.time == pytest.approx(24 / 25) and exact.rgb().mean() == pytest.approx(120, abs=4)
    assert near.time == pytest.approx(20 / 25) and near.rgb().mean() == pytest.approx(100, abs=4)
    assert source.near(99.0, exact=True).time == pytest.approx(49 / 25)


def test_a_file_that_cannot_be_searched_has_no_picture_at_a_time(tmp_path):
    clip = make_clip(tmp_path / "raw.h264", frames=10)
    assert VideoSource(clip).near(0.3) is None or VideoSource(clip).near(0.3).time >= 0
