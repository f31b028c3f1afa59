"""The sentence of a definition: a clause for each type of condition, and a sentence for any definition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segops_language import parse_definition
from segops_language.text.sentence import sentence_of
from tests.unit.language.test_round_trip import Json, conditions, groups
from tests.unit.language.test_text import more_conditions


def sentence(*nodes: Any, logic: str = "AND", **more: Any) -> str:
    return sentence_of(parse_definition({"logic": logic, "conditions": list(nodes), **more}))


def count(operator: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "event_count", "event_type": "purchase", "operator": operator, "value": value, **more}


def trait(operator: str, *value: Any, **more: Any) -> dict[str, Any]:
    operand = {"value": value[0]} if value else {}
    return {"type": "user_property", "property": "plan", "operator": operator, **operand, **more}


@pytest.mark.parametrize(
    ("node", "clause"),
    [
        (count("gte", 1), 'who did "purchase" at least once'),
        (count("gte", 2, window={"last": "30d"}), 'who did "purchase" at least twice in the last 30 days'),
        (count("eq", 0, window={"last": "1w"}), 'who never did "purchase" in the last week'),
        (count("lt", 5), 'who did "purchase" fewer than 5 times'),
        (count("between", [2, 4]), 'who did "purchase" between 2 and 4 times'),
        (count("gt", 3, per="sku"), 'who did "purchase" more than 3 times with the same sku'),
        (
            count("eq", 1, window={"from": "-60d", "to": "2026-01-31T09:00:00Z"}),
            'who did "purchase" exactly once after 60 days ago and up to 2026-01-31T09:00:00.000Z',
        ),
        (
            count(
                "gte",
                1,
                where=[{"property": "a b", "operator": "gt", "value": 5}, {"property": "c", "operator": "exists"}],
            ),
            'who did "purchase" at least once where "a b" is more than 5 and c is set',
        ),
        (trait("eq", "starter"), 'whose plan is "starter"'),
        (trait("in", ["a", 5, True]), 'whose plan is one of "a", 5, true'),
        (trait("not_in", list("abcdef")), "whose plan is not one of 6 values"),
        (trait("between", [1, 2.5]), "whose plan is from 1 to 2.5"),
        (trait("not_within_last", "12h"), "whose plan is not in the last 12 hours"),
        (
            trait("exists", held_for={"operator": "lt", "duration": "3d"}),
            "whose plan is set and has been the same for less than 3 days",
        ),
        (
            {
                "type": "event_aggregate",
                "event_type": "purchase",
                "property": "price",
                "function": "sum",
                "operator": "gte",
                "value": 100,
            },
            'for whom the sum of price over "purchase" events is at least 100',
        ),
        (
            {
                "type": "event_time",
                "event_type": "login",
                "occurrence": "last",
                "operator": "within_last",
                "value": "7d",
            },
            'whose last "login" is in the last 7 days',
        ),
        (
            {
                "type": "event_match",
                "event_type": "search",
                "occurrence": "first",
                "has": [{"property": "q", "operator": "contains", "value": "shoe"}],
            },
            'in whose first "search" q contains "shoe"',
        ),
        ({"type": "event_match", "event_type": "a", "occurrence": "last", "has": []}, 'who did "a"'),
        (
            {
                "type": "event_sequence",
                "steps": [{"event_type": "search"}, {"event_type": "purchase"}],
                "within": "1d",
            },
            'who did "search", then "purchase", all within 1 day',
        ),
        (
            {
                "type": "event_sequence",
                "steps": [{"event_type": "search"}, {"event_type": "purchase"}],
                "within": "1d",
                "window": {"last": "30d"},
                "strict": True,
            },
            'who did "search", then "purchase" with no other event between, all within 1 day in the last 30 days',
        ),
        (
            {"type": "event_regularity", "event_type": "login", "period": "1d", "of": 7, "at_least": 3, "count": 2},
            'who did "login" at least twice in at least 3 of the last 7 periods of 1 day',
        ),
        ({"type": "segment", "segment_id": 42}, "who are in segment 42"),
        (
            {"type": "sample", "percent": 12.5, "seed": "x"},
            'who are in a random sample of 12.5 % drawn with the seed "x"',
        ),
        ({**trait("exists"), "negate": True}, "who are not among those whose plan is set"),
    ],
)
def test_each_condition_has_its_clause(node: dict[str, Any], clause: str) -> None:
    assert sentence(node) == f"Users {clause}."


def test_groups_are_joined_and_bracketed() -> None:
    inner = {"logic": "OR", "conditions": [trait("exists"), count("gte", 1)]}
    assert sentence(count("eq", 0), inner) == (
        'Users who never did "purchase", and (whose plan is set, or who did "purchase" at least once).'
    )
    assert sentence(trait("exists"), negate=True) == "All users except those whose plan is set."


@pytest.mark.parametrize(
    ("logic", "negate", "expected"),
    [("AND", False, "Everyone."), ("OR", False, "No one."), ("AND", True, "No one."), ("OR", True, "Everyone.")],
)
def test_nothing_is_everyone_or_no_one(logic: str, negate: bool, expected: str) -> None:
    assert sentence(logic=logic, negate=negate) == expected


@settings(max_examples=200)
@given(groups(st.recursive(conditions() | more_conditions(), groups, max_leaves=6)))
def test_every_definition_has_one_sentence(document: Json) -> None:
    text = sentence_of(parse_definition(document))
    assert text.endswith(".")
    assert "\n" not in text
