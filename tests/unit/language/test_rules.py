"""Every rule of the language: a row that is accepted, and a row that is refused with the path and code of its fault."""

import re

import pytest

from segops_language import InvalidDefinition, parse_definition, to_json

Json = dict[str, object]

COUNT: Json = {"type": "event_count", "event_type": "login", "operator": "gte", "value": 1}
AGGREGATE: Json = {
    "type": "event_aggregate",
    "event_type": "purchase",
    "property": "amount",
    "function": "sum",
    "operator": "gt",
    "value": 10.5,
}
TIME: Json = {
    "type": "event_time",
    "event_type": "login",
    "occurrence": "first",
    "operator": "within_last",
    "value": "7d",
}
MATCH: Json = {"type": "event_match", "event_type": "login", "occurrence": "last", "has": []}
SEQUENCE: Json = {
    "type": "event_sequence",
    "steps": [{"event_type": "a"}, {"event_type": "b", "where": []}],
    "within": "1h",
}
REGULARITY: Json = {"type": "event_regularity", "event_type": "login", "period": "1d", "of": 7, "at_least": 3}
TRAIT: Json = {"type": "user_property", "property": "plan", "operator": "eq", "value": "starter"}
SEGMENT: Json = {"type": "segment", "segment_id": 7}
SAMPLE: Json = {"type": "sample", "percent": 12.5}


def group(*nodes: object, **fields: object) -> Json:
    return {"logic": "AND", "conditions": list(nodes), **fields}


def nested(levels: int) -> Json:
    definition = group()
    for _ in range(levels - 1):
        definition = group(definition)
    return definition


def trait(operator: str, value: object) -> Json:
    return {"type": "user_property", "property": "plan", "operator": operator, "value": value}


def windowed(window: object) -> Json:
    return {**COUNT, "window": window}


ACCEPTED_CONDITIONS: dict[str, Json] = {
    "event_count": COUNT,
    "event_count negated": {**COUNT, "negate": True},
    "event_count lt 1": {**COUNT, "operator": "lt"},
    "event_count between": {**COUNT, "operator": "between", "value": [1, 1]},
    "event_count per": {**COUNT, "per": "items.0.sku"},
    "event_count where": {**COUNT, "where": [{"property": "path", "operator": "eq", "value": "/pricing"}]},
    "event_aggregate": AGGREGATE,
    "event_aggregate distinct between": {
        **AGGREGATE,
        "function": "distinct",
        "operator": "between",
        "value": [-1.5, 2],
    },
    "event_time recency": TIME,
    "event_time instant": {**TIME, "operator": "before", "value": "2026-01-01T00:00:00.000Z"},
    "event_match": {**MATCH, "has": [{"property": "a", "operator": "exists"}]},
    "event_sequence": {**SEQUENCE, "steps": [{"event_type": "a"}, {"event_type": "b"}], "window": {"last": "30d"}},
    "event_sequence strict": {**SEQUENCE, "steps": [{"event_type": "a"}, {"event_type": "$page"}], "strict": True},
    "event_sequence 8 steps": {**SEQUENCE, "steps": [{"event_type": "a"}] * 8},
    "event_regularity": REGULARITY,
    "event_regularity count": {**REGULARITY, "count": 2, "of": 60},
    "trait exists": {"type": "user_property", "property": "plan", "operator": "exists"},
    "trait held": {**TRAIT, "held_for": {"operator": "gte", "duration": "2w"}},
    "segment": SEGMENT,
    "segment largest": {"type": "segment", "segment_id": 2**63 - 1},
    "sample": SAMPLE,
    "sample seed": {**SAMPLE, "percent": 100, "seed": "spring"},
    "window last": windowed({"last": "30d"}),
    "window from": windowed({"from": "-60d"}),
    "window to": windowed({"to": "-30d"}),
    "window both": windowed({"from": "-60d", "to": "-30d"}),
    "window instants": windowed({"from": "2026-01-01T00:00:00.000Z", "to": "2026-01-01T00:00:00.001Z"}),
    "window mixed": windowed({"from": "-1d", "to": "2026-01-01T00:00:00.000Z"}),
    "event prefix": {**COUNT, "event_type": "button_*"},
    "event all": {**COUNT, "event_type": "*"},
    "event star": {**COUNT, "event_type": "a\\*"},
    "event reserved": {**COUNT, "event_type": "$identify"},
    "event with spaces": {**COUNT, "event_type": "Order Completed"},
    "event hostile": {**COUNT, "event_type": "'); DROP TABLE events-- {x:String} ` \\"},
    "path hostile": {**TRAIT, "property": "'); DROP TABLE events-- {x:String} ` \\"},
    "path escaped dot": {**TRAIT, "property": "a\\.b.c"},
    "eq number": trait("eq", 5),
    "eq double": trait("eq", 5.5),
    "eq boolean": trait("neq", False),
    "eq empty text": trait("eq", ""),
    "eq largest": trait("eq", 2**63 - 1),
    "eq smallest": trait("eq", -(2**63)),
    "in": trait("in", ["a", 1, True, 2.5]),
    "in 1000": trait("not_in", list(range(1000))),
    "gt": trait("gt", 5),
    "lte": trait("lte", -0.5),
    "between": trait("between", [1, 2]),
    "contains text": trait("contains", "x"),
    "contains number": trait("not_contains", 5),
    "starts": trait("starts_with", "x"),
    "ends": trait("ends_with", ""),
    "matches": trait("matches", "^/docs/(a|b)+$"),
    "not matches": trait("not_matches", "(a+)+$"),
    "not exists": {"type": "user_property", "property": "plan", "operator": "not_exists"},
    "before": trait("before", "2026-01-01T00:00:00.000Z"),
    "after": trait("after", "2026-01-01T00:00:00.123Z"),
    "within": trait("within_last", "30d"),
    "not within": trait("not_within_last", "52w"),
    "group in group": group(COUNT, negate=True),
    "empty OR": {"logic": "OR", "conditions": []},
}


@pytest.mark.parametrize("node", ACCEPTED_CONDITIONS.values(), ids=ACCEPTED_CONDITIONS.keys())
def test_a_valid_node_is_read_and_written_back_as_it_was(node: Json) -> None:
    assert to_json(parse_definition(group(node))) == group(node)


def test_the_widest_and_deepest_definition_is_read() -> None:
    assert to_json(parse_definition(nested(8))) == nested(8)
    assert len(parse_definition(group(*[COUNT] * 200)).conditions) == 200


REFUSED_NODES: dict[str, tuple[object, str, str]] = {
    "no object": (1, "", "wrong-type"),
    "null": (None, "", "wrong-type"),
    "no fields": ({}, ".logic", "required"),
    "unknown logic": ({"logic": "XOR", "conditions": []}, ".logic", "not-allowed"),
    "lower-case logic": ({"logic": "and", "conditions": []}, ".logic", "not-allowed"),
    "conditions no list": ({"logic": "AND", "conditions": {}}, ".conditions", "wrong-type"),
    "negate no boolean": (group(negate=1), ".negate", "wrong-type"),
    "negate null": ({**COUNT, "negate": None}, ".negate", "wrong-type"),
    "unknown type": ({**COUNT, "type": "event_median"}, ".type", "not-allowed"),
    "type no text": ({**COUNT, "type": 5}, ".type", "not-allowed"),
    "group with a type": ({**group(), "type": "group"}, ".type", "not-allowed"),
    "unknown field": ({**COUNT, "is_admin": True}, ".is_admin", "unknown-field"),
    "unknown field of a group": (group(__proto__=1), ".__proto__", "unknown-field"),
    "unknown field that is no name": ({**COUNT, "a b\u0000" * 9: 1}, "", "unknown-field"),
    "alias name": (windowed({"from_": "-1d"}), ".window.from_", "unknown-field"),
    "missing event_type": ({"type": "event_count", "operator": "eq", "value": 0}, ".event_type", "required"),
    "missing value": ({"type": "event_count", "event_type": "a", "operator": "eq"}, ".value", "required"),
    "missing operator": ({"type": "user_property", "property": "a"}, ".operator", "required"),
    "event_type empty": ({**COUNT, "event_type": ""}, ".event_type", "wrong-length"),
    "event_type long": ({**COUNT, "event_type": "a" * 1025}, ".event_type", "wrong-length"),
    "event_type number": ({**COUNT, "event_type": 5}, ".event_type", "wrong-type"),
    "event_type NUL": ({**COUNT, "event_type": "a\0"}, ".event_type", "nul-character"),
    "event_type surrogate": ({**COUNT, "event_type": "a\ud800"}, ".event_type", "invalid-text"),
    "count operator": ({**COUNT, "operator": "contains"}, ".operator", "not-allowed"),
    "count value text": ({**COUNT, "value": "5"}, ".value", "wrong-type"),
    "count value boolean": ({**COUNT, "value": True}, ".value", "wrong-type"),
    "count value list": ({**COUNT, "value": [1, 2]}, ".value", "wrong-type"),
    "count value huge": ({**COUNT, "value": 10**400}, ".value", "out-of-range"),
    "count value NaN": ({**COUNT, "value": float("nan")}, ".value", "out-of-range"),
    "count between number": ({**COUNT, "operator": "between"}, ".value", "wrong-type"),
    "count between order": ({**COUNT, "operator": "between", "value": [2, 1]}, ".value", "bounds-order"),
    "count between three": ({**COUNT, "operator": "between", "value": [1, 2, 3]}, ".value", "wrong-length"),
    "per empty": ({**COUNT, "per": ""}, ".per", "wrong-length"),
    "per null": ({**COUNT, "per": None}, ".per", "wrong-type"),
    "where no list": ({**COUNT, "where": {}}, ".where", "wrong-type"),
    "where null": ({**COUNT, "where": None}, ".where", "wrong-type"),
    "where item": ({**COUNT, "where": [1]}, ".where[0]", "wrong-type"),
    "where operator": (
        {**COUNT, "where": [{"property": "a", "operator": "like", "value": "x"}]},
        ".where[0].operator",
        "not-allowed",
    ),
    "where field": (
        {**COUNT, "where": [{"property": "a", "operator": "exists", "value": 1}]},
        ".where[0].value",
        "unknown-field",
    ),
    "where value": (
        {**COUNT, "where": [{"property": "a", "operator": "lt", "value": "5"}]},
        ".where[0].value",
        "wrong-type",
    ),
    "aggregate function": ({**AGGREGATE, "function": "median"}, ".function", "not-allowed"),
    "aggregate value": ({**AGGREGATE, "value": "1"}, ".value", "wrong-type"),
    "time occurrence": ({**TIME, "occurrence": "second"}, ".occurrence", "not-allowed"),
    "time operator": ({**TIME, "operator": "eq"}, ".operator", "not-allowed"),
    "time instant required": ({**TIME, "operator": "after"}, ".value", "wrong-type"),
    "time duration required": ({**TIME, "value": "2026-01-01T00:00:00Z"}, ".value", "wrong-type"),
    "match has missing": (
        {"type": "event_match", "event_type": "a", "occurrence": "last"},
        ".has",
        "required",
    ),
    "match has item": (
        {**MATCH, "has": [{"property": "a", "operator": "in", "value": [{}]}]},
        ".has[0].value[0]",
        "wrong-type",
    ),
    "sequence 1 step": ({**SEQUENCE, "steps": [{"event_type": "a"}]}, ".steps", "wrong-length"),
    "sequence 9 steps": ({**SEQUENCE, "steps": [{"event_type": "a"}] * 9}, ".steps", "wrong-length"),
    "sequence step": ({**SEQUENCE, "steps": [{"event_type": "a"}, {"event": "b"}]}, ".steps[1].event_type", "required"),
    "sequence strict": ({**SEQUENCE, "strict": "yes"}, ".strict", "wrong-type"),
    "sequence not null": ({**SEQUENCE, "strict": None}, ".strict", "wrong-type"),
    "sequence within": ({**SEQUENCE, "within": "1y"}, ".within", "invalid-duration"),
    "regularity of 0": ({**REGULARITY, "of": 0}, ".of", "out-of-range"),
    "regularity of 61": ({**REGULARITY, "of": 61}, ".of", "out-of-range"),
    "regularity of 1.5": ({**REGULARITY, "of": 1.5}, ".of", "wrong-type"),
    "regularity of boolean": ({**REGULARITY, "of": True}, ".of", "wrong-type"),
    "regularity at_least": ({**REGULARITY, "at_least": -1}, ".at_least", "out-of-range"),
    "regularity count": ({**REGULARITY, "count": "1"}, ".count", "wrong-type"),
    "regularity period": ({**REGULARITY, "period": "0d"}, ".period", "out-of-range"),
    "held_for operator": (
        {**TRAIT, "held_for": {"operator": "gt", "duration": "1d"}},
        ".held_for.operator",
        "not-allowed",
    ),
    "held_for duration": (
        {**TRAIT, "held_for": {"operator": "lt", "duration": 5}},
        ".held_for.duration",
        "wrong-type",
    ),
    "segment 0": ({"type": "segment", "segment_id": 0}, ".segment_id", "out-of-range"),
    "segment text": ({"type": "segment", "segment_id": "7"}, ".segment_id", "wrong-type"),
    "segment huge": ({"type": "segment", "segment_id": 2**63}, ".segment_id", "out-of-range"),
    "sample 101": ({**SAMPLE, "percent": 100.01}, ".percent", "out-of-range"),
    "sample -1": ({**SAMPLE, "percent": -1}, ".percent", "out-of-range"),
    "sample text": ({**SAMPLE, "percent": "5"}, ".percent", "wrong-type"),
    "sample seed": ({**SAMPLE, "seed": 5}, ".seed", "wrong-type"),
    "window empty": (windowed({}), ".window.from", "required"),
    "window both kinds": (windowed({"last": "1d", "from": "-1d"}), ".window.from", "unknown-field"),
    "window null": (windowed(None), ".window", "wrong-type"),
    "window nothing": (windowed({"last": "0d"}), ".window.last", "out-of-range"),
    "window unit": (windowed({"last": "30"}), ".window.last", "invalid-duration"),
    "window fraction": (windowed({"last": "1.5d"}), ".window.last", "invalid-duration"),
    "window sign": (windowed({"last": "-30d"}), ".window.last", "invalid-duration"),
    "window month": (windowed({"last": "1M"}), ".window.last", "invalid-duration"),
    "window too long": (windowed({"last": "36526d"}), ".window.last", "out-of-range"),
    "window digits": (windowed({"last": "1" * 400 + "d"}), ".window.last", "invalid-duration"),
    "window other digits": (windowed({"last": "٣d"}), ".window.last", "invalid-duration"),
    "window from plain": (windowed({"from": "60d"}), ".window.from", "invalid-instant"),
    "window from date": (windowed({"from": "2026-01-01"}), ".window.from", "invalid-instant"),
    "window from local": (windowed({"from": "2026-01-01T00:00:00"}), ".window.from", "invalid-instant"),
    "window from null": (windowed({"from": None, "to": "-1d"}), ".window.from", "wrong-type"),
    "window backwards": (windowed({"from": "-30d", "to": "-60d"}), ".window.to", "window-order"),
    "window equal": (windowed({"from": "-24h", "to": "-1d"}), ".window.to", "window-order"),
    "window from now": (windowed({"from": "-0d"}), ".window.from", "window-order"),
    "window instants": (
        windowed({"from": "2026-01-01T01:00:00+01:00", "to": "2026-01-01T00:00:00.0009Z"}),
        ".window.to",
        "window-order",
    ),
    "path empty": (trait("eq", 1) | {"property": ""}, ".property", "wrong-length"),
    "path empty key": (trait("eq", 1) | {"property": "a..b"}, ".property", "invalid-path"),
    "path last key empty": (trait("eq", 1) | {"property": "a."}, ".property", "invalid-path"),
    "operator unknown": (trait("like", 1), ".operator", "not-allowed"),
    "eq null": (trait("eq", None), ".value", "wrong-type"),
    "eq list": (trait("eq", [1]), ".value", "wrong-type"),
    "eq object": (trait("eq", {"a": 1}), ".value", "wrong-type"),
    "eq huge": (trait("eq", -(10**400)), ".value", "out-of-range"),
    "eq infinite": (trait("neq", float("inf")), ".value", "out-of-range"),
    "segment beyond 64 bits": ({"type": "segment", "segment_id": 1e30}, ".segment_id", "out-of-range"),
    "segment fraction": ({"type": "segment", "segment_id": 1.5}, ".segment_id", "wrong-type"),
    "in empty": (trait("in", []), ".value", "wrong-length"),
    "in 1001": (trait("in", ["a"] * 1001), ".value", "wrong-length"),
    "in text": (trait("in", "abc"), ".value", "wrong-type"),
    "in null": (trait("not_in", ["a", None]), ".value[1]", "wrong-type"),
    "gt text": (trait("gt", "5"), ".value", "wrong-type"),
    "gt boolean": (trait("gte", True), ".value", "wrong-type"),
    "between text": (trait("between", ["1", "2"]), ".value", "wrong-type"),
    "between one": (trait("between", [1]), ".value", "wrong-length"),
    "between order": (trait("between", [2, 1.5]), ".value", "bounds-order"),
    "between number": (trait("between", 1), ".value", "wrong-type"),
    "contains list": (trait("contains", ["a"]), ".value", "wrong-type"),
    "starts number": (trait("starts_with", 5), ".value", "wrong-type"),
    "matches number": (trait("matches", 5), ".value", "wrong-type"),
    "matches long": (trait("matches", "a" * 257), ".value", "wrong-length"),
    "matches look-ahead": (trait("matches", "(?=a)"), ".value", "invalid-regex"),
    "matches counts": (trait("not_matches", "((a{0,1000}){0,1000})"), ".value", "invalid-regex"),
    "exists value": (trait("exists", True), ".value", "unknown-field"),
    "before duration": (trait("before", "7d"), ".value", "invalid-instant"),
    "before number": (trait("before", 1767225600), ".value", "wrong-type"),
    "before month 13": (trait("before", "2026-13-01T00:00:00Z"), ".value", "invalid-instant"),
    "before year 0": (trait("before", "0001-01-01T00:00:00+14:00"), ".value", "invalid-instant"),
    "before offset": (trait("before", "2026-01-01T00:00:00+24:00"), ".value", "invalid-instant"),
    "within instant": (trait("within_last", "2026-01-01T00:00:00Z"), ".value", "invalid-duration"),
    "a fault deep down": (
        group(group({**COUNT, "where": [{"property": "a", "operator": "eq", "value": None}]})),
        ".conditions[0].conditions[0].where[0].value",
        "wrong-type",
    ),
}


VOICE = re.compile(r"(the field is required|there is no such field here|([a-z` ]+ )?must .*[^.])")
"""How an error detail is written."""


@pytest.mark.parametrize(("node", "path", "code"), REFUSED_NODES.values(), ids=REFUSED_NODES.keys())
def test_an_invalid_node_is_refused_at_its_path(node: object, path: str, code: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition(group(COUNT, node))
    assert (f"definition.conditions[1]{path}", code) in {(fault.path, fault.code) for fault in caught.value.faults}
    assert all(VOICE.fullmatch(fault.detail) for fault in caught.value.faults), caught.value.faults


@pytest.mark.parametrize("definition", [None, 1, "x", [], True, COUNT], ids=repr)
def test_what_is_no_group_is_refused(definition: object) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition(definition, at="body.definition")
    assert {fault.path.split(".")[0] for fault in caught.value.faults} == {"body"}


@pytest.mark.parametrize(
    "definition",
    [nested(9), nested(5_000), group(*[COUNT] * 201), group(*[group(*[COUNT] * 50)] * 5), group(*[{}] * 1_601)],
    ids=["9 levels", "5000 levels", "201 conditions", "250 conditions in groups", "1601 empty objects"],
)
def test_a_definition_over_the_limits_is_too_complex(definition: Json) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition(definition)
    assert [(fault.path, fault.code) for fault in caught.value.faults] == [("definition", "definition-too-complex")]


def test_a_refusal_is_small_and_repeats_nothing_of_the_input() -> None:
    secret = "c4nary" * 200
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition(group(*[{**COUNT, "value": secret, "operator": secret, secret: secret} for _ in range(150)]))
    said = repr([(fault.path, fault.code, fault.detail) for fault in caught.value.faults])
    assert "c4nary" not in said
    assert len(said) < 8_000
