"""A run as it was logged."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from posexp.errors import TrackingError
from posexp.pose.sequence import PoseSequence
from posexp.store import tags
from posexp.store.address import is_server
from posexp.store.views import sweep_query, table_query

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """A logged run.

    Attributes
    ----------
    id, name, status : str
        As in MLflow.
    params, tags : dict
        str to str.
    metrics : dict
        Last value by name; NaN, what is known no more, is left out.
    artifacts : str
        Folder or URI of its files.
    experiment_id : str
        Of its experiment.
    uri : str
        Of the store.
    start_ms : int
        When it began, ms since 1970.
    """

    id: str
    name: str
    status: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]
    artifacts: str
    experiment_id: str
    uri: str
    start_ms: int = 0

    @property
    def model(self) -> str:
        """The variant; empty when the run does not say."""
        return self.params.get(tags.MODEL, "")

    @property
    def variant(self) -> tuple[tuple[str, str], ...]:
        """The variant with all its options: runs of equal ones saw with the same model."""
        return tuple(sorted(pair for pair in self.params.items() if pair[0].startswith(tags.MODEL)))

    @property
    def video(self) -> Path | None:
        """Where the video was; None for runs that are of none."""
        path = self.tags.get(tags.VIDEO)
        return Path(path) if path else None

    @property
    def video_sha256(self) -> str:
        """Of the video's content; empty when the run does not say."""
        return self.tags.get(tags.VIDEO_SHA256, "")

    @property
    def edited(self) -> bool:
        """Whether a person has put it right: then it is not what the model said."""
        return tags.EDITED_FROM in self.tags

    @property
    def fingerprint(self) -> str:
        """Of all that decides its results; empty when the run does not say."""
        return self.tags.get(tags.FINGERPRINT, "")

    @property
    def threshold(self) -> float | None:
        """The confidence from which a joint counts as seen; None when the run does not say."""
        value = self.params.get(tags.THRESHOLD)
        return None if value is None else float(value)

    @property
    def page(self) -> str:
        """Address of the run in the UI."""
        return f"{self._server}/{self.route}?workflowType=machine_learning"

    @property
    def route(self) -> str:
        """The same inside the UI."""
        return f"#/experiments/{self.experiment_id}/runs/{self.id}"

    @property
    def table_route(self) -> str:
        """The table of all runs, sorted by video, inside the UI."""
        return f"#/experiments/{self.experiment_id}/runs?{table_query()}"

    @property
    def table_page(self) -> str:
        """Address of the table of all runs, sorted by video."""
        return f"{self._server}/{self.table_route}"

    @property
    def sweep_page(self) -> str:
        """Address of the charts of all runs of the same sweep."""
        charts = sweep_query(self.tags.get(tags.SWEEP, ""))
        return f"{self._server}/#/experiments/{self.experiment_id}/runs?{charts}"

    @property
    def _server(self) -> str:
        return self.uri.rstrip("/") if is_server(self.uri) else "http://127.0.0.1:5000"

    def _repr_html_(self) -> str:
        """For notebooks: what it was, what came out, and where it is."""
        told = {
            "tracking/frames": ("frames", "{:.0f}"),
            "tracking/tracked_share": ("tracked", "{:.1%}"),
            "jitter/residual_torso": ("jitter", "{:.2%} of the torso"),
            "error/mean_px": ("error", "{:.2f} px"), "pck/0.10": ("PCK@0.1", "{:.1%}"),
        }  # fmt: skip
        rows = [
            ("model", self.model),
            ("video", str(self.video or "")),
            ("status", self.status),
            *(
                (name, form.format(self.metrics[key]))
                for key, (name, form) in told.items()
                if key in self.metrics
            ),
            ("files", self.artifacts),
        ]
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(k)}</th>"
            f"<td style='text-align:left'>{html.escape(v)}</td></tr>"
            for k, v in rows
        )
        link = html.escape(self.page, quote=True)
        return (
            f"<b>{html.escape(self.name)}</b> <code>{html.escape(self.id[:8])}</code> "
            f'<a href="{link}" target="_blank">page in the MLflow UI</a><table>{cells}</table>'
        )

    def file(self, path: str) -> Path:
        """One artifact, such as ``overlay/overlay.mp4``; a copy when it is on a server.

        Raises
        ------
        TrackingError
            When the run has no such artifact, or its files have moved.
        """
        local = Path(self.artifacts) / path
        if local.is_file():
            return local
        from posexp.store.artifacts import download

        try:
            return download(self.id, path, self.uri)
        except OSError as error:
            raise TrackingError(
                f"run {self.name} ({self.id})", f"expected the artifact {path}, found none",
                f"Were the files in {self.artifacts} moved or deleted?",
            ) from error  # fmt: skip

    def table(self, path: str) -> pd.DataFrame | None:
        """One of its tables, such as ``movement/repetitions.csv``; None where it has none such."""
        import pandas as pd

        try:
            return pd.read_csv(self.file(path))
        except TrackingError:
            return None

    def poses(self) -> PoseSequence:
        """The keypoints that the run extracted, all joints."""
        return PoseSequence.read(self.file("keypoints/keypoints.parquet"))

    def export(
        self,
        path: str | Path,
        format: str | None = None,
        *,
        what: str | None = None,
        unit: str = "px",
        overwrite: bool = False,
    ) -> Path:
        """Write it to a file that another program reads; docs/export.md has the formats.

        Parameters
        ----------
        path : path
            The file. Its ending says the format: ``.trc``, ``.c3d``, ``.xlsx`` ...
        format : str, optional
            Where endings are alike: ``deeplabcut``, ``lightningpose``.
        what : str, optional
            ``raw`` or ``cleaned``; cleaned where the run has it, by default.
        unit : str
            ``px``, or ``m``: world coordinates of 3D variants, else by the run's scale.
        overwrite : bool
            Replace a file that is there.

        Raises
        ------
        PosexpError
            As `posexp.export`, and for ``cleaned`` of a run that has nothing cleaned.
        """
        from posexp.exports.write import export_run  # with pandas

        return export_run(self, path, format, what=what, unit=unit, overwrite=overwrite)


def newest_of_each(runs: Iterable[Run]) -> list[Run]:
    """The newest run of each variant on each video, of runs that come newest first.

    None that a person has edited: it is not what the variant says.
    """
    newest: dict[tuple[object, ...], Run] = {}
    for run in runs:
        if not run.edited:
            newest.setdefault((run.video_sha256, run.variant), run)
    return list(newest.values())
