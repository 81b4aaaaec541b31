"""What can be typed: options anywhere, keys as they stand, and one line for what cannot be read."""

import re
import shlex

import pytest

from posexp.errors import ConfigError
from posexp.terminal.parser import parse
from posexp.terminal.usage import PROGRAM


def read(*arguments):
    return parse(arguments, PROGRAM)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "5001", "tracking.folder=x", "tracking.uri=y"),
        ("tracking.folder=x", "--port", "5001", "tracking.uri=y"),
        ("tracking.folder=x", "tracking.uri=y", "--port=5001"),
        ("--port=5001", "--", "tracking.folder=x", "tracking.uri=y"),
    ],
)
def test_options_and_keys_are_mixed_in_any_order(arguments):
    line = read("ui", *arguments)
    assert line.command.name == "ui" and line.options.port == 5001
    assert line.overrides == ["tracking.folder=x", "tracking.uri=y"]


def test_the_options_of_the_ui():
    options = read("ui").options
    assert (options.host, options.port, options.allowed_hosts) == ("127.0.0.1", 5000, [])
    options = read("ui", "--allowed-hosts", "a.org,,b.org", "--host=0.0.0.0").options
    assert options.host == "0.0.0.0" and options.allowed_hosts == ["a.org", "b.org"]


@pytest.mark.parametrize(
    "value",
    ["a b", " a", "a=b=c", "a,b", "'a'", '"a b"', "-x", "--port", "-- -v", "@file", "[1,2]", "${x}",
     "–x", "", "å", "two\nlines", "null", "-5"],
)  # fmt: skip
def test_values_are_taken_as_typed(value):
    for arguments in ([f"video={value}", "-m"], ["--multirun", f"video={value}"]):
        line = read(*arguments)
        assert line.overrides == [f"video={value}"]
        assert line.command.name == "" and line.options.multirun
    assert read("--", f"video={value}").overrides == [f"video={value}"]


@pytest.mark.parametrize("at", range(4))
def test_flags_stand_anywhere(at):
    def line(command, flag):
        words = [*command, "tracking.folder=a", "tracking.uri=b"]
        return read(*words[:at], flag, *words[at:])

    for command in (["ui"], ["compare"], []):
        for flag in ("-v", "--verbose"):
            assert line(command, flag).options.verbose
        assert line(command, "--help").options.help and line(command, "-h").options.help
        assert line(command, "--version").options.version
    assert line([], "--cfg").options.cfg and line([], "-m").options.multirun
    assert line([], "-mv").options.verbose and line([], "-mv").options.multirun
    assert line(["ui"], "-h").command.name == "ui" and line([], "-h").command.name == ""


def test_help_and_version_are_given_whatever_else_stands_there():
    assert read("ui", "--port", "--help").options.help
    assert read("ui", "--port=x", "--help").command.name == "ui"
    assert read("clip.mp4", "", "--frobnicate", "-h").command.name == ""
    assert read("evalaute", "--version").options.version
    assert not read("--", "video=--help").options.help


def test_keys_of_a_command_are_told_from_those_of_hydra():
    line = read("evaluate", "truth=a=b.csv", "tracking.folder=run=1", "-v")
    assert line.keys == {"run": "last", "truth": "a=b.csv"}
    assert line.overrides == ["tracking.folder=run=1"]
    assert line.typed == ["truth=a=b.csv", "tracking.folder=run=1"]
    assert read("rerun", "run=1", "run=2").keys["run"] == "2"  # as Hydra takes its own


def test_a_command_is_one_though_a_file_has_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ui").touch()
    (tmp_path / "evaluat").touch()
    assert read("ui").command.name == "ui"
    assert read("evaluat").overrides == ["evaluat"]  # config says how a video is given


MISTAKES = {
    "evalaute run=last": "evalaute: no such command. Did you mean evaluate?",
    "Compare video=a.mp4": "Compare: no such command. Did you mean compare?",
    "help": "help: no such command. Did you mean --help?",
    "version": "version: no such command. Did you mean --version?",
    "frobnicate": "frobnicate: expected a command (ui, evaluate, compare, export, edit, rerun, "
                  "sync, store, weights, media) or key=value. `python -m posexp --help` shows both",
    "ui ui": "ui: expected key=value. `python -m posexp ui --help` shows what it takes",
    "ui 5001": "5001: expected key=value. `python -m posexp ui --help` shows what it takes",
    "model=mlkit evaluate": "evaluate: expected key=value: a command stands first. "
                            "`python -m posexp evaluate --help` shows what it takes",
    "-m compare": "compare: expected key=value: a command stands first",
    "ui --prot 5001": "--prot: no such option. Did you mean --port?",
    "ui --prot=5001": "--prot: no such option. Did you mean --port?",
    "ui -port 5001": "-port: no such option. Did you mean --port?",
    "ui --allowed=a": "--allowed: no such option. Did you mean --allowed-hosts?",
    "--frobnicate": "--frobnicate: no such option. `python -m posexp --help` shows them",
    "sync --frobnicate": "--frobnicate: no such option. `python -m posexp sync --help` shows them",
    "--verbos": "--verbos: no such option. Did you mean --verbose?",
    "-x": "-x: no such option",
    "-": "-: no such option",
    "-5": "-5: no such option",
    "'-x y=z'": "-x y: no such option",
    "--port 5001": "--port: no such option here. It is one of `python -m posexp ui`",
    "compare -m": "-m: no such option here. It is one of `python -m posexp`",
    "--model=mlkit": "--model: no such option. Keys have no dashes: model=mlkit",
    "compare --video=a.mp4": "--video: no such option. Keys have no dashes: video=a.mp4",
    "ui –-port 5001": "–-port: no such option. Did you mean --port?",
    "ui —port=5001": "—port: no such option. Did you mean --port?",
    "−m model=mlkit": "−m: no such option. Did you mean -m?",
    "–help": "–help: no such option. Did you mean --help?",
    "–—": "–—: no such option",
    "ui --port": "--port: expected a value after it, got nothing",
    "ui --port --host x": "--port: expected a value after it, got nothing",
    "ui --port=": "--port: expected a port from 1 to 65535, got ''",
    "ui --port ''": "--port: expected a port from 1 to 65535, got ''",
    "ui --port=0": "--port: expected a port from 1 to 65535, got '0'",
    "ui --port=70000": "--port: expected a port from 1 to 65535, got '70000'",
    "ui --port=-1": "--port: expected a port from 1 to 65535, got '-1'",
    "ui --port -1": "--port: expected a port from 1 to 65535, got '-1'",
    "ui --port=5e3": "--port: expected a port from 1 to 65535, got '5e3'",
    "ui --port=5²": "--port: expected a port from 1 to 65535, got '5²'",
    "ui --port tracking.uri=y": "--port: expected a port from 1 to 65535, got 'tracking.uri=y'",
    "ui --host=": "--host: expected an address, got nothing. 0.0.0.0 is every one",
    "ui --port 1 --port 2": "--port: expected once, got it twice",
    "--multirun=yes": "--multirun: expected no value, got 'yes'",
    "-m=model": "-m: expected no value, got 'model'",
    "''": "'': expected key=value, got nothing",
    "'  '": "' ': expected key=value, got nothing",
    "ui ''": "'': expected key=value, got nothing",
    "model=mlkit ' '": "' ': expected key=value, got nothing",
    "' model=mlkit'": "' model': expected a key without spaces around it",
    "model =mlkit": "model: expected a command",
    "video=a.mp4 =mlkit": "=mlkit: expected a key before =, got nothing",
    "evaluate clip=x": "clip=x: expected run=, truth= or tracking.*=. "
                       "For example: python -m posexp evaluate run=last truth=labels.csv",
    "evaluate thruth=x": "thruth=x: expected run=, truth= or tracking.*=. Did you mean truth=?",
    "weights tracking.folder=x": "tracking.folder=x: expected get=. For example: ",
    "compare evaluate": "evaluate: expected runs=, video=, sweep= or tracking.*=",
    "evaluate truth=": "truth: expected a value after =, got nothing",
    "media clean": "clean: expected clear or nothing. For example: python -m posexp media clear",
    "-- -m": "-m: expected key=value after --",
    "ui -- --port": "--port: expected key=value after --",
    "'two\nlines'": "two lines: expected a command",
}  # fmt: skip


@pytest.mark.parametrize("typed", MISTAKES)
def test_each_mistake_is_one_line_that_helps(typed):
    with pytest.raises(ConfigError) as caught:
        read(*shlex.split(typed))
    said = str(caught.value)
    assert said.startswith(MISTAKES[typed]) and "\n" not in said
    assert caught.value.exit_status == 2


def test_a_flag_with_something_behind_it_is_no_flag():
    with pytest.raises(ConfigError):  # which of the two it says depends on Python
        read("-mfoo")


def test_what_hydra_knows_more_of_is_left_to_it():
    for typed in ("clip.mp4", "clips/clip", "+anything", "~model", "video.start", "+a=b"):
        assert read(typed).overrides == [typed]


def commands_in(text):
    """The command lines in a help text, without what stands for a word of one's own."""
    found = re.findall(rf"^ *{re.escape(PROGRAM.name)}(?: (.*?))?(?:  .*)?$", text, re.M)
    return [line for line in found if "[" not in line]


@pytest.mark.parametrize("command", PROGRAM.commands, ids=lambda command: command.name)
def test_every_command_has_a_help_with_its_options_its_keys_and_examples(command):
    text = PROGRAM.help_of(command)
    for option in command.options().known.keys() - {"--version"}:
        assert option in text, option
    for key in command.keys:
        assert f"{key}=" in text, key
    examples = commands_in(text)
    assert len(examples) >= 1
    for example in examples:
        assert read(*shlex.split(example)).command == command
    assert f"python -m posexp {command.name}" in PROGRAM.help()


def test_every_example_of_the_help_can_be_typed():
    examples = commands_in(PROGRAM.help())
    assert len(examples) > 8
    for example in examples:
        read(*shlex.split(example))


def test_help_fits_a_terminal():
    for command in (PROGRAM.default, *PROGRAM.commands):
        assert max(map(len, PROGRAM.help_of(command).splitlines())) <= 100
