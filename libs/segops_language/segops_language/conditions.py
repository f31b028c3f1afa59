"""Conditions: one model for each row of the language's table."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import TypeAliasType

from segops_language.filters import Filters, Where
from segops_language.model import Items, LanguageModel, Negate, Optional, fault_at, without_default
from segops_language.traits import AnyTrait, UserProperty
from segops_language.values import (
    MAX_INTEGER,
    DurationText,
    EventTypeText,
    InstantOrDuration,
    Number,
    PathText,
    Period,
    Text,
    Threshold,
)
from segops_language.windows import Window

CountOperator = Literal["eq", "neq", "gt", "gte", "lt", "lte", "between"]
AggregateFunction = Literal["sum", "avg", "min", "max", "distinct"]
Occurrence = Literal["first", "last"]
"""Ties on time are broken by message_id, as bytes: the smaller is first."""

Whole = Annotated[int, Field(ge=0, le=MAX_INTEGER)]


class _Compared(LanguageModel):
    @model_validator(mode="after")
    def _check_value(self) -> Self:
        operator: object = getattr(self, "operator", None)
        if isinstance(getattr(self, "value", None), tuple) != (operator == "between"):
            raise fault_at("value", "wrong-type", "`between` takes [low, high], every other operator a number.")
        return self


class EventCount(_Compared):
    """The number of matching events satisfies the operator; no event counts as 0."""

    type: Literal["event_count"]
    event_type: EventTypeText
    operator: CountOperator
    value: Threshold
    window: Optional[Window] = None
    where: Where = ()
    per: Optional[PathText] = None
    negate: Negate = False


class EventAggregate(_Compared):
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


class EventMatch(LanguageModel):
    """The first or last matching event satisfies every filter of `has`."""

    type: Literal["event_match"]
    event_type: EventTypeText
    occurrence: Occurrence
    has: Filters
    where: Where = ()
    negate: Negate = False


class Step(LanguageModel):
    """One event of a sequence."""

    event_type: EventTypeText
    where: Where = ()


class EventSequence(LanguageModel):
    """Events happened in this order at rising times, the last within a duration of the first."""

    type: Literal["event_sequence"]
    steps: Annotated[Items[Step], Field(json_schema_extra={"minItems": 2, "maxItems": 8})]
    within: DurationText
    window: Optional[Window] = None
    negate: Negate = False

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        if not 2 <= len(self.steps) <= 8:
            raise fault_at("steps", "wrong-length", "A sequence has 2 to 8 steps.")
        return self


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


class SegmentMembership(LanguageModel):
    """The profile is a member of another segment of the tenant, by its current definition."""

    type: Literal["segment"]
    segment_id: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    negate: Negate = False


class Sample(LanguageModel):
    """A stable share of the profiles, chosen by a hash of the seed and the profile's id."""

    type: Literal["sample"]
    percent: Annotated[Number, Field(json_schema_extra={"minimum": 0, "maximum": 100})]
    seed: Optional[Text] = Field(default=None, description="The segment's id when left out.")
    negate: Negate = False

    @model_validator(mode="after")
    def _check_percent(self) -> Self:
        if not 0 <= self.percent <= 100:
            raise fault_at("percent", "out-of-range", "A percentage is 0 to 100.")
        return self


EventCondition = EventCount | EventAggregate | EventTime | EventMatch | EventSequence | EventRegularity
AnyCondition = EventCondition | AnyTrait | SegmentMembership | Sample


Condition = TypeAliasType(
    "Condition",
    Annotated[
        EventCount
        | EventAggregate
        | EventTime
        | EventMatch
        | EventSequence
        | EventRegularity
        | UserProperty
        | SegmentMembership
        | Sample,
        Field(discriminator="type"),
    ],
)
