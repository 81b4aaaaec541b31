"""What a model of another package is checked for, and the defaults in its YAML.

Its mistakes are found where they are made, so that nobody looks for them in posexp.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from posexp.errors import ConfigError, ModelError, PosexpError
from posexp.models.model import Estimator, Model
from posexp.pose.skeleton import BODY

if TYPE_CHECKING:
    from posexp.pose.sequence import FramePose
    from posexp.video.frame import Frame

Fault = Callable[[str], ModelError]
"""Makes the error that names the package."""

_PLAIN = (str, int, float, bool, type(None))
"""What can be typed, logged, and typed again."""


def problem_of(kind: Any, name: str) -> str:
    """What something lacks to be the class of a model; nothing when it is one."""
    if not (isinstance(kind, type) and issubclass(kind, Model)):
        return f"expected a class that extends posexp.models.model.Model, got {kind!r:.80}"
    if kind.__abstractmethods__:
        return f"{kind.__name__} lacks {', '.join(sorted(kind.__abstractmethods__))}"
    made = getattr(kind, "options", None)
    if not (isinstance(made, type) and is_dataclass(made)):
        return f"expected a dataclass as {kind.__name__}.options, got {made!r:.80}"
    lacking = {"name", "weights"} - {field.name for field in fields(made)}
    if lacking:
        return f"{made.__name__} lacks {', '.join(sorted(lacking))}"
    options: Any = made(name=name)  # type: ignore[call-arg]
    types = _types(options)
    for key, hint in types.items():
        if not set(_kinds(hint)) <= set(_PLAIN):
            found = getattr(hint, "__name__", hint)
            return f"{made.__name__}.{key}: expected text, a number or a bool, got {found}"
    _check_types(types, asdict(options), "")
    strange = [key for key, value in kind.variants.items() if not isinstance(value, made)]
    return f"its variants {', '.join(strange)} are no {made.__name__}" if strange else ""


class Watched:
    """A loaded model, whose mistakes are said to be those of its package.

    Parameters
    ----------
    model : Estimator
        The model; ModelError without all joints of the body.
    fault : callable
        Makes the error.
    """

    def __init__(self, model: Estimator, fault: Fault) -> None:
        self._model, self._fault = model, fault
        self.name, self.skeleton, self.weights = model.name, model.skeleton, model.weights
        self.confidence_meaning = model.confidence_meaning
        self.computed_by = model.computed_by
        lacking = [joint for joint in BODY if joint not in self.skeleton.joints]
        if lacking:
            raise fault(
                f"its skeleton lacks {', '.join(lacking)}; of a joint that it does not see it says "
                "NaN with confidence 0"
            )

    def __getattr__(self, name: str) -> Any:  # what else it has, such as an input size
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._model, name)

    def estimate(self, frames: Iterable[Frame]) -> Generator[FramePose, None, None]:
        """What the model says, a pose per frame, in order."""
        waiting: deque[int] = deque()

        def noted() -> Iterator[Frame]:
            for frame in frames:
                waiting.append(frame.index)
                yield frame

        with blamed(self._fault), contextlib.ExitStack() as stack:
            poses = self._model.estimate(noted())
            if hasattr(poses, "close"):
                stack.enter_context(contextlib.closing(poses))
            for pose in poses:
                expected = waiting.popleft() if waiting else None
                if pose.frame != expected:
                    raise self._fault(f"expected its pose in frame {expected}, got {pose.frame}")
                if problem := self._problem(pose):
                    raise self._fault(f"frame {pose.frame}: {problem}")
                yield pose
            if waiting:
                raise self._fault(f"expected its pose in frame {waiting[0]}, got none")

    def _problem(self, pose: FramePose) -> str:
        joints, (image, confidence) = len(self.skeleton), (pose.image, pose.confidence)
        if (image.shape, confidence.shape) != ((joints, 2), (joints,)):
            return (
                f"expected image (J, 2) and confidence (J,) of {joints} joints, got {image.shape} "
                f"and {confidence.shape}"
            )
        if not ((confidence >= 0) & (confidence <= 1)).all():
            return (
                f"expected confidence between 0 and 1, got {confidence.min()} to {confidence.max()}"
            )
        nowhere = (image != image).any(axis=1)  # NaN
        return "expected confidence 0 where image is NaN" if confidence[nowhere].any() else ""


@contextlib.contextmanager
def blamed(fault: Fault) -> Iterator[None]:
    """What goes wrong in another package's code is said to be its fault."""
    try:
        yield
    except (PosexpError, MemoryError):
        raise
    except Exception as error:
        raise fault(in_words(error)) from error


def in_words(error: BaseException) -> str:
    """An error in one line, with its kind where it is none of ours."""
    text = str(error).partition("\n")[0]
    return text if isinstance(error, PosexpError) else f"{type(error).__name__}: {text}"


def with_yaml(options: Any, file: Path) -> Any:
    """Options with what a file says in place of their defaults.

    Raises
    ------
    ConfigError
        For a key that there is not, or a value of another type.
    """
    import yaml

    given = yaml.safe_load(file.read_text("utf-8"))
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise ConfigError("it", f"expected keys with values, got a {type(given).__name__}")
    name = given.pop("name", options.name)
    if name != options.name:
        raise ConfigError("name", f"expected {options.name}, got {name!r}")
    values = {str(key): value for key, value in given.items()}
    _check_types(_types(options), values, "")
    return changed(options, values, "", type(options).__name__)


def changed(options: Any, values: Mapping[str, Any], prefix: str, of: str) -> Any:
    """Options with some values changed, those of inner options given as mappings.

    Parameters
    ----------
    prefix : str
        Of the keys, and `of` what they are of, for the error.

    Raises
    ------
    ConfigError
        For a key that there is not.
    """
    known = [field.name for field in fields(options) if field.name != "name"]
    new = dict(values)
    for key, value in values.items():
        if key not in known:
            raise ConfigError(
                f"{prefix}{key}", f"no such option for {of}, which has {', '.join(known)}"
            )
        inner = getattr(options, key)
        if is_dataclass(inner) and isinstance(value, Mapping):
            new[key] = changed(inner, value, f"{prefix}{key}.", f"{prefix}{key}")
    return replace(options, **new)


def _types(options: Any, prefix: str = "") -> dict[str, Any]:
    """The annotations of options, and of options inside them, by dotted name."""
    found: dict[str, Any] = {}
    hints = get_type_hints(type(options))
    for field in fields(options):
        inner = getattr(options, field.name)
        key = f"{prefix}{field.name}"
        found |= _types(inner, f"{key}.") if is_dataclass(inner) else {key: hints[field.name]}
    return found


def _kinds(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _check_types(types: dict[str, Any], values: Mapping[str, Any], prefix: str) -> None:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and any(known.startswith(f"{name}.") for known in types):
            _check_types(types, value, f"{name}.")
        elif name in types:
            kinds = _kinds(types[name])
            whole = float in kinds and type(value) is int
            if not (type(value) in kinds or whole):
                expected = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
                raise ConfigError(name, f"expected {expected}, got {value!r:.80}")
        elif any(known.startswith(f"{name}.") for known in types):
            raise ConfigError(name, f"expected keys with values, got {value!r:.80}")
