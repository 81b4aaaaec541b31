"""How a command line is read: options by argparse, keys as they stand, one line for a mistake."""

from __future__ import annotations

import argparse
import difflib
import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from posexp.errors import ConfigError

_ASKS = ("-h", "--help", "--version")
_FLAGS = (*_ASKS, "-v", "--verbose")
"""That stand before a command too."""


class Options(argparse.ArgumentParser):
    """The options of one command; what is none is left over, in its order.

    It has no positional arguments, since not every argparse finds them between options, and no
    abbreviations, since each new option would make some of them ambiguous.
    """

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False, exit_on_error=False)
        self.known: dict[str, argparse.Action] = {}
        self.flag("-h", "--help")
        self.flag("-v", "--verbose")
        self.flag("--version")

    def flag(self, *names: str) -> None:
        """Add an option that has no value."""
        self.known |= dict.fromkeys(names, self.add_argument(*names, action="store_true"))

    def value(self, name: str, read: Callable[[str], object], default: object) -> None:
        """Add an option with a value, for which `read` raises ConfigError when it cannot be."""
        self.known[name] = self.add_argument(name, action=_Once, type=read, default=default)

    def split(self, arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """The options among some arguments, and the others.

        Raises
        ------
        ConfigError
            For an option without its value, with one that it does not take, or given twice.
        """
        for argument in arguments:  # argparse would read -m=yes as -m -y -e -s
            name, equals, value = argument.partition("=")
            if equals and name in self.known and self.known[name].nargs == 0:
                raise ConfigError(name, f"expected no value, got {value!r}")
        try:
            return self.parse_known_args(arguments, argparse.Namespace(given=set()))
        except argparse.ArgumentError as error:
            name = str(error.argument_name).rpartition("/")[2]
            if self.known[name].nargs != 0:
                raise ConfigError(name, "expected a value after it, got nothing") from error
            got = error.message.rpartition("argument ")[2]
            raise ConfigError(name, f"expected no value, got {got}") from error


class _Once(argparse.Action):
    """Of two values, argparse would drop one without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if self.dest in namespace.given:
            raise ConfigError(option_string, "expected once, got it twice")
        namespace.given.add(self.dest)
        setattr(namespace, self.dest, values)


@dataclass(frozen=True)
class Command:
    """One command of a program.

    Parameters
    ----------
    name : str
        The word that it begins with; empty for what a program does without a command.
    help : str
        What it does, its options, its keys, and examples; empty for the program's.
    example : str
        For the errors.
    keys : mapping
        Its own keys, with their defaults.
    words : sequence of str
        What it takes without ``=``.
    hydra : str, optional
        With what those of Hydra's keys begin that it takes: nothing for all. None takes none.
    add_options : callable
        Adds its own options.
    shows_stderr : bool
        What native code writes to stderr is meant for the user.
    """

    name: str
    help: str = ""
    example: str = ""
    keys: Mapping[str, str | None] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    hydra: str | None = ""
    add_options: Callable[[Options], None] = lambda options: None
    shows_stderr: bool = False

    def options(self) -> Options:
        """All of its options."""
        options = Options()
        self.add_options(options)
        return options

    def takes(self) -> str:
        """What may stand after it, for the errors."""
        names = [*(f"{key}=" for key in self.keys), *self.words]
        if self.hydra is not None:
            names.append(f"{self.hydra}.*=" if self.hydra else "key=value")
        elif not self.keys:
            names.append("nothing")
        return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


@dataclass(frozen=True)
class Program:
    """What is started with ``python -m``.

    Parameters
    ----------
    name : str
        As it is typed.
    help : callable
        Its help text.
    commands : sequence of Command
        In the order of the help.
    default : Command, optional
        What it does without a command.
    """

    name: str
    help: Callable[[], str]
    commands: tuple[Command, ...]
    default: Command | None = None

    def all(self) -> tuple[Command, ...]:
        """The commands, and what it does without one."""
        return self.commands if self.default is None else (self.default, *self.commands)

    def help_of(self, command: Command | None) -> str:
        """The help text of a command, or of all."""
        return (command and command.help) or self.help()

    def typed(self, command: Command) -> str:
        """A command as it is typed."""
        return f"{self.name} {command.name}".strip()


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
