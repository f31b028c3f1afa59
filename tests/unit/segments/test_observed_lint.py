"""Warnings about event types and properties that no event of the tenant has."""

from __future__ import annotations

from typing import Any

import pytest

from segops_common.contracts.http import ObservedEvents
from segops_language import Group
from segops_segments.domain.observed_lint import event_types_of, observed_warnings

OBSERVED = ObservedEvents(
    event_types=("page_viewed", "purchase", "$identify"),
    complete=True,
    properties={
        "purchase": {"price": ("number",), "gift": ("boolean",), "items": ("array",), "shop.city": ("string",)},
        "$identify": {"plan": ("string",), "a\\.b": ("number",)},
    },
)


def definition(*conditions: dict[str, Any]) -> Group:
    return Group.model_validate({"logic": "AND", "conditions": list(conditions)})


def count(event_type: str, **more: Any) -> dict[str, Any]:
    return {"type": "event_count", "event_type": event_type, "operator": "gte", "value": 1, **more}


def where(property_path: str, operator: str, *value: Any) -> dict[str, Any]:
    operand = {"value": value[0]} if value else {}
    return count("purchase", where=[{"property": property_path, "operator": operator, **operand}])


def trait(property_path: str, operator: str, *value: Any) -> dict[str, Any]:
    operand = {"value": value[0]} if value else {}
    return {"type": "user_property", "property": property_path, "operator": operator, **operand}


def warnings_of(*conditions: dict[str, Any]) -> list[tuple[str, str]]:
    return [(fault.path, fault.code) for fault in observed_warnings(definition(*conditions), OBSERVED)]


@pytest.mark.parametrize(
    "condition",
    [
        count("purchase"),
        count("pur*"),
        count("*"),
        where("price", "gt", 5),
        where("price", "eq", 5),
        where("price", "in", ["5", 5]),
        where("gift", "eq", True),
        where("items", "contains", 5),
        where("items.0.sku", "eq", "x"),
        where("shop", "exists"),
        where("shop.city", "gt", 5),
        where("shop.city", "contains", "x"),
        trait("plan", "matches", "^a"),
        trait("a\\.b", "gte", 1),
        count("page_viewed", where=[{"property": "anything", "operator": "exists"}]),
        count("pur*", where=[{"property": "anything", "operator": "exists"}]),
        {"type": "sample", "percent": 5},
        {"type": "segment", "segment_id": 5},
    ],
)
def test_observed_names_and_values_have_no_warning(condition: dict[str, Any]) -> None:
    assert warnings_of(condition) == []


@pytest.mark.parametrize(
    ("condition", "path", "code"),
    [
        (count("purchases"), "event_type", "unknown-event-type"),
        (count("sign*"), "event_type", "unknown-event-type"),
        (count("$page"), "event_type", "unknown-event-type"),
        (where("prise", "gt", 5), "where[0].property", "unknown-property"),
        (where("price.net", "gt", 5), "where[0].property", "unknown-property"),
        (where("price", "eq", "5"), "where[0].property", "type-mismatch"),
        (where("price", "not_in", ["5"]), "where[0].property", "type-mismatch"),
        (where("price", "starts_with", "5"), "where[0].property", "type-mismatch"),
        (where("price", "contains", "5"), "where[0].property", "type-mismatch"),
        (where("gift", "gte", 1), "where[0].property", "type-mismatch"),
        (where("gift", "within_last", "1d"), "where[0].property", "type-mismatch"),
        (where("shop", "eq", "x"), "where[0].property", "type-mismatch"),
        (trait("plam", "eq", "a"), "property", "unknown-property"),
        (trait("plan", "neq", 5), "property", "type-mismatch"),
        (count("purchase", per="item"), "per", "unknown-property"),
        (
            {
                "type": "event_aggregate",
                "event_type": "purchase",
                "property": "gift",
                "function": "sum",
                "operator": "gt",
                "value": 1,
            },
            "property",
            "type-mismatch",
        ),
        (
            {
                "type": "event_match",
                "event_type": "purchase",
                "occurrence": "last",
                "has": [{"property": "cost", "operator": "exists"}],
            },
            "has[0].property",
            "unknown-property",
        ),
        (
            {
                "type": "event_sequence",
                "steps": [{"event_type": "purchase"}, {"event_type": "refund"}],
                "within": "1d",
            },
            "steps[1].event_type",
            "unknown-event-type",
        ),
    ],
)
def test_unobserved_names_and_values_have_a_warning_with_their_path(
    condition: dict[str, Any], path: str, code: str
) -> None:
    assert warnings_of(count("purchase"), condition) == [(f"definition.conditions[1].{path}", code)]


def test_a_similar_name_is_suggested() -> None:
    event_type, property_path = observed_warnings(definition(count("purchases"), trait("plam", "eq", "a")), OBSERVED)

    assert "Did you mean `purchase`?" in event_type.detail
    assert "Did you mean `plan`?" in property_path.detail
    (dissimilar,) = observed_warnings(definition(count("zebra")), OBSERVED)
    assert "Did you mean" not in dissimilar.detail


def test_no_type_is_unknown_if_the_list_of_types_is_incomplete() -> None:
    assert observed_warnings(definition(count("rare")), OBSERVED.model_copy(update={"complete": False})) == ()


def test_only_exact_types_whose_properties_matter_are_requested() -> None:
    group = definition(where("price", "gt", 5), count("login"), count("p*", per="x"), trait("plan", "exists"))

    assert event_types_of(group) == ("purchase", "$identify")
