"""`event_count`: how many matching events a profile has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from segops_language.conditions.base import (
    Compared,
    Condition,
    EventSelector,
    Evidence,
    Kind,
    ProfileView,
    PropertyRead,
    no_other_events,
)
from segops_language.conditions.shared import compared_evidence, constant_of_whole_number, values_at, window_ages
from segops_language.filters import Where
from segops_language.model import Negate, Optional
from segops_language.operators import COUNT_OPERATORS, SCALAR, CountOperator, compare
from segops_language.text.parts import operator_text, quoted, where_text, window_text
from segops_language.text.phrases import name_phrase, number_phrase, times_phrase, where_phrase, window_phrase
from segops_language.text.tokens import TokenReader
from segops_language.values import EventTypeText, PathText, Threshold
from segops_language.values.json import count_each
from segops_language.windows import Window


class EventCount(Compared, EventSelector, Condition):
    """The number of matching events satisfies the operator; no event counts as 0."""

    type: Literal["event_count"]
    event_type: EventTypeText
    operator: CountOperator
    value: Threshold
    window: Optional[Window] = None
    where: Where = ()
    per: Optional[PathText] = None
    negate: Negate = False


def _holds(condition: EventCount, profile: ProfileView) -> bool:
    events = profile.matching(condition.event_type, condition.where, condition.window)
    if condition.per is None:
        return compare(len(events), condition.operator, condition.value)
    counts = count_each(values_at(events, condition.per)).values()
    return any(compare(count, condition.operator, condition.value) for count in counts)


def _reads(condition: EventCount) -> Sequence[PropertyRead]:
    if condition.per is None:
        return ()
    return (PropertyRead("per", condition.event_type, condition.per, SCALAR, "per"),)


def _evidence(condition: EventCount, profile: ProfileView) -> Evidence:
    events = profile.matching(condition.event_type, condition.where, condition.window)
    per = ""
    if condition.per is not None:
        values = values_at(events, condition.per)
        counts = count_each(values)
        deciding = [value for value, count in counts.items() if compare(count, condition.operator, condition.value)]
        most = max(deciding or counts, key=lambda value: counts[value], default=None)
        events = [event for event, value in zip(events, values, strict=True) if most in count_each([value])]
        per = f" with one value of {condition.per}"
    subject = f"matching {'event' if condition.value == 1 else 'events'}{per}"
    return compared_evidence(len(events), condition.operator, condition.value, subject, events)


def _constant(condition: EventCount) -> bool | None:
    if condition.per is None:
        return constant_of_whole_number(condition.operator, condition.value, 0)
    # Counts for each value begin at 1. A profile without values satisfies no operator, so none holds for everyone.
    return None if condition.operator == "neq" else constant_of_whole_number(condition.operator, condition.value, 1)


def _phrase(condition: EventCount) -> str:
    value = condition.value
    per = f" with the same {name_phrase(condition.per)}" if condition.per is not None else ""
    event = quoted(condition.event_type)
    tail = f"{per}{window_phrase(condition.window)}{where_phrase(condition.where)}"
    if (condition.operator, value) in (("eq", 0), ("lt", 1)) and not per:
        return f"who never did {event}{tail}"
    if isinstance(value, tuple):
        times = f"{number_phrase(value[0])} and {number_phrase(value[1])} times"
    else:
        times = times_phrase(value)
    return f"who did {event} {COUNT_OPERATORS[condition.operator].times.format(times)}{tail}"


def _write(condition: EventCount) -> str:
    per = f" per {quoted(condition.per)}" if condition.per is not None else ""
    tail = f"{operator_text(condition)}{window_text(condition.window)}{where_text(condition.where)}"
    return f"count {quoted(condition.event_type)}{per} {tail}"


def _starts(reader: TokenReader) -> bool:
    return reader.peek() == "count"


def _read(reader: TokenReader) -> dict[str, Any]:
    reader.take("count")
    document: dict[str, Any] = {"type": "event_count", "event_type": reader.string()}
    if reader.take_if("per"):
        document["per"] = reader.string()
    return document | reader.operator() | reader.window() | reader.where()


KIND = Kind(
    name="event_count",
    model=EventCount,
    schema=EventCount,
    holds=_holds,
    reads=_reads,
    other_events=no_other_events,
    change_points=lambda condition: window_ages(condition.window),
    evidence=_evidence,
    constant=_constant,
    phrase=_phrase,
    write=_write,
    starts=_starts,
    read=_read,
    examples=(
        {"type": "event_count", "event_type": "purchase", "operator": "gte", "value": 2, "window": {"last": "30d"}},
        {
            "type": "event_count",
            "event_type": "page_*",
            "operator": "between",
            "value": [1, 2.5],
            "per": "path",
            "where": [{"property": "path", "operator": "starts_with", "value": "/docs"}],
            "negate": True,
        },
    ),
)
