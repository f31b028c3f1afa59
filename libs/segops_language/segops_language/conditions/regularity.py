"""Events in each of several periods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from segops_language.conditions.base import Whole
from segops_language.filters import Where
from segops_language.model import LanguageModel, Negate, without_default
from segops_language.values import EventTypeText, Period


class EventRegularity(LanguageModel):
    """In at least `at_least` of the last `of` periods there were at least `count` matching events."""

    type: Literal["event_regularity"]
    event_type: EventTypeText
    period: Period
    of: Annotated[int, Field(ge=1, le=60)]
    at_least: Whole
    count: Annotated[
        Whole,
        Field(
            exclude_if=lambda count: count == 1,
            description="1 when left out.",
            json_schema_extra=without_default,
        ),
    ] = 1
    where: Where = ()
    negate: Negate = False
