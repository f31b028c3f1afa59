"""An aggregate over a property of events."""

from __future__ import annotations

from typing import Literal

from segops_language.conditions.base import Compared, CountOperator
from segops_language.filters import Where
from segops_language.model import Negate, Optional
from segops_language.values import EventTypeText, PathText, Threshold
from segops_language.windows import Window

AggregateFunction = Literal["sum", "avg", "min", "max", "distinct"]


class EventAggregate(Compared):
    """An aggregate over a property's values satisfies the operator."""

    type: Literal["event_aggregate"]
    event_type: EventTypeText
    property: PathText
    function: AggregateFunction
    operator: CountOperator
    value: Threshold
    window: Optional[Window] = None
    where: Where = ()
    negate: Negate = False
