"""The names under which packages have registered models, ours and others.

A package does so under the entry-point group ``posexp.models``: the name of the variant, and the
class (`posexp.models.model.Model`). Here only metadata are read, so that the help is quick.
"""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import re
from importlib.metadata import EntryPoint

from posexp.errors import ConfigError, ModelError

log = logging.getLogger("posexp")

GROUP = "posexp.models"

_NAME = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
_said: set[str] = set()


def names() -> list[str]:
    """The variants that can be chosen, sorted. No model is imported for it."""
    registered.cache_clear()  # one may have been installed since
    return sorted(registered())


def entry_of(name: str) -> EntryPoint:
    """The one that counts for a variant; ConfigError when no package has registered it."""
    if name not in registered() and name not in names():
        check_installation()
        raise ConfigError("model", f"expected one of {', '.join(names())}, got {name!r}")
    first, *others = registered()[name]
    if others:
        taken, left = distribution_of(first), ", ".join(map(distribution_of, others))
        warn(f"model={name}: that of the package {taken} is taken; there is another of {left}")
    return first


def check_installation() -> None:
    """Raise ModelError when not even our own models are registered."""
    if not any(is_ours(entries[0]) for entries in registered().values()):
        raise ModelError(
            "models", "none are registered: this installation is older than its code",
            "Install it again as at first, with --force-reinstall --no-deps (in a checkout: "
            "python -m pip install --no-deps -e .)",
        )  # fmt: skip


def is_ours(entry: EntryPoint) -> bool:
    """Whether it is one of posexp's own."""
    return entry.value.startswith("posexp.")


def distribution_of(entry: EntryPoint) -> str:
    """The name of the package that it comes from."""
    return (entry.dist.name if entry.dist else None) or "?"


@functools.cache
def registered() -> dict[str, list[EntryPoint]]:
    """Those who register each name, the one that counts first; our own names come first."""
    found: dict[str, list[EntryPoint]] = {}
    entries = importlib.metadata.entry_points(group=GROUP)
    for entry in sorted(entries, key=lambda e: (not is_ours(e), e.name, distribution_of(e))):
        if _NAME.fullmatch(entry.name):
            found.setdefault(entry.name, []).append(entry)
        else:
            warn(f"{distribution_of(entry)}: nobody can type the name of its model {entry.name!r}")
    return found


def warn(text: str) -> None:
    """Say something once, however often it is met."""
    if text not in _said:
        _said.add(text)
        log.warning("%s", text)
