"""`event_aggregate`: a sum, mean, extreme or number of different values of a property."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, Literal, get_args

from pydantic import JsonValue

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
from segops_language.operators import NUMERIC, SCALAR, CountOperator, compare
from segops_language.text.parts import operator_text, quoted, where_text, window_text
from segops_language.text.phrases import name_phrase, operator_phrase, where_phrase, window_phrase
from segops_language.text.tokens import TokenReader
from segops_language.values import EventTypeText, PathText, Threshold
from segops_language.values.json import count_each, number
from segops_language.windows import Window

AggregateFunction = Literal["sum", "avg", "min", "max", "distinct"]
_PHRASES: Final[Mapping[AggregateFunction, str]] = {
    "sum": "the sum of",
    "avg": "the mean of",
    "min": "the least",
    "max": "the greatest",
    "distinct": "the number of different values of",
}


class EventAggregate(Compared, EventSelector, Condition):
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


def aggregate(function: AggregateFunction, values: Iterable[JsonValue]) -> float | None:
    """Return the aggregate of the values that count for the function; None for an absent aggregate."""
    if function == "distinct":
        return float(len(count_each(values)))
    numbers = [value for value in map(number, values) if value is not None]
    if not numbers:
        return 0.0 if function == "sum" else None
    extremes: Mapping[str, Callable[[Iterable[float]], float]] = {"min": min, "max": max}
    if function in extremes:
        return extremes[function](numbers)
    return _rounded_once(numbers, len(numbers) if function == "avg" else 1)


def _rounded_once(numbers: Sequence[float], parts: int) -> float:
    """Return the exact sum divided by `parts`, rounded once, in whatever order; infinities add up as doubles do."""
    infinities = {value for value in numbers if math.isinf(value)}
    if infinities:
        return sum(infinities)
    exact = sum(map(Fraction, numbers), Fraction()) / parts
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def satisfies(value: float | None, operator: CountOperator, target: float | tuple[float, ...]) -> bool:
    """Return whether an aggregate satisfies an operator, compared as doubles; an absent one satisfies only `neq`."""
    if value is None:
        return operator == "neq"
    return compare(value, operator, tuple(map(float, target)) if isinstance(target, tuple) else float(target))


def _holds(condition: EventAggregate, profile: ProfileView) -> bool:
    events = profile.matching(condition.event_type, condition.where, condition.window)
    value = aggregate(condition.function, values_at(events, condition.property))
    return satisfies(value, condition.operator, condition.value)


def _reads(condition: EventAggregate) -> Sequence[PropertyRead]:
    types = SCALAR if condition.function == "distinct" else NUMERIC
    return (PropertyRead("property", condition.event_type, condition.property, types, condition.function),)


def _evidence(condition: EventAggregate, profile: ProfileView) -> Evidence:
    events = profile.matching(condition.event_type, condition.where, condition.window)
    values = values_at(events, condition.property)
    result = aggregate(condition.function, values)
    decides = [_decides(condition.function, value, result) for value in values]
    deciding = [event for event, decided in zip(events, decides, strict=True) if decided]
    subject = f"as the {condition.function} of {condition.property}"
    return compared_evidence(result, condition.operator, condition.value, subject, deciding)


def _decides(function: AggregateFunction, value: JsonValue, result: float | None) -> bool:
    if function == "distinct":
        return bool(count_each([value]))
    return number(value) is not None and (function not in ("min", "max") or number(value) == result)


def _constant(condition: EventAggregate) -> bool | None:
    """Numbers of different values are whole numbers from 0; other aggregates may be any number."""
    if condition.function != "distinct":
        return None
    return constant_of_whole_number(condition.operator, condition.value, 0)


def _phrase(condition: EventAggregate) -> str:
    what = f"{_PHRASES[condition.function]} {name_phrase(condition.property)}"
    events = f"{quoted(condition.event_type)} events{window_phrase(condition.window)}{where_phrase(condition.where)}"
    return f"for whom {what} over {events} {operator_phrase(condition)}"


def _write(condition: EventAggregate) -> str:
    what = f"{condition.function} {quoted(condition.property)} of {quoted(condition.event_type)}"
    return f"{what} {operator_text(condition)}{window_text(condition.window)}{where_text(condition.where)}"


def _starts(reader: TokenReader) -> bool:
    return reader.peek() in get_args(AggregateFunction)


def _read(reader: TokenReader) -> dict[str, Any]:
    document: dict[str, Any] = {"type": "event_aggregate", "function": reader.word(), "property": reader.string()}
    reader.take("of")
    return document | {"event_type": reader.string()} | reader.operator() | reader.window() | reader.where()


KIND = Kind(
    name="event_aggregate",
    model=EventAggregate,
    schema=EventAggregate,
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
        {
            "type": "event_aggregate",
            "event_type": "purchase",
            "property": "price",
            "function": "sum",
            "operator": "gte",
            "value": 100,
            "window": {"from": "-60d", "to": "-30d"},
        },
        {
            "type": "event_aggregate",
            "event_type": "purchase",
            "property": "items.0.sku",
            "function": "distinct",
            "operator": "neq",
            "value": 0,
            "where": [{"property": "price", "operator": "gt", "value": 5}],
            "negate": True,
        },
    ),
)
