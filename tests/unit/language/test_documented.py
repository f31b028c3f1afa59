"""Documented conditions and operators: what they become, how faults name them, and that they select the same users."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from segops_language import Group, InvalidDefinition, content_hash, parse_definition, to_json
from segops_language.documented import rewrite
from segops_language.faults import LanguageFault, split_path
from segops_language.lint import static_warnings
from segops_language.lint.values import ValueCounts, value_warnings
from segops_language.parse import Definition
from segops_language.reference.evaluate import evaluate
from segops_language.text.parser import parse_text
from segops_language.walk import segments_in
from tests.corpus import documented
from tests.corpus.instants import NOW_MS

Json = dict[str, Any]
CASES: Final = 400
EXAMPLES: Final = int(os.environ.get("EXAMPLES", "20000"))


def all_of(*conditions: Any, **fields: Any) -> Json:
    return {"logic": "AND", "conditions": list(conditions), **fields}


def faults_of(*conditions: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidDefinition) as refusal:
        parse_definition(all_of(*conditions))
    return [
        (fault.path.removeprefix("definition.conditions"), fault.code, fault.detail) for fault in refusal.value.faults
    ]


LOGIN: Json = {"event_type": "login"}
RECENCY: Json = {"type": "recency", **LOGIN}
LAST: Json = {"type": "event_time", **LOGIN, "occurrence": "last"}
MATCH: Json = {"type": "event_match", **LOGIN, "occurrence": "last"}
EVER: Json = {"type": "event_count", **LOGIN, "operator": "gte", "value": 1}
OLD: Json = {**LAST, "operator": "not_within_last", "value": "30d"}
ON_THAT_DAY = all_of({**LAST, "operator": "within_last", "value": "31d"}, OLD)
TEST: Json = {"property": "plan", "operator": "neq", "value": "pro"}
MEANINGS: dict[str, tuple[Json, Json]] = {
    "window_days": ({**EVER, "window_days": 30}, {**EVER, "window": {"last": "30d"}}),
    "window_days as a double": ({**EVER, "window_days": 30.0}, {**EVER, "window": {"last": "30d"}}),
    "count not_between": (
        {**EVER, "operator": "not_between", "value": [1, 2]},
        {**EVER, "operator": "between", "value": [1, 2], "negate": True},
    ),
    "recency lt": (
        {**RECENCY, "operator": "lt", "window_days": 30},
        {**LAST, "operator": "within_last", "value": "30d"},
    ),
    "recency gt": ({**RECENCY, "operator": "gt", "window_days": 30}, all_of(EVER, OLD)),
    "recency eq": ({**RECENCY, "operator": "eq", "window_days": 30}, ON_THAT_DAY),
    "recency neq": ({**RECENCY, "operator": "neq", "window_days": 30}, all_of(EVER, {**ON_THAT_DAY, "negate": True})),
    "recency negated": (
        {**RECENCY, "operator": "gte", "window_days": 30, "negate": True},
        all_of(EVER, OLD, negate=True),
    ),
    "monetary": (
        {"type": "monetary", **LOGIN, "property": "total", "metric": "sum", "operator": "gte", "value": 500},
        {"type": "event_aggregate", **LOGIN, "property": "total", "function": "sum", "operator": "gte", "value": 500},
    ),
    "event_property": ({"type": "event_property", **LOGIN, **TEST}, {**MATCH, "has": [TEST]}),
    "event_property not_between": (
        {
            "type": "event_property",
            **LOGIN,
            "property": "n",
            "operator": "not_between",
            "value": [1, 2],
            "negate": True,
        },
        all_of(
            {**MATCH, "has": []},
            {**MATCH, "has": [{"property": "n", "operator": "between", "value": [1, 2]}], "negate": True},
            negate=True,
        ),
    ),
    "event_property is_true": (
        {"type": "event_property", **LOGIN, "property": "paid", "operator": "is_true"},
        {**MATCH, "has": [{"property": "paid", "operator": "eq", "value": True}]},
    ),
    "trait is_not_set": (
        {"type": "user_property", "property": "plan", "operator": "is_not_set"},
        {"type": "user_property", "property": "plan", "operator": "not_exists"},
    ),
    "trait is_false": (
        {"type": "user_property", "property": "paid", "operator": "is_false"},
        {"type": "user_property", "property": "paid", "operator": "eq", "value": False},
    ),
    "operators of filters": (
        {**EVER, "where": [{**TEST, "operator": "does_not_contain"}, {**TEST, "operator": "matches_regex"}]},
        {**EVER, "where": [{**TEST, "operator": "not_contains"}, {**TEST, "operator": "matches"}]},
    ),
    "event_sequence": (
        {"type": "event_sequence", "events": ["search", "context_identified"], "window_days": 7},
        {
            "type": "event_sequence",
            "steps": [{"event_type": "search"}, {"event_type": "$identify"}],
            "within": "7d",
        },
    ),
    "strict event_sequence": (
        {"type": "event_sequence", "events": ["search", "view"], "window_days": 7, "strict": True},
        {
            **{"type": "event_sequence", "within": "7d", "strict": True},
            "steps": [{"event_type": "search"}, {"event_type": "view"}],
        },
    ),
    "event_sequence that is not strict": (
        {"type": "event_sequence", "events": ["search", "view"], "window_days": 7, "strict": False},
        {"type": "event_sequence", "within": "7d", "steps": [{"event_type": "search"}, {"event_type": "view"}]},
    ),
    "segment_membership in": (
        {"type": "segment_membership", "segment_id": 4, "operator": "in"},
        {"type": "segment", "segment_id": 4},
    ),
    "segment_membership not_in": (
        {"type": "segment_membership", "segment_id": 4, "operator": "not_in"},
        {"type": "segment", "segment_id": 4, "negate": True},
    ),
    "segment_membership twice negated": (
        {"type": "segment_membership", "segment_id": 4, "operator": "not_in", "negate": True},
        {"type": "segment", "segment_id": 4},
    ),
    "context_identified": ({**EVER, "event_type": "context_identified"}, {**EVER, "event_type": "$identify"}),
}


@pytest.mark.parametrize(("sent", "meaning"), MEANINGS.values(), ids=list(MEANINGS))
def test_a_documented_condition_becomes_one_of_the_language(sent: Json, meaning: Json) -> None:
    assert content_hash(parse_definition(all_of(sent))) == content_hash(parse_definition(all_of(meaning)))
    nested = all_of(all_of(meaning, sent))
    assert content_hash(parse_definition(nested)) == content_hash(parse_definition(all_of(all_of(meaning, meaning))))


def test_a_text_may_name_the_documented_identify_event() -> None:
    assert parse_text('all of { count "context_identified" gte 1 }') == parse_text('all of { count "$identify" gte 1 }')


REFUSED: dict[str, tuple[Json, list[tuple[str, str]]]] = {
    "no number of days": ({**EVER, "window_days": "30d"}, [("window_days", "out-of-range")]),
    "half a day": ({**EVER, "window_days": 0.5}, [("window_days", "out-of-range")]),
    "no days": ({**EVER, "window_days": 0}, [("window_days", "out-of-range")]),
    "too many days": ({**EVER, "window_days": 36526}, [("window_days", "out-of-range")]),
    "two windows": ({**EVER, "window_days": 1, "window": {"last": "1d"}}, [("window_days", "unknown-field")]),
    "recency without all": (
        {"type": "recency"},
        [("event_type", "required"), ("operator", "required"), ("window_days", "required")],
    ),
    "recency with others": (
        {
            **RECENCY,
            "event_type": 5,
            "operator": "within_last",
            "window_days": True,
            "value": "7d",
            "occurrence": "first",
        },
        [
            ("event_type", "wrong-type"),
            ("operator", "not-allowed"),
            ("window_days", "out-of-range"),
            ("value", "unknown-field"),
            ("occurrence", "unknown-field"),
        ],
    ),
    "days on both sides": ({**RECENCY, "operator": "neq", "window_days": -1}, [("window_days", "out-of-range")]),
    "monetary without all": (
        {"type": "monetary"},
        [(name, "required") for name in ("event_type", "property", "metric", "operator", "value")],
    ),
    "monetary with another metric": (
        {
            "type": "monetary",
            **LOGIN,
            "property": "n",
            "metric": "median",
            "operator": "gt",
            "value": "x",
            "function": 1,
        },
        [("metric", "not-allowed"), ("value", "wrong-type"), ("function", "unknown-field")],
    ),
    "event_property without all": ({"type": "event_property"}, [("event_type", "required"), ("operator", "required")]),
    "event_property with another operator": (
        {"type": "event_property", **LOGIN, "property": "n", "operator": "like", "value": 1},
        [("operator", "not-allowed")],
    ),
    "event_property with a wrong path": (
        {"type": "event_property", **LOGIN, "property": "a..b", "operator": "is_set", "value": 1},
        [("property", "invalid-path"), ("value", "unknown-field")],
    ),
    "event_property between": (
        {"type": "event_property", **LOGIN, "property": "n", "operator": "not_between", "value": [2, 1]},
        [("value", "bounds-order")],
    ),
    "is_true with a value": (
        {"type": "event_property", **LOGIN, "property": "n", "operator": "is_true", "value": True},
        [("value", "unknown-field")],
    ),
    "held and not between": (
        {
            **{"type": "user_property", "property": "n", "operator": "not_between", "value": [1, 2]},
            "held_for": {"operator": "gte", "duration": "1d"},
        },
        [("operator", "not-allowed")],
    ),
    "sequence of others": (
        {"type": "event_sequence", "events": ["a", 5, {}], "window_days": 1.5},
        [("events[1]", "wrong-type"), ("events[2]", "wrong-type"), ("window_days", "out-of-range")],
    ),
    "sequence of one": ({"type": "event_sequence", "events": ["a"], "window_days": 1}, [("events", "wrong-length")]),
    "sequence of nothing": (
        {"type": "event_sequence", "events": "a"},
        [("events", "wrong-type"), ("window_days", "required")],
    ),
    "sequence twice": (
        {"type": "event_sequence", "events": ["a"], "steps": [LOGIN, LOGIN], "within": "1d", "window_days": 1},
        [("events", "unknown-field"), ("window_days", "unknown-field")],
    ),
    "segment_membership without all": (
        {"type": "segment_membership"},
        [("segment_id", "required"), ("operator", "required")],
    ),
    "segment_membership with another operator": (
        {"type": "segment_membership", "segment_id": 0, "operator": "eq", "negate": "no"},
        [("segment_id", "out-of-range"), ("negate", "wrong-type"), ("operator", "not-allowed")],
    ),
}


@pytest.mark.parametrize(("sent", "faults"), REFUSED.values(), ids=list(REFUSED))
def test_a_fault_names_the_field_as_it_was_sent(sent: Json, faults: list[tuple[str, str]]) -> None:
    refused = faults_of(EVER, sent)

    assert {(path, code) for path, code, _ in refused} == {(f"[1].{path}", code) for path, code in faults}
    assert len(refused) == len(faults)
    assert all(detail.startswith("must ") or "lower bound must" in detail for _, _, detail in refused)


def test_days_out_of_range_name_their_limits() -> None:
    assert faults_of({**RECENCY, "operator": "lt", "window_days": 36525}) == [
        ("[0].window_days", "out-of-range", "must be an integer from 0 to 36524")
    ]


def test_limits_hold_for_what_a_definition_becomes() -> None:
    recency = {**RECENCY, "operator": "gt", "window_days": 30}

    assert len(parse_definition(all_of(*[recency] * 100)).conditions) == 100
    assert faults_of(*[recency] * 101) == [("definition", "definition-too-complex", "must have at most 200 conditions")]


def test_warnings_name_what_was_sent() -> None:
    sent = all_of(
        {"type": "event_property", **LOGIN, "property": "at", "operator": "gt", "value": 5},
        {"type": "segment_membership", "segment_id": 4, "operator": "not_in"},
        {"type": "event_count", "event_type": "a", "operator": "not_between", "value": [0, 10**12], "window_days": 3},
        {"type": "event_count", "event_type": "a", "operator": "lt", "value": 0, "window_days": 3},
    )
    definition = parse_definition(sent)
    counts = {("login", "at"): ValueCounts(present=2, strings=2)}

    assert segments_in(definition) == [("definition.conditions[1].segment_id", 4)]
    assert [fault.path for fault in value_warnings(definition, counts)] == ["definition.conditions[0].property"]
    assert [fault.path for fault in static_warnings(definition, datetime(2026, 1, 1, tzinfo=UTC))] == [
        "definition.conditions[3]"
    ]


def test_a_warning_about_both_parts_of_a_condition_is_given_once() -> None:
    recency = {**RECENCY, "operator": "gt", "window_days": 30}
    definition = parse_definition(all_of(recency))
    parts = [f"definition.conditions[0].conditions[{index}].event_type" for index in (0, 1)]

    assert definition.sent_faults(LanguageFault(path, "code", "detail") for path in parts) == (
        LanguageFault("definition.conditions[0].event_type", "code", "detail"),
    )


def test_how_a_definition_was_sent_is_no_part_of_it() -> None:
    sent = parse_definition(all_of({**RECENCY, "operator": "gt", "window_days": 30}))
    same = Group.model_validate(to_json(sent))

    assert (sent, hash(sent)) == (same, hash(same))


def test_a_field_of_a_request_is_rewritten_too() -> None:
    sent = all_of({**RECENCY, "operator": "gt", "window_days": 30})

    assert TypeAdapter(Definition).validate_json(json.dumps(sent)) == parse_definition(sent)


def agrees(seed: object) -> bool:
    """Compare one definition in one world; return whether it divides the users."""
    random = Random(repr(seed))
    events, sent = documented.world(random), documented.definition(random)
    definition = parse_definition(sent)
    users = {event.profile_id for event in events}
    selected = evaluate(definition, events, NOW_MS, segment_id=7, lists=documented.SEGMENTS) & users
    assert selected == documented.members(sent, events), sent
    assert 0 <= len(selected) <= len(users)
    return 0 < len(selected) < len(users)


def test_documented_definitions_select_the_users_that_they_document() -> None:
    dividing = sum(agrees(seed) for seed in range(CASES))

    assert dividing > CASES // 3


@pytest.mark.long
@pytest.mark.timeout(0)
@settings(max_examples=EXAMPLES)
@given(seed=st.binary(min_size=8, max_size=8))
def test_documented_definitions_select_the_users_that_they_document_for_long(seed: bytes) -> None:
    agrees(seed)


ODD: Final[tuple[Any, ...]] = (
    *(None, True, -1, 0, 1.5, 10**400, float("nan"), float("inf"), "", "x", "gt", "not_between", "is_true", "recency"),
    *([], {}, ["login", 5], [2, 1], {"type": "recency"}, {"logic": "OR", "conditions": [5]}),
)
FIELDS: Final = (
    "type",
    "operator",
    "value",
    "events",
    "window_days",
    "window",
    "negate",
    "where",
    "has",
    "function",
    "x y",
)


def spoilt(random: Random, node: Any) -> Any:
    """Return a copy in which a field is missing, added or odd."""
    if isinstance(node, list) and node:
        index = random.randrange(len(node))
        return [*node[:index], spoilt(random, node[index]), *node[index + 1 :]]
    if not isinstance(node, dict) or random.random() < 0.1:
        return random.choice(ODD)
    name = random.choice((*node, random.choice(FIELDS)))
    if random.random() < 0.3:
        return {key: value for key, value in node.items() if key != name}
    return {**node, name: spoilt(random, node.get(name))}


@pytest.mark.parametrize("part", range(4))
def test_any_json_is_rewritten_once_and_its_faults_are_where_they_were_sent(part: int) -> None:
    refusals = 0
    for seed in range(part * CASES, (part + 1) * CASES):
        sent = documented.definition(random := Random(seed))
        for _ in range(random.randint(0, 3)):
            sent = spoilt(random, sent)
        refusals += is_refused(sent)
    assert CASES // 4 < refusals < CASES


def is_refused(sent: Any) -> bool:
    """Check what holds for any JSON value; return whether it is no definition."""
    before = repr(sent)
    document = rewrite(sent).document
    assert repr(sent) == before
    assert repr(rewrite(document).document) == repr(document)
    try:
        parse_definition(sent)
    except InvalidDefinition as refusal:
        misplaced = [fault for fault in refusal.faults if not is_in(sent, split_path(fault.path)[1], fault.code)]
        assert not misplaced, sent
        return True
    return False


def is_in(value: Any, keys: tuple[int | str, ...], code: str) -> bool:
    """Return whether a path leads to a part of a document; what is missing has a parent that is there."""
    *parents, last = keys or ("",)
    for key in parents:
        value = value[key]
    return not keys or code == "required" or (isinstance(value, dict | list) and _has(value, last))


def _has(value: Any, key: int | str) -> bool:
    return key in range(len(value)) if isinstance(value, list) else key in value
