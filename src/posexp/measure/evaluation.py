"""How far a variant is from ground truth, in the field's metrics.

A joint that the truth has and the model did not return counts against the model: as an error
without bound in medians and percentiles, as wrong in PCK, as no similarity in OKS. Means of px and
mm cannot take it in and are over what was returned; ``detection/missing_share`` stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posexp.measure import kinematics
from posexp.measure.metrics import (
    OKS_SIGMAS,
    OKS_THRESHOLDS,
    PCK_THRESHOLDS,
    average_precision,
    oks,
    pck,
    procrustes,
    quantile,
    swaps,
)
from posexp.measure.quality import torso_length
from posexp.pose.sequence import Floats, PoseSequence
from posexp.pose.truth import GroundTruth, align, read_truth

GROUPS = frozenset({
    "error", "detection", "pck", "oks", "angle_error", "world_error", "swaps", "timing",
    "calibration",
})  # fmt: skip
"""Prefixes of all metrics of an evaluation, which belong to one truth and change with it."""

_BINS = 10  # of the calibration curve


class HasPoses(Protocol):
    """A logged run."""

    def poses(self) -> PoseSequence:
        """Its keypoints."""
        ...


def evaluate(
    poses: PoseSequence | HasPoses,
    truth: GroundTruth | PoseSequence | str | Path,
    *,
    part: bool = False,
) -> Evaluation:
    """Compare a sequence, or a logged run, with ground truth.

    Parameters
    ----------
    poses : PoseSequence or Run
        What a variant saw.
    truth : path, PoseSequence or GroundTruth
        See `posexp.truth.read_truth` for the formats. It may label some of the frames only;
        joints are matched by name, frames by number.
    part : bool
        The sequence is a part of the video: truth outside it is left out and is no error.

    Returns
    -------
    Evaluation
        Errors, metrics, tables.

    Raises
    ------
    TableError
        For truth of another size, length or frame rate, or without a joint in common.
    """
    if not isinstance(poses, PoseSequence):
        poses = poses.poses()
    if isinstance(truth, (str, Path)):
        truth = read_truth(truth, poses.width, poses.height)
    elif isinstance(truth, PoseSequence):
        truth = GroundTruth(truth)
    seen, known, area, notes = align(poses, truth, part)
    labelled = truth.poses.take(np.flatnonzero(np.isin(truth.poses.frame, known.frame)))
    evaluation = Evaluation(seen, known, area, torso_length(labelled), poses)
    return replace(evaluation, notes=(*notes, *_suspicions(evaluation)))


@dataclass(frozen=True)
class Evaluation:
    """A sequence beside its truth: F frames that the truth labels, J joints that both have.

    Parameters
    ----------
    poses, truth : PoseSequence
        Reduced to those frames and joints.
    area : (F,) float64 array
        px^2, the person's, from the truth alone; for OKS.
    torso : float
        Median over the frames of the truth's torso length (mid-shoulder to mid-hip), px; NaN
        when it lacks these joints. One length for the whole sequence: the torso of a person who
        leans towards the camera is short in the image, and a joint is no harder to find for that.
    whole : PoseSequence
        All frames of the sequence; for the lag.
    notes : tuple of str
        What looked wrong with the truth, a line each.
    """

    poses: PoseSequence
    truth: PoseSequence
    area: NDArray[np.float64]
    torso: float
    whole: PoseSequence
    notes: tuple[str, ...] = ()

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """(F, J) True where the truth has the joint."""
        return np.isfinite(self.truth.image).all(axis=-1)

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """(F, J) True where the truth has the joint and the model returned nothing."""
        return self.labelled & ~np.isfinite(self.poses.image).all(axis=-1)

    @cached_property
    def error(self) -> NDArray[np.float64]:
        """(F, J) distance to the truth, px; NaN where not labelled, infinite where missing."""
        distance = np.linalg.norm(
            self.poses.image.astype(np.float64) - self.truth.image.astype(np.float64), axis=-1
        )
        distance[self.missing] = np.inf
        return np.asarray(distance)

    @property
    def body(self) -> list[int]:
        """Columns of the joints that the figures of the whole are over.

        The twelve body joints, so that variants compare; all joints when the truth has none
        of these.
        """
        return self.truth.skeleton.indices(self.truth.skeleton.body)

    @property
    def _coco(self) -> list[int]:
        return [i for i, joint in enumerate(self.truth.skeleton.joints) if joint in OKS_SIGMAS]

    @cached_property
    def oks(self) -> NDArray[np.float64]:
        """(F,) object keypoint similarity over COCO's joints; NaN where none is labelled."""
        joints = self.truth.skeleton.joints
        sigmas = [OKS_SIGMAS[joints[i]] for i in self._coco]
        return oks(self.error[:, self._coco], sigmas, self.area)

    @cached_property
    def swapped(self) -> tuple[list[tuple[str, str]], NDArray[np.bool_], NDArray[np.bool_]]:
        """(P pairs of joints, (F, P) decidable, (F, P) swapped); see `swaps`."""
        return swaps(self.poses, self.truth, self.torso)

    def pck_curve(self) -> pd.DataFrame:
        """``threshold`` (share of the torso length), ``pck`` (share of joints); body joints."""
        values = [pck(self.error[:, self.body], self.torso, t) for t in PCK_THRESHOLDS]
        return pd.DataFrame({"threshold": PCK_THRESHOLDS, "pck": values})

    def joint_table(self) -> pd.DataFrame:
        """A row per joint and a last row ``body`` for the body joints together.

        Returns
        -------
        DataFrame
            ``joint``; ``labelled``, ``missing`` (frames); ``mean_px``, ``median_px``, ``p95_px``;
            ``visible_px``, ``hidden_px`` (mean px, where the truth says which); ``pck_0.05`` to
            ``pck_0.50``; ``swapped`` (frames in which the joint has its twin's place);
            ``mpjpe_root_mm`` (mean, for 3D; `world_error`).
        """
        names = [*self.truth.skeleton.joints, "body"]
        columns: list[Any] = [*([i] for i in range(len(names) - 1)), self.body]
        pairs, _, swapped = self.swapped
        world = self.world_error("root")
        rows = []
        for name, chosen in zip(names, columns, strict=True):
            error = self.error[:, chosen]
            row: dict[str, Any] = {
                "joint": name,
                "labelled": int(self.labelled[:, chosen].sum()),
                "missing": int(self.missing[:, chosen].sum()),
                **{f"{key}_px": value for key, value in _spread(error).items()},
                **self._by_visibility(chosen),
                **{f"pck_{t:.2f}": pck(error, self.torso, t) for t in PCK_THRESHOLDS},
            }
            own = [i for i, pair in enumerate(pairs) if name in (*pair, "body")]
            row["swapped"] = int(swapped[:, own].sum())
            if world is not None:
                row["mpjpe_root_mm"] = _mean(world[:, chosen])
            rows.append(row)
        return pd.DataFrame(rows)

    def metrics(self) -> dict[str, float]:
        """Figures of the whole sequence by prefix, over the body joints; NaN is left out.

        ``error/`` px, and shares of the torso length; ``detection/`` shares; ``pck/``, ``oks/``;
        ``angle_error/`` degrees (mean absolute, image plane; ``angle_error/world_``: in space);
        ``world_error/`` mm; ``swaps/``; ``timing/lag_ms``; ``calibration/``. Medians count what
        is missing as infinite, and may be.
        """
        body = self.body
        error = self.error[:, body]
        spread = _spread(error)
        figures = {f"error/{name}_px": value for name, value in spread.items()}
        figures["error/mean_torso"] = spread["mean"] / self.torso
        figures["error/median_torso"] = spread["median"] / self.torso
        figures |= {f"error/{k}": v for k, v in self._by_visibility(body).items()}
        labelled = self.labelled[:, body]
        figures["detection/frames_share"] = float(
            (labelled & ~self.missing[:, body]).any(axis=1)[labelled.any(axis=1)].mean()
        )
        figures["detection/missing_share"] = float(self.missing[:, body].sum() / labelled.sum())
        curve = self.pck_curve()
        figures |= {f"pck/{t:.2f}": v for t, v in curve.itertuples(index=False)}
        figures["pck/mean"] = float(curve["pck"].mean())
        figures |= self._oks_metrics()
        figures |= self._angle_metrics()
        figures |= self._world_metrics()
        _, decidable, swapped = self.swapped
        figures["swaps/count"] = float(swapped.sum())
        figures["swaps/share"] = (
            float(swapped.sum() / decidable.sum()) if decidable.any() else np.nan
        )
        figures["swaps/frames"] = float(swapped.any(axis=1).sum())
        figures["timing/lag_ms"] = 1000 * kinematics.lag(
            self.whole.select(self.whole.skeleton.body), self.truth.select(self.truth.skeleton.body)
        )
        figures["calibration/spearman"] = self._rank_correlation()
        return {k: float(v) for k, v in figures.items() if not np.isnan(v)}

    def angles(self) -> pd.DataFrame:
        """(F rows) angles of the image plane, predicted minus true, degrees."""
        return kinematics.angle_difference(
            kinematics.angles(self.poses), kinematics.angles(self.truth)
        )

    def world_error(self, aligned: str = "as_given") -> NDArray[np.float64] | None:
        """(F, J) distances in space, mm; None without world coordinates on both sides.

        Parameters
        ----------
        aligned : {"as_given", "root", "procrustes"}
            With the origins as they are (the model's and the truth's); with the mid-hip of the
            two hip joints as origin on both sides, which is what the literature calls MPJPE
            (Ionescu et al., PAMI 2014); after the rotation, scale and shift of each frame that
            bring the body joints nearest (Gower 1975; "PA-MPJPE" in Kanazawa et al., CVPR 2018).
            The body joints are also what the figures of the whole are over.
        """
        if self.poses.world is None or self.truth.world is None:
            return None
        mine, theirs = self.poses.world.astype(float), self.truth.world.astype(float)
        if aligned == "root":
            joints = self.truth.skeleton.joints
            hips = [i for i, joint in enumerate(joints) if joint in ("left_hip", "right_hip")]
            if len(hips) < 2:
                return np.full(mine.shape[:2], np.nan)
            mine = mine - mine[:, hips].mean(axis=1, keepdims=True)
            theirs = theirs - theirs[:, hips].mean(axis=1, keepdims=True)
        elif aligned == "procrustes":
            mine = procrustes(mine, theirs, self.body)
        return np.asarray(1000 * np.linalg.norm(mine - theirs, axis=-1))

    def calibration(self) -> pd.DataFrame:
        """Does the confidence predict the error? Ten bins of equal count, body joints.

        Returns
        -------
        DataFrame
            ``confidence`` (mean), ``error_px`` (mean), ``pck_0.20`` (share within a fifth of
            the torso length), ``count``; joints that were returned only.
        """
        confidence, error = self._confidence_and_error()
        order = np.argsort(confidence, kind="stable")
        rows = [
            {
                "confidence": confidence[part].mean(),
                "error_px": error[part].mean(),
                "pck_0.20": pck(error[part], self.torso, 0.2),
                "count": len(part),
            }
            for part in np.array_split(order, _BINS)
            if len(part)
        ]
        return pd.DataFrame(rows, columns=["confidence", "error_px", "pck_0.20", "count"])

    def frame_error(self) -> NDArray[np.float64]:
        """(F,) mean error of the body joints in each frame, px; NaN where nothing was returned."""
        error = np.where(np.isfinite(self.error), self.error, np.nan)[:, self.body]
        count = np.isfinite(error).sum(axis=1)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.nansum(error, axis=1) / np.where(count, count, np.nan))

    def _by_visibility(self, columns: list[int]) -> dict[str, float]:
        if self.truth.visibility is None:
            return {}
        seen = self.truth.visibility[:, columns] >= 0.5
        error = self.error[:, columns]
        return {"visible_px": _mean(error[seen]), "hidden_px": _mean(error[~seen])}

    def _oks_metrics(self) -> dict[str, float]:
        labelled = np.isfinite(self.oks)
        if not labelled.any():
            return {}
        # Of COCO's joints alone, as the similarity: more joints are no surer a detection.
        scores = self.poses.confidence[:, self._coco].mean(axis=1)[labelled]
        found = np.isfinite(self.poses.image[:, self._coco]).all(axis=2).any(axis=1)[labelled]
        values = self.oks[labelled]
        by_threshold = {t: average_precision(values, scores, found, t) for t in OKS_THRESHOLDS}
        return {
            "oks/mean": float(values.mean()),
            "oks/ap": float(np.mean(list(by_threshold.values()))),
            "oks/ap50": by_threshold[0.5],
            "oks/ap75": by_threshold[0.75],
        }

    def _angle_metrics(self) -> dict[str, float]:
        seen, true = kinematics.angles(self.poses), kinematics.angles(self.truth)
        tables = {"": (kinematics.angle_difference(seen, true), true)}
        if self.poses.world is not None and self.truth.world is not None:
            seen, true = kinematics.world_angles(self.poses), kinematics.world_angles(self.truth)
            tables["world_"] = kinematics.angle_difference(seen, true), true
        figures = {}
        for prefix, (table, true) in tables.items():
            for part in ("knee", "hip", "trunk"):
                columns = [name for name in table if str(name).endswith(part)]
                if columns:
                    values, key = table[columns].to_numpy(), f"angle_error/{prefix}{part}"
                    figures[f"{key}_deg"] = _mean(np.abs(values))
                    figures[f"{key}_bias_deg"] = _mean(values)
                    figures[f"{key}_median_deg"] = _median(np.abs(values), true[columns].to_numpy())
        return figures

    def _world_metrics(self) -> dict[str, float]:
        figures = {}
        for name, aligned in (
            ("mpjpe_as_given", "as_given"), ("mpjpe_root", "root"), ("pa_mpjpe", "procrustes")
        ):  # fmt: skip
            error = self.world_error(aligned)
            if error is not None:
                error, known = error[:, self.body], self.truth.world[:, self.body]  # type: ignore[index]
                figures[f"world_error/{name}_mm"] = _mean(error)
                figures[f"world_error/{name}_median_mm"] = _median(error, known.sum(axis=-1))
        return figures

    def _confidence_and_error(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        error = self.error[:, self.body]
        known = np.isfinite(error)
        return self.poses.confidence[:, self.body][known].astype(float), error[known]

    def _rank_correlation(self) -> float:
        """Spearman's, of confidence and error: -1 when the confidence tells the error exactly."""
        from scipy.stats import spearmanr

        confidence, error = self._confidence_and_error()
        if len(error) < 3 or np.ptp(confidence) == 0 or np.ptp(error) == 0:
            return float("nan")
        return float(spearmanr(confidence, error).statistic)


def _suspicions(evaluation: Evaluation) -> list[str]:
    """What makes a person doubt the truth: exchanged axes, exchanged sides, far from all."""
    subject = evaluation.truth.source or "truth"
    error = evaluation.error[np.isfinite(evaluation.error)]
    torso = evaluation.torso
    if not len(error) or not np.isfinite(torso):
        return []
    median = float(np.median(error))
    turned = np.linalg.norm(evaluation.poses.image - evaluation.truth.image[..., ::-1], axis=-1)
    exchanged = float(np.median(turned[np.isfinite(evaluation.error)]))
    if median > 0.5 * torso and exchanged < 0.5 * median:
        return [
            f"{subject}: x and y look swapped: the median error is {median:.0f} px, and "
            f"{exchanged:.0f} px with x and y exchanged"
        ]
    _, decidable, swapped = evaluation.swapped
    if swapped.sum() > 0.8 * decidable.sum() > 0:
        return [f"{subject}: left and right look swapped in {swapped.sum() / decidable.sum():.0%}"]
    if median > torso:
        return [
            f"{subject}: far from what the model saw (median {median:.0f} px, torso "
            f"{torso:.0f} px). Is it the truth of this video, at this size?"
        ]
    return []


def _mean(values: Floats) -> float:
    """Of the finite values; NaN when there is none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _median(error: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Of `error` wherever `truth` is known; what is not there is infinitely far."""
    known = error[np.isfinite(truth)]
    return quantile(np.sort(np.where(np.isnan(known), np.inf, known)), 0.5)


def _spread(error: NDArray[np.float64]) -> dict[str, float]:
    """Mean of what was returned; median and 95th percentile with missing joints as infinite."""
    labelled = np.sort(error[~np.isnan(error)])
    if not labelled.size:
        return {"mean": np.nan, "median": np.nan, "p95": np.nan}
    return {
        "mean": _mean(labelled),
        "median": quantile(labelled, 0.5),
        "p95": quantile(labelled, 0.95),
    }
