"""The time of the first or last event."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import model_validator

from segops_language.conditions.base import Occurrence
from segops_language.filters import Where
from segops_language.model import LanguageModel, Negate, fault_at
from segops_language.values import EventTypeText, InstantOrDuration


class EventTime(LanguageModel):
    """The time of the first or last matching event satisfies the operator."""

    type: Literal["event_time"]
    event_type: EventTypeText
    occurrence: Occurrence
    operator: Literal["before", "after", "within_last", "not_within_last"]
    value: InstantOrDuration
    where: Where = ()
    negate: Negate = False

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        if isinstance(self.value, datetime) != (self.operator in ("before", "after")):
            raise fault_at("value", "wrong-type", "`before` and `after` take an instant, the others a duration.")
        return self
