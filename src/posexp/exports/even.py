"""A constant rate, for files that know no other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posexp.errors import TableError

_ROUNDED = 0.001  # s; Matroska rounds times to it, and what is even there is even in the video
_MOST = 100  # times as many frames as there are; more are damage, not a recording
_BRIDGED = 0.1  # s; over a longer gap between frames, a line is no movement


@dataclass(frozen=True)
class Even:
    """Times at a constant rate that span those of a recording.

    Parameters
    ----------
    rate : float
        Hz. One frame alone has none: 1.
    time : (N,) float64
        s, even.
    own : (T,) float64
        s, those of the recording.
    """

    rate: float
    time: NDArray[np.float64]
    own: NDArray[np.float64]

    @classmethod
    def of(cls, own: NDArray[np.float64]) -> Even:
        """The rate at which most frames of `own`, increasing times in s, follow each other."""
        if len(own) == 1:
            return cls(1.0, own, own)
        gaps, span = np.diff(own), float(own[-1] - own[0])
        # The mean of the usual gaps: their median is one of 13 and 14 ms, for 75 Hz rounded to ms.
        steps = max(1, round(span / float(gaps[gaps < 1.5 * np.median(gaps)].mean())))
        if steps > _MOST * len(own):
            raise TableError(
                "the video's frames", f"expected about the same time between them, got "
                f"{len(own)} of which most are {span / steps:.3g} s apart, in {span:.3g} s: at an "
                f"even rate they would be {steps + 1}", "Take a format that has each frame's time",
            )  # fmt: skip
        return cls(steps / span, own[0] + np.arange(steps + 1) * (span / steps), own)

    @property
    def resampled(self) -> bool:
        """Whether the recording's own frames are elsewhere, by more than rounding."""
        return len(self.time) != len(self.own) or bool((abs(self.time - self.own) > _ROUNDED).any())

    @property
    def remarks(self) -> list[str]:
        """What the user should know of it."""
        if len(self.own) == 1:
            return ["one frame has no rate: 1 Hz is written"]
        if not self.resampled:
            return []
        return [
            f"the video's {len(self.own)} frames are not evenly spaced: resampled to "
            f"{len(self.time)} at {self.rate:.6g} Hz, on lines between neighbouring frames"
        ]

    def sample(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """`values` (T, ...) at the even times (N, ...).

        The frames themselves where they are even; else on a line between the two frames around,
        NaN where one of them is NaN, or where they are further apart than 0.1 s and 1.5 frames.
        """
        if not self.resampled:
            return values
        after = np.clip(np.searchsorted(self.own, self.time), 1, len(self.own) - 1)
        before = after - 1
        gap = self.own[after] - self.own[before]
        share = np.clip((self.time - self.own[before]) / gap, 0, 1)
        share = share.reshape(-1, *(1,) * (values.ndim - 1))
        # A frame that stands at its time is itself, whatever its neighbour is.
        line = values[before] * (1 - share) + values[after] * share
        between = np.where(share <= 0, values[before], np.where(share >= 1, values[after], line))
        far = (gap > max(_BRIDGED, 1.5 / self.rate)).reshape(share.shape)
        return np.where(far & (share > 0) & (share < 1), np.nan, between)
