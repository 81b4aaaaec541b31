"""Widgets for notebooks: thin layers over `comparison` and `tracking`; the player is JavaScript."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator, Sequence
from pathlib import Path

import anywidget
import ipywidgets
import numpy as np
import pandas as pd
import traitlets
from numpy.typing import NDArray

from posexp.errors import PosexpError
from posexp.measure import kinematics, quality
from posexp.measure.comparison import Comparison, compare, labels_of, threshold_of
from posexp.notebook import media
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BODY, COCO17, REGIONS
from posexp.settings import TrackingSettings
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.run import Run, newest_of_each

_HERE = Path(__file__).parent
# Okabe and Ito's colours, the light ones first: they lie on video.
_COLORS = ("#56b4e9", "#e69f00", "#cc79a7", "#f0e442", "#009e73", "#d55e00", "#9999ff")
_NOTHING = 65535
_MANY = 2_000_000  # joints times frames; beyond it, only the joints that all variants see are sent
_RUNS = 100  # on a page of the chooser


class Player(anywidget.AnyWidget):
    """One video, the skeletons of runs on it, and plots whose cursor follows.

    `player_of` makes it with all that it shows; everything per frame happens in the browser, and
    only ``frame`` goes back and forth.
    """

    _esm = _HERE / "player.js"
    _css = _HERE / "player.css"

    video_url = traitlets.Unicode().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    size = traitlets.List([640, 480]).tag(sync=True)
    runs = traitlets.List().tag(sync=True)
    points = traitlets.List().tag(sync=True)
    angles = traitlets.List().tag(sync=True)
    angle_names = traitlets.List().tag(sync=True)
    joints = traitlets.List().tag(sync=True)
    joint = traitlets.Unicode().tag(sync=True)
    times = traitlets.Bytes().tag(sync=True)
    frames = traitlets.Bytes().tag(sync=True)
    disagreement = traitlets.Bytes().tag(sync=True)
    worst = traitlets.List().tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True)


def player_of(
    sequences: dict[str, PoseSequence],
    video: Path | None,
    comparison: Comparison | None = None,
    message: str = "",
) -> Player:
    """A player for aligned sequences of one video.

    Everything is handed over when the widget is made: what comes later counts against the Jupyter
    server's limit of data per second, which a long video exceeds.

    Parameters
    ----------
    sequences : dict of str to PoseSequence
        By label; the same frames in each.
    video : Path, optional
        What they were extracted from; None when it is not there.
    comparison : Comparison, optional
        For the distance between the runs and where they disagree most.
    message : str
        Shown above, when there is something to say.
    """
    first = next(iter(sequences.values()))
    url = ""
    if video is not None:
        try:
            url = media.url_of(video)
        except PosexpError as error:
            message = " ".join([message, str(error)]).strip()
    common = [j for j in COCO17.joints if all(j in s.skeleton.joints for s in sequences.values())]
    tables = [kinematics.angles(poses) for poses in sequences.values()]
    names = [str(name) for name in tables[0] if all(name in table for table in tables)]
    rows = [_Drawn(label, poses, i) for i, (label, poses) in enumerate(sequences.items())]
    disagreement = comparison.disagreement if comparison is not None else np.empty(0)
    return Player(
        video_url=url,
        message=message,
        size=[first.width, first.height],
        runs=[row.about for row in rows],
        points=[row.points for row in rows],
        angle_names=names,
        angles=[np.ascontiguousarray(table[names], np.float32).tobytes() for table in tables],
        joints=[*(j for j in BODY if j in common), *(j for j in common if j not in BODY)],
        joint="left_knee" if "left_knee" in common else next(iter(common), ""),
        times=np.ascontiguousarray(first.time, np.float64).tobytes(),
        frames=np.ascontiguousarray(first.frame, np.int32).tobytes(),
        disagreement=np.ascontiguousarray(disagreement, np.float32).tobytes(),
        worst=[int(row) for row in comparison.worst_frames(10)] if comparison is not None else [],
        frame=int(first.frame[0]) if len(first) else 0,
    )


class _Drawn:
    """One run as the browser takes it."""

    def __init__(self, label: str, poses: PoseSequence, index: int) -> None:
        if len(poses) * len(poses.skeleton) > _MANY:
            poses = poses.select([j for j in poses.skeleton.joints if j in COCO17.joints])
        joints = poses.skeleton.joints
        groups = {"all joints": joints, "body": BODY, **REGIONS}
        self.about = {
            "label": label,
            "color": _COLORS[index % len(_COLORS)],
            "joints": list(joints),
            "edges": [list(poses.skeleton.indices(edge)) for edge in poses.skeleton.edges],
            "groups": {
                name: [joints.index(j) for j in members if j in joints]
                for name, members in groups.items()
            },
        }
        self.points = _packed(poses).tobytes()


def _packed(poses: PoseSequence) -> NDArray[np.uint16]:
    """(T, J, 3) x and y as shares of the picture from -0.5 to 1.5, confidence; all 0..65534."""
    shares = poses.image.astype(np.float64) / (poses.width, poses.height)
    levels = np.clip((shares + 0.5) / 2, 0, 1) * 65534
    packed = np.full((*shares.shape[:2], 3), _NOTHING, np.uint16)
    known = np.isfinite(shares).all(axis=-1)
    packed[..., :2][known] = np.round(levels[known])
    packed[..., 2] = np.round(poses.confidence.astype(np.float64) * 65534)
    return packed


class RunView(ipywidgets.VBox):
    """The player for one run, with its statistics and the raw table.

    Parameters
    ----------
    run : Run or PoseSequence
        What to look at.
    """

    def __init__(self, run: Run | PoseSequence) -> None:
        try:
            poses = run if isinstance(run, PoseSequence) else run.poses()
        except PosexpError as error:
            self.player = Player(message=str(error))
            super().__init__([self.player])
            return
        video, message = _video_of(run)
        self.player = player_of({poses.model or "run": poses}, video, message=message)
        table = quality.confidence_table(poses, threshold_of(run))
        parts = ipywidgets.Accordion(
            [ipywidgets.HTML(_html(table.round(3))), ipywidgets.HTML(_html(poses.to_table()))],
            titles=("Statistics by joint", f"Keypoint table ({len(poses)} frames)"),
        )
        super().__init__([self.player, parts])


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
        self._quiet = False
        self.player = Player()
        self.search = ipywidgets.Text(
            placeholder="words of the name, or key=value", description="search",
            continuous_update=False, layout=ipywidgets.Layout(width="270px"),
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
        self.chooser = ipywidgets.SelectMultiple(rows=7, layout=ipywidgets.Layout(width="auto"))
        self.table = ipywidgets.HTML()
        self.note = ipywidgets.HTML()
        filters = ipywidgets.HBox(
            [self.search, self.video, self.status, self.refresh, self._pages],
            layout=ipywidgets.Layout(flex_flow="row wrap"),
        )
        self._above = (filters, self.chooser, self.note, self.table)
        super().__init__([*self._above, self.player])
        for control in (self.search, self.video, self.status):
            control.observe(lambda _: self._list(), "value")
        self.refresh.on_click(lambda _: self._list())
        self.newer.on_click(lambda _: self._list(self._tokens[:-2]))
        self.older.on_click(lambda _: self._list(self._tokens))
        self.chooser.observe(lambda _: self._show(), "value")
        self._list()
        if runs:
            self.choose(runs)
        elif not self.chooser.value:
            self._choose_last()

    def choose(self, runs: Sequence[Run | str]) -> None:
        """Show these runs; ids, beginnings of ids, or runs."""
        with self._saying():
            store = self._archive.open()
            chosen = [store.run(run) if isinstance(run, str) else run for run in runs]
            for run in chosen:
                self._found.setdefault(run.id, run)
            self._fill([run.id for run in chosen])

    def _list(self, before: Sequence[str | None] = ()) -> None:
        """Ask for the page that follows those whose tokens are in `before`; or the first."""
        if self._quiet:
            return
        with self._saying():
            store = self._archive.open()
            wanted = {tags.VIDEO_SHA256: self.video.value} if self.video.value else {}
            status = self.status.value
            condition = "" if status == "all" else f"status = '{status}'"
            tokens = list(before) or [None]
            found, following = store.page_of(
                wanted, self.search.value, condition, _RUNS, tokens[-1]
            )
            self._tokens = [*tokens, following]
            self.newer.disabled, self.older.disabled = len(tokens) == 1, following is None
            one = self.newer.disabled and self.older.disabled
            self._pages.layout.display = "none" if one else ""
            chosen = [key for key in self.chooser.value if key in self._found]
            self._found = {run.id: run for run in found} | {k: self._found[k] for k in chosen}
            if not self.video.value:
                self._list_videos(found)
            self._fill(chosen)
            if not self._found:
                self._put(Player())
                self._say(
                    "No run is like that." if self.search.value or self.video.value else
                    "No runs yet. <code>%posexp model=mlkit video=clip.mp4</code> makes one."
                )  # fmt: skip

    def _list_videos(self, runs: list[Run]) -> None:
        videos = {run.video_sha256: run.video.name for run in runs if run.video}
        self._quiet = True
        self.video.options = [("all videos", ""), *((name, key) for key, name in videos.items())]
        self._quiet = False

    def _fill(self, chosen: list[str]) -> None:
        """List the runs that were found, without showing anything twice."""
        self._quiet = True
        self.chooser.options = [(_line(run), key) for key, run in self._found.items()]
        self.chooser.value = tuple(chosen)
        self._quiet = False
        self._show()

    def _choose_last(self) -> None:
        """The newest run of each variant of the newest run's video."""
        if not self._found:
            return
        newest = next(iter(self._found.values()))
        same = (r for r in self._found.values() if r.video_sha256 == newest.video_sha256)
        self.chooser.value = tuple(run.id for run in newest_of_each(same))

    def _show(self) -> None:
        if self._quiet:
            return
        runs = [self._found[key] for key in self.chooser.value if key in self._found]
        self.table.value = _html(_differences(runs)) if runs else ""
        if not runs:
            self._put(
                Player(message="Choose one run, or several of one video (Ctrl or Shift and click).")
            )
            return
        self._say("")
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
        before, self.player = self.player, player
        self.children = (*self._above, player)
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


def _line(run: Run) -> str:
    started = pd.Timestamp(run.start_ms, unit="ms").strftime("%Y-%m-%d %H:%M")
    video = run.video.name if run.video else ""
    status = "" if run.status == "FINISHED" else f"   {run.status}"
    return f"{run.model or '?':<10} {video}   {started}   {run.id[:8]}{status}"


def _differences(runs: list[Run]) -> pd.DataFrame:
    """A row per run: what differs between their parameters, and a few of their figures."""
    keys = dict.fromkeys(key for run in runs for key in run.params)
    # Keys of one variant only are no difference between the others.
    differing = [k for k in keys if len({r.params[k] for r in runs if k in r.params}) > 1]
    figures = {
        "tracking/tracked_share": "tracked", "jitter/residual_torso": "jitter / torso",
        "error/mean_px": "error, px", "pck/0.10": "PCK@0.1",
    }  # fmt: skip
    rows = []
    for run in runs:
        row = {"run": run.id[:8], "model": run.model}
        values = {key: run.params.get(key, "-") for key in differing if key != "model"}
        # Of a path or an address its end says enough.
        row |= {key: value.rstrip("/").rpartition("/")[2] for key, value in values.items()}
        row |= {
            name: f"{run.metrics[key]:.3g}" for key, name in figures.items() if key in run.metrics
        }
        rows.append(row)
    return pd.DataFrame(rows).fillna("-")


def _html(table: pd.DataFrame) -> str:
    body = table.to_html(index=False, border=0, max_rows=200, float_format="{:.4g}".format)
    return f'<div style="overflow:auto;max-height:360px">{body}</div>'
