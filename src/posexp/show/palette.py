"""Colours that the colour-blind tell apart too (Okabe and Ito), for figures and pages."""

from __future__ import annotations

from posexp.measure.comparison import Comparison

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#b8a800")

SIDES = {"left": PALETTE[0], "right": PALETTE[1], "": "#777777"}
"""By what `Skeleton.side` says."""


def colors(comparison: Comparison) -> dict[str, str]:
    """The colour of each run, the same in every figure, picture and page of a comparison."""
    return {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(comparison.labels)}
