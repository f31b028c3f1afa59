"""Warnings about filters that do not fit the values of their properties."""

from __future__ import annotations

from typing import Any

import pytest

from segops_language import Group
from segops_language.lint.values import MAX_PROPERTIES, ValueCounts, properties_of, value_warnings

TRAIT = ("$identify", "t")


def trait(operator: str, value: object, *, property: str = "t", negate: bool = False) -> dict[str, Any]:
    return {"type": "user_property", "property": property, "operator": operator, "value": value, "negate": negate}


def definition(*conditions: dict[str, Any]) -> Group:
    return Group.model_validate({"logic": "AND", "conditions": list(conditions)})


def said(condition: dict[str, Any], **counts: Any) -> list[tuple[str, str]]:
    faults = value_warnings(definition(condition), {TRAIT: ValueCounts(**counts)})
    return [(fault.code, fault.detail) for fault in faults]


def test_values_that_cannot_be_read_are_named_with_their_share() -> None:
    (warning,) = said(trait("not_within_last", "30d"), present=200, strings=200, instants=150)
    assert warning == (
        "unreadable-values",
        "25 % of the values are not an instant: `not_within_last` always holds for them.",
    )
    (warning,) = said(trait("before", "2026-01-01T00:00:00Z"), present=1000, strings=1000, instants=999)
    assert warning == (
        "unreadable-values",
        "Less than 1 % of the values are not an instant: `before` never holds for them.",
    )
    (warning,) = said(trait("gt", 5), present=4, strings=3, numerals=2)
    assert warning == ("unreadable-values", "50 % of the values are not a number: `gt` never holds for them.")


def test_dates_without_a_time_are_named() -> None:
    warnings = said(trait("within_last", "30d"), present=4, strings=4, instants=4, short_instants=1)
    assert [code for code, _ in warnings] == ["short-instants"]
    assert warnings[0][1].startswith("25 % of the values")


@pytest.mark.parametrize(("operator", "value"), [("eq", 5), ("neq", "5"), ("in", [5, 6]), ("gt", 4)])
def test_numbers_in_strings_among_numbers_are_named(operator: str, value: object) -> None:
    warnings = said(trait(operator, value), present=10, numbers=6, strings=4, numerals=4, texts=("5",))
    assert [code for code, _ in warnings] == ["mixed-types"]
    assert warnings[0][1].startswith("60 % of the values are numbers and 40 %")


@pytest.mark.parametrize(
    ("condition", "path", "detail"),
    [
        (trait("eq", "pro "), ".value", 'No value is "pro ". Did you mean "pro"?'),
        (trait("neq", "Pro"), ".value", 'No value is "Pro". Did you mean "pro"?'),
        (trait("in", ["free", "starer"]), ".value[1]", 'No value is "starer". Did you mean "starter"?'),
    ],
)
def test_texts_that_are_nearly_a_value_are_named(condition: dict[str, Any], path: str, detail: str) -> None:
    counts = ValueCounts(present=9, strings=9, texts=("free", "pro", "starter"))
    (fault,) = value_warnings(definition(condition), {TRAIT: counts})
    assert (fault.path, fault.code, fault.detail) == (f"definition.conditions[0]{path}", "unknown-value", detail)


def test_what_fits_is_not_named() -> None:
    texts = ("free", "pro")
    assert said(trait("eq", "pro"), present=9, strings=9, texts=texts) == []
    assert said(trait("eq", "gold"), present=9, strings=9, texts=texts) == []
    assert said(trait("eq", "pro "), present=9, strings=9, texts=texts, has_all_texts=False) == []
    assert said(trait("eq", 5), present=9, strings=9, texts=texts) == []
    assert said(trait("contains", "fre"), present=9, strings=9, texts=texts) == []
    assert said(trait("within_last", "1d"), present=9, strings=9, instants=9) == []
    assert said(trait("gt", 5), present=9, numbers=9) == []
    assert said(trait("gt", 5), present=0) == []
    assert value_warnings(definition(trait("gt", 5)), {}) == ()


def test_properties_are_those_with_an_exact_event_type() -> None:
    count = {"type": "event_count", "operator": "gte", "value": 1}
    where = [{"property": "p", "operator": "gt", "value": 1}, {"property": "q", "operator": "exists"}]
    conditions = [{**count, "event_type": name, "where": where} for name in ("a", "b*", "a")]
    assert properties_of(definition(*conditions, trait("eq", 1))) == (("a", "p"), TRAIT)
    many = [trait("eq", 1, property=f"p{i}") for i in range(80)]
    assert len(properties_of(definition(*many))) == MAX_PROPERTIES
