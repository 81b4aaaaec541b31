"""What a model is: one class, which the registry finds by the name of its variant."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from posexp.files import sha256_of
from posexp.models.weights.given import existing
from posexp.models.weights.model_file import ModelFile

if TYPE_CHECKING:  # of no use to the command line's help, which only asks for names
    from typing_extensions import Self

    from posexp.pose.sequence import FramePose
    from posexp.pose.skeleton import Skeleton
    from posexp.video.frame import Frame


class Options(Protocol):
    """What the options of every model have.

    Attributes
    ----------
    name : str
        The variant.
    weights : str, optional
        Path or address of a file in place of the published one.
    """

    name: str
    weights: str | None


class Estimator(Protocol):
    """A loaded model, or what stands for one.

    Attributes
    ----------
    name : str
        The variant.
    skeleton : Skeleton
        What it returns.
    weights : ModelFile
        What it was loaded from.
    confidence_meaning : str
        What its confidence is; never compare the values of different models.
    computed_by : str
        The library that computes, with its version; empty where nothing is said.
    """

    name: str
    skeleton: Skeleton
    weights: ModelFile
    confidence_meaning: str
    computed_by: str

    def estimate(self, frames: Iterable[Frame]) -> Generator[FramePose, None, None]:
        """One pose per frame, in order. One call per video: tracking starts afresh."""
        ...


class Model(ABC):
    """A model: how it is configured, found, loaded and asked. Every model extends this.

    Attributes
    ----------
    options : type
        A dataclass with the fields ``name`` and ``weights`` (see `Options`), and its own. Each has
        a default and is text, a number, true, false, null, or a dataclass of such; what is not
        right is said in ``__post_init__``.
    variants : mapping of str to options
        What the benchmark measures, by the name in its tables; without any, the model as it is. A
        file name as ``weights`` is looked up in a folder that is given to the benchmark.
    indifferent : tuple of str
        Options that do not change the keypoints, such as a number of threads.
    sees : {"picture", "person"}
        What it is shown: the whole picture; or, where somebody is followed, a part of it around
        that person, in which it works as in any picture.
    skeleton : Skeleton
        What it returns; the twelve joints of `posexp.pose.skeleton.BODY` are among its own.
    confidence_meaning : str
        What its confidence is, in few words.
    unsure : float
        The confidence below which its authors take a joint for a guess; 0..1.
    computed_by : str
        The library that computes, with its version; what `runtime` says, where that is known before
        the model is loaded.
    """

    options: ClassVar[Any]
    variants: ClassVar[Mapping[str, Any]] = {}
    indifferent: ClassVar[tuple[str, ...]] = ()
    sees: ClassVar[str] = "picture"
    unsure: ClassVar[float] = 0.3
    skeleton: Skeleton
    confidence_meaning: str

    def __init__(self, options: Any) -> None:
        self.name: str = options.name
        self.weights = self.find_weights(options)
        self.computed_by = self.runtime(options, self.weights)

    @classmethod
    def find_weights(cls, options: Any) -> ModelFile:
        """The model file, downloaded if need be, without loading it.

        By default the file or folder that ``weights`` names, and where it names none, the module of
        the class: what a model without weights computes with is its code.

        Raises
        ------
        ModelError
            When it cannot be had.
        """
        if options.weights is None:
            code = Path(inspect.getfile(cls))
            return ModelFile(code, cls.__module__, sha256_of(code))
        path = existing(options.weights, "weights")
        return ModelFile(path, str(path), sha256_of(path))

    @classmethod
    def load(cls, options: Any) -> Self:
        """The model, ready to be asked.

        Raises
        ------
        ModelError
            When its weights cannot be had or are of another kind.
        """
        return cls(options)

    @classmethod
    def runtime(cls, options: Any, weights: ModelFile) -> str:
        """The library that computes, and its version: each rounds in its own way.

        Keypoints are taken to be the same where this, the options, and the weights are. For a model
        of another package, that package and its version are added.
        """
        return ""

    @abstractmethod
    def estimate(self, frames: Iterable[Frame]) -> Generator[FramePose, None, None]:
        """One pose per frame, in order; NaN with confidence 0 for what is not seen.

        One call per video: tracking starts afresh.
        """
