"""Skeletons: which joints a model sees, in which order, which are connected, which are twins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

BODY_PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
"""What the body joints are of, on either side."""


def _both(*parts: str) -> tuple[tuple[str, str], ...]:
    """The left and the right joint of each part, by the names of our own skeletons."""
    return tuple((f"left_{part}", f"right_{part}") for part in parts)


BODY = tuple(joint for pair in _both(*BODY_PARTS) for joint in pair)
"""The twelve joints that every variant sees and the clinic uses."""

REGIONS = {
    "arms": ("left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    "torso": ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    "legs": ("left_knee", "right_knee", "left_ankle", "right_ankle"),
}
"""The body joints by region."""

_BODY_EDGES = (
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    *(
        (f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
            ("shoulder", "hip"),
            ("hip", "knee"),
            ("knee", "ankle"),
        )
    ),
)


@dataclass(frozen=True)
class Skeleton:
    """Named joints in a model's order, and the edges between them.

    Parameters
    ----------
    name : str
        The convention, such as ``coco17``; a subset keeps the name of its parent.
    joints : tuple of str
        Unique names, left and right as the person's own.
    edges : tuple of (str, str)
        Pairs of joints that are drawn connected.
    symmetries : tuple of (str, str), optional
        Pairs of a left joint and the right one that mirrors it. Joints of no pair have no side:
        they are drawn in the colour of the middle, and are never swapped.

    Raises
    ------
    ValueError
        For duplicate joints, a pair with a joint that is not there, or a joint with two twins.
    """

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    symmetries: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"skeleton {self.name}: duplicate joints")
        for kind in ("edges", "symmetries"):
            unknown = {joint for pair in getattr(self, kind) for joint in pair} - set(self.joints)
            if unknown:
                raise ValueError(
                    f"skeleton {self.name}: {kind} name unknown joints {sorted(unknown)}"
                )
        paired = [joint for pair in self.symmetries for joint in pair]
        if len(set(paired)) != len(paired):
            raise ValueError(f"skeleton {self.name}: symmetries name a joint in two pairs")

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Position of `joint`; ValueError when this skeleton lacks it."""
        return self.joints.index(joint)

    def indices(self, joints: Iterable[str]) -> list[int]:
        """Positions of several joints, in the order they are asked for."""
        return [self.index(joint) for joint in joints]

    @property
    def body(self) -> tuple[str, ...]:
        """The joints of `BODY` that it has; all of its joints, when it has none of these."""
        return tuple(joint for joint in BODY if joint in self.joints) or self.joints

    def side(self, joint: str) -> str:
        """``left`` or ``right`` for a joint of a pair, empty for others."""
        for left, right in self.symmetries:
            if joint in (left, right):
                return "left" if joint == left else "right"
        return ""

    def subset(self, joints: Iterable[str]) -> Skeleton:
        """The same convention with `joints` only, in the order of `joints`."""
        kept = tuple(joints)
        self.indices(kept)
        edges, symmetries = (
            tuple(pair for pair in pairs if set(pair) <= set(kept))
            for pairs in (self.edges, self.symmetries)
        )
        return Skeleton(self.name, kept, edges, symmetries)

    def described(self) -> dict[str, Any]:
        """As plain values, from which `Skeleton.of` makes it again.

        A known one by its name (``skeleton``), a part of it by its ``joints`` too. One of somebody
        else's package has its ``edges`` and ``symmetries`` besides: its tables are read where that
        package is not.
        """
        known = SKELETONS.get(self.name)
        about: dict[str, Any] = {"skeleton": self.name}
        if self == known:
            return about
        about["joints"] = list(self.joints)
        if known and set(self.joints) <= set(known.joints) and known.subset(self.joints) == self:
            return about
        pairs = {kind: [list(p) for p in getattr(self, kind)] for kind in ("edges", "symmetries")}
        return about | pairs

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Skeleton:
        """The skeleton that was `described`.

        Raises
        ------
        KeyError, ValueError, TypeError
            For another name than the known ones without joints and edges, or damaged values.
        """
        name, joints = str(about["skeleton"]), about.get("joints")
        if "edges" not in about:
            known = SKELETONS[name]
            return known if joints is None else known.subset(joints)
        if joints is None or not all(isinstance(joint, str) for joint in joints):
            raise ValueError(f"skeleton {name}: expected names of joints, got {joints!r:.80}")
        pairs = (tuple((a, b) for a, b in about[kind]) for kind in ("edges", "symmetries"))
        return cls(name, tuple(joints), *pairs)


def common_joints(first: Skeleton, second: Skeleton) -> tuple[str, ...]:
    """Joints that both skeletons have, in the order of the first."""
    return tuple(joint for joint in first.joints if joint in second.joints)


COCO17 = Skeleton(
    "coco17",
    ("nose", "left_eye", "right_eye", "left_ear", "right_ear", *BODY),
    (
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        *_BODY_EDGES,
    ),
    _both("eye", "ear", *BODY_PARTS),
)
"""The 17 COCO keypoints, as MoveNet returns them."""

BLAZEPOSE33 = Skeleton(
    "blazepose33",
    (
        *("nose", "left_eye_inner", "left_eye", "left_eye_outer"),
        *("right_eye_inner", "right_eye", "right_eye_outer", "left_ear", "right_ear"),
        *("left_mouth", "right_mouth"),
        *BODY[:6],
        *("left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb"),
        *BODY[6:],
        *("left_heel", "right_heel", "left_foot_index", "right_foot_index"),
    ),
    (
        ("left_mouth", "right_mouth"),
        *_BODY_EDGES,
        *(
            (f"{side}_{a}", f"{side}_{b}")
            for side in ("left", "right")
            for a, b in (
                ("eye_inner", "eye"),
                ("eye", "eye_outer"),
                ("eye_outer", "ear"),
                ("wrist", "thumb"),
                ("wrist", "pinky"),
                ("wrist", "index"),
                ("pinky", "index"),
                ("ankle", "heel"),
                ("heel", "foot_index"),
                ("ankle", "foot_index"),
            )
        ),
        ("nose", "left_eye_inner"),
        ("nose", "right_eye_inner"),
    ),
    _both(
        *("eye_inner", "eye", "eye_outer", "ear", "mouth"),
        *BODY_PARTS,
        *("pinky", "index", "thumb", "heel", "foot_index"),
    ),
)
"""The 33 landmarks of BlazePose under ML Kit's names."""

SKELETONS = {skeleton.name: skeleton for skeleton in (COCO17, BLAZEPOSE33)}


def skeleton_of(joints: Iterable[str]) -> Skeleton:
    """The known skeleton that has all `joints`, reduced to them.

    Raises
    ------
    ValueError
        When no known skeleton has them all.
    """
    names = tuple(joints)
    for skeleton in SKELETONS.values():
        if set(names) <= set(skeleton.joints):
            return skeleton.subset(names)
    unknown = sorted(set(names) - set(BLAZEPOSE33.joints) - set(COCO17.joints))
    raise ValueError(f"joints of no known skeleton: {', '.join(unknown)}")
