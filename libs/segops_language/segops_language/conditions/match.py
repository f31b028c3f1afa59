"""Properties of the first or last event."""

from __future__ import annotations

from typing import Literal

from segops_language.conditions.base import Occurrence
from segops_language.filters import Filters, Where
from segops_language.model import LanguageModel, Negate
from segops_language.values import EventTypeText


class EventMatch(LanguageModel):
    """The first or last matching event satisfies every filter of `has`."""

    type: Literal["event_match"]
    event_type: EventTypeText
    occurrence: Occurrence
    has: Filters
    where: Where = ()
    negate: Negate = False
