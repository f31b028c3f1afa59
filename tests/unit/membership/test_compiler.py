"""Definitions and the expressions that they compile to."""

from __future__ import annotations

from typing import Any

import pytest

from segops_language import EventPattern, Group
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import (
    EVERYONE,
    NO_ONE,
    Affix,
    AllOf,
    AnyOf,
    Between,
    Compares,
    Contains,
    EventSelection,
    Expression,
    FlagValue,
    InstantIn,
    Matches,
    Not,
    NumberValue,
    OneOf,
    Present,
    PropertyCheck,
    Test,
    TextValue,
    predicates_of,
)
from segops_membership.questions.count import CountPredicate
from segops_membership.questions.sample import SamplePredicate
from segops_membership.questions.trait import TraitPredicate

NOW_MS = 1_772_366_400_000
DAY_MS = 86_400_000
ALL_LOGINS = EventSelection(EventPattern("login", exact=True), None, NOW_MS, frozenset())


def compiled(*conditions: dict[str, Any], logic: str = "AND", negate: bool = False) -> Expression:
    definition = Group.model_validate({"logic": logic, "conditions": list(conditions), "negate": negate})
    return compile_definition(definition, NOW_MS, segment_id=7)


def only(condition: dict[str, Any]) -> Expression:
    """The single part of a group."""
    expression = compiled(condition)
    assert isinstance(expression, AllOf)
    (part,) = expression.parts
    return part


def count(operator: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "event_count", "event_type": "login", "operator": operator, "value": value, **more}


def trait(operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": "user_property", "property": "plan", "operator": operator, **_given(value), **more}


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("gte", 1, CountPredicate(ALL_LOGINS, 1, None)),
        ("gt", 0, CountPredicate(ALL_LOGINS, 1, None)),
        ("gt", 0.5, CountPredicate(ALL_LOGINS, 1, None)),
        ("gte", 1.5, CountPredicate(ALL_LOGINS, 2, None)),
        ("eq", 3, CountPredicate(ALL_LOGINS, 3, 3)),
        ("between", [2, 4.9], CountPredicate(ALL_LOGINS, 2, 4)),
        # What 0 satisfies is asked as its complement.
        ("eq", 0, Not(CountPredicate(ALL_LOGINS, 1, None))),
        ("lt", 1, Not(CountPredicate(ALL_LOGINS, 1, None))),
        ("lt", 0.5, Not(CountPredicate(ALL_LOGINS, 1, None))),
        ("lte", 2, Not(CountPredicate(ALL_LOGINS, 3, None))),
        ("between", [-1, 2], Not(CountPredicate(ALL_LOGINS, 3, None))),
        ("neq", 0, Not(Not(CountPredicate(ALL_LOGINS, 1, None)))),
        ("neq", 2, Not(CountPredicate(ALL_LOGINS, 2, 2))),
        # The warehouse counts in 64 bits.
        ("lte", 1e300, Not(CountPredicate(ALL_LOGINS, 2**62 + 1, None))),
        ("gt", 1e300, CountPredicate(ALL_LOGINS, 2**62, None)),
        ("gte", 0, EVERYONE),
        ("gt", -1, EVERYONE),
        ("lt", 0, NO_ONE),
        ("lte", -0.5, NO_ONE),
        ("eq", 1.5, NO_ONE),
        ("eq", -1, NO_ONE),
        ("neq", 1.5, Not(NO_ONE)),
        ("between", [0.2, 0.8], NO_ONE),
    ],
)
def test_counts(operator: str, value: Any, expected: Expression) -> None:
    assert only(count(operator, value)) == expected


@pytest.mark.parametrize(
    ("window", "start_ms", "end_ms"),
    [
        ({"last": "1d"}, NOW_MS - DAY_MS, NOW_MS),
        ({"from": "-2d", "to": "-1d"}, NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS),
        ({"from": "2026-02-28T12:00:00Z"}, NOW_MS - DAY_MS, NOW_MS),
        ({"to": "2026-02-28T12:00:00Z"}, None, NOW_MS - DAY_MS),
        ({"to": "2099-01-01T00:00:00Z"}, None, NOW_MS),
        ({"from": "2026-02-28T12:00:00.001Z", "to": "-1d"}, NOW_MS - DAY_MS + 1, NOW_MS - DAY_MS),
    ],
)
def test_windows(window: dict[str, str], start_ms: int | None, end_ms: int) -> None:
    predicate = only(count("gte", 1, window=window))

    assert isinstance(predicate, CountPredicate)
    assert (predicate.selection.start_ms, predicate.selection.end_ms) == (start_ms, end_ms)


@pytest.mark.parametrize(
    ("operator", "value", "test"),
    [
        ("eq", "x", OneOf((TextValue("x"),))),
        ("eq", 5, OneOf((NumberValue(5.0),))),
        ("eq", True, OneOf((FlagValue(True),))),
        ("in", ["1", 1, True, 1.0], OneOf((TextValue("1"), NumberValue(1.0), FlagValue(True)))),
        ("gt", 5, Compares("gt", 5.0)),
        ("lte", 2**53 + 1, Compares("lte", 2.0**53)),
        ("between", [1, 2], Between(1.0, 2.0)),
        ("contains", "x", Contains(TextValue("x"))),
        ("starts_with", "x", Affix("starts_with", "x")),
        ("ends_with", "x", Affix("ends_with", "x")),
        ("matches", "^x", Matches("^x")),
        ("exists", None, Present()),
        ("before", "2026-03-01T12:00:00.0009Z", InstantIn(None, NOW_MS)),
        ("after", "2026-03-01T12:00:00Z", InstantIn(NOW_MS, None)),
        ("within_last", "1d", InstantIn(NOW_MS - DAY_MS, NOW_MS + 1)),
    ],
)
def test_operators(operator: str, value: Any, test: Test) -> None:
    assert only(trait(operator, value)) == TraitPredicate(("plan",), test)


@pytest.mark.parametrize(
    ("negative", "positive", "value"),
    [
        ("neq", "eq", "x"),
        ("not_in", "in", ["x"]),
        ("not_contains", "contains", "x"),
        ("not_matches", "matches", "x"),
        ("not_exists", "exists", None),
        ("not_within_last", "within_last", "1d"),
    ],
)
def test_negative_operators_are_complements(negative: str, positive: str, value: Any) -> None:
    assert only(trait(negative, value)) == Not(only(trait(positive, value)))
    of_event = only(count("gte", 1, where=[{"property": "a.b\\.c", "operator": negative} | _given(value)]))
    assert isinstance(of_event, CountPredicate)
    (check,) = of_event.selection.where
    assert (check.keys, check.negated) == (("a", "b.c"), True)


def _given(value: Any) -> dict[str, Any]:
    return {} if value is None else {"value": value}


def test_negate_complements_any_node() -> None:
    inner = {"logic": "OR", "conditions": [count("gte", 1, negate=True)], "negate": True}
    predicate = CountPredicate(ALL_LOGINS, 1, None)

    assert compiled(inner, negate=True) == Not(AllOf((Not(AnyOf((Not(predicate),))),)))


def test_equal_conditions_are_one_predicate() -> None:
    first = {"property": "a", "operator": "eq", "value": 1}
    second = {"property": "b", "operator": "neq", "value": True}
    expression = compiled(
        count("gte", 1, where=[first, second]), count("lt", 1, where=[second, first]), trait("eq", 1), trait("neq", 1.0)
    )

    assert len(predicates_of(expression)) == 2


def test_values_that_python_calls_equal_are_different_predicates() -> None:
    assert len(predicates_of(compiled(trait("eq", 1), trait("eq", True), trait("eq", "1")))) == 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"percent": 5}, SamplePredicate("7", 50_000)),
        ({"percent": 5, "seed": ""}, SamplePredicate("", 50_000)),
        # As doubles, 4.35 times 10,000 is less than 43,500.
        ({"percent": 4.35, "seed": "a"}, SamplePredicate("a", 43_500)),
        ({"percent": 0.00001, "seed": "a"}, SamplePredicate("a", 1)),
    ],
)
def test_samples(fields: dict[str, Any], expected: SamplePredicate) -> None:
    assert only({"type": "sample", **fields}) == expected


def test_checks_of_one_path_keep_their_test() -> None:
    predicate = only(count("gte", 1, where=[{"property": "a.0", "operator": "exists"}]))

    assert isinstance(predicate, CountPredicate)
    assert predicate.selection.where == {PropertyCheck(("a", "0"), Present())}
