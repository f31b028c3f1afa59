"""Conditions on the values of a property over events, with thresholds at or next to a value that some profile has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, get_args

from pydantic import JsonValue

from segops_language.conditions import AggregateFunction, CountOperator
from segops_language.conditions.aggregate import aggregate
from segops_language.events import Event
from segops_language.values import path_keys
from segops_language.values.json import count_each, look_up

FUNCTIONS: tuple[AggregateFunction, ...] = get_args(AggregateFunction)
OPERATORS: tuple[CountOperator, ...] = get_args(CountOperator)


ValuesGenerator = Callable[[Random, Sequence[Event], Event, str], dict[str, Any]]


def values_condition(random: Random, events: Sequence[Event], subject: Event, path: str) -> dict[str, Any]:
    """Return a count per value or an aggregate, without event type, filters and window."""
    if random.random() < 0.3:
        values = _values_like(events, subject, path)
        counts = [float(count) for count in count_each(values).values()]
        return {"type": "event_count", "per": path, **_compared(random, random.choice([*counts, 0.0, 1.0]))}
    return aggregate_condition(random, events, subject, path)


def aggregate_condition(random: Random, events: Sequence[Event], subject: Event, path: str) -> dict[str, Any]:
    """Return an aggregate, without event type, filters and window."""
    function = random.choice(FUNCTIONS)
    result = aggregate(function, _values_like(events, subject, path))
    return {"type": "event_aggregate", "property": path, "function": function, **_compared(random, result)}


def _values_like(events: Sequence[Event], subject: Event, path: str) -> list[JsonValue]:
    """Return what the path leads to in the events of the subject's profile and type."""
    alike = [
        event for event in events if (event.profile_id, event.event_type) == (subject.profile_id, subject.event_type)
    ]
    return [look_up(event.payload, path_keys(path)) for event in alike]


def _compared(random: Random, value: float | None) -> dict[str, Any]:
    """Return an operator and a threshold so close to the value that the least change decides."""
    operator = random.choice(OPERATORS)
    ends = sorted(near(random, value) for _ in range(2))
    return {"operator": operator, "value": ends if operator == "between" else ends[0]}


def near(random: Random, value: float | None) -> float:
    """Return the value itself, a neighbouring double, or one that is 1 away; always finite."""
    if value is None or not math.isfinite(value):
        return random.choice((0.0, 1.0, -1.0, math.copysign(1.7976931348623157e308, value or 1.0)))
    drawn = random.choice(
        (value, value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf), value + 1, value - 1)
    )
    return drawn if math.isfinite(drawn) else value
