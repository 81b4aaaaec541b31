"""Which models there are: ours, and those of other packages, found through their entry points.

A package registers a model under the entry-point group ``posexp.models``: the name of the variant,
and the class (`posexp.models.model.Model`). At first only metadata are read; of the classes, the
one that is asked for is imported.
"""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import re
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from posexp.errors import ConfigError, ModelError, PosexpError
from posexp.models import checks
from posexp.models.model import Estimator, Model, Options
from posexp.models.weights.model_file import ModelFile
from posexp.settings import choices_of

log = logging.getLogger("posexp")

GROUP = "posexp.models"
DEFAULT = "mlkit"
"""The variant that is taken where none is named."""

_NAME = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
_said: set[str] = set()


def names() -> list[str]:
    """The variants that can be chosen, sorted. No model is imported for it."""
    _registered.cache_clear()  # one may have been installed since
    return sorted(_registered())


def model(name: str) -> type[Model]:
    """The class of a variant.

    Raises
    ------
    ConfigError
        When no package has registered it.
    ModelError
        When its package cannot be used: it cannot be imported, or has something else there.
    """
    entry = _entry(name)
    kind, reason, cause = _imported(entry)
    if kind is None:
        raise fault(name, reason) from cause
    return kind


def usable() -> dict[str, type[Model]]:
    """The classes of all variants by their names, ours first; a warning for each that is broken."""
    _check_installation()
    found = {}
    for name in _registered():
        try:
            found[name] = model(name)
        except ModelError as error:
            warn(str(error))
    return found


def options_for(model: str, **options: object) -> Options:
    """Options of a variant by name, for Python users.

    Raises
    ------
    ConfigError
        For an unknown variant, or an option that does not apply to it.
    ModelError
        When its package cannot be used.
    """
    defaults: Any = _defaults(model)
    try:
        return checks.changed(defaults, options, "model.", model)  # type: ignore[no-any-return]
    except PosexpError:
        raise
    except Exception as error:  # a stranger's own checks
        if _is_ours(_entry(model)):
            raise
        raise ConfigError(f"model={model}", checks.in_words(error)) from error


def find_weights(options: Options) -> ModelFile:
    """The model file that `options` name, downloaded if need be, without loading it.

    Raises
    ------
    ModelError
        When it cannot be had.
    """
    kind, name = model(options.name), options.name
    with _blaming(name):
        found = kind.find_weights(options)
        if not isinstance(found, ModelFile):
            raise fault(name, f"expected its weights as a ModelFile, got {found!r:.80}")
    return found


def load(options: Options) -> Estimator:
    """Load the model that `options` describe.

    Raises
    ------
    ModelError
        When its weights cannot be had or are of another kind, or its package cannot be used.
    """
    kind, name = model(options.name), options.name
    with _blaming(name):
        loaded = kind.load(options)
        if _is_ours(_entry(name)):
            return loaded
        return checks.Watched(loaded, functools.partial(fault, name))


def runtime_of(options: Options, weights: ModelFile) -> str:
    """What computes with a model file, and its version: each rounds in its own way."""
    kind, name = model(options.name), options.name
    with _blaming(name):
        said = kind.runtime(options, weights)
    package = "" if _is_ours(_entry(name)) else " ".join(package_of(name))
    return ", ".join(filter(None, (package, said)))


def variants() -> dict[str, Options]:
    """What the benchmark measures: options by the name in its tables, ours first."""
    found: dict[str, Options] = {}
    kinds = usable()
    for name, kind in kinds.items():
        try:
            own = kind.variants or {name: options_for(name)}
        except ModelError as error:
            warn(str(error))
            continue
        for variant, options in own.items():
            if kinds.get(options.name) is kind:
                found.setdefault(variant, options)
    return found


def choices(name: str) -> dict[str, tuple[str, ...]]:
    """The options of a variant that are one of few words; none when it cannot be had."""
    try:
        return choices_of(options_for(name))
    except PosexpError:
        return {}


def package_of(name: str) -> tuple[str, str]:
    """The name and the version of the package that a variant comes from."""
    distribution = _entry(name).dist
    if distribution is None:
        return "?", ""
    return distribution.name or "?", distribution.version or ""


def fault(name: str, reason: str) -> ModelError:
    """The error for a variant whose package cannot be used."""
    package = " ".join(filter(None, package_of(name)))
    return ModelError(
        f"model={name}", f"the package {package} cannot be used: {' '.join(reason.split())[:300]}",
        "Update it, or uninstall it",
    )  # fmt: skip


def warn(text: str) -> None:
    """Say something once, however often it is met."""
    if text not in _said:
        _said.add(text)
        log.warning("%s", text)


@functools.cache
def _registered() -> dict[str, list[EntryPoint]]:
    """Those who register each name, the one that counts first; our own names come first."""
    found: dict[str, list[EntryPoint]] = {}
    entries = importlib.metadata.entry_points(group=GROUP)
    for entry in sorted(entries, key=lambda e: (not _is_ours(e), e.name, _distribution(e))):
        if _NAME.fullmatch(entry.name):
            found.setdefault(entry.name, []).append(entry)
        else:
            warn(f"{_distribution(entry)}: nobody can type the name of its model {entry.name!r}")
    return found


def _is_ours(entry: EntryPoint) -> bool:
    return entry.value.startswith("posexp.")


def _distribution(entry: EntryPoint) -> str:
    return (entry.dist.name if entry.dist else None) or "?"


def _entry(name: str) -> EntryPoint:
    if name not in _registered() and name not in names():
        _check_installation()
        raise ConfigError("model", f"expected one of {', '.join(names())}, got {name!r}")
    first, *others = _registered()[name]
    if others:
        taken, left = _distribution(first), ", ".join(map(_distribution, others))
        warn(f"model={name}: that of the package {taken} is taken; there is another of {left}")
    return first


def _check_installation() -> None:
    if not any(_is_ours(entries[0]) for entries in _registered().values()):
        raise ModelError(
            "models", "none are registered: this installation is older than its code",
            "Install it again as at first, with --force-reinstall --no-deps (in a checkout: "
            "python -m pip install --no-deps -e .)",
        )  # fmt: skip


def _blaming(name: str) -> AbstractContextManager[None]:
    """In which a mistake is said to be that of the package, where it is not ours."""
    if _is_ours(_entry(name)):
        return nullcontext()
    return checks.blamed(functools.partial(fault, name))


@functools.cache
def _imported(entry: EntryPoint) -> tuple[type[Model] | None, str, BaseException | None]:
    """The class; or None, what is wrong with it, and the error that said so."""
    try:
        thing = entry.load()
        reason = checks.problem_of(thing, entry.name)
    except (Exception, SystemExit) as error:  # whatever a stranger's module does
        return None, checks.in_words(error), error
    return (None, reason, None) if reason else (thing, "", None)


def _defaults(name: str) -> Any:
    """The options of a variant as they are when nothing is set.

    Of another package: with what ``NAME.yaml`` beside its module says.
    """
    options, entry = model(name).options(name=name), _entry(name)
    if _is_ours(entry):  # conf/model says the same
        return options
    file = Path(sys.modules[entry.module].__file__ or "").with_name(f"{name}.yaml")
    if not file.is_file():
        return options
    try:
        return checks.with_yaml(options, file)
    except Exception as error:  # of a stranger's file, and of a stranger's checks
        raise fault(name, f"{file.name}: {checks.in_words(error)}") from error
