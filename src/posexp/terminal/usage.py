"""What can be typed after ``python -m posexp``: the commands, their options and keys, the help."""

from __future__ import annotations

from posexp.errors import ConfigError
from posexp.terminal.program import Command, Options, Program

_HELP = """\
posexp: what did each pose model see, how sure was it, and which should I use?

  python -m posexp [key=value ...]     extract the poses of one video, log one MLflow run
  python -m posexp -m [key=a,b ...]    every variant on every video: a sweep, one run for each
  python -m posexp ui [--port 5000]    open the runs in the MLflow UI, on this machine only
  python -m posexp evaluate run=last truth=FILE    how far is a run from ground truth?
  python -m posexp compare video=FILE  what did the variants see, and where do they disagree?
  python -m posexp export run=last to=DIR format=xlsx,trc    files for Excel, OpenSim, MATLAB, ...
  python -m posexp edit run=last events=FILE    put events or keypoints right, as a new run
  python -m posexp rerun run=last      repeat a run; are the keypoints the same?
  python -m posexp sync [key=value]    log results that are waiting for a server
  python -m posexp store [repair]      where the runs are, and what is in there
  python -m posexp weights             which models are here; get=thunder,heavy fetches ahead
  python -m posexp media [clear]       what notebooks keep in mlruns/media for the browser
  python -m posexp COMMAND --help      the options and keys of a command, with examples

Examples
  python -m posexp                                       the embedded clip and model, offline
  python -m posexp model=lightning video=clip.mp4        your video with MoveNet Lightning
  python -m posexp model=thunder video="my clip (1).mp4" video.start=2.5 video.stop=30
  python -m posexp model=mlkit model.complexity=lite video=~/films/clip.mov
  python -m posexp model=lightning model.weights=movenet.tflite video=clip.mp4 overlay=none
  python -m posexp -m model=lightning,mlkit video=clips/  a folder; also clips/**/*.mp4, list.csv
  python -m posexp evaluate run=last truth=labels.csv    COCO, DeepLabCut, wide CSV, our tables

Which model                  {models}
                             (files in conf/model explain every key of ours)
  model=mlkit                BlazePose, 33 landmarks in 3D; embedded, needs no network
    model.complexity         full | lite | heavy (lite and heavy are fetched once)
    model.mode               stream: track and smooth | single_image: detect in every frame
    model.min_detection_confidence, min_presence_confidence, min_tracking_confidence   0 to 1
  model=lightning            MoveNet, 17 keypoints in 2D, the faster; fetched once
  model=thunder              MoveNet, 17 keypoints in 2D, the more exact; fetched once
    model.crop.min_keypoint_score   0 to 1    joints below it do not steer the crop
    model.crop.torso_expansion, model.crop.body_expansion   1 to 10
    model.input_size         px; only for models that take any size
    model.runtime            auto (LiteRT, where that can) | litert | tensorflow
    model.threads            of LiteRT
  model.weights              a file in place of the default: .task, .tflite, TF.js model.json,
                             SavedModel folder

Whom to follow               person=auto | largest | central | left | right | 2 | 612,340 (px)
                             person.time=2.5 (s): when
                             the people, numbered: person/people.jpg of every run
                             person=off: the whole picture, unwatched
Which part of the video      video.start, video.stop in seconds
How keypoints are cleaned    cleaning=standard | none, before angles and times are told
What is done                 activity=auto | sit_to_stand | squat | none: counted and timed
  scale.height_m=1.75        the person's: rises in m too; or scale.shank_m; or
                             scale.points=X,Y,X,Y (px) scale.distance_m=2
What is written              keypoints.joints=body|all   keypoints.confidence_threshold=0.3
  overlay=standard|none      overlay.height=720   overlay.start_frame, overlay.stop_frame
                             overlay.confidence_threshold=0.3   overlay.trail=0 (frames)
  tracking=local             tracking.folder=mlruns   tracking.uri=http://server:5000
                             tracking.experiment=posexp   tracking.run_name

Many videos                  a sweep does what is missing; the same command goes on with it
  video                      folder, glob, .txt, .csv (column video; the others become tags)
  launcher.jobs=1            clips at once on this machine; -1 is one per processor
  launcher=submitit          SLURM: launcher.jobs, cpus, memory_gb, minutes, partition, account
  force=true                 again, also what is finished       tracking.sweep   its name

Options
  -h, --help     this text           -v, --verbose   where a run's seconds went; full tracebacks
  --version      the version         --cfg           show the resolved configuration, run nothing
"""

_STORE = """
Where the runs are
  tracking.folder=mlruns     the folder of a local store; here, or in the nearest folder above
  tracking.uri=ADDRESS       of a server: http://server:5000; or MLFLOW_TRACKING_URI
  tracking.experiment=posexp
"""

_FLAGS = """\
  -h, --help     this text           -v, --verbose   errors with their full traceback
"""

_UI = f"""\
Open the runs in the MLflow UI: this machine serves it until Ctrl-C.

  python -m posexp ui [--port 5000] [--host ADDRESS] [--allowed-hosts NAME,NAME] [tracking.*=...]
{_STORE}
Options
  --port PORT                5000
  --host ADDRESS             127.0.0.1, this machine only. 0.0.0.0 lets others in, who ask for it
                             by this machine's names. There is no password: who reaches the port
                             can read and delete all runs
  --allowed-hosts NAME,NAME  more names by which others ask for it, when that is refused
{_FLAGS}
Examples
  python -m posexp ui
  python -m posexp ui --port 5001 tracking.folder=~/study/mlruns
  python -m posexp ui --host 0.0.0.0 --allowed-hosts runs.example.org
"""

_EVALUATE = f"""\
How far is a logged run from ground truth? Errors, PCK, OKS, angles, lag, swaps: into the run.

  python -m posexp evaluate [run=last] [truth=FILE] [tracking.*=...]

  run                        its id, the beginning of it, or last
  truth                      COCO keypoints, DeepLabCut, wide CSV, our tables; joints by name.
                             Without it clip.truth.csv (.json, .parquet) beside clip.mp4
{_STORE}
Options
{_FLAGS}
Examples
  python -m posexp evaluate run=last truth=labels.csv
  python -m posexp evaluate run=3d0cb4b3 tracking.folder=~/study/mlruns
"""

_COMPARE = f"""\
What did the variants see in a video, and where do they disagree? Logs tables, figures and a page.

  python -m posexp compare video=FILE | runs=ID,ID | sweep=NAME [tracking.*=...]

  video                      all finished runs of this video, the newest of each variant
  runs                       these, of one video: ids or beginnings of them
  sweep                      all finished runs of a sweep, each of its videos by itself
{_STORE}
Options
{_FLAGS}
Examples
  python -m posexp compare video=clip.mp4
  python -m posexp compare runs=3d0cb4b3,9a7e11c0
  python -m posexp compare sweep=pilot
"""

_EXPORT = f"""\
Write runs to files that other programs read; docs/export.md says what each can hold.

  python -m posexp export [run=last | run=ID,ID | sweep=NAME] to=FOLDER format=NAME,NAME
                          [what=raw|cleaned] [unit=px|m] [overwrite=true] [tracking.*=...]

  run                        ids, beginnings of them, or last
  sweep                      instead: all finished runs of a sweep, the newest of each variant on
                             each video
  to                         a folder, made if need be. Names of files say video, variant, raw or
                             cleaned, unit and run
  format                     xlsx, csv (tidy), mat (MATLAB), trc, mot (OpenSim), c3d, movement, nwb,
                             deeplabcut, deeplabcut_h5, lightningpose, coco, kinovea
  what                       cleaned where a run has it, else raw
  unit                       px; m takes the metres of 3D variants, else the run's scale
  overwrite                  true replaces files that are there
{_STORE}
Options
{_FLAGS}
Examples
  python -m posexp export to=files format=xlsx
  python -m posexp export run=3d0cb4b3 to=opensim format=trc,mot unit=m
  python -m posexp export sweep=pilot to=~/study/files format=movement,deeplabcut what=raw
"""

_EDIT = f"""\
Put the events or keypoints of a run right, as a new run: all that follows from them is made again.
The notebook's player does the same with the mouse; docs/editing.md has the rules.

  python -m posexp edit [run=last] events=FILE | keypoints=FILE [tracking.*=...]

  run                        its id, the beginning of it, or last
  events                     CSV in place of all events, columns lean_start, rise_start, standing,
                             sit_start, seated (s, empty where not known): edit the run's own
                             movement/repetitions.csv; its other columns are computed again
  keypoints                  CSV with frame, joint, x, y (px); x and y empty: not to be seen
{_STORE}
Options
{_FLAGS}
Examples
  python -m posexp edit run=last events=repetitions.csv
  python -m posexp edit run=3d0cb4b3 keypoints=points.csv
"""

_RERUN = f"""\
Repeat a logged run from its own configuration, and say whether the keypoints are the same bit for
bit. The exit status is 1 when they are not.

  python -m posexp rerun [run=last] [weights=FILE] [tracking.*=...]

  run                        its id, the beginning of it, or last
  weights                    a file, or an address that you trust, in place of the logged ones
{_STORE}
Options
{_FLAGS}
Examples
  python -m posexp rerun run=last
  python -m posexp rerun run=3d0cb4b3 weights=movenet.tflite
"""

_SYNC = f"""\
Log results that wait in mlruns/pending for a server, or that a dead process has left there.

  python -m posexp sync [tracking.*=...]
{_STORE}
Options
{_FLAGS}
Examples
  python -m posexp sync
  python -m posexp sync tracking.uri=http://server:5000
"""

_STORE_HELP = f"""\
Where the runs are, how many there are, and how much room they take. Without tracking.folder it is
the mlruns/ of this folder, or of the nearest one above that has one.

A store that was moved or copied with its folder mends itself when it is next used: its files are
looked for, and written, beside it. repair also fetches the files that a copy has written into the
old place, closes runs whose process died, and names runs whose files are gone.

  python -m posexp store [repair] [tracking.*=...]
{_STORE}
Options
{_FLAGS}
Examples
  python -m posexp store
  python -m posexp store repair tracking.folder=~/study/mlruns
"""

_WEIGHTS = f"""\
Which models are on this machine, their sizes, licences and sources; and fetching some ahead.

  python -m posexp weights [get=NAME,NAME]

  get                        into the user's cache, for a place without a network

Options
{_FLAGS}
Examples
  python -m posexp weights
  python -m posexp weights get=thunder,heavy
"""

_MEDIA = f"""\
What notebooks have linked or copied into mlruns/media for the browser. A link keeps its video's
content on the disk when the video is deleted; clear removes all links and copies, and no video.

  python -m posexp media [clear]

Options
{_FLAGS}
Examples
  python -m posexp media
  python -m posexp media clear
"""


def help_text() -> str:
    """All of it; the models are those that are installed."""
    from posexp.models import entries  # 25 ms, which no other help needs

    return _HELP.replace("{models}", " | ".join(entries.names()))


def _run_options(options: Options) -> None:
    options.flag("-m", "--multirun")
    options.flag("--cfg")


def _ui_options(options: Options) -> None:
    options.value("--host", _address, "127.0.0.1")
    options.value("--port", _port, 5000)
    options.value("--allowed-hosts", _hosts, [])


def _address(text: str) -> str:
    if not text.strip():
        raise ConfigError("--host", "expected an address, got nothing", "0.0.0.0 is every one")
    return text


def _port(text: str) -> int:
    plain = text.isascii() and text.isdecimal() and len(text) < 6  # int() has an end too
    if not (plain and 0 < int(text) < 65536):
        raise ConfigError("--port", f"expected a port from 1 to 65535, got {text!r}")
    return int(text)


def _hosts(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


PROGRAM = Program(
    name="python -m posexp",
    help=help_text,
    default=Command("", add_options=_run_options),
    commands=(
        Command("ui", _UI, add_options=_ui_options, shows_stderr=True),
        Command(
            "evaluate", _EVALUATE, "python -m posexp evaluate run=last truth=labels.csv",
            keys={"run": "last", "truth": None}, hydra="tracking",
        ),
        Command(
            "compare", _COMPARE, "python -m posexp compare video=clip.mp4",
            keys={"runs": None, "video": None, "sweep": None}, hydra="tracking",
        ),
        Command(
            "export", _EXPORT, "python -m posexp export run=last to=files format=xlsx",
            keys={
                "run": None, "sweep": None, "to": None, "format": None, "what": None, "unit": "px",
                "overwrite": "false",
            },
            hydra="tracking",
        ),
        Command(
            "edit", _EDIT, "python -m posexp edit run=last events=repetitions.csv",
            keys={"run": "last", "events": None, "keypoints": None}, hydra="tracking",
        ),
        Command(
            "rerun", _RERUN, "python -m posexp rerun run=last",
            keys={"run": "last", "weights": None}, hydra="tracking",
        ),
        Command("sync", _SYNC),
        Command("store", _STORE_HELP, words=("repair",), hydra="tracking"),
        Command(
            "weights", _WEIGHTS, "python -m posexp weights get=thunder,heavy",
            keys={"get": None}, hydra=None,
        ),
        Command(
            "media", _MEDIA, "python -m posexp media clear", words=("clear",), hydra=None
        ),
    ),
)  # fmt: skip
