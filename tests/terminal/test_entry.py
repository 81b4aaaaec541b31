"""Help, errors as one line, exit statuses, and streams that are closed or full."""

import io
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from posexp import config
from posexp.__main__ import main
from posexp.benchmark.__main__ import PROGRAM as BENCHMARK
from posexp.benchmark.__main__ import main as benchmark
from posexp.benchmark.commands import FUNCTIONS as MEASURING
from posexp.errors import ModelError
from posexp.terminal import commands, exporting, kept, logged, streams, upkeep
from posexp.terminal.entry import command_line
from posexp.terminal.program import Command, Program
from posexp.terminal.usage import PROGRAM

POSEXP = f"{sys.executable} -m posexp"
HEAVY = ("numpy", "pandas", "hydra", "omegaconf", "mlflow", "tensorflow", "mediapipe", "av", "cv2",
         "matplotlib")  # fmt: skip


def shell(command, cwd, **environment):
    """As typed in bash; status, stdout, stderr."""
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=cwd, capture_output=True, text=True,
        env={**os.environ, **environment}, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_help_names_every_key_every_model_and_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert main(["-h", "video=x"]) == 0 and capsys.readouterr().out == shown
    models = [file.stem for file in (config.conf_folder() / "model").glob("*.yaml")]
    assert " | ".join(sorted(models)) in shown
    keys = {key for model in models for key in
            config.flatten(config.load_config([f"model={model}"])[1])}  # fmt: skip
    for key in keys - {"video", "tracking.run_name", "overlay.enabled"}:
        assert key.rsplit(".", 1)[-1] in shown, key
    for command in PROGRAM.commands:
        assert main([command.name, "--help"]) == 0
        assert capsys.readouterr().out == command.help


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["ui", "--help"], ["--version"], ["evalaute"], ["ui", "--port=x"], ["media", "x"]],
)
def test_what_needs_nothing_heavy_loads_nothing_heavy(arguments):
    code = (
        "import sys; from posexp.__main__ import main; main(eval(sys.argv[1]));"
        "print(sorted({m.split('.')[0] for m in sys.modules} & set(sys.argv[2:])))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, repr(arguments), *HEAVY], capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    assert shown.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "module", ["posexp.terminal.commands", "posexp.terminal.upkeep", "posexp.notebook.magics"]
)
def test_what_takes_seconds_is_loaded_when_there_is_something_to_do(module):
    code = (
        f"import sys, {module};"
        "print(sorted({m.split('.')[0] for m in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = ["mlflow", "tensorflow", "mediapipe", "matplotlib", "scipy"]
    shown = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True
    ).stdout
    assert shown == "[]\n"


def test_every_command_is_done_by_a_function():
    parts = (commands, logged, upkeep, kept, exporting)
    done = {name for part in parts for name in part.FUNCTIONS}
    assert done == {command.name for command in PROGRAM.all()}
    assert set(MEASURING) == {command.name for command in BENCHMARK.all()}


def test_the_benchmark_has_the_same_habits(capsys):
    for arguments, said in (
        (["rnu"], "rnu: expected render, run or list. See --help"),
        (["run", "--modles=a"], "--modles: no such option. Keys have no dashes: modles=a"),
        (["run", "modles=a"], "Did you mean models=?"),
        (["list", "clips=a"], "clips=a: expected nothing"),
        ([], "posexp.benchmark: expected render, run or list. See --help"),
    ):
        assert benchmark(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("posexp: ") and said in error and error.count("\n") == 1
    assert benchmark(["run", "--help"]) == 0
    assert "python -m posexp.benchmark run" in capsys.readouterr().out


NOTHING = Program("test", lambda: "help\n", (Command("do"),), Command(""))


def ends(capsys, action, *arguments):
    status = command_line(arguments, NOTHING, action)
    return status, capsys.readouterr().err


def test_how_a_command_ends(capsys, monkeypatch):
    def fail(error):
        def action(line):
            raise error

        return action

    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    assert ends(capsys, lambda line: 1) == (1, "")
    error = ModelError("a", "expected b", "Do c")
    assert ends(capsys, fail(error)) == (1, "posexp: a: expected b. Do c\n")
    status, said = ends(capsys, fail(KeyboardInterrupt()))
    assert status == 130 and said.startswith("posexp: interrupted")
    status, said = ends(capsys, fail(ValueError("x\ny")))
    assert status == 1 and said.startswith("posexp: unexpected ValueError: x y. This is a mistake")
    for arguments in (["-v"], ["do", "--verbose"]):
        with pytest.raises(ModelError):
            ends(capsys, fail(error), *arguments)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ModelError):
        ends(capsys, fail(error))


def test_sigterm_ends_as_ctrl_c_does(capsys):
    def action(line):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert ends(capsys, action)[0] == 130
    assert signal.getsignal(signal.SIGTERM) is before


def test_warnings_are_lines_like_errors(capsys):
    assert ends(capsys, lambda line: commands.log.warning("a %s", "b") or 0) == (0, "posexp: a b\n")


def test_an_output_that_ends_is_let_go(monkeypatch):
    taken, given = os.pipe()
    os.close(taken)
    with os.fdopen(given, "w") as closed:
        output = streams.Output(closed)
        for _ in range(3):
            assert output.write("x" * 10) == 10
            output.flush()
        assert isinstance(output.problem, BrokenPipeError)
        assert output.encoding == closed.encoding
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with streams.streams() as output:
        print("nowhere")
    assert output.problem is None and sys.stdout is None


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("ui --port=70000 >&-", 2, "--port: expected a port from 1 to 65535"),
        ("ui --help | head -1", 0, ""),
        ("ui --help > /dev/full", 1, "stdout: could not be written (No space left on device)"),
        ("–-port=1", 2, "\\u2013-port: no such option here. It is one of `python -m posexp ui`"),
        ("ui –-port=1", 2, "\\u2013-port: no such option. Did you mean --port?"),
        ("'' 2>&-", 2, None),
        ("evalaute 2> /dev/full", 2, None),
        ("ui ui", 2, "ui: expected key=value"),
        ("'   '", 2, "' ': expected key=value, got nothing"),
        ("$'a\\xffb'", 2, "a\\udcffb: expected a command"),
        ("-m --cfg", 2, "--cfg: shows one configuration, got -m"),
        ("video=", 2, "video: expected a value after =, got nothing"),
        ("model=", 2, "model: expected one of"),
        ("overlay.height=", 2, "overlay.height: expected a whole number"),
        ("video=a=b,c.mp4 --cfg | grep -q a=b,c.mp4", 0, ""),
        ("--cfg -- 'video=-x y.mp4' | grep -qe '-x y.mp4'", 0, ""),
    ],
)  # fmt: skip
def test_odd_things_are_one_clear_line(command, status, said, tmp_path):
    ended, _, stderr = shell(f"{POSEXP} {command}", tmp_path, PYTHONIOENCODING="ascii")
    assert ended == status, stderr
    if said is not None:
        assert stderr.startswith(f"posexp: {said}" if said else "")
        assert stderr.count("\n") == bool(said)
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken_is_told_however_it_is_typed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ui").mkdir()  # a folder of a command's name
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for arguments in (["--port", str(port)], [f"--port={port}"]):
            assert main(["ui", "tracking.folder=x", *arguments]) == 2
            assert re.match(rf"posexp: --port: port {port} is in use", capsys.readouterr().err)


def test_the_configuration_is_shown_wherever_cfg_stands(capsys):
    shown = []
    for arguments in (["--cfg", "model=thunder"], ["model=thunder", "--cfg"]):
        assert main(arguments) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] and '"name": "thunder"' in shown[0]
