"""What a person or the program looks for, in MLflow's filter language."""

from __future__ import annotations

import re

from posexp.store import tags

EXTRACTIONS = f"tags.{tags.VIDEO} LIKE '%'"
"""Other runs, such as comparisons, have no video."""

KEYED = re.compile(r"([\w.-]+)=(.*)")


def meant(word: str) -> str:
    """A condition of MLflow's filter language for a word that a person searches for."""
    if keyed := KEYED.fullmatch(word):
        return _equals(f"{kind_of(keyed[1])}.`{keyed[1]}`", keyed[2])
    return f"attributes.run_name ILIKE '%{_masked(word)}%'"


def kind_of(key: str) -> str:
    """Where a run has what a person calls so: ``params`` or ``tags``."""
    return "params" if key.split(".")[0] in ("model", "keypoints", "overlay") else "tags"


def tagged(wanted: dict[str, str]) -> str:
    """A condition: all these tags, name to value."""
    return " AND ".join(_equals(f"tags.`{key}`", value) for key, value in wanted.items())


def _equals(what: str, value: str) -> str:
    """A condition of MLflow's filter language, in which a quote or backslash cannot be escaped.

    With such a value it may be true of others as well: who asks looks at what comes back.
    """
    for mark in "'\"":
        if mark not in value and "\\" not in value:
            return f"{what} = {mark}{value}{mark}"
    return f"{what} LIKE '{_masked(value)}'"


def _masked(value: str) -> str:
    """A pattern in which any character may stand for what cannot be written."""
    return re.sub(r"['\\]", "_", value)
