"""The errors that a person may meet, each one line: what, expected, got, and the remedy."""

from __future__ import annotations

import errno
import os
import unicodedata
from typing import Any


class PosexpError(Exception):
    """A problem with the input or its surroundings that the user can put right.

    Parameters
    ----------
    subject : str
        The file, key or server that the message is about.
    problem : str
        What was expected and what was got.
    remedy : str
        What to do about it.
    """

    exit_status = 1

    def __init__(self, subject: object, problem: str, remedy: str = "") -> None:
        self.subject, self.problem, self.remedy = str(subject), problem, remedy
        text = f"{self.subject}: {problem}" + (f". {remedy}" if remedy else "")
        super().__init__(printable(" ".join(text.split())))


class ConfigError(PosexpError):
    """A key or value of the configuration."""

    exit_status = 2


class VideoError(PosexpError):
    """A video that cannot be read or written."""


class ModelError(PosexpError):
    """Weights that are missing, damaged or of another kind."""


class TableError(PosexpError):
    """A keypoint table or pose arrays that break their contract."""


class TrackingError(PosexpError):
    """The MLflow store, or the folder of results."""


class Refused(TrackingError):
    """The store works, but does not take this: asking again would not help."""


def printable(text: object) -> str:
    """Text as any terminal, database or page takes it.

    Control characters and bytes that are no UTF-8, both possible in names of files, are escaped.
    """
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in ("Cc", "Cs") else c
        for c in str(text)
    )


def reason_of(error: Exception) -> str:
    """What the system or FFmpeg says went wrong, in a few words, without the name of the file."""
    number: Any = getattr(error, "errno", None)
    if number in errno.errorcode:  # not FFmpeg's own numbers
        return os.strerror(number)
    return str(getattr(error, "strerror", None) or error).split(":")[0].strip()


def writing_failed(path: object, error: Exception) -> VideoError:
    """The one-line error for results that could not be written."""
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    remedy = "Free some space there" if full else "Check that the folder can be written to"
    return VideoError(path, f"could not be written ({reason_of(error)})", remedy)


def check_range(
    key: str,
    value: float | None,
    low: float,
    high: float = float("inf"),
    unit: str = "",
) -> None:
    """Raise ConfigError unless ``low <= value <= high``; NaN fails, None passes."""
    if value is None or low <= value <= high:
        return
    bounds = f"between {low:g} and {high:g}" if high != float("inf") else f"at least {low:g}"
    raise ConfigError(key, f"expected a number {bounds}{' ' + unit if unit else ''}, got {value:g}")


def check_choice(key: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ConfigError unless `value` is one of `choices`."""
    if value not in choices:
        raise ConfigError(key, f"expected one of {', '.join(choices)}, got {value!r}")
