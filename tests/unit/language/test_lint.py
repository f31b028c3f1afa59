"""Warnings about constant and repeated parts of a definition, compared with the evaluator in random scenarios."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from segops_language import Group, walk
from segops_language.lint import static_warnings
from segops_language.reference.evaluate import EvaluatedProfile
from tests.corpus.scenario import USERS, Scenario

NEVER = {"type": "event_count", "event_type": "a", "operator": "lt", "value": 0}
SOME = {"type": "event_count", "event_type": "a", "operator": "gte", "value": 1}


def said(*conditions: dict[str, Any], logic: str = "AND") -> list[tuple[str, str]]:
    warnings = static_warnings(Group.model_validate({"logic": logic, "conditions": list(conditions)}))
    return [(fault.path.removeprefix("definition"), fault.code) for fault in warnings]


def counted(operator: str, value: object, **more: object) -> dict[str, Any]:
    return {"type": "event_count", "event_type": "a", "operator": operator, "value": value, **more}


def distinct(operator: str, value: object) -> dict[str, Any]:
    fields = {"type": "event_aggregate", "event_type": "a", "property": "p", "function": "distinct"}
    return {**fields, "operator": operator, "value": value}


def regular(**more: int) -> dict[str, Any]:
    return {"type": "event_regularity", "event_type": "a", "period": "1d", "of": 3, "at_least": 1, **more}


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (counted("gte", 0), "always-true"),
        (counted("gt", -1), "always-true"),
        (counted("neq", 1.5), "always-true"),
        (counted("lt", 0), "always-false"),
        (counted("lte", -1), "always-false"),
        (counted("eq", 1.5), "always-false"),
        (counted("between", [0.2, 0.8]), "always-false"),
        (counted("lt", 1, per="p"), "always-false"),
        (counted("gte", 0, negate=True), "always-false"),
        (distinct("gte", 0), "always-true"),
        (distinct("lt", 0), "always-false"),
        (regular(at_least=0), "always-true"),
        (regular(count=0), "always-true"),
        (regular(at_least=4), "always-false"),
        (regular(at_least=4, count=0), "always-false"),
        ({"type": "sample", "percent": 0}, "always-false"),
        ({"type": "sample", "percent": 100.0}, "always-true"),
        ({"logic": "OR", "conditions": []}, "always-false"),
        ({"logic": "AND", "conditions": []}, "always-true"),
        ({"logic": "OR", "conditions": [SOME, {**SOME, "negate": True}]}, "always-true"),
        ({"logic": "AND", "conditions": [SOME, {**SOME, "negate": True}]}, "always-false"),
    ],
)
def test_what_depends_on_nothing_is_said(condition: dict[str, Any], code: str) -> None:
    assert said(counted("gte", 2), condition) == [(".conditions[1]", code)]


@pytest.mark.parametrize(
    "condition",
    [
        counted("gte", 1),
        counted("lt", 1),
        counted("eq", 0),
        counted("neq", 0),
        counted("neq", 1.5, per="p"),
        counted("gte", 0, per="p"),
        counted("between", [0, 5]),
        {"type": "sample", "percent": 0.5},
        {"type": "sample", "percent": 99.5},
        regular(at_least=3),
        {"type": "event_sequence", "steps": [{"event_type": "a"}, {"event_type": "b"}], "within": "0s"},
        {"logic": "AND", "conditions": [SOME, counted("lt", 1)]},
    ],
)
def test_what_depends_on_events_is_not(condition: dict[str, Any]) -> None:
    assert said(counted("gte", 2), condition) == []


def test_the_innermost_part_is_to_blame() -> None:
    assert said({"logic": "AND", "conditions": [SOME, NEVER]}) == [(".conditions[0].conditions[1]", "always-false")]


def test_what_is_said_twice_is_said_once_more() -> None:
    assert said(SOME, counted("gte", 2), {**SOME, "value": 1.0}, logic="OR") == [
        (".conditions[2]", "duplicate-condition")
    ]


def test_no_warning_is_ever_wrong() -> None:
    random, warned = Random(5), 0
    for _ in range(150):
        scenario = Scenario(random)
        definition = scenario.definition(7)
        nodes = dict(walk(definition))
        codes = {fault.path: fault.code for fault in static_warnings(definition)}
        for path, code in codes.items():
            if code == "duplicate-condition":
                continue
            warned += 1
            for user in USERS:
                events = [event for event in scenario.events if event.profile_id == user]
                profile = EvaluatedProfile(user, events, scenario.as_of_ms, 7, scenario.references, scenario.lists)
                assert profile.is_in(nodes[path]) == (code == "always-true"), nodes[path]
    assert warned > 20
