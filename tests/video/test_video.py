"""Reading: every format, time, rotation and size. Writing: what browsers need."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from clips import BLUE, RED, corners, encode, encoder, ffmpeg, make_clip, quadrants, red_and_blue

from posexp.errors import ConfigError, VideoError
from posexp.video.frame import Frame
from posexp.video.source import VideoSource
from posexp.video.writer import KEY_FRAME_EVERY, VideoWriter

H264 = ("-c:v", "libx264", "-preset", "ultrafast")
HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-b:v", "1M")
AV1 = ("-c:v", ("libsvtav1", "libaom-av1"), "-b:v", "1M")
MJPEG = ("-c:v", "mjpeg", "-q:v", "2")
BITS8, BITS10 = ("-pix_fmt", "yuv420p"), ("-pix_fmt", "yuv420p10le")
BT709 = ("-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709", *BITS8)
FULL_RANGE = ("-vf", "scale=out_range=full", "-color_range", "pc", *BITS8)

FORMATS = {
    "h264.mp4": (*H264, *BITS8),
    "h264-b-frames.mp4": ("-c:v", "libx264", "-bf", "3", *BITS8),
    "h264-10bit.mp4": (*H264, *BITS10),
    "h264-bt709.mp4": (*H264, *BT709),
    "h264-full-range.mp4": (*H264, *FULL_RANGE),
    "h264.mov": (*H264, *BITS8),
    "h264.mkv": (*H264, *BITS8),
    "h264.ts": (*H264, *BITS8),
    "h264.avi": (*H264, *BITS8),
    "h264-b-frames.avi": ("-c:v", "libx264", "-bf", "3", *BITS8),
    "mpeg4-b-frames.avi": ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2"),
    "mpeg2-b-frames.mpg": ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2"),
    "wmv2.wmv": ("-c:v", "wmv2", "-q:v", "2"),
    "hevc.mp4": (*HEVC, "-tag:v", "hvc1", *BITS8),
    "hevc-10bit.mov": (*HEVC, "-tag:v", "hvc1", *BITS10),
    "vp9.webm": (*VP9, *BITS8),
    "vp9-10bit.webm": (*VP9, *BITS10),
    "av1.mp4": (*AV1, *BITS8),
    "av1-10bit.mkv": (*AV1, *BITS10),
    "mjpeg.avi": (*MJPEG, "-pix_fmt", "yuvj420p"),
    "mjpeg.mov": (*MJPEG, "-pix_fmt", "yuvj422p"),
    "rgb.gif": (),
}

ODD_SIZES = {
    "odd.gif": (),
    "odd.mp4": (*H264, "-pix_fmt", "yuv444p"),
    "odd.avi": (*MJPEG, "-pix_fmt", "yuvj444p"),
    "odd.webm": (*VP9, *BITS8),
}


NO_TIMES = "frames without a presentation time were spaced by the average rate"


def chosen(options: tuple[object, ...]) -> Iterator[object]:
    """The options with encoders that this FFmpeg has."""
    for before, option in zip(("", *options), options, strict=False):
        if before == "-c:v":
            yield encoder(*([option] if isinstance(option, str) else option))
        else:
            yield option


def times(frames: list[Frame]) -> list[float]:
    return [frame.time for frame in frames]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_all_frames_in_order_with_their_times_and_colours(
    name: str, tmp_path: Path
) -> None:
    path = encode(tmp_path / name, red_and_blue(), *chosen(FORMATS[name]))
    source = VideoSource(path)
    frames = list(source.frames())

    assert [frame.index for frame in frames] == list(range(10))
    assert times(frames) == pytest.approx(np.arange(10) / 25, abs=0.0006)
    assert (source.info.width, source.info.height) == (96, 64)
    assert source.info.fps == pytest.approx(25)
    assert source.decoded == 10
    assert source.expected_frames == pytest.approx(10, abs=2 if path.suffix == ".mpg" else 0)
    assert set(source.warnings) <= ({NO_TIMES} if path.suffix in (".avi", ".mpg") else set())
    pictures = [frame.rgb() for frame in frames]
    for picture in pictures:
        assert (picture.shape, picture.dtype) == ((64, 96, 3), np.uint8)
        assert picture.flags.c_contiguous
        np.testing.assert_allclose(picture[16, [24, 72]], [RED, BLUE], atol=16)
    strip = [picture[40:].mean() for picture in pictures]
    assert strip == pytest.approx(np.linspace(20, 235, 10), abs=12)
    assert (np.diff(strip) > 0).all()


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("angle", [90, 180, 270])
def test_rotation_of_the_container_is_applied(angle: int, suffix: str, tmp_path: Path) -> None:
    still = quadrants()
    plain = encode(tmp_path / "plain.mp4", still[None].repeat(3, 0), *H264, *BITS8)
    turned = tmp_path / f"turned.{suffix}"
    ffmpeg("-display_rotation:v:0", angle, "-i", plain, "-c", "copy", turned)

    source = VideoSource(turned)
    upright = np.rot90(still, angle // 90)  # both count counter-clockwise
    assert (source.info.height, source.info.width) == upright.shape[:2]
    raw = ffmpeg("-i", turned, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    by_ffmpeg = np.frombuffer(raw, np.uint8).reshape(3, *upright.shape)
    for frame, other in zip(source.frames(), by_ffmpeg, strict=True):
        picture = frame.rgb()
        assert (frame.height, frame.width) == picture.shape[:2] == upright.shape[:2]
        assert picture.flags.c_contiguous
        np.testing.assert_allclose(corners(picture), corners(upright), atol=16)
        np.testing.assert_allclose(corners(picture), corners(other), atol=4)
        assert np.abs(picture.astype(int) - other).mean() < 4


@pytest.mark.parametrize("mirror", ["h", "v"])
@pytest.mark.parametrize("angle", [0, 90])
def test_mirroring_of_the_container_is_applied(angle: int, mirror: str, tmp_path: Path) -> None:
    plain = encode(tmp_path / "plain.mp4", quadrants()[None], *H264, *BITS8)
    flipped = tmp_path / "flipped.mp4"
    matrix = ("-display_rotation:v:0", angle, f"-display_{mirror}flip:v:0")
    ffmpeg(*matrix, "-i", plain, "-c", "copy", flipped)
    picture = next(iter(VideoSource(flipped).frames())).rgb()
    raw = ffmpeg("-i", flipped, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    by_ffmpeg = np.frombuffer(raw, np.uint8).reshape(picture.shape)
    np.testing.assert_allclose(corners(picture), corners(by_ffmpeg), atol=4)


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_resized_is_upright_even_and_in_proportion(angle: int, tmp_path: Path) -> None:
    still = quadrants(102, 64)
    plain = encode(tmp_path / "plain.mp4", still[None], *H264, *BITS8)
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation:v:0", angle, "-i", plain, "-c", "copy", turned)

    frame = next(iter(VideoSource(turned).frames()))
    upright = np.rot90(still, angle // 90)
    for height in (32, 50, frame.height, 200):
        picture = frame.resized(height)
        width = height * frame.width / frame.height
        assert picture.shape[0] == height
        assert picture.shape[1] % 2 == 0
        assert abs(picture.shape[1] - width) <= 1
        assert picture.flags.c_contiguous
        np.testing.assert_allclose(corners(picture), corners(upright), atol=20)
        encoded = frame.nv12(height).picture.to_ndarray(format="rgb24")
        assert encoded.shape == picture.shape
        np.testing.assert_allclose(corners(encoded), corners(upright), atol=20)


BT2020 = ("-vf", "scale=out_color_matrix=bt2020", "-colorspace", "bt2020nc", *BITS10)
RAW = ("-c:v", "rawvideo")
AGAIN = {
    **FORMATS,
    "h264-10bit-full-range.mp4": (*H264, *FULL_RANGE[:-2], *BITS10),
    "hevc-bt2020.mp4": (*HEVC, *BT2020),
    "raw-nv12.nut": (*RAW, "-pix_fmt", "nv12"),
    "raw-grey.nut": (*RAW, "-pix_fmt", "gray"),
    "raw-rgb.nut": (*RAW, "-pix_fmt", "rgb24"),
}


@pytest.mark.parametrize("name", AGAIN)
def test_every_format_is_written_again_in_its_colours(name: str, tmp_path: Path) -> None:
    source = VideoSource(encode(tmp_path / name, red_and_blue(), *chosen(AGAIN[name])))
    with VideoWriter(tmp_path / "again.mp4", 25) as writer:
        for frame in source.frames():
            writer.write(frame.nv12(64), frame.time)
    with av.open(str(writer.path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (1 if "bt709" in name else 5, 1)
    for frame, again in zip(source.frames(), VideoSource(writer.path).frames(), strict=True):
        assert frame.time == pytest.approx(again.time, abs=1e-4)
        for rows, columns in ((16, 24), (16, 72), (48, 48)):
            place = np.s_[rows - 4 : rows + 4, columns - 4 : columns + 4]
            colors = [picture[place].mean(axis=(0, 1)) for picture in (frame.rgb(), again.rgb())]
            np.testing.assert_allclose(*colors, atol=8)


def test_a_picture_that_is_nv12_already_is_not_drawn_on() -> None:
    stored = av.VideoFrame(96, 64, "nv12")
    stored.colorspace, stored.color_range = 5, 1
    for plane in stored.planes:
        np.frombuffer(plane, np.uint8)[:] = 100
    drawn = Frame(0, 0.0, stored, (False, ())).nv12(64)
    drawn.y[:], drawn.uv[:] = 0, 0
    assert all((np.frombuffer(plane, np.uint8) == 100).all() for plane in stored.planes)


def test_key_frames_of_the_source_are_not_those_of_what_is_written(tmp_path: Path) -> None:
    source = VideoSource(make_clip(tmp_path / "a.mp4", *H264, "-g", "2", *BITS8, frames=20))
    with VideoWriter(tmp_path / "b.mp4", 25) as writer:
        for frame in source.frames():
            writer.write(frame.nv12(48), frame.time)
    with av.open(str(writer.path)) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0)) == 2


@pytest.mark.parametrize(("suffix", "tolerance"), [("mp4", 1e-9), ("mkv", 0.0005 + 1e-9)])
def test_variable_frame_rate_keeps_every_frames_own_time(
    suffix: str, tolerance: float, tmp_path: Path
) -> None:
    path = tmp_path / f"vfr.{suffix}"
    clock = ("-enc_time_base", "1/90000", "-video_track_timescale", "90000")
    retime = ("-vf", "settb=1/90000,setpts=1801*N+907*N*N", "-fps_mode", "vfr")
    make_clip(path, *retime, *H264, *BITS8, *(clock if suffix == "mp4" else clock[:2]))
    n = np.arange(10)
    expected = (1801 * n + 907 * n**2) / 90_000
    assert times(list(VideoSource(path).frames())) == pytest.approx(expected, abs=tolerance)


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "late.ts", *H264, *BITS8, "-output_ts_offset", "7")
    assert times(list(VideoSource(path).frames())) == pytest.approx(np.arange(10) / 25, abs=1e-4)


def test_a_raw_stream_without_times_is_spaced_by_its_rate_and_says_so(tmp_path: Path) -> None:
    source = VideoSource(make_clip(tmp_path / "clip.h264", *H264, *BITS8))
    assert times(list(source.frames())) == pytest.approx(np.arange(10) / 25)
    assert source.warnings == [NO_TIMES]


@pytest.mark.parametrize("name", ODD_SIZES)
def test_odd_sizes(name: str, tmp_path: Path) -> None:
    path = encode(tmp_path / name, red_and_blue(3, 65, 49), *chosen(ODD_SIZES[name]))
    frames = list(VideoSource(path).frames())
    assert len(frames) == 3
    for frame in frames:
        assert frame.rgb().shape == (49, 65, 3)
        np.testing.assert_allclose(frame.rgb()[10, [10, 55]], [RED, BLUE], atol=16)
        assert frame.resized(24).shape == (24, 32, 3)
        assert frame.nv12(48).y.shape == (48, 64)


@pytest.mark.parametrize(
    ("start", "stop", "indices"),
    [
        (0.0, None, range(10)),
        (0.08, None, range(2, 10)),
        (0.0, 0.12, range(3)),
        (0.08, 0.2, range(2, 5)),
        (0.09, 0.13, range(3, 4)),
        (0.2, 99.0, range(5, 10)),
    ],
)
def test_start_is_included_and_stop_is_not(
    start: float, stop: float | None, indices: range, tmp_path: Path
) -> None:
    source = VideoSource(make_clip(tmp_path / "clip.mp4"), start, stop)
    frames = list(source.frames())
    assert [frame.index for frame in frames] == list(indices)
    assert times(frames) == pytest.approx(np.array(indices) / 25)
    assert abs((source.expected_frames or 0) - len(frames)) <= 1
    assert source.warnings == []


def test_a_part_after_the_end_says_where_the_video_ends(tmp_path: Path) -> None:
    source = VideoSource(make_clip(tmp_path / "clip.mp4"), start=60)
    with pytest.raises(VideoError, match=r"clip\.mp4: no frame between 60 s and the end.*0\.36 s"):
        list(source.frames())


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (float("nan"), None), (2, 1), (1, 1)])
def test_a_part_that_cannot_be_is_refused(start: float, stop: float | None, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    with pytest.raises((ConfigError, VideoError), match=r"video\.st(art|op): expected"):
        VideoSource(clip, start, stop)


def test_a_source_can_be_streamed_again(tmp_path: Path) -> None:
    source = VideoSource(make_clip(tmp_path / "clip.mp4"))
    assert len(list(source.frames())) == len(list(source.frames())) == source.decoded == 10


def test_a_name_with_a_colon_spaces_and_percent_is_a_file(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4").rename(tmp_path / "http:my clip %02d ü.mp4")
    assert len(list(VideoSource(clip).frames())) == 10


VFR_TIMES = np.cumsum([0.0, *np.tile([1 / 30, 1 / 24, 0.1, 1 / 240], 10)])[:40]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """40 frames at times of their own, through VideoWriter."""
    writer = VideoWriter(tmp_path / "overlay.mp4", 30)
    picture = np.ascontiguousarray(red_and_blue(1)[0])
    for time in VFR_TIMES:
        writer.write(picture, time)
    assert not writer.path.exists()  # not before it is whole
    assert writer.close()
    assert [file.name for file in tmp_path.iterdir()] == ["overlay.mp4"]
    return writer.path


def test_written_frames_come_back_at_their_times_in_their_colours(written: Path) -> None:
    source = VideoSource(written)
    frames = list(source.frames())
    assert times(frames) == pytest.approx(VFR_TIMES, abs=1 / 90_000)
    assert source.warnings == []
    for frame in frames:
        np.testing.assert_allclose(frame.rgb()[16, [24, 72]], [RED, BLUE], atol=16)


def test_written_video_is_what_browsers_play_and_seek(written: Path) -> None:
    with av.open(str(written)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        pts = [(p.pts, p.is_keyframe) for p in container.demux(stream) if p.pts is not None]
    keys = [index for index, (_, is_key) in enumerate(sorted(pts)) if is_key]
    assert keys == list(range(0, 40, KEY_FRAME_EVERY))
    data = written.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_an_overlay_that_starts_late_keeps_its_first_time(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "late.mp4", 25)
    for time in (2.0, 2.5, 3.0):
        writer.write(np.zeros((32, 32, 3), np.uint8), time)
    writer.close()
    with av.open(str(writer.path)) as container:
        assert [frame.time for frame in container.decode(video=0)] == pytest.approx([2, 2.5, 3])


def write_black(writer: VideoWriter, count: int) -> None:
    for index in range(count):
        writer.write(np.zeros((32, 32, 3), np.uint8), index / 25)


@pytest.mark.parametrize("count", [1, 60])
def test_discard_leaves_nothing(count: int, tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "overlay.mp4", 25)
    write_black(writer, count)  # the file itself is begun with the encoder's first packet
    assert any(tmp_path.iterdir()) == (count == 60)
    writer.discard()
    assert not any(tmp_path.iterdir())
    assert not writer.close()


def test_after_an_error_between_two_frames_the_old_file_is_there(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    path.write_bytes(b"the old one")
    with pytest.raises(ZeroDivisionError), VideoWriter(path, 25) as writer:
        write_black(writer, 60)
        raise ZeroDivisionError
    assert [file.name for file in tmp_path.iterdir()] == ["overlay.mp4"]
    assert path.read_bytes() == b"the old one"
    with VideoWriter(path, 25) as writer:
        write_black(writer, 3)
    assert [file.name for file in tmp_path.iterdir()] == ["overlay.mp4"]
    assert len(list(VideoSource(path).frames())) == 3


def test_the_colour_of_four_pixels_is_their_mean(tmp_path: Path) -> None:
    """Columns of red and blue: halfway between them."""
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = RED, BLUE
    with VideoWriter(tmp_path / "stripes.mp4", 25, {"crf": "10"}) as writer:
        writer.write(stripes, 0.0)
    hue = next(VideoSource(writer.path).frames()).rgb().mean(axis=(0, 1))
    assert hue == pytest.approx(stripes.mean(axis=(0, 1)), abs=12)


def test_no_frames_no_file(tmp_path: Path) -> None:
    assert not VideoWriter(tmp_path / "overlay.mp4", 25).close()
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "missing" / "overlay.mp4", 25)
    with pytest.raises(VideoError, match=r"missing/overlay\.mp4: could not be written"):
        write_black(writer, 60)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("orientation", "stored"), [(1, 0), (3, 2), (6, 1), (8, -1)])
def test_a_photo_is_upright_by_its_exif(orientation: int, stored: int, tmp_path: Path) -> None:
    from PIL import Image as Photo

    upright = np.zeros((60, 80, 3), np.uint8)
    upright[:30, :40], upright[:30, 40:] = (255, 0, 0), (0, 255, 0)
    exif = Photo.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    Photo.fromarray(np.rot90(upright, stored)).save(path, exif=exif, quality=95)
    frames = list(VideoSource(path).frames())
    assert len(frames) == 1
    assert np.abs(frames[0].rgb().astype(int) - upright).mean() < 2


def bar(count: int = 12, width: int = 96, height: int = 64) -> np.ndarray:
    """A white bar over grey that goes 4 px to the right with every frame."""
    frames = np.full((count, height, width, 3), 40, np.uint8)
    for index, frame in enumerate(frames):
        frame[:, 4 * index : 4 * index + 12] = 220
    return frames


SQUEEZED = {
    "h264.mp4": (*H264, *BITS8),
    "h264.mkv": (*H264, *BITS8),
    "h264.ts": (*H264, *BITS8),
    "hevc-10bit.mov": (*HEVC, "-tag:v", "hvc1", *BITS10),
    "mpeg4.avi": ("-c:v", "mpeg4", "-q:v", "2"),
    "vp9.webm": (*VP9, *BITS8),
    "rgb.gif": (),
}


@pytest.mark.parametrize(
    ("name", "turn"),
    [(name, turn) for name in SQUEEZED for turn in (0, 90, 180, 270)
     if turn == 0 or name.endswith(("mp4", "mov", "mkv"))],
)  # fmt: skip
def test_a_squeezed_picture_is_shown_with_square_pixels(
    name: str, turn: int, tmp_path: Path
) -> None:
    """4:3 pixels, as in HDV: 72 stored columns are 96 px; turned, 96 px in height."""
    still = quadrants()
    squeeze = ("-vf", "scale=72:64:flags=area,setsar=4/3")
    clip = encode(tmp_path / name, still[None].repeat(10, 0), *squeeze, *chosen(SQUEEZED[name]))
    if turn:
        turned = tmp_path / f"turned-{name}"
        ffmpeg("-display_rotation:v:0", turn, "-i", clip, "-c", "copy", turned)
        clip = turned
    source = VideoSource(clip)
    frame = next(iter(source.frames()))
    upright = np.rot90(still, turn // 90)
    assert (source.info.height, source.info.width) == upright.shape[:2]
    assert (frame.height, frame.width) == upright.shape[:2] == frame.rgb().shape[:2]
    assert frame.resized(32).shape[:2] == (32, round(32 * frame.width / frame.height / 2) * 2)
    encoded = frame.nv12(32).picture.to_ndarray(format="rgb24")
    assert encoded.shape == frame.resized(32).shape
    for picture in (frame.rgb(), frame.resized(32), encoded):
        np.testing.assert_allclose(corners(picture), corners(upright), atol=20)
    assert ((frame.rgb() > 127) == (upright > 127)).mean() > 0.98
    assert set(source.warnings) <= {NO_TIMES}


def test_the_containers_word_on_pixels_goes_before_the_streams(tmp_path: Path) -> None:
    stream = encode(tmp_path / "a.mp4", quadrants(72)[None], "-vf", "setsar=2", *H264, *BITS8)
    ffmpeg("-i", stream, "-c", "copy", "-aspect", "96:64", tmp_path / "b.mp4")
    assert VideoSource(stream).info.width == 144
    assert VideoSource(tmp_path / "b.mp4").info.width == 96


@pytest.mark.parametrize("aspect", [(1000, 1), (1, 1000), (3, 3)])
def test_pixels_that_cannot_be_are_square(aspect: tuple[int, int], tmp_path: Path) -> None:
    clip = encode(tmp_path / "a.mov", quadrants()[None], "-vf", "setsar=2", *MJPEG, *BITS8)
    data = clip.read_bytes()
    said = struct.pack(">4sii", b"pasp", 2, 1)
    assert data.count(said) == 1
    clip.write_bytes(data.replace(said, struct.pack(">4sii", b"pasp", *aspect)))
    source = VideoSource(clip)
    assert (source.info.width, source.info.height) == (96, 64)
    assert len(list(source.frames())) == 1
    assert ("cannot be" in " ".join(source.warnings)) == (1000 in aspect)


def test_pixels_that_change_their_aspect_are_said(tmp_path: Path) -> None:
    parts = [
        make_clip(tmp_path / f"{i}.h264", "-vf", f"setsar={aspect}", *H264, *BITS8, frames=60)
        for i, aspect in enumerate(("16/15", "64/45"))
    ]
    clip = tmp_path / "dvb.h264"
    clip.write_bytes(b"".join(part.read_bytes() for part in parts))
    source = VideoSource(clip)
    assert {frame.width for frame in source.frames()} == {68}
    assert "the aspect of the pixels changes" in " ".join(source.warnings)


INTERLACED = {
    "dvd.mpg": ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2"),
    "avchd.mp4": ("-c:v", "libx264", "-crf", "4", "-x264-params", "tff=1"),
    "xvid.avi": ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2"),
    "camera.mxf": ("-c:v", "mpeg2video", "-q:v", "2"),
}


@pytest.mark.parametrize("name", INTERLACED)
def test_interlaced_video_is_what_the_first_field_saw(name: str, tmp_path: Path) -> None:
    """50 fields/s in 25 frames/s: of each frame, the moment of its first field."""
    whole = encode(tmp_path / "whole.mp4", bar(20), *H264, "-crf", "4", *BITS8, rate=50)
    weave = ("-vf", "interlace=scan=tff:lowpass=off", *BITS8, "-flags", "+ildct+ilme")
    ffmpeg("-i", whole, *weave, *INTERLACED[name], tmp_path / name)

    source = VideoSource(tmp_path / name)
    frames = list(source.frames())
    assert times(frames) == pytest.approx(np.arange(10) / 25, abs=0.0006)
    assert [w for w in source.warnings if w != NO_TIMES] == source.remarks
    assert "interlaced" in source.remarks[0]
    for frame in frames[1:]:
        row = frame.rgb()[30, :, 1]
        assert np.flatnonzero(row > 130)[0] == pytest.approx(8 * frame.index, abs=1)
        assert np.abs(np.diff(frame.rgb()[:, :, 1].astype(int), axis=0)).max() < 20  # no combs
    assert len(list(VideoSource(tmp_path / name, stop=0.19).frames())) == 5
    assert len(list(source.frames())) == 10  # and again


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_said(transfer: str, name: str, tmp_path: Path) -> None:
    colors = ("-vf", f"setparams=color_trc={transfer}:colorspace=bt2020nc")
    clip = make_clip(tmp_path / "hdr.mov", *HEVC, "-tag:v", "hvc1", *BITS10, *colors, frames=3)
    source = VideoSource(clip)
    assert len(list(source.frames())) == 3
    assert [name in warning for warning in source.warnings] == [True]


def two_tracks(path: Path, *dispositions: str) -> Path:
    """A small red track before a large blue one."""
    made = []
    for index, (color, size) in enumerate([(RED, (64, 48)), (BLUE, (96, 64))]):
        frames = np.full((5, size[1], size[0], 3), color, np.uint8)
        made.append(encode(path.with_name(f"{index}.mp4"), frames, *H264, *BITS8))
    flags = [(f"-disposition:v:{i}", flag) for i, flag in enumerate(dispositions)]
    ffmpeg("-i", made[0], "-i", made[1], "-map", "0", "-map", "1", "-c", "copy",
           *(word for flag in flags for word in flag), path)  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("suffix", "dispositions", "color"),
    [(suffix, flags, color) for suffix in ("mp4", "mov", "mkv") for flags, color in
     [(("0", "default"), BLUE), (("default", "0"), RED), (("default", "default"), BLUE)]]
    + [("mkv", ("0", "0"), BLUE), ("mkv", ("attached_pic", "0"), BLUE)],
)  # fmt: skip
def test_the_track_that_players_show_is_read(
    suffix: str, dispositions: tuple[str, str], color: tuple[int, ...], tmp_path: Path
) -> None:
    source = VideoSource(two_tracks(tmp_path / f"proxyfirst.{suffix}", *dispositions))
    frame = list(source.frames())[-1]
    np.testing.assert_allclose(frame.rgb().mean(axis=(0, 1)), color, atol=12)
    said = " ".join(source.warnings)
    if "attached_pic" not in dispositions:
        assert f"2 video tracks; the one of {frame.width}x{frame.height} px is read" in said


def test_a_thumbnail_is_not_the_video(tmp_path: Path) -> None:
    """A still of 4K beside a small video, with no word on what it is."""
    still = encode(tmp_path / "still.mp4", np.zeros((1, 480, 640, 3), np.uint8), *MJPEG)
    clip = make_clip(tmp_path / "plain.mp4")
    both = ("-map", "0", "-map", "1", "-disposition:v", "default", "-c", "copy")
    ffmpeg("-i", still, "-i", clip, *both, tmp_path / "both.mp4")
    assert len(list(VideoSource(tmp_path / "both.mp4").frames())) == 10


def test_what_an_edit_list_leaves_out_is_not_missed(tmp_path: Path) -> None:
    """Cut without re-encoding: the frames from the key frame on are there, and not shown."""
    whole = make_clip(tmp_path / "whole.mp4", *H264, "-g", "20", *BITS8, frames=45)
    cut = tmp_path / "cut.mp4"
    ffmpeg("-ss", "0.5", "-i", whole, "-c", "copy", cut)
    with av.open(str(cut)) as container:
        stored = container.streams.video[0].frames
    source = VideoSource(cut)
    shown = len(list(source.frames()))
    assert source.info.frames == source.expected_frames == shown < stored
    assert source.warnings == []


def test_sound_that_begins_in_the_middle_of_a_transport_stream(tmp_path: Path) -> None:
    """A microphone that is switched on: a track that neither beginning nor end announce."""
    parts = [tmp_path / f"{name}.ts" for name in "abc"]
    make_clip(parts[0], *H264, *BITS8, frames=100, rate=1)
    tone = ("-f", "lavfi", "-i", "sine=duration=5", "-c:a", "aac", "-output_ts_offset", "100")
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=1:duration=5")
    ffmpeg(*picture, *tone, *H264, *BITS8, parts[1])
    make_clip(parts[2], *H264, *BITS8, "-output_ts_offset", "105", frames=5, rate=1)
    filler = (b"\x47\x1f\xff\x10" + bytes(184)) * 40_000  # more than is looked at beforehand
    clip = tmp_path / "clip.ts"
    clip.write_bytes(filler.join(part.read_bytes() for part in parts))
    with av.open(str(clip)) as container:
        assert len(container.streams) == 1
    assert times(list(VideoSource(clip).frames())) == pytest.approx(np.arange(110), abs=1e-4)
