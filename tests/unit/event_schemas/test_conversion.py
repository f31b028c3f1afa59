"""Values are converted to the type of their property, or left as they are."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segops_common.event_schemas.check import MAX_VIOLATIONS, SchemaCheck
from segops_common.event_schemas.conversion import CONVERSIONS, MISFIT
from segops_common.event_schemas.infer import infer
from segops_common.event_schemas.model import EventSchema, PropertyRule, PropertyType

TYPES: Final[tuple[PropertyType, ...]] = tuple(CONVERSIONS)
SCALARS: Final = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(("", "5", "-0.5e3", "TRUE", "false", "0", "2026-05-20T12:00:00Z", "2026-05-20", "1779278400"))
    | st.text(max_size=8)
)
KEYS: Final = st.sampled_from(("a", "é", "a.b", "\\", "a\\.", "0", ""))
VALUES: Final = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
PAYLOADS: Final = st.dictionaries(KEYS, VALUES, max_size=4)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("number", "5", 5),
        ("number", "-12", -12),
        ("number", "42.50", 42.5),
        ("number", "1e3", 1000.0),
        ("number", 7, 7),
        ("number", "9" * 30, 1e30),
        ("boolean", "true", True),
        ("boolean", "FALSE", False),
        ("boolean", "1", True),
        ("boolean", 0, False),
        ("boolean", 1.0, True),
        ("datetime", "2026-05-20T12:00:00Z", "2026-05-20T12:00:00Z"),
        ("datetime", "2026-05-20", "2026-05-20"),
        ("datetime", 1_779_278_400, 1_779_278_400),
        ("string", "x", "x"),
        ("array", [1], [1]),
    ],
)
def test_what_fits_is_converted(kind: PropertyType, value: Any, stored: Any) -> None:
    result = CONVERSIONS[kind](value)
    assert (type(result), result) == (type(stored), stored)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "007"),
        ("number", "5 "),
        ("number", "1e999"),
        ("number", "9" * 401),
        ("number", "٣"),
        ("number", "NaN"),
        ("number", True),
        ("number", ""),
        ("boolean", "yes"),
        ("boolean", 2),
        ("boolean", []),
        ("datetime", "yesterday"),
        ("datetime", "2026-13-01"),
        ("datetime", True),
        ("string", 5),
        ("string", {}),
        ("array", "[1]"),
        ("array", {}),
    ],
)
def test_what_does_not_fit_is_a_misfit(kind: PropertyType, value: Any) -> None:
    assert CONVERSIONS[kind](value) is MISFIT


@given(st.sampled_from(TYPES), VALUES)
def test_converting_again_changes_nothing(kind: PropertyType, value: Any) -> None:
    once = CONVERSIONS[kind](value)
    if once is not MISFIT:
        again = CONVERSIONS[kind](once)
        assert (type(again), again) == (type(once), once)


def check_of(*rules: PropertyRule) -> SchemaCheck:
    return SchemaCheck(EventSchema("order_placed", "refuse", rules))


def test_a_payload_is_converted_where_the_schema_says_so() -> None:
    check = check_of(
        PropertyRule("total", "number"),
        PropertyRule("shipping.gift", "boolean"),
        PropertyRule("a\\.b", "number"),
        PropertyRule("absent", "string"),
    )
    sent = {"total": "25", "shipping": {"gift": "true", "city": "5"}, "a.b": "1", "other": "7"}
    before = json.dumps(sent)
    checked = check.apply(sent)
    assert checked.payload == {"total": 25, "shipping": {"gift": True, "city": "5"}, "a.b": 1, "other": "7"}
    assert (checked.converted, checked.violations) == (["total", "shipping.gift", "a\\.b"], [])
    assert json.dumps(sent) == before


def test_a_payload_that_conforms_is_the_same_object() -> None:
    sent = {"total": 25, "extra": None}
    assert check_of(PropertyRule("total", "number", required=True)).apply(sent).payload is sent


def test_violations_name_the_property_and_no_value() -> None:
    check = check_of(
        PropertyRule("id", "string", required=True),
        PropertyRule("total", "number", required=True),
        PropertyRule("city.name", "string", required=True),
        PropertyRule("note", "string"),
    )
    checked = check.apply({"id": 4711, "total": None, "city": "canary", "note": None})
    assert [(violation.property, violation.code) for violation in checked.violations] == [
        ("id", "wrong-property-type"),
        ("total", "missing-property"),
        ("city.name", "missing-property"),
    ]
    details = " ".join(violation.detail for violation in checked.violations)
    assert "4711" not in details
    assert "canary" not in details


def test_violations_are_bounded() -> None:
    rules = [PropertyRule(f"p{number}", "string", required=True) for number in range(100)]
    assert len(check_of(*rules).apply({}).violations) == MAX_VIOLATIONS


@given(st.lists(PAYLOADS, min_size=1, max_size=5))
def test_what_fitted_everywhere_violates_nothing(payloads: list[dict[str, Any]]) -> None:
    inferred = infer("order_placed", payloads)
    sure = [of_name.rule for of_name in inferred.properties if of_name.fitting == of_name.present]
    for payload in payloads:
        assert check_of(*sure).apply(payload).violations == []
    assert all(of_name.fitting >= 1 for of_name in inferred.properties)
    assert all(of_name.rule.required is (of_name.present == len(payloads)) for of_name in inferred.properties)


def test_types_are_inferred_from_most_values() -> None:
    payloads: list[dict[str, Any]] = [
        {"total": 5, "at": "2026-05-20T12:00:00Z", "ok": True, "tags": [1], "id": "a", "to": {"city": "Bonn"}},
        {"total": "6", "at": "2026-05-21T12:00:00Z", "ok": "false", "tags": [], "id": "7", "to": {"a.b": 1}},
        {"total": 7, "at": "soon", "ok": None, "id": "c", "": 1},
    ]
    inferred = infer("order_placed", payloads)
    assert {
        of_name.rule.name: (of_name.rule.type, of_name.rule.required, of_name.present, of_name.fitting)
        for of_name in inferred.properties
    } == {
        "total": ("number", True, 3, 3),
        "at": ("string", True, 3, 3),
        "ok": ("boolean", False, 2, 2),
        "tags": ("array", False, 2, 2),
        "id": ("string", True, 3, 3),
        "to.city": ("string", False, 1, 1),
        "to.a\\.b": ("number", False, 1, 1),
    }
    assert (inferred.events, inferred.omitted) == (3, 1)


def test_a_schema_is_inferred_with_the_most_frequent_properties() -> None:
    payloads = [{f"k{number:03}": 1 for number in range(150)}, {f"k{number:03}": 1 for number in range(120, 150)}]
    inferred = infer("order_placed", payloads)
    assert (len(inferred.properties), inferred.omitted) == (100, 50)
    assert [of_name.rule.name for of_name in inferred.properties][:30] == [f"k{number}" for number in range(120, 150)]
