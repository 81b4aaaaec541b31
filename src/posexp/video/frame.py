"""A decoded frame: its picture is converted only when and as far as it is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Orientation = tuple[bool, tuple[int, ...]]
Matrix = tuple[tuple[float, ...], ...]
SQUARE = Fraction(1)
_PLANAR = re.compile(r"yuvj?4(20|22|44)p((?P<bits>10|12)le)?")
_COPIED = ("yuv420p", "yuvj420p", "yuv420p10le")
_LIMITED_RANGE, _FULL_RANGE = 1, 2  # of FFmpeg's AVColorRange
_BT709, _BT601 = 1, 5  # of its AVColorSpace
_LUMA = {
    1: (0.2126, 0.0722), 5: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}  # fmt: skip
"""Weights of red and blue by FFmpeg's AVColorSpace: BT.709, 601, SMPTE 240M, BT.2020."""


@dataclass(frozen=True)
class Planes:
    """A decoded picture as it lies in memory, for whoever needs only a part of it.

    Attributes
    ----------
    images : tuple of arrays
        Y, U and V, each (h, w), U and V perhaps smaller; or one (h, w, 3) RGB. Unsigned.
    to_rgb : (3, 4) float32 array or None
        From 8-bit Y, U, V, 1 to RGB, 0..255; None for RGB.
    shift : int
        Bits of a sample beyond 8.
    transposed : bool
        The upright picture is the transposed one, ...
    flipped : tuple of int
        ... then flipped along these axes.
    stretch : float
        How many times as wide as it is stored the picture is, before it is turned.
    """

    images: tuple[NDArray[Any], ...]
    to_rgb: NDArray[np.float32] | None
    shift: int
    transposed: bool
    flipped: tuple[int, ...]
    stretch: float = 1.0


@dataclass(frozen=True)
class Nv12:
    """A picture as an encoder takes it, to draw on: of limited range, colours at half the size.

    Attributes
    ----------
    picture : av.VideoFrame
        What is encoded; the arrays are views of its memory.
    y : (h, w) uint8 array
        Luma; h and w are even.
    uv : (h / 2, w / 2, 2) uint8 array
        Chroma.
    from_rgb : three rows of four numbers
        From R, G, B, 1, 0..255, to Y, U and V; BT.709 or 601, as `picture.colorspace` says.
    """

    picture: av.VideoFrame
    y: Image
    uv: Image
    from_rgb: Matrix


class Frame:
    """One decoded frame; its picture is converted only when it is asked for.

    Attributes
    ----------
    index : int
        Position in the video, counted in decoded frames.
    time : float
        Presentation time, s from the first frame.
    width, height : int
        Size of the upright frame, square px.
    """

    def __init__(
        self, index: int, time: float, picture: av.VideoFrame, orientation: Orientation,
        aspect: Fraction = SQUARE,
    ) -> None:  # fmt: skip
        self.index = index
        self.time = time
        self._picture = picture
        self._transposed, self._flipped = orientation
        self._size = shown_width(picture.width, aspect), picture.height
        self.width, self.height = self._size[:: -1 if self._transposed else 1]

    def rgb(self) -> Image:
        """(height, width, 3) uint8, upright, C-contiguous; converted at each call."""
        return self._converted(*self._size)

    def resized(self, height: int) -> Image:
        """(height, w, 3) uint8 RGB, upright, in proportion, w even."""
        return self._converted(*self._stored_size(height))

    def nv12(self, height: int) -> Nv12:
        """Upright, in proportion, `height` even; for a video: without the way through RGB and back.

        BT.709 stays what it is, and all else becomes BT.601.
        """
        matrix = _BT709 if int(self._picture.colorspace) == _BT709 else _BT601
        stored = self._picture.reformat(
            *self._stored_size(height), "nv12", interpolation="AREA", threads=1,
            dst_colorspace=matrix, src_color_range=int(self._picture.color_range),
            dst_color_range=_LIMITED_RANGE,
        )  # fmt: skip
        picture, planes = stored, _nv12_planes(stored)
        if self._transposed or self._flipped or stored is self._picture:
            # In memory of its own: the decoder may still look at its picture.
            upright = [self._upright(plane) for plane in planes]
            picture = av.VideoFrame(*upright[0].shape[::-1], "nv12")
            planes = _nv12_planes(picture)
            for plane, image in zip(planes, upright, strict=True):
                np.copyto(plane, image)
        picture.colorspace = matrix
        picture.pict_type = 0  # an encoder would follow the one of the source
        return Nv12(picture, *planes, _from_rgb(matrix))

    def planes(self) -> Planes:
        """The picture without conversion, where its format allows; as RGB otherwise.

        The arrays are views: they hold on to the decoder's memory.
        """
        picture = self._picture
        stored = picture.width, picture.height
        shape = self._transposed, self._flipped, self._size[0] / picture.width
        layout = _PLANAR.fullmatch(picture.format.name)
        if layout is None:
            return Planes((self._stored(*stored),), None, 0, *shape)
        shift = int(layout["bits"] or 8) - 8
        images = tuple(
            np.frombuffer(plane, np.uint16 if shift else np.uint8)
            .reshape(plane.height, -1)[:, : plane.width]
            for plane in picture.planes
        )  # fmt: skip
        full = picture.color_range == _FULL_RANGE or picture.format.name.startswith("yuvj")
        return Planes(images, _to_rgb(int(picture.colorspace), full), shift, *shape)

    def showing(self, rgb: Image) -> Frame:
        """A frame at the same time of another picture, (h, w, 3) upright RGB."""
        picture = _picture_of([rgb], "rgb24")
        return Frame(self.index, self.time, picture, (False, ()))

    def cut(self, left: int, top: int, width: int, height: int) -> Frame:
        """A part of the upright picture, as a frame of its own; even numbers, px.

        Where the format allows, nothing is converted, and nothing copied but for what asks for RGB.
        """
        picture = self._picture
        name = picture.format.name
        x, y, w, h = left, top, width, height
        if 1 in self._flipped:
            x = self.width - left - width
        if 0 in self._flipped:
            y = self.height - top - height
        if self._transposed:
            x, y, w, h = y, x, h, w
        if name not in _COPIED or self._size[0] != picture.width or (x | y | w | h) & 1:
            return self.showing(self.rgb()[top : top + height, left : left + width])
        planes = self.planes()
        luma, *chroma = planes.images
        images = [luma[y : y + h, x : x + w]]
        images += [c[y // 2 : (y + h) // 2, x // 2 : (x + w) // 2] for c in chroma]
        return _Cut(self, replace(planes, images=tuple(images)), (self._transposed, self._flipped))

    def _stored_size(self, height: int) -> tuple[int, int]:
        """Width and height before it is turned, for this height afterwards."""
        width = even(self.width * height / self.height)
        return (height, width) if self._transposed else (width, height)

    def _converted(self, width: int, height: int) -> Image:
        return np.ascontiguousarray(self._upright(self._stored(width, height)))

    def _upright(self, image: Image) -> Image:
        return np.flip(image.swapaxes(0, 1) if self._transposed else image, self._flipped)

    def _stored(self, width: int, height: int) -> Any:
        """RGB, not yet turned; of full range, by the matrix that the stream declares."""
        picture, color_range = self._picture, int(self._picture.color_range)
        if (width, height) != (picture.width, picture.height):
            # Before the conversion: half the work of both at once.
            picture = picture.reformat(
                width, height, interpolation="AREA", threads=1,
                src_color_range=color_range, dst_color_range=color_range,
            )  # fmt: skip
        picture = picture.reformat(format="rgb24", src_color_range=color_range, threads=1)
        # A view: a copy of each 4K frame would cost 25 MB and milliseconds.
        plane = picture.planes[0]
        return np.ndarray(
            (picture.height, picture.width, 3), np.uint8, plane, strides=(plane.line_size, 3, 1)
        )


class _Cut(Frame):
    """A part of a frame, which copies what lies in memory once its picture is asked for."""

    def __init__(self, frame: Frame, planes: Planes, orientation: Orientation) -> None:
        self.index, self.time = frame.index, frame.time
        self._whole, self._planes = frame._picture, planes
        self._transposed, self._flipped = orientation
        self._size = planes.images[0].shape[1], planes.images[0].shape[0]
        self.width, self.height = self._size[:: -1 if self._transposed else 1]

    def planes(self) -> Planes:
        return self._planes

    @cached_property
    def _picture(self) -> av.VideoFrame:  # type: ignore[override]
        part = _picture_of(self._planes.images, self._whole.format.name)
        part.colorspace, part.color_range = self._whole.colorspace, self._whole.color_range
        return part


def _picture_of(images: Sequence[NDArray[Any]], layout: str) -> av.VideoFrame:
    """FFmpeg's picture of planes, the first as large as it."""
    height, width = images[0].shape[:2]
    picture = av.VideoFrame(width, height, layout)
    for plane, image in zip(picture.planes, images, strict=True):
        rows = image.reshape(len(image), -1)
        memory: NDArray[Any] = np.ndarray(
            rows.shape, rows.dtype, plane, strides=(plane.line_size, rows.itemsize)
        )
        memory[:] = rows
    return picture


def _nv12_planes(picture: av.VideoFrame) -> tuple[Image, Image]:
    """Views of (h, w) luma and (h / 2, w / 2, 2) chroma."""
    luma, chroma = picture.planes
    height, width = picture.height, picture.width
    return (
        np.ndarray((height, width), np.uint8, luma, strides=(luma.line_size, 1)),
        np.ndarray((height // 2, width // 2, 2), np.uint8, chroma, 0, (chroma.line_size, 2, 1)),
    )


@lru_cache(maxsize=2)
def _from_rgb(colorspace: int) -> Matrix:
    """RGB, 1 to YUV of limited range (ITU-T H.273)."""
    red, blue = _LUMA[colorspace]
    luma = np.array([red, 1 - red - blue, blue])
    rows = [luma * 219, (np.eye(3)[2] - luma) / (1 - blue) * 112,
            (np.eye(3)[0] - luma) / (1 - red) * 112]  # fmt: skip
    return tuple((*row / 255, low) for row, low in zip(rows, (16, 128, 128), strict=True))


@lru_cache(maxsize=8)
def _to_rgb(colorspace: int, full_range: bool) -> NDArray[np.float32]:
    """(3, 4) matrix of a stream's YUV (ITU-T H.273), with FFmpeg's BT.601 where it says none."""
    red, blue = _LUMA.get(colorspace, _LUMA[_BT601])
    green = 1 - red - blue
    matrix = np.array(
        [[1, 0, 2 * (1 - red)],
         [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
         [1, 2 * (1 - blue), 0]]
    )  # fmt: skip
    low = 0 if full_range else 16
    matrix *= 1 if full_range else (255 / 219, 255 / 224, 255 / 224)
    # Half a level less turns rounding into the cut that FFmpeg and MoveNet's example make.
    offset = -matrix @ (low, 128, 128) - 0.5
    return np.column_stack([matrix, offset]).astype(np.float32)


def orientation_of(picture: av.VideoFrame) -> Orientation:
    """How the container turns or mirrors the picture: transposed, then flipped along axes.

    Ask once per video: the side data holds on to its frame, 12 MB in 4K, until the garbage
    collector comes by.
    """
    # x' = a x + c y, y' = b x + d y (libavutil/display.h).
    try:
        side_data = picture.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV knows no name for some kinds, such as a photo's EXIF
        # and then only says by how much it is turned, anticlockwise; mirroring is lost.
        turn = np.deg2rad(picture.rotation)
        a, b, c, d = np.round([np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)])
    else:
        if side_data is None:
            return False, ()
        a, b, _, c, d = np.frombuffer(side_data, np.int32)[:5].astype(int)
    transposed = bool(abs(a) < abs(b))
    scales = (b, c) if transposed else (d, a)
    return transposed, tuple(axis for axis, scale in enumerate(scales) if scale < 0)


def shown_width(width: int, aspect: Fraction) -> int:
    """Columns of a picture whose pixels have this aspect, once they are square."""
    return max(1, round(width * aspect))


def even(length: float) -> int:
    """The nearest even number of pixels, at least 2: yuv420p has no odd sizes."""
    return max(2, 2 * round(length / 2))
