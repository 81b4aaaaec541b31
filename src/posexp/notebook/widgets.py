"""Widgets for notebooks: thin layers over `comparison` and `tracking`; the player is JavaScript."""

from __future__ import annotations

import contextlib
import html
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd
from IPython.display import display

from posexp.config import logged_overrides
from posexp.errors import PosexpError
from posexp.exports.write import REPETITIONS
from posexp.measure import quality
from posexp.measure.comparison import compare, labels_of, threshold_of
from posexp.models import native
from posexp.movement.given import activity_of_events, grouped
from posexp.notebook.player import Findings, Player, player_of
from posexp.notebook.table import RunTable, row_of, understood
from posexp.pose.sequence import PoseSequence
from posexp.runs.editing import edit, settings_of
from posexp.runs.run import run as extract
from posexp.settings import TrackingSettings
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.run import Run, newest_of_each

_RUNS = 100  # on a page of the chooser


class RunView(ipywidgets.VBox):
    """The player for one run, with its statistics and the raw table.

    A click on somebody in the picture tells how to follow them, and a button does so: the same
    video and model, as a new run. *Edit* puts events and joints right, as a new run too.

    Parameters
    ----------
    run : Run or PoseSequence
        What to look at.
    """

    def __init__(self, run: Run | PoseSequence) -> None:
        self._run = run if isinstance(run, Run) else None
        try:
            poses = run if isinstance(run, PoseSequence) else run.poses()
            findings = Findings.of(run) if isinstance(run, Run) else None
        except PosexpError as error:
            self.player = Player(message=str(error))
            super().__init__([self.player])
            return
        video, message = _video_of(run)
        self.player = player_of(
            {poses.model or "run": poses}, video, message=message, findings=findings,
            pickable=self._run is not None and video is not None,
            editable=self._run is not None and video is not None,
        )  # fmt: skip
        self.player.on_msg(self._asked)
        self.output = ipywidgets.Output()
        table = quality.confidence_table(poses, threshold_of(run))
        parts = ipywidgets.Accordion(
            [ipywidgets.HTML(_html(table.round(3))), ipywidgets.HTML(_html(poses.to_table()))],
            titles=("Statistics by joint", f"Keypoint table ({len(poses)} frames)"),
        )
        super().__init__([self.player, self.output, parts])

    def _display_(self) -> Player:
        """For marimo, which shows anywidgets but no boxes of ipywidgets."""
        return self.player

    def _asked(self, _: object, content: dict[str, Any], __: object) -> None:
        if "follow" in content:
            x, y, time = content["follow"]
            self.follow(x, y, time)
        if "edit" in content:
            self._save(content["edit"]["events"], content["edit"]["points"])
        if "show" in content and self._run is not None:
            self._put(RunView(Archive(settings_of(self._run)).open().run(content["show"])))

    def _save(self, marks: list[tuple[str, float]] | None, points: list[list[Any]]) -> Run | None:
        """Make a new run of what was changed in the player, and tell it."""
        first, told = self._run, 0.0
        if first is None:
            return None

        def report(done: int, expected: int | None, doing: str = "") -> None:
            nonlocal told
            if doing or time.monotonic() - told > 0.3:  # a browser need not hear of every frame
                told = time.monotonic()
                of = f" of {expected}" if expected else ""
                self.player.send({"saving": doing or f"frame {done}{of}"})

        said: dict[str, Any] = {"refused": "It was interrupted: nothing is saved"}
        try:
            events = None if marks is None else grouped(marks, _goes_down_first(first))
            table = pd.DataFrame(points, columns=["frame", "joint", "x", "y"]) if points else None
            new = edit(first, events, table, report=report)
            said = {"saved": {"id": new.id, "name": new.name}}
            return new
        except PosexpError as error:
            said = {"refused": str(error)}
            return None
        finally:  # whatever happens, it must not wait for ever
            self.player.send(said)

    def follow(self, x: float, y: float, time: float) -> Run | None:
        """Make a new run that follows who is at x, y (px) at `time` (s), and offer to show it."""
        first = self._run
        if first is None:
            return None
        self.output.clear_output()
        with self.output, native.messages_off():  # the bar is shown in it
            try:
                new = extract(_following(first, x, y, time), progress=True)
            except PosexpError as error:
                print(f"posexp: {error}")
                return None
            show = ipywidgets.Button(description="Show the new run", icon="play")
            both = ipywidgets.Button(description="Compare both", icon="columns")
            for button in (show, both):
                button.layout.width = "auto"
            show.on_click(lambda _: self._put(RunView(new)))
            both.on_click(lambda _: self._put(CompareRuns([first, new], uri=new.uri)))
            said = ipywidgets.HTML(f"<b>{html.escape(new.name)}</b> <code>{new.id[:8]}</code>")
            display(ipywidgets.HBox([said, show, both]))  # type: ignore[no-untyped-call]
        return new

    def _put(self, view: ipywidgets.VBox) -> None:
        """Show another view in place of this one."""
        self.children = [view]


def _goes_down_first(run: Run) -> bool:
    """Whether its repetitions are squats."""
    if tags.MOVEMENT not in run.tags:
        return run.params.get("activity") == "squat"
    table = pd.read_csv(run.file(REPETITIONS))
    return (activity_of_events(table) or run.params.get("activity")) == "squat"


def _following(run: Run, x: float, y: float, time: float) -> list[str]:
    """What is typed to do a logged run again, following who is at x, y (px) at `time` (s)."""
    logged = logged_overrides(run.file("config/config.yaml"))
    typed = [text for text in logged if not text.startswith("person")]
    typed += [f"person={x:g},{y:g}", f"person.time={time:g}"]
    if run.uri != Archive(TrackingSettings()).address.uri:
        typed.append(f"tracking.uri={run.uri}")
    experiment = run.params.get("tracking.experiment")
    return [*typed, f"tracking.experiment={experiment}"] if experiment else typed


class CompareRuns(ipywidgets.VBox):
    """Choose runs of one video, and see side by side what each saw.

    Parameters
    ----------
    runs : sequence of Run or str, optional
        Chosen at the beginning; ids or runs.
    uri : str, optional
        MLflow tracking URI; ``$MLFLOW_TRACKING_URI`` or ``mlruns/`` here by default.
    folder : str
        Of the local store.
    """

    def __init__(
        self, runs: Sequence[Run | str] = (), uri: str | None = None, folder: str = "mlruns"
    ) -> None:
        self._archive = Archive(TrackingSettings(uri=uri, folder=folder))
        self._found: dict[str, Run] = {}
        self._known: dict[str, Run] = {}  # all that were ever listed
        self._quiet = False
        self._player: Player | None = None  # one that is closed at once fails in the browser
        self.search = ipywidgets.Text(
            placeholder="words of the name, model=mlkit, sweep=NAME", description="filter",
            continuous_update=False, layout=ipywidgets.Layout(width="340px"),
        )  # fmt: skip
        self.video = ipywidgets.Dropdown(
            options=[("all videos", "")], description="video",
            layout=ipywidgets.Layout(width="330px"),
        )  # fmt: skip
        self.status = ipywidgets.Dropdown(
            options=["FINISHED", "all"], description="status",
            layout=ipywidgets.Layout(width="200px"),
        )  # fmt: skip
        self.refresh = ipywidgets.Button(
            description="Refresh", icon="refresh", tooltip="Look again"
        )
        self.newer = ipywidgets.Button(description="Newer", icon="arrow-up", disabled=True)
        self.older = ipywidgets.Button(description="Older", icon="arrow-down", disabled=True)
        self._pages = ipywidgets.HBox([self.newer, self.older])
        self._tokens: list[str | None] = [None]  # of the pages up to the one that is listed
        self.chooser = RunTable()
        self.table = ipywidgets.HTML()
        self.note = ipywidgets.HTML()
        filters = ipywidgets.HBox(
            [self.search, self.video, self.status, self.refresh, self._pages],
            layout=ipywidgets.Layout(flex_flow="row wrap"),
        )
        self._above = (filters, self.chooser, self.note, self.table)
        super().__init__(self._above)
        for control in (self.search, self.video, self.status):
            control.observe(lambda _: self._relist(), "value")
        self.refresh.on_click(lambda _: self._relist())
        self.newer.on_click(lambda _: self._relist(self._tokens[:-2]))
        self.older.on_click(lambda _: self._relist(self._tokens))
        self.chooser.observe(lambda _: self._marked(), "value")
        self._list()
        if runs:
            self.choose(runs)
        elif not self.chooser.value:
            self._choose_last()
        if self._player is None:
            self._show()

    @property
    def player(self) -> Player:
        """Of the runs that are chosen."""
        assert self._player is not None
        return self._player

    def _display_(self) -> Player:
        """For marimo, as `RunView` does: the player of what is chosen."""
        return self.player

    def choose(self, runs: Sequence[Run | str]) -> None:
        """Show these runs; ids, beginnings of ids, or runs."""
        with self._saying():
            store = self._archive.open()
            chosen = [store.run(run) if isinstance(run, str) else run for run in runs]
            for run in chosen:
                self._found.setdefault(run.id, run)
            self._fill([run.id for run in chosen])
            self._say("")
            self._show()

    def _relist(self, before: Sequence[str | None] = ()) -> None:
        if not self._quiet:
            self._list(before)
            self._show()

    def _list(self, before: Sequence[str | None] = ()) -> None:
        """Ask for the page that follows those whose tokens are in `before`; or the first."""
        with self._saying():
            store = self._archive.open()
            wanted = {tags.VIDEO_SHA256: self.video.value} if self.video.value else {}
            status = self.status.value
            condition = "" if status == "all" else f"status = '{status}'"
            tokens = list(before) or [None]
            words, keys, strange = understood(self.search.value)
            found, following = store.page_of(wanted, words, condition, _RUNS, tokens[-1])
            self._known |= {run.id: run for run in found}
            self._tokens = [*tokens, following]
            self.newer.disabled, self.older.disabled = len(tokens) == 1, following is None
            one = self.newer.disabled and self.older.disabled
            self._pages.layout.display = "none" if one else ""
            chosen = [key for key in self.chooser.value if key in self._found]
            self._found = {run.id: run for run in found} | {k: self._found[k] for k in chosen}
            if not self.video.value:
                self._list_videos(found)
            self._fill(chosen)
            said = []
            if strange:
                said.append(
                    f"Not understood, and left out: {html.escape(', '.join(strange))}. Words of "
                    "the name are, and key=value, as in model=mlkit or sweep=NAME."
                )
            if not found and (words or self.video.value):
                said.append("No run is like that.")
                known = {key for run in self._known.values() for key in (*run.params, *run.tags)}
                if missing := [key for key in keys if key not in known]:
                    said.append(f"None that was listed has {html.escape(', '.join(missing))}.")
            elif not self._found:
                address = self._archive.address
                where = address.uri if address.named else address.folder.resolve()
                said.append(
                    f"No runs yet in {html.escape(str(where))}. "
                    "<code>%posexp model=mlkit video=clip.mp4</code> makes one."
                )
            self._say(" ".join(said))

    def _list_videos(self, runs: list[Run]) -> None:
        videos = {run.video_sha256: run.video.name for run in runs if run.video}
        self._quiet = True
        self.video.options = [("all videos", ""), *((name, key) for key, name in videos.items())]
        self._quiet = False

    def _fill(self, chosen: list[str]) -> None:
        """List the runs that were found, without showing any."""
        self._quiet = True
        self.chooser.rows = [row_of(run) for run in self._found.values()]
        self.chooser.value = chosen
        self._quiet = False

    def _choose_last(self) -> None:
        """The newest run of each variant of the newest run's video."""
        if not self._found:
            return
        newest = next(iter(self._found.values()))
        same = (r for r in self._found.values() if r.video_sha256 == newest.video_sha256)
        self.chooser.value = [run.id for run in newest_of_each(same)]

    def _marked(self) -> None:
        if not self._quiet:
            self._say("")
            self._show()

    def _show(self) -> None:
        runs = [self._found[key] for key in self.chooser.value if key in self._found]
        self.table.value = _html(_differences(runs)) if runs else ""
        if not runs:
            hint = "Choose a run, or mark several of one video." if self._found else ""
            self._put(Player(message=hint))
            return
        with self._saying():
            video, message = _video_of(runs[0])
            if len(runs) == 1:
                poses = {labels_of(runs)[0]: runs[0].poses()}
                self._put(player_of(poses, video, message=message))
                return
            comparison = compare(runs)
            self._put(player_of(comparison.sequences, video, comparison, message))

    def _put(self, player: Player) -> None:
        """Show a player in place of the last one, which is taken back from the browser."""
        before, self._player = self._player, player
        self.children = (*self._above, player)
        if before is not None:
            before.close()

    @contextlib.contextmanager
    def _saying(self) -> Iterator[None]:
        """Turn errors into a message in the widget."""
        try:
            yield
        except PosexpError as error:
            self._put(Player())
            self._say(html.escape(str(error)))

    def _say(self, text: str) -> None:
        self.note.value = f'<div role="status">{text}</div>' if text else ""


def _video_of(run: Run | PoseSequence) -> tuple[Path | None, str]:
    """The video of a run, and what to say when it is not there."""
    if isinstance(run, PoseSequence):
        video = Path(run.source) if run.source else None
    else:
        video = run.video
    if video is None or not video.is_file():
        return (
            None,
            f"The video is not where it was ({video or ''}): the skeletons are shown without it.",
        )
    return video, ""


_UNTOLD = {"model", "overlay.enabled", "overlay.height"}
"""Parameters that the table of differences tells in a column of its own, or that change no pose."""


def _differences(runs: list[Run]) -> pd.DataFrame:
    """A row per run: what differs between their parameters, and a few of their figures."""
    keys = dict.fromkeys(key for run in runs for key in run.params if key not in _UNTOLD)
    # Keys of one variant only are no difference between the others, nor is what each brings along.
    differing = [k for k in keys if any(_differs(k, each) for each in _comparable(k, runs))]
    figures = {
        "tracking/tracked_share": ("tracked", "{:.1%}"),
        "jitter/residual_torso": ("jitter / torso", "{:.2%}"),
        "error/mean_px": ("error", "{:.2f} px"), "pck/0.10": ("PCK@0.1", "{:.1%}"),
    }  # fmt: skip
    rows = []
    for run in runs:
        row = {"run": run.id[:8], "model": run.model}
        values = {key: run.params.get(key, "-") for key in differing}
        values = {key: "-" if value == "None" else value for key, value in values.items()}
        # Of a path or an address its end says enough.
        row |= {key: value.rstrip("/").rpartition("/")[2] for key, value in values.items()}
        row |= {
            name: form.format(run.metrics[key])
            for key, (name, form) in figures.items()
            if key in run.metrics
        }
        rows.append(row)
    return pd.DataFrame(rows).fillna("-")


def _comparable(key: str, runs: list[Run]) -> list[list[Run]]:
    """Runs among which a parameter may differ: a model's own among those of that model only."""
    if not key.startswith("model."):
        return [runs]
    return [[run for run in runs if run.model == model] for model in {run.model for run in runs}]


def _differs(key: str, runs: list[Run]) -> bool:
    return len({run.params[key] for run in runs if key in run.params}) > 1


def _html(table: pd.DataFrame) -> str:
    body = table.to_html(index=False, border=0, max_rows=200, float_format="{:.4g}".format)
    return f'<div class="posexp-table">{body}</div>'
