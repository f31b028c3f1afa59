"""`event_count`: how many events a profile has, in all or per value of a property."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, assert_never

from segops_language.conditions import CountOperator, EventCount
from segops_language.values import path_keys
from segops_membership.domain.predicates import (
    EVERYONE,
    NO_ONE,
    AnyOf,
    EventSelection,
    Expression,
    Not,
    Predicate,
    negated_if,
)
from segops_membership.domain.profile import Profile
from segops_membership.domain.property_values import scalar_of, value_at
from segops_membership.questions.question import (
    Context,
    EventRows,
    PredicateKind,
    Question,
    Width,
    always_merged,
)
from segops_membership.sql.parameters import Bindings
from segops_membership.sql.scalars import occurrences
from segops_membership.sql.selections import EVERY_ROW

_MAX_COUNT: Final = 2**62

Threshold = float | tuple[float, ...]
"""A number; both ends for `between`."""


@dataclass(frozen=True, slots=True)
class CountPredicate(Predicate):
    """Profiles with at least `low` (1 or more) and at most `high` selected events."""

    selection: EventSelection
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class PerValueCountPredicate(Predicate):
    """Profiles with a scalar that at least `low` (1 or more) and at most `high` selected events have at `keys`."""

    selection: EventSelection
    keys: tuple[str, ...]
    low: int
    high: int | None


def _compile(condition: EventCount, context: Context) -> Expression:
    selection = context.selection(condition.event_type, condition.where, condition.window)
    if condition.per is not None:
        return _compile_per_value(condition, partial(PerValueCountPredicate, selection, path_keys(condition.per)))
    return compile_count(condition.operator, condition.value, partial(CountPredicate, selection))


def compile_count(
    operator: CountOperator, value: Threshold, predicate: Callable[[int, int | None], Expression]
) -> Expression:
    """Return the profiles whose count satisfies the operator; a range with 0 is the complement of what lies above it."""
    low, high = _count_range(operator, value)
    if high is not None and high < max(low, 0):
        expression: Expression = NO_ONE
    elif low > 0:
        expression = predicate(low, high)
    else:
        expression = EVERYONE if high is None else Not(predicate(high + 1, None))
    return negated_if(operator == "neq", expression)


def _compile_per_value(condition: EventCount, predicate: Callable[[int, int | None], Expression]) -> Expression:
    """Return the profiles with a value whose count satisfies. No value is counted 0 times: nothing to complement."""
    low, high = _count_range(condition.operator, condition.value)
    ranges = [(low, high)]
    if condition.operator == "neq" and high is not None:
        ranges = [(1, low - 1), (high + 1, None)]
    parts = [predicate(max(least, 1), most) for least, most in ranges if most is None or most >= max(least, 1)]
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _count_range(operator: CountOperator, value: Threshold) -> tuple[int, int | None]:
    """Return the whole numbers that satisfy an operator (for `neq`, those that do not), both ends included."""
    low, high = value if isinstance(value, tuple) else (value, value)
    match operator:
        case "eq" | "neq" | "between":
            return _countable(math.ceil(low)), _countable(math.floor(high))
        case "gt":
            return _countable(math.floor(low) + 1), None
        case "gte":
            return _countable(math.ceil(low)), None
        case "lt":
            return 0, _countable(math.ceil(high) - 1)
        case "lte":
            return 0, _countable(math.floor(high))
        case _:
            assert_never(operator)


def _countable(count: int) -> int:
    """Return the nearest number that the warehouse can compare a count with; no count comes near an end."""
    return min(max(count, -_MAX_COUNT), _MAX_COUNT)


def _measure(_: CountPredicate, selected: str, __: Bindings) -> str:
    return "count()" if selected == EVERY_ROW else f"countIf({selected})"


def _verdict(predicate: CountPredicate, column: str, bind: Bindings) -> str:
    at_least = f"{column} >= {bind.integer(predicate.low)}"
    return at_least if predicate.high is None else f"{at_least} AND {column} <= {bind.integer(predicate.high)}"


def _merges(predicate: CountPredicate) -> bool:
    """Return False for "at least one" without filters only: a second delivery of an event cannot be the first."""
    return not (predicate.low == 1 and predicate.high is None) or bool(predicate.selection.where)


def _interpret(predicate: CountPredicate, profile: Profile) -> bool:
    return is_within(len(profile.selected(predicate.selection)), predicate.low, predicate.high)


def is_within(count: int, low: int, high: int | None) -> bool:
    """Return whether a count is in a range, both ends included; None leaves it open."""
    return count >= low and (high is None or count <= high)


def _measure_per_value(predicate: PerValueCountPredicate, selected: str, bind: Bindings) -> str:
    return occurrences(predicate.keys, selected, bind)


def _verdict_per_value(predicate: PerValueCountPredicate, column: str, bind: Bindings) -> str:
    """Return the condition that more values occur `low` times than occur `high` + 1 times."""
    high = predicate.high
    more = "0" if high is None else f"countEqual({column}, {bind.integer(high + 1)})"
    return f"countEqual({column}, {bind.integer(predicate.low)}) > {more}"


def _interpret_per_value(predicate: PerValueCountPredicate, profile: Profile) -> bool:
    events = profile.selected(predicate.selection)
    counts = Counter(scalar_of(value_at(event.payload, predicate.keys)) for event in events)
    del counts[None]
    return any(is_within(count, predicate.low, predicate.high) for count in counts.values())


QUESTION = Question(
    condition_type="event_count",
    compile=_compile,
    predicates=(
        PredicateKind(
            predicate=CountPredicate,
            rows=lambda predicate: EventRows(predicate.selection),
            measure=_measure,
            verdict=_verdict,
            merges=_merges,
            width=Width(16),
            interpret=_interpret,
        ),
        PredicateKind(
            predicate=PerValueCountPredicate,
            rows=lambda predicate: EventRows(predicate.selection),
            measure=_measure_per_value,
            verdict=_verdict_per_value,
            merges=always_merged,
            width=Width(64, 24),
            interpret=_interpret_per_value,
        ),
    ),
)
