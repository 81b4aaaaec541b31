"""The models by their names, ours and those of other packages: options, weights, loading.

Of the classes that packages have registered (`posexp.models.entries`), the one that is asked for is
imported.
"""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from posexp.errors import ConfigError, ModelError, PosexpError
from posexp.models import checks
from posexp.models.entries import check_installation, entry_of, is_ours, registered, warn
from posexp.models.model import Estimator, Model, Options
from posexp.models.weights.model_file import ModelFile
from posexp.settings import choices_of

DEFAULT = "mlkit"
"""The variant that is taken where none is named."""


def model(name: str) -> type[Model]:
    """The class of a variant.

    Raises
    ------
    ConfigError
        When no package has registered it.
    ModelError
        When its package cannot be used: it cannot be imported, or has something else there.
    """
    entry = entry_of(name)
    kind, reason, cause = _imported(entry)
    if kind is None:
        raise fault(name, reason) from cause
    return kind


def usable() -> dict[str, type[Model]]:
    """The classes of all variants by their names, ours first; a warning for each that is broken."""
    check_installation()
    found = {}
    for name in registered():
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
        if is_ours(entry_of(model)):
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
        if is_ours(entry_of(name)):
            return loaded
        return checks.Watched(loaded, functools.partial(fault, name))


def runtime_of(options: Options, weights: ModelFile) -> str:
    """What computes with a model file, and its version: each rounds in its own way."""
    kind, name = model(options.name), options.name
    with _blaming(name):
        said = kind.runtime(options, weights)
    package = "" if is_ours(entry_of(name)) else " ".join(package_of(name))
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
    distribution = entry_of(name).dist
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


def _blaming(name: str) -> AbstractContextManager[None]:
    """In which a mistake is said to be that of the package, where it is not ours."""
    if is_ours(entry_of(name)):
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
    options, entry = model(name).options(name=name), entry_of(name)
    if is_ours(entry):  # conf/model says the same
        return options
    file = Path(sys.modules[entry.module].__file__ or "").with_name(f"{name}.yaml")
    if not file.is_file():
        return options
    try:
        return checks.with_yaml(options, file)
    except Exception as error:  # of a stranger's file, and of a stranger's checks
        raise fault(name, f"{file.name}: {checks.in_words(error)}") from error
