"""Conditions on the values of a property over events, and on whole numbers: operators become ranges that atoms ask for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, assert_never

from segops_language.conditions import CountOperator, EventAggregate
from segops_language.values import path_keys
from segops_membership.domain.predicates import (
    EVERYONE,
    NO_ONE,
    AggregatePredicate,
    AllOf,
    AnyOf,
    Compares,
    CountPredicate,
    DistinctCountPredicate,
    EventSelection,
    Expression,
    Not,
    PerValueCountPredicate,
    PropertyCheck,
)

_MAX_COUNT: Final = 2**62

Threshold = float | tuple[float, ...]
"""Of `between`, both ends."""


def counted(operator: CountOperator, value: Threshold, atom: Callable[[int, int | None], Expression]) -> Expression:
    """Profiles with a count that satisfies; a range that holds 0 is the complement of what lies above it."""
    low, high = _count_range(operator, value)
    if high is not None and high < max(low, 0):
        found: Expression = NO_ONE
    elif low > 0:
        found = atom(low, high)
    else:
        found = EVERYONE if high is None else Not(atom(high + 1, None))
    return Not(found) if operator == "neq" else found


def counted_per_value(
    operator: CountOperator, value: Threshold, selection: EventSelection, keys: tuple[str, ...]
) -> Expression:
    """Profiles of which some value's count satisfies; no value is counted 0 times, so there is nothing to complement."""
    low, high = _count_range(operator, value)
    ranges = [(low, high)]
    if operator == "neq" and high is not None:
        ranges = [(1, low - 1), (high + 1, None)]
    found = [
        PerValueCountPredicate(selection, keys, max(least, 1), most)
        for least, most in ranges
        if most is None or most >= max(least, 1)
    ]
    return found[0] if len(found) == 1 else AnyOf(tuple(found))


def aggregated(condition: EventAggregate, selection: EventSelection) -> Expression:
    """Profiles whose aggregate satisfies the operator of the condition."""
    keys = path_keys(condition.property)
    if condition.function == "distinct":
        return counted(condition.operator, condition.value, partial(DistinctCountPredicate, selection, keys))
    low, high = _interval(condition.operator, condition.value)
    some = partial(_some_number, selection, keys)
    found: Expression
    match condition.function:
        case "sum" | "avg":
            found = AggregatePredicate(selection, keys, condition.function, low, high)
            if condition.function == "sum" and low <= 0 <= high:
                found = AnyOf((found, Not(some(Compares("lte", math.inf)))))
        case "min":
            found = AllOf((some(Compares("lte", high)), Not(some(Compares("lt", low)))))
        case "max":
            found = AllOf((some(Compares("gte", low)), Not(some(Compares("gt", high)))))
        case _:
            assert_never(condition.function)
    return Not(found) if condition.operator == "neq" else found


def _some_number(selection: EventSelection, keys: tuple[str, ...], test: Compares) -> Expression:
    """Profiles with an event whose number passes; none is beyond an infinity."""
    if test in (Compares("lt", -math.inf), Compares("gt", math.inf)):
        return NO_ONE
    return CountPredicate(replace(selection, where=selection.where | {PropertyCheck(keys, test)}), 1, None)


def _count_range(operator: CountOperator, value: Threshold) -> tuple[int, int | None]:
    """The whole numbers that satisfy an operator (for `neq`, those that do not), both ends included."""
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
    """The nearest number that the warehouse can compare a count with; no count comes near an end."""
    return min(max(count, -_MAX_COUNT), _MAX_COUNT)


def _interval(operator: CountOperator, value: Threshold) -> tuple[float, float]:
    """The doubles that satisfy an operator (for `neq`, those that do not), both ends included, infinities too."""
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
