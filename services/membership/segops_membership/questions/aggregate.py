"""`event_aggregate`: a sum, mean, minimum, maximum or number of different values over the events of a profile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Literal, assert_never

from segops_language.conditions import CountOperator, EventAggregate
from segops_language.values import path_keys
from segops_membership.domain.predicates import (
    NO_ONE,
    AllOf,
    AnyOf,
    Compares,
    EventSelection,
    Expression,
    Not,
    Predicate,
    PropertyCheck,
    negated_if,
)
from segops_membership.domain.profile import Profile
from segops_membership.domain.property_values import number_of, scalar_of, value_at
from segops_membership.questions.count import CountPredicate, Threshold, compile_count, is_within
from segops_membership.questions.question import (
    Context,
    EventRows,
    PredicateKind,
    Question,
    Width,
    always_merged,
)
from segops_membership.sql.exact_sums import exact_sum, is_in_range
from segops_membership.sql.parameters import Bindings
from segops_membership.sql.scalars import occurrences


@dataclass(frozen=True, slots=True)
class DistinctCountPredicate(Predicate):
    """Profiles whose selected events have at least `low` (1 or more) and at most `high` different scalars at `keys`."""

    selection: EventSelection
    keys: tuple[str, ...]
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class AggregatePredicate(Predicate):
    """Profiles whose selected events have numbers at `keys` with a sum or mean from `low` to `high`, both included.

    Sum and mean are exact, then rounded once to a double; an infinite end includes the infinity.
    """

    selection: EventSelection
    keys: tuple[str, ...]
    function: Literal["sum", "avg"]
    low: float
    high: float


def _compile(condition: EventAggregate, context: Context) -> Expression:
    selection = context.selection(condition.event_type, condition.where, condition.window)
    keys = path_keys(condition.property)
    if condition.function == "distinct":
        return compile_count(condition.operator, condition.value, partial(DistinctCountPredicate, selection, keys))
    low, high = _interval(condition.operator, condition.value)
    some = partial(_some_number, selection, keys)
    expression: Expression
    match condition.function:
        case "sum" | "avg":
            expression = AggregatePredicate(selection, keys, condition.function, low, high)
            # The sum of no number is 0.
            if condition.function == "sum" and low <= 0 <= high:
                expression = AnyOf((expression, Not(some(Compares("lte", math.inf)))))
        case "min":
            expression = AllOf((some(Compares("lte", high)), Not(some(Compares("lt", low)))))
        case "max":
            expression = AllOf((some(Compares("gte", low)), Not(some(Compares("gt", high)))))
        case _:
            assert_never(condition.function)
    return negated_if(condition.operator == "neq", expression)


def _some_number(selection: EventSelection, keys: tuple[str, ...], test: Compares) -> Expression:
    """Return the profiles with an event whose number passes; no number is beyond an infinity."""
    if test in (Compares("lt", -math.inf), Compares("gt", math.inf)):
        return NO_ONE
    return CountPredicate(replace(selection, where=selection.where | {PropertyCheck(keys, test)}), 1, None)


def _interval(operator: CountOperator, value: Threshold) -> tuple[float, float]:
    """Return the doubles that satisfy an operator (for `neq`, those that do not), both ends and infinities included."""
    low, high = map(float, value if isinstance(value, tuple) else (value, value))
    match operator:
        case "eq" | "neq" | "between":
            return low, high
        case "gt":
            return math.nextafter(low, math.inf), math.inf
        case "gte":
            return low, math.inf
        case "lt":
            return -math.inf, math.nextafter(high, -math.inf)
        case "lte":
            return -math.inf, high
        case _:
            assert_never(operator)


def _measure_distinct(predicate: DistinctCountPredicate, selected: str, bind: Bindings) -> str:
    return occurrences(predicate.keys, selected, bind)


def _verdict_distinct(predicate: DistinctCountPredicate, column: str, bind: Bindings) -> str:
    at_least = f"countEqual({column}, 1) >= {bind.integer(predicate.low)}"
    if predicate.high is None:
        return at_least
    return f"{at_least} AND countEqual({column}, 1) <= {bind.integer(predicate.high)}"


def _interpret_distinct(predicate: DistinctCountPredicate, profile: Profile) -> bool:
    events = profile.selected(predicate.selection)
    scalars = {scalar_of(value_at(event.payload, predicate.keys)) for event in events} - {None}
    return is_within(len(scalars), predicate.low, predicate.high)


def _measure(predicate: AggregatePredicate, selected: str, bind: Bindings) -> str:
    return exact_sum(predicate.keys, selected, bind)


def _verdict(predicate: AggregatePredicate, column: str, bind: Bindings) -> str:
    return is_in_range(column, predicate.function, predicate.low, predicate.high, bind)


def _interpret(predicate: AggregatePredicate, profile: Profile) -> bool:
    values = (value_at(event.payload, predicate.keys) for event in profile.selected(predicate.selection))
    numbers = [number for number in map(number_of, values) if number is not None]
    return bool(numbers) and predicate.low <= _total(numbers, predicate.function) <= predicate.high


def _total(numbers: Sequence[float], function: Literal["sum", "avg"]) -> float:
    """Return the sum or mean, rounded once; NaN for a sum of both infinities."""
    infinities = {number for number in numbers if math.isinf(number)}
    if infinities:
        return sum(infinities)
    exact = sum(map(Fraction, numbers), Fraction()) / (1 if function == "sum" else len(numbers))
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


QUESTION = Question(
    condition_type="event_aggregate",
    compile=_compile,
    predicates=(
        PredicateKind(
            predicate=DistinctCountPredicate,
            rows=lambda predicate: EventRows(predicate.selection),
            measure=_measure_distinct,
            verdict=_verdict_distinct,
            merges=always_merged,
            width=Width(64, 24),
            interpret=_interpret_distinct,
        ),
        PredicateKind(
            predicate=AggregatePredicate,
            rows=lambda predicate: EventRows(predicate.selection),
            measure=_measure,
            verdict=_verdict,
            merges=always_merged,
            width=Width(96),
            interpret=_interpret,
        ),
    ),
)
