"""The number of events."""

from __future__ import annotations

from typing import Literal

from segops_language.conditions.base import Compared, CountOperator
from segops_language.filters import Where
from segops_language.model import Negate, Optional
from segops_language.values import EventTypeText, PathText, Threshold
from segops_language.windows import Window


class EventCount(Compared):
    """The number of matching events satisfies the operator; no event counts as 0."""

    type: Literal["event_count"]
    event_type: EventTypeText
    operator: CountOperator
    value: Threshold
    window: Optional[Window] = None
    where: Where = ()
    per: Optional[PathText] = None
    negate: Negate = False
