"""Explanations of each type of condition, and forecasts of when they change."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from pydantic import JsonValue

from segops_language import Group
from segops_language.events import Event
from segops_language.reference.evaluate import EvaluatedProfile
from segops_language.reference.explain import Explained, explain
from segops_language.reference.forecast import EvaluationBudget, Forecast, forecast_of
from segops_language.values import EventPattern
from segops_language.walk import needs_of

SECOND = 1_000
NOW = 1_772_366_400_000


def _event(event_type: str = "buy", ago_s: float = 0, id: str = "", **payload: JsonValue) -> Event:
    return Event("u", event_type, id or f"m{ago_s}", NOW - int(ago_s * SECOND), payload)


def _profile(*events: Event, references: dict[int, Group] | None = None) -> EvaluatedProfile:
    return EvaluatedProfile("u", events, NOW, 7, references or {}, has_events=True)


def _group(*conditions: dict[str, Any], logic: str = "AND", negate: bool = False) -> Group:
    return Group.model_validate({"logic": logic, "conditions": list(conditions), "negate": negate})


def _leaf(profile: EvaluatedProfile, **condition: Any) -> Explained:
    return explain(profile, _group(condition)).tree.children[0]


def _count(operator: str = "gte", value: Any = 3, **more: Any) -> dict[str, Any]:
    return {"type": "event_count", "event_type": "buy", "operator": operator, "value": value, **more}


BOUGHT = _profile(_event(ago_s=5, item="a", price=4), _event(ago_s=3, item="b", price=6), _event("look", 1))


@pytest.mark.parametrize(
    ("condition", "holds", "evidence", "value", "target", "events", "unmet", "changes_in_ms"),
    [
        (_count(), False, "2 of 3", 2, 3, ["m5", "m3"], "at least 3 matching events", None),
        (_count("gte", 2, window={"last": "6s"}), True, "2 of 2", 2, 2, ["m5", "m3"], None, 1000),
        (_count("lt", 2, window={"last": "6s"}, negate=True), True, "2 (target: less than 2)", 2, 2,
         ["m5", "m3"], None, 1000),
        (_count("eq", 0, window={"from": "-10s", "to": "-4s"}), False, "1 (target: exactly 0)", 1, 0, ["m5"],
         "exactly 0 matching events", 7000),
        (_count("gte", 1, per="item"), True, "1 of 1", 1, 1, ["m5"], None, None),
        ({"type": "event_aggregate", "event_type": "buy", "property": "price", "function": "sum", "operator": "gt",
          "value": 9, "window": {"last": "6s"}}, True, "10 (target: more than 9)", 10.0, 9, ["m5", "m3"],
         None, 1000),
        ({"type": "event_aggregate", "event_type": "buy", "property": "price", "function": "max", "operator": "lt",
          "value": 5}, False, "6 (target: less than 5)", 6.0, 5, ["m3"], "less than 5 as the max of price", None),
        ({"type": "event_time", "event_type": "buy", "occurrence": "last", "operator": "within_last", "value": "4s"},
         True, "2026-03-01T11:59:57.000Z", "2026-03-01T11:59:57.000Z", "4s", ["m3"], None, 1000),
        ({"type": "event_time", "event_type": "none", "occurrence": "first", "operator": "within_last", "value": "4s"},
         False, "no matching event", None, "4s", [], "the first matching event within last 4s", None),
        ({"type": "event_match", "event_type": "buy", "occurrence": "first",
          "has": [{"property": "item", "operator": "eq", "value": "a"}]}, True, '{"item": "a"}', {"item": "a"},
         [{"property": "item", "operator": "eq", "value": "a"}], ["m5"], None, None),
        ({"type": "event_regularity", "event_type": "buy", "period": "4s", "of": 2, "at_least": 2}, True, "2 of 2", 2,
         2, ["m5", "m3"], None, 1000),
        ({"type": "event_sequence", "steps": [{"event_type": "buy"}, {"event_type": "look"}, {"event_type": "buy"}],
          "within": "1h", "window": {"last": "6s"}}, False, "2 of 3", 2, 3, ["m5", "m1"], "3 steps in order within 1h",
         None),
        ({"type": "event_sequence", "steps": [{"event_type": "buy", "where": [
            {"property": "item", "operator": "eq", "value": "a"}]}, {"event_type": "look"}], "within": "1h",
          "strict": True}, False, '1 of 2, then "buy" came between', 1, 2, ["m5", "m3"],
         "2 steps in order within 1h, with no other event between", None),
        ({"type": "event_sequence", "steps": [{"event_type": "buy"}, {"event_type": "look"}], "within": "1h",
          "strict": True, "window": {"last": "4s"}}, True, "2 of 2", 2, 2, ["m3", "m1"], None, 1000),
        ({"type": "sample", "percent": 0}, False, None, None, 0, [], "a draw under 0 %", None),
    ],
)  # fmt: skip
def test_each_type_shows_what_decided(
    condition: dict[str, Any],
    holds: bool,
    evidence: str | None,
    value: JsonValue,
    target: JsonValue,
    events: list[str],
    unmet: str | None,
    changes_in_ms: int | None,
) -> None:
    node = _leaf(BOUGHT, **condition)

    assert (node.forecast.holds, node.target, node.unmet) == (holds, target, unmet)
    assert evidence is None or (node.evidence, node.value) == (evidence, value)
    assert ([event.message_id for event in node.events], node.event_count) == (events, len(events))
    assert node.forecast.next_change_ms == (None if changes_in_ms is None else NOW + changes_in_ms)


def test_a_strict_sequence_looks_at_events_of_every_type() -> None:
    steps = [{"event_type": "buy"}, {"event_type": "look"}]
    strict = {"type": "event_sequence", "steps": steps, "within": "1h", "strict": True}

    node = _leaf(_profile(_event(ago_s=5), _event("view", 4), _event("look", 3)), **strict)

    assert (node.forecast.holds, node.evidence) == (False, '1 of 2, then "view" came between')
    assert [event.message_id for event in node.events] == ["m5", "m4"]
    assert EventPattern.parse("*") in needs_of([_group(strict)]).patterns


def test_a_trait_shows_the_call_that_set_it() -> None:
    profile = _profile(
        _event("$identify", 9, plan="pro", at=NOW / 1000 + 60), _event("$identify", 5, plan="free"), _event("buy")
    )

    node = _leaf(profile, type="user_property", property="plan", operator="eq", value="pro")
    coming = _leaf(profile, type="user_property", property="at", operator="within_last", value="10s")

    assert (node.evidence, node.unmet, node.events[0].message_id) == ('"free"', 'plan eq "pro"', "m5")
    assert (coming.forecast.holds, coming.forecast.changes_ms) == (False, (NOW + 60_000, NOW + 70_000))


def test_a_segment_shows_the_tree_of_its_definition_once() -> None:
    inner = _group(_count("gte", 1, window={"last": "6s"}), {"type": "sample", "percent": 100})
    refers = {"type": "segment", "segment_id": 9}
    profile = _profile(_event(ago_s=5), references={9: inner})

    tree = explain(profile, _group(refers, {**refers, "negate": True}, logic="OR")).tree

    first, again = tree.children
    assert [node.path for node in first.children[0].children] == [
        "definition.conditions[0].definition.conditions[0]",
        "definition.conditions[0].definition.conditions[1]",
    ]
    assert (first.forecast.holds, again.forecast.holds, again.unmet) == (True, False, "not membership of segment 9")
    assert first.forecast.next_change_ms == again.forecast.next_change_ms == NOW + 1000
    assert (list(again.children), tree.forecast.next_change_ms) == ([], None)


def test_evidence_is_the_last_ten_events() -> None:
    node = _leaf(_profile(*(_event(ago_s=i) for i in range(12))), **_count())

    assert [event.message_id for event in node.events] == [f"m{i}" for i in reversed(range(10))]
    assert node.event_count == 12


def test_nobody_is_a_member_who_was_never_seen() -> None:
    nobody = replace(_profile(), has_events=False)

    explanation = explain(nobody, _group(_count("eq", 0)))

    assert (explanation.forecast, explanation.tree.forecast.holds) == (Forecast(False), True)


def test_what_is_too_costly_to_look_ahead_is_said_to_be_unknown() -> None:
    condition = _group(_count("gte", 1, window={"last": "1h"})).conditions[0]
    assert not isinstance(condition, Group)
    profile = _profile(*(_event(ago_s=i) for i in range(100)))

    poor = forecast_of(profile, condition, EvaluationBudget(500))
    rich = forecast_of(profile, condition, EvaluationBudget(100_000))

    assert (poor.next_change_ms, poor.next_change_unknown) == (None, True)
    assert (rich.changes_ms, rich.next_change_unknown) == ((NOW + 3_600_000,), False)


def test_a_pattern_that_would_backtrack_for_ever_does_not() -> None:
    profile = _profile(_event(text="a" * 5000 + "!"))
    where = [{"property": "text", "operator": "matches", "value": "(a+)+$"}]

    assert not _leaf(profile, **_count("gte", 1, where=where)).forecast.holds


def test_the_next_change_is_the_first_instant_of_a_grid_with_another_verdict() -> None:
    """Worlds in which everything happens on whole or nearly whole seconds, against evaluation at every millisecond edge."""
    random = Random(11)
    changing = 0
    for _ in range(400):
        profile = _profile(*(_random_event(random, i) for i in range(random.randint(0, 6))))
        inner = _random_group(random, 1)
        profile = replace(profile, references={9: inner})
        definition = _random_group(random, 2)

        node = explain(profile, definition)

        grid = [NOW + second * SECOND + beside for second in range(31) for beside in (-1, 0, 1)][1:]
        verdicts = {at: replace(profile, as_of_ms=at).is_in(definition) for at in grid}
        expected = next((at for at in grid if verdicts[at] != verdicts[NOW]), None)
        assert node.forecast.holds == verdicts[NOW]
        assert node.forecast.next_change_ms == expected, (definition, profile.events)
        changing += expected is not None
    assert changing > 60


def _random_event(random: Random, index: int) -> Event:
    at = (NOW + random.randint(-8, 8) * SECOND) / SECOND
    name = random.choice(("buy", "look", "$identify"))
    return _event(name, random.randint(0, 9), f"m{index}", at=at, n=random.randint(0, 2))


def _random_group(random: Random, depth: int) -> Group:
    conditions = [_random_node(random, depth) for _ in range(random.randint(1, 3))]
    return _group(*conditions, logic=random.choice(("AND", "OR")), negate=random.random() < 0.3)


def _random_node(random: Random, depth: int) -> dict[str, Any]:
    pick = random.choice
    if depth > 1 and random.random() < 0.3:
        nested: dict[str, Any] = _random_group(random, depth - 1).model_dump(mode="json")
        return nested
    recent = {"property": "at", "operator": pick(("within_last", "not_within_last")), "value": pick(("2s", "5s"))}
    where = pick(([], [], [recent]))
    window = pick(({"last": "4s"}, {"last": "9s"}, {"from": "-9s", "to": "-3s"}, {"to": "-5s"}))
    of_type = {"event_type": pick(("buy", "look", "*")), "where": where, "negate": random.random() < 0.2}
    nodes: list[dict[str, Any]] = [
        {**_count(pick(("gte", "eq", "lt")), pick((0, 1, 2)), window=window), **of_type},
        {**_count(pick(("gte", "eq")), pick((1, 2)), window=window, per="n"), **of_type},
        {"type": "event_aggregate", "property": "n", "function": pick(("sum", "max", "distinct")), "operator": "gte",
         "value": 2, "window": window, **of_type},
        {"type": "event_time", "occurrence": pick(("first", "last")), "operator": "within_last", "value": "6s",
         **of_type},
        {"type": "event_match", "occurrence": pick(("first", "last")), "has": [recent], **of_type},
        {"type": "event_regularity", "period": pick(("1s", "3s")), "of": pick((1, 3)), "at_least": pick((1, 2)),
         **of_type},
        {"type": "user_property", **recent},
        {"type": "user_property", "property": "n", "operator": "gte", "value": 1,
         "held_for": {"operator": pick(("gte", "lt")), "duration": "7s"}},
        {"type": "event_sequence", "steps": [{"event_type": "buy", "where": where}, {"event_type": "*"}],
         "within": "4s", "window": window, "strict": pick((True, False))},
    ]  # fmt: skip
    return pick([*nodes, {"type": "segment", "segment_id": 9}] if depth > 1 else nodes)
