"""`event_time`: when a profile's first or last matching event was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import model_validator

from segops_language.conditions.base import (
    Condition,
    EventSelector,
    Evidence,
    Kind,
    Occurrence,
    ProfileView,
    no_other_events,
    no_reads,
    not_constant,
)
from segops_language.conditions.shared import chosen_event, starts_occurrence
from segops_language.filters import Where
from segops_language.model import Negate, fault_at
from segops_language.operators import TimeOperator
from segops_language.text.parts import operator_text, quoted, where_text
from segops_language.text.phrases import operator_phrase, where_phrase
from segops_language.text.tokens import TokenReader
from segops_language.values import (
    Duration,
    EventTypeText,
    InstantOrDuration,
    format_instant,
    format_instant_or_duration,
)
from segops_language.values.instants import from_ms, to_ms


class EventTime(EventSelector, Condition):
    """The time of the first or last matching event satisfies the operator."""

    type: Literal["event_time"]
    event_type: EventTypeText
    occurrence: Occurrence
    operator: TimeOperator
    value: InstantOrDuration
    where: Where = ()
    negate: Negate = False

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        if isinstance(self.value, datetime) != (self.operator in ("before", "after")):
            raise fault_at(
                "value", "wrong-type", "must be an instant for `before` and `after`, and a duration for other operators"
            )
        return self


def _holds(condition: EventTime, profile: ProfileView) -> bool:
    times = [event.timestamp_ms for event in profile.matching(condition.event_type, condition.where)]
    if not times:
        return condition.operator == "not_within_last"
    time = min(times) if condition.occurrence == "first" else max(times)
    if isinstance(condition.value, Duration):
        is_recent = profile.as_of_ms - condition.value.milliseconds < time <= profile.as_of_ms
        return is_recent == (condition.operator == "within_last")
    limit = to_ms(condition.value)
    return time < limit if condition.operator == "before" else time > limit


def _change_points(condition: EventTime) -> Sequence[int]:
    return (condition.value.milliseconds,) if isinstance(condition.value, Duration) else ()


def _evidence(condition: EventTime, profile: ProfileView) -> Evidence:
    event = chosen_event(profile.matching(condition.event_type, condition.where), condition.occurrence)
    at = None if event is None else format_instant(from_ms(event.timestamp_ms))
    limit = format_instant_or_duration(condition.value)
    return Evidence(
        value=at,
        target=limit,
        text=at or "no matching event",
        requirement=f"the {condition.occurrence} matching event {condition.operator.replace('_', ' ')} {limit}",
        events=() if event is None else (event,),
    )


def _phrase(condition: EventTime) -> str:
    event = f"{condition.occurrence} {quoted(condition.event_type)}{where_phrase(condition.where)}"
    return f"whose {event} {operator_phrase(condition)}"


def _write(condition: EventTime) -> str:
    event = f"{condition.occurrence} {quoted(condition.event_type)}"
    return f"{event} {operator_text(condition)}{where_text(condition.where)}"


def _starts(reader: TokenReader) -> bool:
    return starts_occurrence(reader) and reader.peek(2) not in ("has", "exists")


def _read(reader: TokenReader) -> dict[str, Any]:
    document: dict[str, Any] = {"type": "event_time", "occurrence": reader.word(), "event_type": reader.string()}
    return document | reader.operator() | reader.where()


KIND = Kind(
    name="event_time",
    model=EventTime,
    schema=EventTime,
    holds=_holds,
    reads=no_reads,
    other_events=no_other_events,
    change_points=_change_points,
    evidence=_evidence,
    constant=not_constant,
    phrase=_phrase,
    write=_write,
    starts=_starts,
    read=_read,
    examples=(
        {"type": "event_time", "event_type": "login", "occurrence": "last", "operator": "within_last", "value": "7d"},
        {
            "type": "event_time",
            "event_type": "login",
            "occurrence": "first",
            "operator": "before",
            "value": "2026-01-31T09:00:00.000Z",
            "where": [{"property": "page", "operator": "eq", "value": 1}],
            "negate": True,
        },
    ),
)
