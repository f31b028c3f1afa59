"""Every type of condition, by the registry: its examples are read, written, evaluated, explained and predicted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from segops_language import Group, content_hash, format_instant, parse_definition, to_json
from segops_language.conditions.base import Condition, Kind
from segops_language.events import IDENTIFY_EVENT, Event
from segops_language.lint import static_warnings
from segops_language.operators import OPERATORS
from segops_language.reference.evaluate import EvaluatedProfile
from segops_language.reference.explain import explain
from segops_language.reference.forecast import EvaluationBudget, forecast_of
from segops_language.registry import KINDS
from segops_language.text.parser import parse_text
from segops_language.text.render import render_text
from segops_language.text.sentence import sentence_of
from segops_language.text.tokens import TokenReader
from segops_language.values import path_keys
from segops_language.values.instants import from_ms
from segops_language.walk import event_types_of, filters_of, needs_of, parts_of

NOW_MS = 1_772_366_400_000
DAY_MS = 86_400_000
WORLDS = 60
SCHEMA = Draft202012Validator(Group.model_json_schema())
EXAMPLES = [
    pytest.param(kind, example, id=f"{kind.name}-{index}")
    for kind in KINDS.values()
    for index, example in enumerate(kind.examples)
]
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
every_example = pytest.mark.parametrize(("kind", "example"), EXAMPLES)


def definition_of(example: Any) -> Group:
    return parse_definition({"logic": "AND", "conditions": [example]})


def condition_of(example: Any) -> Condition:
    (condition,) = definition_of(example).conditions
    assert isinstance(condition, Condition)
    return condition


def worlds_of(condition: Condition) -> Iterator[EvaluatedProfile]:
    """Yield random profiles whose events are of the condition's types, with values that its filters look for."""
    random = Random(condition.type)
    for index in range(WORLDS):
        events = [_event(random, condition, f"u{index}", number) for number in range(random.randrange(12))]
        anyone = Group.model_validate({"logic": random.choice(["AND", "OR"]), "conditions": []})
        yield EvaluatedProfile(f"u{index}", events, NOW_MS, 7, {42: anyone, 43: anyone}, has_events=True)


def _event(random: Random, condition: Condition, profile_id: str, number: int) -> Event:
    event_type = random.choice([*event_types_of(condition), "other"]).replace("*", "x")
    at_ms = NOW_MS - random.randrange(random.choice([1, 7, 90]) * DAY_MS)
    payload: dict[str, JsonValue] = {}
    uses = [(test.property, _values(test)) for _, test in filters_of(condition)]
    uses += [(read.property, [1, 60, "a"]) for read in KINDS[condition.type].reads(condition)]
    for path, values in uses:
        if event_type == IDENTIFY_EVENT or random.random() < 0.8:
            _put(payload, path_keys(path), random.choice(values))
    return Event(profile_id, event_type, f"m{number}", at_ms, payload)


def _values(test: Any) -> list[JsonValue]:
    """Return values around the operand of a filter, of every JSON type."""
    value = to_json(test).get("value")
    near: list[JsonValue] = [None, "x", 10**12, format_instant(from_ms(NOW_MS - DAY_MS // 3))]
    operands = value if isinstance(value, list) else [value]
    if OPERATORS[test.operator].value in ("pattern", "text", "scalar"):
        near += [f"{str(value).strip('^')}y"]
    return near + list(operands)


def _put(payload: dict[str, JsonValue], keys: tuple[str, ...], value: JsonValue) -> None:
    for key in keys[:-1]:
        inner = payload.setdefault(key, {})
        assert isinstance(inner, dict)
        payload = inner
    payload[keys[-1]] = value


@every_kind
def test_a_kind_has_examples_of_every_field(kind: Kind[Any]) -> None:
    assert kind.examples, f"{kind.name} has no example"
    shown = {key for example in kind.examples for key in example}
    models = {type(condition_of(example)) for example in kind.examples}
    fields = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert shown == fields
    assert all(example["type"] == kind.name for example in kind.examples)


@every_example
def test_json_is_read_and_written(kind: Kind[Any], example: Any) -> None:
    definition = definition_of(example)
    assert to_json(condition_of(example)) == example
    assert Group.model_validate_json(json.dumps(to_json(definition))) == definition
    assert isinstance(condition_of(example), kind.model)
    SCHEMA.validate(to_json(definition))


@every_example
def test_text_is_read_and_written(kind: Kind[Any], example: Any) -> None:
    definition = definition_of(example)
    text = render_text(definition)
    assert content_hash(parse_text(text)) == content_hash(definition)
    line = TokenReader(kind.write(condition_of(example)))
    assert [other.name for other in KINDS.values() if other.starts(line)] == [kind.name]


@every_example
def test_an_unknown_field_and_a_missing_one_are_refused_by_path(kind: Kind[Any], example: Any) -> None:
    for field in [key for key in example if key not in ("negate", "type")]:
        document = {**example, field: {"odd": None}}
        with pytest.raises(Exception, match="The definition is not valid") as refusal:
            definition_of(document)
        paths = [fault.path for fault in getattr(refusal.value, "faults", ())]
        assert any(path.startswith(f"definition.conditions[0].{field}") for path in paths), (kind.name, field, paths)


@every_example
def test_a_sentence_describes_it(kind: Kind[Any], example: Any) -> None:
    clause = kind.phrase(condition_of(example))
    assert clause.startswith(("who ", "whose ", "for whom ", "in whose "))
    assert clause in sentence_of(definition_of(example))
    assert "{" not in clause


@every_kind
def test_its_examples_hold_for_some_and_not_for_others(kind: Kind[Any]) -> None:
    conditions = [condition_of(example) for example in kind.examples]
    verdicts = {kind.holds(condition, profile) for condition in conditions for profile in worlds_of(condition)}
    assert verdicts == {True, False}


@every_example
def test_a_constant_is_what_every_profile_gets(kind: Kind[Any], example: Any) -> None:
    condition = condition_of(example)
    constant = kind.constant(condition)
    for profile in worlds_of(condition):
        assert constant is None or kind.holds(condition, profile) == constant
    assert bool(static_warnings(definition_of(example), datetime(2026, 3, 1, tzinfo=UTC))) == (constant is not None)


@every_example
def test_an_explanation_agrees_with_the_verdict(kind: Kind[Any], example: Any) -> None:
    definition, condition = definition_of(example), condition_of(example)
    for profile in worlds_of(condition):
        (leaf,) = explain(profile, definition).tree.children
        assert leaf.forecast.holds == profile.is_in(condition)
        assert (leaf.unmet is None) == leaf.forecast.holds
        assert leaf.evidence
        assert leaf.type == kind.name
        assert {event.message_id for event in leaf.events} <= {event.message_id for event in profile.events}


@every_example
def test_a_forecast_agrees_with_evaluation_at_later_instants(kind: Kind[Any], example: Any) -> None:
    condition = condition_of(example)
    random = Random(kind.name)
    for profile in worlds_of(condition):
        forecast = forecast_of(profile, condition, EvaluationBudget(1_000_000))
        points = {NOW_MS + random.randrange(100 * DAY_MS) for _ in range(5)}
        for at_ms in points | {at + step for at in forecast.changes_ms for step in (-1, 0)} - {NOW_MS - 1}:
            changes = sum(change <= at_ms for change in forecast.changes_ms)
            later = replace(profile, as_of_ms=max(at_ms, NOW_MS)).is_in(condition)
            assert later == (forecast.holds != bool(changes % 2)), (at_ms, profile)


@every_example
def test_the_walk_finds_every_property_and_event_type(kind: Kind[Any], example: Any) -> None:
    condition = condition_of(example)
    named = {test.property for _, test in filters_of(condition)}
    named |= {read.property for read in kind.reads(condition)}
    keys = {"property", "per"}
    assert {value for key, value in _leaves(example) if key in keys} == named
    types = set(event_types_of(condition)) - {IDENTIFY_EVENT, *kind.other_events(condition)}
    assert {value for key, value in _leaves(example) if key == "event_type"} == types
    assert needs_of([definition_of(example)]).payloads == bool(named)
    assert next(iter(parts_of(condition, "c"))).path == "c"


def _leaves(document: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield from [(key, value)] if not isinstance(value, dict | list) else _leaves(value)
    elif isinstance(document, list | tuple):
        for item in document:
            yield from _leaves(item)
