"""Hydra configuration: typed schemas, paths as people type them, and errors that help."""

from __future__ import annotations

import difflib
import importlib.resources
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from posexp.errors import ConfigError, ModelError, check_choice
from posexp.models import entries, registry
from posexp.settings import (
    ACTIVITIES,
    CLEANINGS,
    MOST_PEOPLE,
    KeypointSettings,
    LocalLauncher,
    OverlaySettings,
    PersonSettings,
    ScaleSettings,
    SubmititLauncher,
    TrackingSettings,
    VideoSettings,
    choices_of,
)

TEXT_KEYS = {
    "video": "video.path",
    "video.path": "video.path",
    "person": "person.who",
    "person.who": "person.who",
    "scale.points": "scale.points",
    "model.weights": "model.weights",
    "tracking.folder": "tracking.folder",
    "tracking.uri": "tracking.uri",
    "tracking.experiment": "tracking.experiment",
    "tracking.run_name": "tracking.run_name",
    "tracking.sweep": "tracking.sweep",
    "launcher.partition": "launcher.partition",
    "launcher.account": "launcher.account",
}
"""Keys whose value is taken as typed, not by Hydra's grammar; and the node that they set."""

_WORDS = {"cleaning": CLEANINGS, "activity": ACTIVITIES}
"""Keys of no section, and what each may be."""

ADDRESS = re.compile(r"\w+:/|//|\\\\").match
"""Whether text may be an address, and no path on this machine."""

_NULLABLE = (
    "video.path", "scale.points", "model.weights", "tracking.uri", "tracking.run_name",
    "tracking.sweep", "launcher.partition", "launcher.account",
)  # fmt: skip


@dataclass
class Config:
    """The whole configuration.

    `model` is the options of a model; `launcher` is one of the launchers in `settings`.
    """

    model: Any = MISSING
    video: VideoSettings = field(default_factory=VideoSettings)
    person: PersonSettings = field(default_factory=PersonSettings)
    cleaning: str = "standard"
    activity: str = "auto"
    scale: ScaleSettings = field(default_factory=ScaleSettings)
    keypoints: KeypointSettings = field(default_factory=KeypointSettings)
    overlay: OverlaySettings = field(default_factory=OverlaySettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    launcher: Any = MISSING
    force: bool = False

    def __post_init__(self) -> None:
        for key, words in _WORDS.items():
            check_choice(key, getattr(self, key), words)


def conf_folder() -> Path:
    """conf/ inside the wheel, or the checkout's."""
    packaged = Path(str(importlib.resources.files("posexp"))) / "conf"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "conf"


def load_config(overrides: Sequence[str] = ()) -> tuple[Config, dict[str, Any]]:
    """Compose and check the configuration.

    Parameters
    ----------
    overrides : sequence of str
        ``key=value`` as on the command line.

    Returns
    -------
    (Config, dict)
        Checked objects, and the same as plain nested values.

    Raises
    ------
    ConfigError
        For a key that does not exist or does not apply, or a value of the wrong type or
        range.
    """
    paths, others = _split(overrides)
    _check_groups(others)
    _register_schemas(_chosen(others))
    try:
        config = _compose(others)
    except (HydraException, OmegaConfBaseException) as error:
        raise _explain(error, others) from error
    for key, value in paths.items():
        section, name = key.split(".")
        if name not in config[section]:
            raise _unknown_key(key, others)
        # Inside a config ${ would start an interpolation.
        config[section][name] = value and value.replace("${", "\\${")
    try:
        checked = OmegaConf.to_object(config)
    except OmegaConfBaseException as error:
        raise _explain(error, others) from error
    except (ValueError, TypeError) as error:  # a check of another package's options
        raise ConfigError(f"model={config.model.name}", str(error)) from error
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(checked, Config) and isinstance(plain, dict)
    return checked, {str(key): value for key, value in plain.items()}


def grid(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of every job of a sweep: values with commas, in Hydra's grammar, multiplied.

    Paths and names (`TEXT_KEYS`) are taken as typed, commas and all; but ``person=1,2`` is person 1
    and person 2, while ``person=612,340``, a point, is one.

    Raises
    ------
    ConfigError
        For a value that cannot be read.
    """
    texts = [a for a in overrides if a.partition("=")[0] in TEXT_KEYS]
    others = [a for a in overrides if a not in texts]
    people = [_each_person(a) for a in texts if TEXT_KEYS[a.partition("=")[0]] == "person.who"]
    texts = [a for a in texts if TEXT_KEYS[a.partition("=")[0]] != "person.who"]
    try:
        parsed = OverridesParser.create().parse_overrides(others)
        (jobs,) = BasicSweeper.split_arguments(parsed, None)
    except HydraException as error:
        for argument in others:
            key, equals, value = argument.partition("=")
            if not equals:
                _split([argument])
            _check_grammar(key, value)
        raise ConfigError("configuration", _reason(error)) from error
    return [[*job, *texts, *who] for job in jobs for who in itertools.product(*people)]


def _each_person(argument: str) -> list[str]:
    """``person=1,2`` as one override for each; a point stays what it is."""
    key, equals, value = argument.partition("=")
    words = [word.strip() for word in value.split(",")]
    numbers = [float(word) for word in words if re.fullmatch(r"\d+(\.\d+)?", word)]
    if len(words) == len(numbers) == 2 and max(numbers) > MOST_PEOPLE:
        words = [value]
    return [f"{key}{equals}{word}" for word in words]


def logged_overrides(file: Path) -> list[str]:
    """The configuration of a logged run as it would be typed.

    The file comes from a store, so it is data: plain values of keys that there are, in which
    nothing is resolved.

    Raises
    ------
    ConfigError
        For anything else.
    """
    try:
        logged = yaml.safe_load(file.read_text("utf-8", "surrogateescape"))
        model, models = logged["model"]["name"], _groups()["model"]
        there = model in models
    except (yaml.YAMLError, OSError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(file, "expected the configuration of a run") from error
    if not there:
        raise ConfigError(
            f"model={model}", f"expected one of {', '.join(models)} in {file}",
            "If it is another package's, install that",
        )  # fmt: skip
    known = _composed(model)
    typed = [f"model={model}"]
    if "person" not in logged:  # of a version that followed nobody, whatever is the default now
        typed.append("person=off")
    for section in ("model", "video", "person", "scale", "keypoints", "overlay"):
        typed += _typed(logged.get(section, {}), known[section], section)
    typed += [f"{key}={logged[key]}" for key, words in _WORDS.items() if logged.get(key) in words]
    return [text for text in typed if not text.startswith("model.name=")]


def _typed(logged: Any, known: dict[str, Any], prefix: str) -> list[str]:
    if not isinstance(logged, dict) or not set(logged) <= set(known):
        raise ConfigError(
            prefix, f"the logged configuration has other keys than {', '.join(known)}",
            "It is of another version of posexp",
        )  # fmt: skip
    texts = []
    for name, value in logged.items():
        key = f"{prefix}.{name}"
        if isinstance(known[name], dict):
            texts += _typed(value, known[name], key)
        elif value is None or isinstance(value, bool):
            texts.append(f"{key}={'null' if value is None else str(value).lower()}")
        elif isinstance(value, int | float) or (
            # Paths are taken as typed; what else is text must not be anything in Hydra's grammar,
            # nor an address that somebody else's model might ask.
            isinstance(value, str)
            and (key in TEXT_KEYS or (re.fullmatch(r"[\w.+:/-]+", value) and not ADDRESS(value)))
        ):
            texts.append(f"{key}={str(value).replace(chr(92) + '${', '${')}")
        else:
            raise ConfigError(key, f"expected a plain value, got {str(value)[:100]!r}")
    return texts


def as_yaml(plain: dict[str, Any]) -> str:
    """Plain values as YAML, in which nothing is interpolated; `logged_overrides` reads it."""
    return str(OmegaConf.to_yaml(OmegaConf.create(_escaped(plain))))


def _escaped(config: Any) -> Any:
    """Plain values whose ``${`` OmegaConf must not read as interpolation."""
    if isinstance(config, dict):
        return {key: _escaped(value) for key, value in config.items()}
    return config.replace("${", "\\${") if isinstance(config, str) else config


def flatten(config: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted names to short text, for MLflow's parameters; ``model.name`` is ``model``."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat.update(flatten(value, f"{name}."))
        else:
            # Nine digits: 0.1 + 0.2 is 0.3 for a person who compares runs.
            flat[name] = f"{value:.9g}" if isinstance(value, float) else str(value)
    for short in ("model.name", "video.path"):
        if short in flat:
            flat = {short.split(".")[0]: flat.pop(short), **flat}
    return flat


def choices() -> dict[str, tuple[str, ...]]:
    """Every key that can be set, with its values where there are few: for completion."""
    models = _known_keys()
    few = {f"keypoints.{key}": words for key, words in choices_of(KeypointSettings()).items()}
    for model in models:
        for key, words in registry.choices(model).items():
            few[f"model.{key}"] = tuple(dict.fromkeys((*few.get(f"model.{key}", ()), *words)))
    few |= _WORDS
    keys = {key: few.get(key, ()) for known in models.values() for key in known}
    groups = {group: tuple(names) for group, names in _groups().items()} | {"model": tuple(models)}
    return {**groups, **{key: () for key in TEXT_KEYS}, **keys, **groups}


def _register_schemas(model: str) -> None:
    """Of all sections, and of one model: those of others may be slow to import."""
    store = ConfigStore.instance()
    store.store(name="posexp_schema", node=Config)
    store.store(group="overlay", name="overlay_schema", node=OverlaySettings)
    store.store(group="tracking", name="tracking_schema", node=TrackingSettings)
    store.store(group="launcher", name="local_launcher_schema", node=LocalLauncher)
    store.store(group="launcher", name="submitit_launcher_schema", node=SubmititLauncher)
    file = conf_folder() / "model" / f"{model}.yaml"
    if file.is_file():
        kind = registry.model(_name_in(file))
        schema = f"{kind.__module__.rpartition('.')[2]}_schema"
        store.store(group="model", name=schema, node=kind.options)
    else:  # of another package: what it says of itself
        store.store(group="model", name=model, node=registry.options_for(model))


def _name_in(file: Path) -> str:
    """Which model a file in conf/model configures: somebody may have put another one there."""
    try:
        return str(yaml.safe_load(file.read_text("utf-8"))["name"])
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise ConfigError(file, "expected the keys of a model, its name among them") from error


def _compose(overrides: list[str]) -> Any:
    before = GlobalHydra.instance().hydra  # in a notebook somebody else may use Hydra too
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
            return compose("config", overrides)
    finally:
        GlobalHydra.instance().hydra = before


def _split(overrides: Sequence[str]) -> tuple[dict[str, str | None], list[str]]:
    """Path keys with their values as typed, and the arguments that are Hydra's."""
    paths: dict[str, str | None] = {}
    others = []
    for argument in overrides:
        key, equals, value = argument.partition("=")
        if key in TEXT_KEYS:
            if not equals or not value:
                raise ConfigError(key, "expected a value after =, got nothing")
            paths[TEXT_KEYS[key]] = None if value == "null" and key in _NULLABLE else value
        elif argument.startswith(("+", "~")):
            raise ConfigError(argument, "keys cannot be added or removed", "Use key=value")
        elif not equals:
            raise ConfigError(
                argument, "expected key=value",
                f'For a video: video="{argument}"; `python -m posexp --help` shows the keys',
            )  # fmt: skip
        else:
            others.append(argument)
    return paths, others


def _groups() -> dict[str, list[str]]:
    folder = conf_folder()
    groups = {
        group.name: sorted(file.stem for file in group.glob("*.yaml"))
        for group in sorted(folder.iterdir())
        if group.is_dir()
    }
    return {**groups, "model": sorted({*groups["model"], *entries.names()})}


def _chosen(overrides: Sequence[str]) -> str:
    """The model that is meant."""
    given = dict(argument.partition("=")[::2] for argument in overrides)
    return given.get("model", registry.DEFAULT)


def _check_groups(overrides: list[str]) -> None:
    groups = _groups()
    for argument in overrides:
        group, _, choice = argument.partition("=")
        choices = groups.get(group)
        if choices and choice not in choices:
            if "," in choice:
                raise ConfigError(
                    group, f"expected one of {', '.join(choices)}, got several ({choice})",
                    f"For each of them: python -m posexp -m {group}={choice}",
                )  # fmt: skip
            near = difflib.get_close_matches(choice, choices, n=1)
            hint = f"Did you mean {group}={near[0]}?" if near else ""
            raise ConfigError(group, f"expected one of {', '.join(choices)}, got {choice!r}", hint)


def _known_keys() -> dict[str, dict[str, Any]]:
    """Every dotted key of every choice of model, with the values of its defaults.

    A warning for each model that cannot be used.
    """
    known = {}
    for model in _groups()["model"]:
        try:
            known[model] = flatten(_composed(model))
        except ModelError as error:
            entries.warn(str(error))
    return known


def _composed(model: str) -> dict[str, Any]:
    _register_schemas(model)
    plain = OmegaConf.to_container(_compose([f"model={model}"]))
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _unknown_key(key: str, overrides: list[str]) -> ConfigError:
    """Say what a misspelt key may have meant, or which variants a foreign key applies to."""
    known = _known_keys()
    chosen = _chosen(overrides)
    having = [model for model, keys in known.items() if key in keys]
    if having:
        return ConfigError(
            key, f"does not apply to model={chosen}, only to {' and '.join(having)}",
            "Leave it out, or choose that model",
        )  # fmt: skip
    names = [*{name: None for name in (*known[chosen], *TEXT_KEYS, *_groups())}]
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else "`python -m posexp --help` shows the keys"
    return ConfigError(key, "no such key", hint)


def _explain(error: Exception, overrides: list[str]) -> ConfigError:
    """One line for what Hydra or OmegaConf found wrong with one of the overrides."""
    chosen = _chosen(overrides)
    known = flatten(_composed(chosen))
    for argument in overrides:
        key, _, value = argument.partition("=")
        try:
            _check_grammar(key, value)
        except ConfigError as unreadable:
            return unreadable
        if key in _groups() or key in known:
            try:
                others = [a for a in (f"model={chosen}", argument) if a.partition("=")[0] != key]
                _compose([*others, argument])
            except (HydraException, OmegaConfBaseException) as cause:
                return ConfigError(key, f"{_reason(cause)}, got {value!r}")
        else:
            return _unknown_key(key, overrides)
    return ConfigError("configuration", _reason(error))


def _check_grammar(key: str, value: str) -> None:
    """Raise ConfigError for a value that Hydra cannot read."""
    try:
        OverridesParser.create().parse_override(f"{key}={value}")
    except HydraException as error:
        raise ConfigError(
            key, f"cannot read the value {value!r}", f"Quote it: '{key}=\"{value}\"'"
        ) from error


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error).splitlines()[0]
    for kind, plain in (("Integer", "a whole number"), ("Float", "a number"),
                        ("Boolean", "true or false")):  # fmt: skip
        if f"converted to {kind}" in text or f"not a valid {kind.lower()[:4]}" in text.lower():
            return f"expected {plain}"
    return text


__all__ = ["Config", "conf_folder", "flatten", "load_config"]
