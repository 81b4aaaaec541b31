"""Whether somebody watches over a model; where nobody does, nothing that finds people is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posexp.models.model import Estimator
from posexp.settings import PersonSettings
from posexp.video.source import VideoSource

if TYPE_CHECKING:
    from posexp.people.stage import OnPerson


def on_person(
    estimator: Estimator, source: VideoSource, settings: PersonSettings
) -> OnPerson | None:
    """The model with somebody who watches over it; None where it is to see the whole picture."""
    if settings.who == "off" or getattr(estimator, "sees", "picture") != "person":
        return None
    from posexp.people.stage import OnPerson

    return OnPerson(estimator, source, settings)
