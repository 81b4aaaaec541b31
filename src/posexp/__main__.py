"""The command line: ``python -m posexp``."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from posexp.errors import ConfigError, ModelError, PosexpError, check_choice

if TYPE_CHECKING:
    from posexp.measure.comparison import Comparison
    from posexp.store.run import Run
    from posexp.sweeps.batch import Sweep

HELP = """\
posexp: what did each pose model see, how sure was it, and which should I use?

  python -m posexp [key=value ...]     extract the poses of one video, log one MLflow run
  python -m posexp -m [key=a,b ...]    every variant on every video: a sweep, one run for each
  python -m posexp ui [--port 5000]    open the runs in the MLflow UI, on this machine only
                                       (for others too: --host 0.0.0.0, by this machine's
                                       names and --allowed-hosts NAME,NAME; no password)
  python -m posexp evaluate run=last truth=FILE    how far is a run from ground truth?
  python -m posexp compare video=FILE  what did the variants see, and where do they disagree?
                                       (or runs=[id,id], or sweep=id)
  python -m posexp rerun run=last      repeat a run; are the keypoints the same?
                                       (weights=FILE in place of the logged ones)
  python -m posexp sync [key=value]    log results that are waiting for a server
  python -m posexp weights             which models are here; get=thunder,heavy fetches ahead
  python -m posexp media [clear]       what notebooks have linked or copied into mlruns/media for
                                       the browser; clear removes it (a link keeps its video's
                                       content on the disk when the video is deleted)

Examples
  python -m posexp                                       the embedded clip and model, offline
  python -m posexp model=lightning video=clip.mp4        your video with MoveNet Lightning
  python -m posexp model=thunder video="my clip (1).mp4" video.start=2.5 video.stop=30
  python -m posexp model=mlkit model.complexity=lite video=~/films/clip.mov
  python -m posexp model=lightning model.weights=movenet.tflite video=clip.mp4 overlay=none
  python -m posexp -m model=lightning,mlkit video=clips/  a folder; also clips/**/*.mp4, list.csv
  python -m posexp evaluate run=last truth=labels.csv    COCO, DeepLabCut, wide CSV, our tables

Which model                  (files in conf/model explain every key)
  model=mlkit                BlazePose, 33 landmarks in 3D; embedded, needs no network
    model.complexity         full | lite | heavy (lite and heavy are fetched once)
    model.mode               stream: track and smooth | single_image: detect in every frame
    model.min_detection_confidence, min_presence_confidence, min_tracking_confidence   0 to 1
  model=lightning            MoveNet, 17 keypoints in 2D, the faster; fetched once
  model=thunder              MoveNet, 17 keypoints in 2D, the more exact; fetched once
    model.crop.min_keypoint_score   0 to 1    joints below it do not steer the crop
    model.crop.torso_expansion, model.crop.body_expansion   1 to 10
    model.input_size         px; only for models that take any size
    model.threads            of LiteRT, for a .tflite file
  model.weights              a file in place of the default: .task, .tflite, TF.js model.json,
                             SavedModel folder

Which part of the video      video.start, video.stop in seconds
What is written              keypoints.joints=body|all   keypoints.confidence_threshold=0.3
  overlay=standard|none      overlay.height=720   overlay.start_frame, overlay.stop_frame
                             overlay.confidence_threshold=0.3   overlay.trail=0 (frames)
  tracking=local             tracking.folder=mlruns   tracking.uri=http://server:5000
                             tracking.experiment=posexp   tracking.run_name

Many videos                  a sweep does what is missing; the same command goes on with it
  video                      folder, glob, .txt, .csv (column video; the others become tags)
  launcher=basic             one after another
  launcher=joblib            launcher.jobs=-1   clips at once on this machine
  launcher=submitit          SLURM: launcher.jobs, cpus, memory_gb, minutes, partition, account
  force=true                 again, also what is finished       tracking.sweep   its name

Options
  -h, --help     this text           -v, --verbose   errors with their full traceback
  --version      the version         --cfg           show the resolved configuration, run nothing
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status: 0, 2 for usage, 130 for Ctrl-C, else 1."""
    return command_line(arguments, HELP, _dispatch)


def command_line(
    arguments: Sequence[str] | None, help_text: str, dispatch: Callable[[list[str]], int]
) -> int:
    """Run a command with help, one-line errors and quiet C++ libraries; its exit status."""
    with _streams() as output:
        status = _run(arguments, help_text, dispatch)
        output.flush()
        problem = output.problem
        if problem is None or isinstance(problem, BrokenPipeError):  # nobody wants to hear more
            return status
        print(f"posexp: stdout: could not be written ({problem.strerror})", file=sys.stderr)
        return status or 1


def _run(
    arguments: Sequence[str] | None, help_text: str, dispatch: Callable[[list[str]], int]
) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(arguments):
        print(help_text, end="")
        return 0
    if "--version" in arguments:
        from importlib.metadata import version

        print(f"posexp {version('posexp')}")
        return 0
    verbose = bool({"-v", "--verbose"} & set(arguments)) or "HYDRA_FULL_ERROR" in os.environ
    arguments = [a for a in arguments if a not in ("-v", "--verbose")]
    logger = logging.getLogger("posexp")
    logger.handlers, logger.propagate = [_Terminal()], False
    try:
        with _stop_on_sigterm(), _native_messages(verbose or arguments[:1] == ["ui"]):
            return dispatch(arguments)
    except PosexpError as error:
        if verbose:
            raise
        print(f"posexp: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("posexp: interrupted; what had been computed is kept", file=sys.stderr)
        return 130
    except Exception as error:
        if verbose:
            raise
        text = " ".join(str(error).split())[:300]
        print(
            f"posexp: unexpected {type(error).__name__}: {text}. "
            "This is a mistake in posexp; -v shows where it happened",
            file=sys.stderr,
        )
        return 1


def own_keys(
    arguments: Sequence[str], own: dict[str, str | None], usage: str
) -> tuple[dict[str, str | None], list[str]]:
    """Split the keys of a command from those of tracking, which Hydra takes.

    Parameters
    ----------
    own : dict
        Keys of the command with their defaults.
    usage : str
        An example, for the error.

    Raises
    ------
    ConfigError
        For anything else.
    """
    values, others = dict(own), []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key in own and equals:
            if not value:
                raise ConfigError(key, "expected a value after =, got nothing")
            values[key] = value
        elif key.startswith("tracking"):
            others.append(argument)
        else:
            keys = ", ".join(f"{name}=" for name in own)
            raise ConfigError(argument, f"expected {keys} or tracking.*=", f"For example: {usage}")
    return values, others


def _dispatch(arguments: list[str]) -> int:
    from posexp.sweeps import clips

    command = arguments[0] if arguments and "=" not in arguments[0] else "run"
    if command == "ui":
        return _ui(arguments[1:])
    if command == "sync":
        return _sync(arguments[1:])
    if command == "weights":
        return _weights(arguments[1:])
    if command == "media":
        return _media(arguments[1:])
    if command == "compare":
        return _compare(arguments[1:])
    if command == "evaluate":
        return _evaluate(arguments[1:])
    if command == "--cfg":
        return _show_config(arguments[1:])
    if command == "rerun":
        return _rerun(arguments[1:])
    if clips.is_batch(arguments):
        return _sweep(clips.sweep_arguments(arguments))
    if command.startswith("-"):
        raise ConfigError(command, "no such option", "`python -m posexp --help` shows them")

    from posexp.runs.run import run

    _summarize(run(arguments, progress=True))
    return 0


def _sweep(arguments: list[str]) -> int:
    from posexp.sweeps.batch import sweep

    result = sweep(arguments, progress=True)
    _summarize_sweep(result)
    return 0 if result.failed.empty else 1


def _summarize_sweep(result: Sweep) -> None:
    """Counts and figures by variant, then what failed and why."""
    table = result.table
    counts = table["status"].value_counts()
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"\nsweep {result.name}: {len(table)} jobs: {said}\n")
    rows = table.groupby("model", sort=False).agg(
        videos=("video", "nunique"), runs=("run", "count"), tracked=("tracked", "mean"),
        confidence=("confidence", "mean"), jitter=("jitter_residual_torso", "mean"),
        near=("pck_0.10", "mean"),
    )  # fmt: skip
    print(f"{'':<12}{'videos':>8}{'runs':>7}{'tracked':>10}{'confidence':>12}"
          f"{'jitter / torso':>16}{'PCK@0.1':>10}")  # fmt: skip
    for model, row in rows.iterrows():
        tracked, confidence, jitter, near = (
            form.format(row[name]) if row[name] == row[name] else "-"
            for name, form in (("tracked", "{:.1%}"), ("confidence", "{:.3f}"),
                               ("jitter", "{:.2%}"), ("near", "{:.1%}"))
        )  # fmt: skip
        print(
            f"{model:<12}{row['videos']:>8.0f}{row['runs']:>7.0f}{tracked:>10}"
            f"{confidence:>12}{jitter:>16}{near:>10}"
        )
    failed = result.failed
    if not failed.empty:
        print("\nnot finished; the same command does these again:")
    for _, row in failed.iterrows():
        print(f"  {row['model']:<12}{row['problem'] or row['status']}")
    print(f"\nTable     {result.path}")
    print(f"Compare   python -m posexp compare {shlex.quote(f'sweep={result.name}')}")
    if result.page:
        print(f"Charts    {result.page}")


def _rerun(arguments: list[str]) -> int:
    from posexp.config import load_config
    from posexp.runs.run import rerun

    defaults: dict[str, str | None] = {"run": "last", "weights": None}
    own, others = own_keys(arguments, defaults, "python -m posexp rerun run=last")
    settings = load_config(others)[0].tracking
    again = rerun(str(own["run"]), settings, weights=own["weights"], progress=True)
    frames = f"{len(again.second.poses())} frames"
    if again.identical:
        print(f"{again.first.name}: the keypoints are identical, bit for bit, in {frames}")
    else:
        apart = f"{again.largest_px:.3g} px" if again.largest_px == again.largest_px else "frames"
        print(f"{again.first.name}: the keypoints differ, by at most {apart}, in {frames}")
    print(f"Run page  {again.second.page}")
    return 0 if again.identical else 1


def _show_config(arguments: list[str]) -> int:
    import json

    from posexp.config import load_config

    print(json.dumps(load_config(arguments)[1], indent=2, ensure_ascii=False))
    return 0


def _ui(arguments: list[str]) -> int:
    arguments, host = _option(arguments, "--host", "127.0.0.1")
    arguments, text = _option(arguments, "--port", "5000")
    arguments, allowed = _option(arguments, "--allowed-hosts", "")
    if not host:
        raise ConfigError("--host", "expected an address, got nothing", "0.0.0.0 is every one")
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ConfigError("--port", f"expected a port from 1 to 65535, got {text!r}")
    port = int(text)
    import socket

    from posexp.config import load_config
    from posexp.store.archive import Archive
    from posexp.store.server import own_names, ui_command

    archive = Archive(load_config(arguments)[0].tracking)
    store = archive.open()
    if store.is_server:
        print(f"The runs are on a server; open {store.uri}")
        return 0
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ConfigError(
                "--port", f"port {port} is in use", f"Choose another: --port {port + 1}"
            )
    page = store.page(archive.settings.experiment, port)
    names = [*own_names(host), *filter(None, allowed.split(","))]
    if names:
        logging.getLogger("posexp").warning(
            "there is no password: who reaches port %d of this machine can read and delete all runs"
            "; from there it is %s (for other names: --allowed-hosts NAME,NAME)",
            port, " or ".join(f"http://{name}:{port}" for name in names),
        )  # fmt: skip
    print(f"Open {page}\n(it answers in about ten seconds; Ctrl-C ends it)", flush=True)
    # A light server: no job workers, no look-ups outside.
    environment = {
        **os.environ,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = ui_command(archive.address, port, host, names)
    os.execve(command[0], command, environment)


def _option(arguments: list[str], name: str, default: str) -> tuple[list[str], str]:
    """The arguments without an option and its value, and the value."""
    if name not in arguments:
        return arguments, default
    at = arguments.index(name)
    return arguments[:at] + arguments[at + 2 :], "".join(arguments[at + 1 : at + 2])


def _sync(arguments: list[str]) -> int:
    from posexp.config import load_config
    from posexp.runs.recovery import log_waiting, recover
    from posexp.store.archive import Archive

    archive = Archive(load_config(arguments)[0].tracking)
    if not archive.outbox.base.is_dir():
        print("Nothing is waiting to be logged")
        return 0
    store = archive.open()
    recovered = recover(archive)
    runs = log_waiting(archive, store, every=True)
    for run in filter(None, runs):
        print(f"Logged {run.name} ({run.status}): {run.page}", flush=True)
    if not (runs or recovered):
        print("Nothing is waiting to be logged")
    return int(None in runs)


def _weights(arguments: list[str]) -> int:
    from posexp.models.weights.downloads import cache_folder
    from posexp.models.weights.table import PUBLISHED, published

    own, _ = own_keys(arguments, {"get": None}, "python -m posexp weights get=thunder,heavy")
    names = [name.strip() for name in (own["get"] or "").strip("[]").split(",") if name.strip()]
    for name in names:
        check_choice("get", name, tuple(PUBLISHED))
    failed = 0
    for name in names:
        try:
            print(f"{name:<12}{published(name).source}", flush=True)
        except ModelError as error:
            print(f"posexp: {error}", file=sys.stderr)
            failed = error.exit_status
    if names:
        return failed
    print(f"{'':<12}{'here':<6}{'size':>8}   {'licence':<13}from")
    for name, model in PUBLISHED.items():
        here = model.here()
        places = str(here) if here else ", else ".join(map(str, model.sources))
        print(
            f"{name:<12}{'yes' if here else 'no':<6}{model.size:>5.1f} MB   {model.licence:<13}"
            f"{places}"
        )
    print(f"\nKept in   {cache_folder()}\nFetch     python -m posexp weights get=thunder,heavy")
    return 0


def _media(arguments: list[str]) -> int:
    from posexp.errors import printable
    from posexp.notebook import media

    if arguments not in ([], ["clear"]):
        raise ConfigError(" ".join(arguments), "expected clear or nothing", "Try: posexp media")
    if arguments:
        removed = media.tidy(everything=True)
        print(f"Removed {len(removed)} links and copies from {media.FOLDER}")
        return 0
    found = media.kept()
    for each in found:
        said = "" if each.video and not each.gone else "   (its video has gone or changed)"
        size = each.path.stat().st_size / 1e6
        print(f"{size:8.1f} MB  {each.path.name}  {printable(each.video or '?')}{said}")
    print(f"{len(found)} links and copies in {media.FOLDER}; `python -m posexp media clear` "
          "removes them")  # fmt: skip
    return 0


def _evaluate(arguments: list[str]) -> int:
    from posexp.config import load_config
    from posexp.runs.logged import evaluate_run
    from posexp.store.archive import Archive

    own, others = own_keys(
        arguments, {"run": "last", "truth": None},
        "python -m posexp evaluate run=last truth=labels.csv",
    )  # fmt: skip
    archive = Archive(load_config(others)[0].tracking)
    run, evaluation = evaluate_run(str(own["run"]), own["truth"], archive)
    for note in evaluation.notes:
        logging.getLogger("posexp").warning("%s", note)
    labelled = f"{len(evaluation.truth)} labelled frames"
    print(f"\n{run.name}   {labelled}, {len(evaluation.body)} joints")
    _print_evaluation(evaluation.metrics())
    print(f"\nRun page  {run.page}")
    return 0


def _compare(arguments: list[str]) -> int:
    from posexp.config import load_config
    from posexp.runs.logged import compare_runs
    from posexp.store.archive import Archive

    defaults: dict[str, str | None] = {"runs": None, "video": None, "sweep": None}
    own, others = own_keys(arguments, defaults, "python -m posexp compare video=clip.mp4")
    runs = [name.strip() for name in (own["runs"] or "").strip("[]").split(",") if name.strip()]
    archive = Archive(load_config(others)[0].tracking)
    for run, comparison in compare_runs(runs, own["video"], own["sweep"], archive):
        _print_comparison(run, comparison)
    return 0


def _print_comparison(run: Run, comparison: Comparison) -> None:
    width = max(len(label) for label in comparison.labels) + 2
    print(f"\n{run.name}")
    print(f"\n{'run':<{width}}{'tracked':>9}{'longest gap':>13}{'jitter / torso':>16}")
    table = comparison.run_table()
    differ = table["threshold"].nunique() > 1
    for _, row in table.iterrows():
        print(
            f"{row['run']:<{width}}{row['tracked']:>9.1%}{row['longest_gap_s']:>11.2f} s"
            f"{_share(row['jitter_residual_torso']):>16}"
            + (f"   tracked: confidence from {row['threshold']:g}" if differ else "")
        )
    table = comparison.pairwise().merge(comparison.timing(), on=["first", "second"])
    print(f"\n{'':<{2 * width}}{'median':>10}{'/ torso':>9}{'agree':>8}{'lag':>9}{'swaps':>7}")
    for _, row in table[table["joint"] == "body"].iterrows():
        lag = f"{row['lag_ms']:.0f} ms" if row["lag_ms"] == row["lag_ms"] else "-"
        print(
            f"{row['first']:<{width}}{row['second']:<{width}}{row['median_px']:>7.1f} px"
            f"{row['median_torso']:>9.1%}{row['agree']:>8.1%}{lag:>9}{row['swaps']:>7}"
        )
    frames = ", ".join(str(comparison.frame[row]) for row in comparison.worst_frames(6))
    print(f"\nThey disagree most in frames {frames}")
    print(f"\nReport    {run.artifacts}/comparison.html")
    print(f"Run page  {run.page}")


def _share(value: float) -> str:
    """In percent; - where it cannot be told."""
    return f"{value:.2%}" if value == value else "-"


def _print_evaluation(metrics: dict[str, float]) -> None:
    from posexp.show.evaluation_report import SUMMARY

    for label, name, form in SUMMARY:
        if name in metrics:
            print(f"  {label:<28}{form.format(metrics[name]):>10}")


def _summarize(run: Run) -> None:
    """Print what a person wants to know when a run is done."""
    from posexp.store.address import is_server

    metrics = run.metrics
    rows = [
        ("frames", "tracking/frames", "{:.0f}"),
        ("tracked", "tracking/tracked_share", "{:.1%}"),
        ("longest gap", "tracking/longest_gap_s", "{:.2f} s"),
        ("confidence, mean", "confidence/mean", "{:.3f}"),
        ("confidence, 5th percentile", "confidence/p05", "{:.3f}"),
        ("confidence, arms", "confidence/arms", "{:.3f}"),
        ("confidence, torso", "confidence/torso", "{:.3f}"),
        ("confidence, legs", "confidence/legs", "{:.3f}"),
        ("jitter (above 6 Hz)", "jitter/residual_px", "{:.2f} px"),
        ("jitter / torso length", "jitter/residual_torso", "{:.2%}"),
    ]
    print(f"\n{run.name}   {run.tags['video.size']} px, {run.tags['video.fps']} frames/s")
    for label, name, form in rows:
        if name in metrics:
            print(f"  {label:<28}{form.format(metrics[name]):>10}")
    if "truth" in run.tags:
        print("against ground truth")
        _print_evaluation(metrics)
    print(f"\nResults   {run.artifacts}")
    print(f"Run page  {run.page}")
    print(f"Compare   {run.compare_page}")
    if not is_server(run.uri):
        print("The pages open after: python -m posexp ui")


@contextlib.contextmanager
def _stop_on_sigterm() -> Iterator[None]:
    """Let `kill` and a cluster's time limit end a run as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Output:
    """A stream whose end does no harm: what nobody takes any more is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.problem: OSError | None = None

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, action: Callable[[], object]) -> None:
        if self.problem is None:
            try:
                action()
            except OSError as error:
                self.problem = error
                # What is left in its buffer goes there when Python ends.
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self._stream.fileno())
                os.close(null)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _streams() -> Iterator[_Output]:
    """Output that takes any letter, and may be closed or full, before or meanwhile.

    Yields
    ------
    _Output
        stdout.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # else the next file that is opened, the database, say, becomes stderr
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    streams = [
        _Output(stream or open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        for stream in before
    ]
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = streams  # type: ignore[assignment]
    try:
        yield streams[0]
    finally:
        streams[1].flush()
        sys.stdout, sys.stderr = before


class _Terminal(logging.Handler):
    """Warnings as lines like the errors', on whatever stderr is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"posexp: {record.getMessage()}", file=sys.stderr)


@contextlib.contextmanager
def _native_messages(shown: bool) -> Iterator[None]:
    """Keep the log lines of TensorFlow's and MediaPipe's C++ off the terminal.

    They go to file descriptor 2 past any logging; Python's own stderr is kept.
    """
    if shown:
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    terminal = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    before = sys.stderr
    own = os.fdopen(terminal, "w", buffering=1, encoding=before.encoding, errors="backslashreplace")
    sys.stderr = _Output(own)  # type: ignore[assignment]
    os.dup2(null, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        own.close()
        sys.stderr = before
        os.close(null)


if __name__ == "__main__":
    sys.exit(main())
