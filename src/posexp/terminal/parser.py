"""How a command line is read: options anywhere, keys as they stand, one line for a mistake."""

from __future__ import annotations

import argparse
import difflib
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from posexp.errors import ConfigError
from posexp.terminal.program import Command, Options, Program

_ASKS = ("-h", "--help", "--version")
_FLAGS = (*_ASKS, "-v", "--verbose")
"""That stand before a command too."""


@dataclass(frozen=True)
class Line:
    """A command line that was read.

    Parameters
    ----------
    command : Command or None
        None only where help or the version is wanted.
    options : Namespace
        Its options.
    typed : list of str
        All else that stands after the command.
    keys : dict
        The command's own keys in that, or their defaults.
    overrides : list of str
        What in that is Hydra's.
    """

    command: Command | None
    options: argparse.Namespace
    typed: list[str] = field(default_factory=list)
    keys: dict[str, str | None] = field(default_factory=dict)
    overrides: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The command's; empty without one."""
        return self.command.name if self.command else ""


def parse(arguments: Sequence[str], program: Program) -> Line:
    """Read a command line.

    A command comes first; options stand anywhere before ``--``. Values of keys are taken as typed:
    with spaces, ``=``, commas, quotes, or a dash at their beginning.

    Raises
    ------
    ConfigError
        For what cannot be read, with what may have been meant.
    """
    at = arguments.index("--") if "--" in arguments else len(arguments)
    before, after = list(arguments[:at]), list(arguments[at + 1 :])
    first = next((a for a in before if a not in _FLAGS), None)
    named = next((c for c in program.commands if c.name == first), None)
    if asks := [a for a in before if a in _ASKS]:
        # Whatever else is wrong there: who asks for help may just have made a mistake.
        return Line(named or program.default, Options().split(asks)[0])
    if named is None:
        command = _without_command(first, program)
    else:
        command = named
        before.remove(named.name)
    options, others = command.options().split(before)
    for argument in others:
        if _dashed(argument):
            raise _no_such_option(argument, command, program)
    for argument in after:
        if _dashed(argument):
            raise ConfigError(argument, "expected key=value after --")
    line = Line(command, options, [*others, *after], dict(command.keys))
    for argument in line.typed:
        _take(argument, line, command, program)
    return line


def names_in(text: str | None) -> list[str]:
    """The names in the value of a key: ``a,b`` or ``[a, b]``."""
    names = [name.strip() for name in (text or "").strip("[]").split(",")]
    return [name for name in names if name]


def _without_command(first: str | None, program: Program) -> Command:
    """What a program does without a command; ConfigError when one was meant."""
    names = [command.name for command in program.commands]
    if program.default is None:
        raise ConfigError(
            first or program.name.split()[-1],
            f"expected {', '.join(names[:-1])} or {names[-1]}", "See --help",
        )  # fmt: skip
    # What may be the name of a video, or one of Hydra's own forms, is for the configuration to say.
    if not first or _dashed(first) or not first.strip() or set(first) & set("=+~./\\"):
        return program.default
    if os.path.exists(first):  # noqa: PTH110  no error for what cannot be a name
        return program.default
    near = _near(first.lower(), [*names, "--help", "--version"])
    if near:
        raise ConfigError(first, "no such command", f"Did you mean {near}?")
    raise ConfigError(
        first, f"expected a command ({', '.join(names)}) or key=value",
        f"`{program.name} --help` shows both",
    )  # fmt: skip


def _take(argument: str, line: Line, command: Command, program: Program) -> None:
    """Put an argument that is no option where it belongs."""
    key, equals, value = argument.partition("=")
    if not argument.strip():
        raise ConfigError(repr(argument), "expected key=value, got nothing")
    if equals and not key:
        raise ConfigError(argument, "expected a key before =, got nothing")
    if equals and key != key.strip():
        raise ConfigError(repr(key), "expected a key without spaces around it")
    if equals and key in command.keys:
        if not value:
            raise ConfigError(key, "expected a value after =, got nothing")
        line.keys[key] = value
    elif argument in command.words:
        pass
    elif not equals and command is program.default:
        if argument in (other.name for other in program.commands):
            raise ConfigError(
                argument, "expected key=value: a command stands first",
                f"`{program.name} {argument} --help` shows what it takes",
            )  # fmt: skip
        line.overrides.append(argument)  # the configuration knows which keys there are
    elif command.hydra is not None and key.startswith(command.hydra) and (equals or command.hydra):
        line.overrides.append(argument)
    else:
        near = _near(f"{key}=", [f"{known}=" for known in command.keys])
        hint = f"Did you mean {near}?" if near else command.example and (
            f"For example: {command.example}"
        )  # fmt: skip
        shown = f"`{program.typed(command)} --help` shows what it takes"
        raise ConfigError(argument, f"expected {command.takes()}", hint or shown)


def _no_such_option(argument: str, command: Command, program: Program) -> ConfigError:
    name = argument.partition("=")[0]
    bare = name.strip("".join(filter(_is_dash, name)))
    known = _bare_options(command)
    for other in program.all():
        if bare not in known and bare in _bare_options(other):
            return ConfigError(
                name, "no such option here", f"It is one of `{program.typed(other)}`"
            )
    hint = f"`{program.typed(command)} --help` shows them"
    if near := _near(bare, list(known)):
        hint = f"Did you mean {known[near]}?"
    elif "=" in argument:
        hint = f"Keys have no dashes: {argument[argument.index(bare) :]}"
    return ConfigError(name, "no such option", hint)


def _bare_options(command: Command) -> dict[str, str]:
    """Its options by their letters."""
    return {option.strip("-"): option for option in command.options().known}


def _dashed(argument: str) -> bool:
    """Whether it begins as an option does; documents make other dashes of those that are typed."""
    return _is_dash(argument[:1])


def _is_dash(character: str) -> bool:
    return character == "\N{MINUS SIGN}" or (
        bool(character) and unicodedata.category(character) == "Pd"
    )


def _near(word: str, choices: Sequence[str]) -> str:
    """The choice that a mistyped word may mean; empty for none."""
    return (*difflib.get_close_matches(word, choices, n=1), "")[0]
