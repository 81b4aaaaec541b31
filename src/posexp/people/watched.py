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
) -> Estimator | OnPerson:
    """The model with somebody who watches over it; as it is where it wants to see the picture."""
    if settings.who == "off" or getattr(estimator, "sees", "picture") != "person":
        return estimator
    from posexp.people.stage import OnPerson

    return OnPerson(estimator, source, settings)
