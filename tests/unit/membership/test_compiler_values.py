"""Conditions on values, and the ranges of counts and doubles that they become."""

from __future__ import annotations

import math
from typing import Any

import pytest

from segops_language import EventPattern, Group
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import (
    EVERYONE,
    NO_ONE,
    AllOf,
    AnyOf,
    Compares,
    EventSelection,
    Expression,
    Not,
    PropertyCheck,
    predicates_of,
)
from segops_membership.questions.aggregate import AggregatePredicate, DistinctCountPredicate
from segops_membership.questions.count import CountPredicate, PerValueCountPredicate

NOW_MS = 1_772_366_400_000
ALL = EventSelection(EventPattern("buy", exact=True), None, NOW_MS, frozenset())
KEYS = ("item", "price")
UP, DOWN = math.inf, -math.inf


def only(**fields: Any) -> Expression:
    condition = {"event_type": "buy", **fields}
    definition = Group.model_validate({"logic": "AND", "conditions": [condition]})
    expression = compile_definition(definition, NOW_MS, segment_id=7)
    assert isinstance(expression, AllOf)
    return expression.parts[0]


def aggregate(function: str, operator: str, value: Any, **more: Any) -> Expression:
    fields = {"property": "item.price", "function": function, "operator": operator, "value": value}
    return only(type="event_aggregate", **fields, **more)


def some(operator: Any, bound: float) -> CountPredicate:
    """Profiles with a number that compares so."""
    check = PropertyCheck(KEYS, Compares(operator, bound))
    return CountPredicate(EventSelection(ALL.pattern, None, NOW_MS, frozenset((check,))), 1, None)


def average(low: float, high: float) -> AggregatePredicate:
    return AggregatePredicate(ALL, KEYS, "avg", low, high)


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("gte", 2, PerValueCountPredicate(ALL, KEYS, 2, None)),
        ("gt", 2, PerValueCountPredicate(ALL, KEYS, 3, None)),
        ("eq", 2, PerValueCountPredicate(ALL, KEYS, 2, 2)),
        ("between", [0, 2.5], PerValueCountPredicate(ALL, KEYS, 1, 2)),
        # A value that occurs, occurs once at least.
        ("lt", 3, PerValueCountPredicate(ALL, KEYS, 1, 2)),
        ("gte", 0, PerValueCountPredicate(ALL, KEYS, 1, None)),
        ("neq", 0, PerValueCountPredicate(ALL, KEYS, 1, None)),
        ("neq", 1, PerValueCountPredicate(ALL, KEYS, 2, None)),
        ("neq", 2, AnyOf((PerValueCountPredicate(ALL, KEYS, 1, 1), PerValueCountPredicate(ALL, KEYS, 3, None)))),
        ("neq", 1.5, AnyOf((PerValueCountPredicate(ALL, KEYS, 1, 1), PerValueCountPredicate(ALL, KEYS, 2, None)))),
        ("eq", 0, NO_ONE),
        ("lt", 1, NO_ONE),
        ("eq", 1.5, NO_ONE),
        ("lte", -1, NO_ONE),
    ],
)
def test_counts_per_value(operator: str, value: Any, expected: Expression) -> None:
    assert only(type="event_count", operator=operator, value=value, per="item.price") == expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("gte", 5, average(5, UP)),
        ("lte", 5, average(DOWN, 5)),
        ("gt", 5, average(math.nextafter(5, UP), UP)),
        ("lt", 0, average(DOWN, -5e-324)),
        ("eq", 5, average(5, 5)),
        ("between", [-1, 5], average(-1, 5)),
        ("neq", 5, Not(average(5, 5))),
        ("gt", 1.7976931348623157e308, average(UP, UP)),
    ],
)
def test_an_average_is_absent_without_numbers(operator: str, value: Any, expected: Expression) -> None:
    assert aggregate("avg", operator, value) == expected


def test_a_sum_of_nothing_is_0() -> None:
    def total(low: float, high: float) -> AggregatePredicate:
        return AggregatePredicate(ALL, KEYS, "sum", low, high)

    nothing = Not(some("lte", UP))

    assert aggregate("sum", "gt", 0) == total(5e-324, UP)
    assert aggregate("sum", "lt", 1) == AnyOf((total(DOWN, math.nextafter(1, 0)), nothing))
    assert aggregate("sum", "eq", -0.0) == AnyOf((total(0, 0), nothing))
    assert aggregate("sum", "neq", 0) == Not(AnyOf((total(0, 0), nothing)))


def test_the_least_and_the_greatest_are_as_counts() -> None:
    assert aggregate("min", "gte", 5) == AllOf((some("lte", UP), Not(some("lt", 5))))
    assert aggregate("min", "lte", 5) == AllOf((some("lte", 5), Not(NO_ONE)))
    assert aggregate("min", "neq", 5) == Not(AllOf((some("lte", 5), Not(some("lt", 5)))))
    assert aggregate("max", "between", [1, 5]) == AllOf((some("gte", 1), Not(some("gt", 5))))
    assert aggregate("max", "gte", 5) == AllOf((some("gte", 5), Not(NO_ONE)))


def test_no_value_is_0_distinct_ones() -> None:
    assert aggregate("distinct", "gte", 2) == DistinctCountPredicate(ALL, KEYS, 2, None)
    assert aggregate("distinct", "lt", 2) == Not(DistinctCountPredicate(ALL, KEYS, 2, None))
    assert aggregate("distinct", "neq", 0) == Not(Not(DistinctCountPredicate(ALL, KEYS, 1, None)))
    assert aggregate("distinct", "gte", 0) == EVERYONE


def test_windows_and_filters_select_what_is_aggregated() -> None:
    where = [{"property": "sku", "operator": "exists"}]
    (predicate,) = predicates_of(aggregate("avg", "eq", 1, where=where, window={"last": "1s"}, negate=True))

    assert isinstance(predicate, AggregatePredicate)
    assert predicate.selection.start_ms == NOW_MS - 1000
    assert {check.keys for check in predicate.selection.where} == {("sku",)}
