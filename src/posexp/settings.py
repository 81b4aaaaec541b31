"""Every option of a run that is no model's, checked when it is made; nothing heavy is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from posexp.errors import ConfigError, check_choice, check_range

_LONGEST = 500  # characters of a name


def choice(*words: str, default: str | None = None) -> Any:
    """A field of options that is one of a few words, for its check, completion and labels.

    Parameters
    ----------
    words : str
        The choices.
    default : str, optional
        The first of them where it is left out.
    """
    return field(default=default or words[0], metadata={"choices": words})


def check_choices(options: Any, section: str) -> None:
    """Raise ConfigError unless each `choice` among the fields of `options` is one of its words."""
    for each in fields(options):
        if "choices" in each.metadata:
            check_choice(f"{section}.{each.name}", getattr(options, each.name),
                         each.metadata["choices"])  # fmt: skip


def choices_of(options: Any) -> dict[str, tuple[str, ...]]:
    """The words of every `choice` in options, and in options inside them, by dotted name."""
    found = {}
    for each in fields(options):
        inner = getattr(options, each.name)
        if "choices" in each.metadata:
            found[each.name] = each.metadata["choices"]
        elif is_dataclass(inner):
            found |= {f"{each.name}.{key}": words for key, words in choices_of(inner).items()}
    return found


@dataclass
class VideoSettings:
    """Which video; `path` None is the embedded clip; `start` and `stop` in s."""

    path: str | None = None
    start: float = 0.0
    stop: float | None = None

    def __post_init__(self) -> None:
        check_span(self.start, self.stop)


MOST_PEOPLE = 40
"""In a picture; a larger number in ``person=`` is a place."""

PEOPLE = ("auto", "off", "largest", "central", "left", "right")
"""Whom ``person=`` may name in a word."""


@dataclass
class PersonSettings:
    """Who is followed.

    Parameters
    ----------
    who : str
        One of `PEOPLE`; a number, as in ``person/people.jpg``; or ``X,Y``, a point on the person,
        px of the upright picture. ``off``: nobody is looked for, and nobody watches over the model.
    time : float, optional
        When `who` is there, s from the first frame; at the beginning by default.
    """

    who: str = "auto"
    time: float | None = None

    def __post_init__(self) -> None:
        if self.who not in PEOPLE and self.number is None and self.point is None:
            raise ConfigError(
                "person", f"expected {', '.join(PEOPLE)}, a number or X,Y in px, got {self.who!r}",
                "Every run shows the people, numbered, in person/people.jpg",
            )  # fmt: skip
        check_range("person.time", self.time, 0, unit="s")

    @property
    def number(self) -> int | None:
        """Which of the people, from 1, where it is a number."""
        return int(self.who) if re.fullmatch(r"[1-9]\d{0,3}", self.who) else None

    @property
    def point(self) -> tuple[float, float] | None:
        """X and y, px, where it is a point."""
        number = r"\d{1,5}(?:\.\d+)?"
        found = re.fullmatch(rf"\s*({number})\s*,\s*({number})\s*", self.who)
        return (float(found[1]), float(found[2])) if found else None


CLEANINGS = ("standard", "none")
"""What ``cleaning=`` may say: how poses are made clean before anything is timed or measured."""

ACTIVITIES = ("auto", "sit_to_stand", "squat", "none")
"""What ``activity=`` may say."""


@dataclass
class ScaleSettings:
    """What is known in metres: a body, a segment of it, or two points of the picture.

    Parameters
    ----------
    height_m : float, optional
        The person's height.
    shank_m : float, optional
        From knee to ankle.
    points : str, optional
        ``X,Y,X,Y``: two points at the person's depth, px of the upright picture.
    distance_m : float, optional
        Between these.
    """

    height_m: float | None = None
    shank_m: float | None = None
    points: str | None = None
    distance_m: float | None = None

    def __post_init__(self) -> None:
        for key, low, high in (("height_m", 0.5, 2.6), ("shank_m", 0.1, 0.8)):
            check_range(f"scale.{key}", getattr(self, key), low, high, "m")
        check_range("scale.distance_m", self.distance_m, 0.01, 1000, "m")
        if (self.points is None) != (self.distance_m is None):
            raise ConfigError(
                "scale", "expected scale.points and scale.distance_m together, got one of them",
                "scale.points=X,Y,X,Y scale.distance_m=METRES",
            )  # fmt: skip
        given = [
            f"scale.{key}" for key in ("height_m", "shank_m", "distance_m") if getattr(self, key)
        ]
        if len(given) > 1:
            raise ConfigError("scale", f"expected one of them, got {' and '.join(given)}")
        if self.points is not None and len(set(self.ends)) < 2:
            raise ConfigError("scale.points", f"expected two points, got {self.points!r} twice")

    @property
    def ends(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The two points, px."""
        number = r"(\d{1,5}(?:\.\d+)?)"
        found = re.fullmatch(rf"\s*{','.join([number] * 4)}\s*", self.points or "")
        if not found:
            raise ConfigError("scale.points", f"expected X,Y,X,Y in px, got {self.points!r}")
        x, y, u, v = map(float, found.groups())
        return (x, y), (u, v)


@dataclass
class KeypointSettings:
    """Which joints go to keypoints.csv, and what counts as confident (0..1)."""

    joints: str = choice("body", "all")
    confidence_threshold: float = 0.3

    def __post_init__(self) -> None:
        check_choices(self, "keypoints")
        check_range("keypoints.confidence_threshold", self.confidence_threshold, 0, 1)


@dataclass
class OverlaySettings:
    """What the overlay shows.

    Parameters
    ----------
    enabled : bool
        Make the video at all.
    height : int, optional
        Lines of the overlay, px, never more than the video's; the video's own when left out.
    start_frame, stop_frame : int
        Frames ``start_frame <= index < stop_frame``; to the end when `stop_frame` is left out.
    confidence_threshold : float
        Joints and edges below it are drawn faint, as are those that a model says are hidden; 0..1.
    trail : int
        Frames of past positions that are drawn behind the wrists, hips, knees and ankles.
    """

    enabled: bool = True
    height: int | None = 720
    start_frame: int = 0
    stop_frame: int | None = None
    confidence_threshold: float = 0.3
    trail: int = 0

    def __post_init__(self) -> None:
        check_range("overlay.height", self.height, 16, 4320, "px")
        check_range("overlay.start_frame", self.start_frame, 0, unit="frames")
        check_range("overlay.stop_frame", self.stop_frame, 1, unit="frames")
        check_range("overlay.confidence_threshold", self.confidence_threshold, 0, 1)
        check_range("overlay.trail", self.trail, 0, 500, "frames")
        if self.stop_frame is not None and self.stop_frame <= self.start_frame:
            raise ConfigError(
                "overlay.stop_frame",
                f"expected more than overlay.start_frame ({self.start_frame}), "
                f"got {self.stop_frame}",
            )

    def covers(self, frame: int) -> bool:
        """Whether the overlay shows this frame."""
        return self.start_frame <= frame and (self.stop_frame is None or frame < self.stop_frame)


@dataclass
class TrackingSettings:
    """Where runs are logged.

    Parameters
    ----------
    uri : str, optional
        MLflow tracking URI; failing that ``$MLFLOW_TRACKING_URI``, then `folder`.
    folder : str
        Holds ``mlflow.db``, ``artifacts/``, and ``pending/`` for what is not logged yet.
    experiment : str
        MLflow experiment.
    run_name : str, optional
        Name of the run; model and video by default.
    sweep : str, optional
        What the runs of several videos or variants have in common, the tag ``posexp.sweep``; by
        default made of what ``video=`` names.
    """

    uri: str | None = None
    folder: str = "mlruns"
    experiment: str = "posexp"
    run_name: str | None = None
    sweep: str | None = None

    def __post_init__(self) -> None:
        for key in ("experiment", "run_name", "sweep"):
            name = getattr(self, key)
            if name is not None and not (name.strip(" .") and len(name) <= _LONGEST):
                got = f"{len(name)} characters" if len(name) > _LONGEST else repr(name)
                raise ConfigError(
                    f"tracking.{key}", f"expected a name of at most {_LONGEST} characters with "
                    f"more than dots in it, got {got}", "Choose another",
                )  # fmt: skip


@dataclass
class LocalLauncher:
    """On this machine, one clip after another or several at once.

    Parameters
    ----------
    jobs : int
        Clips at once, each with its share of the processors; -1 is one per processor.
    """

    name: str = "basic"
    jobs: int = 1

    def __post_init__(self) -> None:
        check_choice("launcher.name", self.name, ("basic",))
        if self.jobs != -1:
            check_range("launcher.jobs", self.jobs, 1, 1024)


@dataclass
class SubmititLauncher:
    """An array of SLURM jobs, each with an equal part of the clips.

    Parameters
    ----------
    cluster : {"slurm", "local"}
        ``local`` runs the same on this machine, to try it out.
    jobs : int
        SLURM jobs in the array.
    cpus : int
        Processors of each.
    memory_gb : int
        Of each, GB.
    minutes : int
        Time limit of each; what is not done by then is done by the same command again.
    partition, account : str, optional
        As ``sbatch`` takes them.
    """

    name: str = "submitit"
    cluster: str = choice("slurm", "local")
    jobs: int = 4
    cpus: int = 4
    memory_gb: int = 8
    minutes: int = 240
    partition: str | None = None
    account: str | None = None

    def __post_init__(self) -> None:
        check_choice("launcher.name", self.name, ("submitit",))
        check_choices(self, "launcher")
        check_range("launcher.jobs", self.jobs, 1, 1000)
        check_range("launcher.cpus", self.cpus, 1, 1024)
        check_range("launcher.memory_gb", self.memory_gb, 1, 4096, "GB")
        check_range("launcher.minutes", self.minutes, 1, 100_000, "min")


def check_span(start: float, stop: float | None) -> None:
    """Raise ConfigError unless 0 <= start < stop, s; no `stop` is the end."""
    check_range("video.start", start, 0, unit="s")
    check_range("video.stop", stop, 0, unit="s")
    if stop is not None and stop <= start:
        raise ConfigError(
            "video.stop", f"expected more than video.start ({start:g} s), got {stop:g} s"
        )
