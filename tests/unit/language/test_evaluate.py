"""The reference evaluator, compared with sentences of docs/segment-language.md and not with the compiler."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import JsonValue

from segops_language import Group
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate

NOW_MS = 1_772_366_400_000
DAY_MS = 86_400_000


def members(events: list[Event], *conditions: dict[str, Any], logic: str = "AND", negate: bool = False) -> set[str]:
    definition = Group.model_validate({"logic": logic, "conditions": list(conditions), "negate": negate})
    return set(evaluate(definition, events, NOW_MS, segment_id=7))


def event(user: str, event_type: str = "login", at: int = NOW_MS, id: str = "m", **payload: JsonValue) -> Event:
    return Event(user, event_type, f"{user}-{id}", at, payload)


def count(operator: str = "gte", value: Any = 1, event_type: str = "login", **more: Any) -> dict[str, Any]:
    return {"type": "event_count", "event_type": event_type, "operator": operator, "value": value, **more}


def holds(value: JsonValue, operator: str, target: Any = None, path: str = "p") -> bool:
    """Whether a filter passes an event in which `p` has the value."""
    test = {"property": path, "operator": operator} | ({} if target is None else {"value": target})
    return members([event("u", p=value)], count(where=[test])) == {"u"}


def test_empty_groups() -> None:
    everyone = [event("u"), event("v", "other")]

    assert members(everyone) == {"u", "v"}
    assert members(everyone, logic="OR") == set()
    assert members(everyone, logic="OR", negate=True) == {"u", "v"}


def test_no_event_counts_as_nothing() -> None:
    events = [event("u"), event("v", "other")]

    assert members(events, count("lt", 1)) == {"v"}
    assert members(events, count("eq", 0)) == {"v"}


def test_what_is_later_does_not_exist() -> None:
    assert members([event("u", at=NOW_MS), event("v", at=NOW_MS + 1)]) == {"u"}


def test_a_message_counts_once() -> None:
    assert members([event("u"), event("u")], count("eq", 1)) == {"u"}


def test_a_window_is_open_at_its_start_and_closed_at_its_end() -> None:
    edges = [event("start", at=NOW_MS - DAY_MS), event("inside", at=NOW_MS - DAY_MS + 1), event("end", at=NOW_MS)]

    assert members(edges, count(window={"last": "1d"})) == {"inside", "end"}


def test_reserved_types_match_only_when_named() -> None:
    events = [event("u", "$page"), event("v", "pageview")]

    assert members(events, count(event_type="*")) == {"v"}
    assert members(events, count(event_type="$*")) == set()
    assert members(events, count(event_type="$page")) == {"u"}


def test_traits_merge_key_by_key_and_null_removes() -> None:
    events = [
        event("u", "$identify", NOW_MS - 2, "b", plan="pro", address={"city": "Rome"}),
        event("u", "$identify", NOW_MS - 1, "a", plan=None, address={"zip": "1"}),
        event("v", "$identify", NOW_MS, "a", plan="free"),
        event("v", "$identify", NOW_MS, "b", plan="pro"),
    ]
    assert members(events, {"type": "user_property", "property": "plan", "operator": "eq", "value": "pro"}) == {"v"}
    assert members(events, {"type": "user_property", "property": "address.city", "operator": "exists"}) == set()


@pytest.mark.parametrize(
    ("value", "operator", "target", "verdict"),
    [
        (5, "eq", 5.0, True),
        ("5", "eq", 5, False),
        (True, "eq", 1, False),
        (1, "eq", True, False),
        ("é", "eq", "e\u0301", False),
        (2**53 + 1, "eq", 2**53, True),
        ("5", "gt", 4, True),
        (" 5", "gt", 4, False),
        ("05", "gt", 4, False),
        (True, "gt", 0, False),
        ("1e400", "gt", 1e308, True),
        (5, "between", [5, 5], True),
        ([1, "x"], "contains", "x", True),
        (["xy"], "contains", "x", False),
        ([True], "contains", 1, False),
        ("", "starts_with", "", True),
        ("a\nb", "matches", "a.b", False),
        ("a\n", "matches", "a$", False),
        ("2026-03-01T12:00:00Z", "within_last", "1s", True),
        ("2026-03-01T11:59:59Z", "within_last", "1s", False),
        ("2026-03-01T12:00:00.001Z", "within_last", "1s", False),
        (99_999_999_999, "after", "2026-01-01T00:00:00Z", True),
        (100_000_000_000, "after", "2026-01-01T00:00:00Z", False),
        (1.005, "after", "1970-01-01T00:00:01.004Z", True),
        ("1772366400", "after", "2020-01-01T00:00:00Z", True),
        ("772366400", "after", "1990-01-01T00:00:00Z", False),
        ("2026-02-28", "before", "2026-03-01T00:00:00Z", True),
        ("28.02.2026", "before", "2026-03-01T00:00:00Z", False),
        ({}, "exists", None, True),
        (None, "exists", None, False),
        (None, "neq", 5, True),
        (None, "lt", 5, False),
    ],
)
def test_filters(value: JsonValue, operator: str, target: Any, verdict: bool) -> None:
    assert holds(value, operator, target) is verdict


@pytest.mark.parametrize(
    ("value", "path"),
    [({"0": 5}, "p.0"), ([5], "p.0"), ([5], "p.00"), ({"a.b": 5}, "p.a\\.b"), ([{"k": [1, 5]}], "p.0.k.1")],
)
def test_paths(value: JsonValue, path: str) -> None:
    assert holds(value, "eq", 5, path)


@pytest.mark.parametrize(("value", "path"), [([5], "p.1"), ("5", "p.0"), ({"a": {"b": 5}}, "p.a\\.b"), ([5], "p.-1")])
def test_paths_that_lead_nowhere(value: JsonValue, path: str) -> None:
    assert holds(value, "not_exists", None, path)
