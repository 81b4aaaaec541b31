"""What a program is: its commands, and the options and keys of each."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from posexp.errors import ConfigError


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
