"""Warnings about conditions that look further back than events are kept."""

from __future__ import annotations

from typing import Any

import pytest

from segops_language import Group
from segops_language.lint.retention import Retention, retention_warnings
from tests.corpus.builders import NOW

KEPT = Retention(100, {"viewed": 10, "$identify": 50}, {"viewed": 1_204, "bought": 1})


def warned(condition: dict[str, Any], retention: Retention = KEPT) -> list[str]:
    definition = Group.model_validate({"logic": "AND", "conditions": [condition]})
    faults = retention_warnings(definition, retention, NOW)
    assert all((fault.path, fault.code) == ("definition.conditions[0]", "expired-events") for fault in faults)
    return [fault.detail for fault in faults]


def count(event_type: str, **more: Any) -> dict[str, Any]:
    return {"type": "event_count", "event_type": event_type, "operator": "gte", "value": 1, **more}


def time(occurrence: str, operator: str, value: str) -> dict[str, Any]:
    return {
        "type": "event_time",
        "event_type": "bought",
        "occurrence": occurrence,
        "operator": operator,
        "value": value,
    }


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        (count("viewed"), 10),
        (count("viewed", window={"last": "10d"}), None),
        (count("viewed", window={"last": "11d"}), 10),
        (count("bought", window={"from": "-120d", "to": "-110d"}), 100),
        (count("bought", window={"from": "-90d"}), None),
        (count("bought", window={"to": "-1d"}), 100),
        (count("bought", window={"from": "2020-01-01T00:00:00Z"}), 100),
        (count("view*"), 10),
        (count("*"), 10),
        (count("$signup"), 100),
        (time("last", "within_last", "90d"), None),
        (time("last", "not_within_last", "200d"), 100),
        (time("first", "within_last", "90d"), 100),
        (time("last", "before", "2026-01-01T00:00:00Z"), 100),
        ({"type": "user_property", "property": "plan", "operator": "eq", "value": "a"}, 50),
        ({"type": "segment", "segment_id": 7}, None),
    ],
)
def test_what_looks_further_back_is_told(condition: dict[str, Any], days: int | None) -> None:
    details = warned(condition)
    assert [f"after {days} days" in detail for detail in details] == ([] if days is None else [True])
    assert warned(condition, Retention()) == []


def test_removed_events_are_counted() -> None:
    assert warned(count("viewed"))[0].endswith("1,204 were removed so far.")
    assert warned(count("bought"))[0].endswith("1 was removed so far.")
    assert warned(count("*"))[0].endswith("1,205 were removed so far.")
    assert warned(count("other"))[0].endswith("do not count here then.")


def test_traits_are_kept_by_default() -> None:
    trait = {"type": "user_property", "property": "plan", "operator": "eq", "value": "a"}
    assert warned(trait, Retention(1)) == []
