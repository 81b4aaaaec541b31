"""What the report says of clips with others in the picture, and of what ``person=auto`` does."""

from __future__ import annotations

import pandas as pd

from posexp.benchmark.averages import PEOPLE, over_clips


def several_people(table: pd.DataFrame) -> list[str]:
    """By clip with others in it: the share of frames on the right person, and the changes."""
    part = table[table["factor"].isin(PEOPLE)]
    if part.empty:
        return []
    variants = list(dict.fromkeys(part["variant"]))
    lines = [
        "| filmed by | others | " + " | ".join(f"`{v}`" for v in variants) + " |",
        "|---|---|" + "---|" * len(variants),
    ]
    for (camera, level, view), clip in part.groupby(["camera", "level", "view"], sort=False):
        rows = clip.set_index("variant")
        best = rows["person/right_share"].max()
        cells = []
        for share, changes in rows.loc[variants, ["person/right_share", "person/changes"]].values:
            text = f"**{share:.0%}**" if share == best else f"{share:.0%}"
            cells.append(f"{text}, {changes:.0f}" if changes else text)
        lines.append(f"| {camera}, {view} | {level} | " + " | ".join(cells) + " |")
    return [
        "## Others in the picture",
        "Share of frames on the right person: who sits and rises, whom `person=auto` is meant to "
        "take, being there throughout and in the middle. After a comma, where there are any, how "
        "often the pose goes from one person to another. A frame is right when the median "
        "distance of the body joints from that person's true ones is less than from anybody "
        "else's, and at most half of their torso length. A frame without a pose is not right, "
        "also where somebody in front hides the person.",
        "\n".join(lines),
    ]


_WITHOUT = (
    ("right person", "person/right_share", "{:.1%}"),
    ("PCK@0.1", "pck/0.10", "{:.1%}"),
    ("missing", "detection/missing_share", "{:.1%}"),
)


def with_and_without(table: pd.DataFrame, off: pd.DataFrame) -> list[str]:
    """What ``person=auto`` does where it should matter, by variant that was run both ways."""
    if off.empty:
        return []
    heads = [f"{name}, {way}" for name, *_ in _WITHOUT for way in ("off", "auto")]
    lines = ["| clips | variant | " + " | ".join(heads) + " |", "|---|---|" + "---|" * len(heads)]
    keys = ["variant", "clip"]
    auto = table.merge(off[keys], on=keys)
    kinds = {
        clip: _place(row) for clip, row in off.drop_duplicates("clip").set_index("clip").iterrows()
    }
    for kind in dict.fromkeys(kinds.values()):
        clips = [clip for clip, own in kinds.items() if own == kind]
        metrics = [metric for _, metric, _ in _WITHOUT]
        means = [over_clips(part[part["clip"].isin(clips)], metrics) for part in (off, auto)]
        for variant in means[0].index:
            cells = [
                form.format(each.loc[variant, metric])
                for _, metric, form in _WITHOUT for each in means
            ]  # fmt: skip
            lines.append(f"| {kind} ({len(clips)}) | `{variant}` | " + " | ".join(cells) + " |")
    return [
        "## With and without `person=auto`",
        "`person=off` shows the model the whole picture, as the notebook did. Means over clips; a "
        "joint that is not returned is missing, and wrong.",
        "\n".join(lines),
    ]


def _place(row: pd.Series) -> str:
    """Camera with its distance, or with others."""
    if row["factor"] in PEOPLE:
        return f"{row['camera']}, others in the picture"
    far = row["level"] if row["factor"] == "distance" else "9 m"
    return f"{row['camera']}, {far} away"
