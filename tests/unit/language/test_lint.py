"""Warnings about constant and repeated parts of a definition, compared with the evaluator in random scenarios."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from segops_language import Group, walk
from segops_language.events import Event
from segops_language.lint import static_warnings
from segops_language.reference.evaluate import EvaluatedProfile
from tests.corpus.builders import NOW, NOW_MS
from tests.corpus.scenario import USERS, Scenario

OPERANDS: list[Any] = ["a", "b", "2", 1, 2, 2.5, True]
VALUES: list[Any] = [None, "a", "b", "2", "2.0", "1.5", "x", 0, 1, 1.5, 2, 2.25, 2.5, 3, True, False, [], {"k": 1}]
NEVER = {"type": "event_count", "event_type": "a", "operator": "lt", "value": 0}
OTHER = {"type": "event_count", "event_type": "z", "operator": "gte", "value": 2}
SOME = {"type": "event_count", "event_type": "a", "operator": "gte", "value": 1}


def said(*conditions: dict[str, Any], logic: str = "AND") -> list[tuple[str, str]]:
    warnings = static_warnings(Group.model_validate({"logic": logic, "conditions": list(conditions)}), NOW)
    return [(fault.path.removeprefix("definition"), fault.code) for fault in warnings]


def counted(operator: str, value: object, **more: object) -> dict[str, Any]:
    return {"type": "event_count", "event_type": "a", "operator": operator, "value": value, **more}


def distinct(operator: str, value: object) -> dict[str, Any]:
    fields = {"type": "event_aggregate", "event_type": "a", "property": "p", "function": "distinct"}
    return {**fields, "operator": operator, "value": value}


def averaged(operator: str, value: object) -> dict[str, Any]:
    return {**distinct(operator, value), "function": "avg"}


def trait(operator: str, value: object = None, **more: object) -> dict[str, Any]:
    operand = {} if value is None else {"value": value}
    return {"type": "user_property", "property": "t", "operator": operator, **operand, **more}


def both(*conditions: dict[str, Any], negate: bool = False) -> dict[str, Any]:
    return {"logic": "AND", "conditions": list(conditions), "negate": negate}


def either(*conditions: dict[str, Any], negate: bool = False) -> dict[str, Any]:
    return {"logic": "OR", "conditions": list(conditions), "negate": negate}


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
        (both(counted("gte", 3), counted("lt", 3)), "always-false"),
        (both(counted("gt", 2), counted("between", [0, 2.5])), "always-false"),
        (either(counted("neq", 1), counted("neq", 2)), "always-true"),
        (either(counted("lt", 3), counted("gte", 3)), "always-true"),
        (either(counted("lt", 3, negate=True), counted("gte", 3, negate=True)), "always-true"),
        (both(distinct("gt", 1), distinct("lt", 2)), "always-false"),
        (both(averaged("gt", 1), averaged("lte", 1)), "always-false"),
        (both(trait("eq", "a"), trait("eq", "b")), "always-false"),
        (both(trait("eq", 5), trait("eq", "5")), "always-false"),
        (both(trait("in", ["a", "b"]), trait("not_in", ["b", "a", "c"])), "always-false"),
        (both(trait("eq", "a"), trait("not_exists")), "always-false"),
        (both(trait("gt", 5), trait("lte", 5)), "always-false"),
        (both(trait("eq", "4"), trait("gt", 5)), "always-false"),
        (both(trait("eq", "a", held_for={"operator": "gte", "duration": "1d"}), trait("neq", "a")), "always-false"),
        (either(trait("neq", "a"), trait("neq", "b")), "always-true"),
        (either(trait("exists"), trait("neq", "a")), "always-true"),
        (
            either(
                trait("gt", 5),
                trait("lte", 5),
                trait("neq", 5, negate=True),
                trait("not_exists", negate=True),
                trait("not_exists"),
            ),
            "always-true",
        ),
        (both(trait("gt", 5), both(either(trait("lt", 3)), trait("exists"))), "always-false"),
        (both(counted("gte", 3), either(counted("gte", 3), counted("gte", 4), negate=True)), "always-false"),
    ],
)
def test_what_depends_on_nothing_is_said(condition: dict[str, Any], code: str) -> None:
    assert said(OTHER, condition) == [(".conditions[1]", code)]


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
        both(counted("gte", 3), counted("lt", 3, where=[{"property": "p", "operator": "eq", "value": 1}])),
        both(counted("gte", 3), counted("lt", 3, window={"last": "1d"})),
        both(counted("gte", 3, per="p"), counted("lt", 3, per="p")),
        both(trait("gt", 5), trait("lt", 5.000000000000002)),
        both(trait("gt", 5), trait("neq", 6), trait("lt", 7)),
        both(trait("eq", "6"), trait("gt", 5)),
        both(trait("exists"), trait("not_in", ["a", 5, True, False])),
        both(trait("contains", "a"), trait("not_contains", "ab")),
        both(trait("starts_with", "a"), trait("starts_with", "b", property="q")),
        either(trait("gt", 5), trait("lte", 5)),
        either(trait("neq", "a", held_for={"operator": "gte", "duration": "1d"}), trait("neq", "b")),
        both(averaged("lt", 1), averaged("neq", 0)),
        either(averaged("gt", 1), averaged("lte", 1)),
        {"type": "event_sequence", "steps": [{"event_type": "a"}, {"event_type": "b"}], "within": "0s"},
        {"logic": "AND", "conditions": [SOME, counted("lt", 2)]},
    ],
)
def test_what_depends_on_events_is_not(condition: dict[str, Any]) -> None:
    assert said(OTHER, condition) == []


@pytest.mark.parametrize("where", ["where", "has"])
def test_filters_that_never_hold_together_are_named(where: str) -> None:
    filters = [{"property": "p", "operator": "eq", "value": value} for value in ("a", "b")]
    match = {"type": "event_match", "event_type": "a", "occurrence": "last", "has": filters[:1], where: filters}
    assert said(match) == [(f".conditions[0].{where}", "contradictory-filters")]
    steps = [{"event_type": "a"}, {"event_type": "b", "where": filters}]
    sequence = {"type": "event_sequence", "steps": steps, "within": "1d"}
    assert said(sequence) == [(".conditions[0].steps[1].where", "contradictory-filters")]


def test_a_window_that_begins_in_the_future_is_named() -> None:
    for start, codes in (("2026-03-01T12:00:00Z", []), ("2026-03-01T12:00:00.001Z", ["future-window"])):
        assert [code for _, code in said(counted("gte", 1, window={"from": start}))] == codes
    assert said(counted("gte", 1, window={"to": "2027-01-01T00:00:00Z"})) == []


def test_long_lists_are_compared_in_bounded_time() -> None:
    values = [f"v{i}" for i in range(1000)]
    assert said(both(*(trait("in", values) for _ in range(3)), trait("eq", "w"))) != [(".conditions[0]", "always-true")]


def test_contradictions_are_never_wrong() -> None:
    """Small definitions over one property and one count, with values at the edges of each other's operands."""
    random, warned = Random(20261129), 0
    for _ in range(600):
        parts = [_generated(random) for _ in range(random.randint(2, 4))]
        definition = Group.model_validate(both(*parts) if random.random() < 0.5 else either(*parts))
        codes = [fault.code for fault in static_warnings(definition, NOW) if fault.path == "definition"]
        if not codes or codes == ["duplicate-condition"]:
            continue
        warned += 1
        for value in VALUES:
            for times in range(5):
                traits = [Event("u", "$identify", "i", NOW_MS, {"t": value})]
                events = [Event("u", "a", f"m{i}", NOW_MS - i, {"p": value}) for i in range(times)]
                profile = EvaluatedProfile("u", [*traits, *events], NOW_MS, 7, {}, {})
                assert profile.is_in(definition) == (codes == ["always-true"]), (definition, value, times)
    assert warned > 60


def _generated(random: Random) -> dict[str, Any]:
    operand = random.choice(OPERANDS)
    if random.random() < 0.4:
        made = random.choice((counted, distinct, averaged))
        return made(random.choice(("eq", "neq", "gt", "gte", "lt", "lte")), random.choice((0, 1, 1.5, 2, 3)))
    operator = random.choice(("eq", "neq", "in", "not_in", "gt", "gte", "lt", "lte", "exists", "not_exists"))
    if operator in ("in", "not_in"):
        return trait(operator, random.sample(OPERANDS, k=2), negate=random.random() < 0.3)
    if operator in ("gt", "gte", "lt", "lte"):
        operand = random.choice((1, 2, 2.5))
    if operator in ("exists", "not_exists"):
        operand = None
    return trait(operator, operand, negate=random.random() < 0.3)


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
        codes = {fault.path: fault.code for fault in static_warnings(definition, NOW)}
        for path, code in codes.items():
            if code not in ("always-true", "always-false"):
                continue
            warned += 1
            for user in USERS:
                events = [event for event in scenario.events if event.profile_id == user]
                profile = EvaluatedProfile(user, events, scenario.as_of_ms, 7, scenario.references, scenario.lists)
                assert profile.is_in(nodes[path]) == (code == "always-true"), nodes[path]
    assert warned > 20
