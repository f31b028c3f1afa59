"""Statements: nothing that a user wrote is part of their text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segops_language import Group
from segops_membership.compiler.definitions import compile_definition
from segops_membership.compiler.statements import Grouping, statements_for
from segops_membership.domain.predicates import predicates_of
from segops_membership.sql.json_paths import property_of
from segops_membership.sql.parameters import Bindings

NOW_MS = 1_772_366_400_000
HOSTILE = ("'; DROP TABLE events--", "`", "\\", "{x:String}", "a` OR `1", "^`a`", ".:`Int64`", "\n", "/*", "$$", "é`")
texts = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text))
_IDENTIFIER = re.compile(r"`([^`]*)`")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'")
_OUR_STRINGS = {
    "'.0'",
    *("'Array'", "'Array(String)'", "'Array(Float64)'", "'Nullable(String)'", "'Nullable(Float64)'", "'UTC'", "'$'"),
    *("''", "'['", "'\"'", "'^[-0-9]'", "'true'", "'false'", "'null'", "'-'", "'000'", "'Map(UInt8, Int256)'"),
}


def statement_texts(*conditions: dict[str, Any]) -> list[str]:
    definition = Group.model_validate({"logic": "AND", "conditions": list(conditions)})
    predicates = sorted(predicates_of(compile_definition(definition, NOW_MS, segment_id=7)), key=repr)
    return [statement.sql for statement in statements_for(1, predicates, NOW_MS)]


@given(texts, texts, texts)
def test_nothing_of_a_user_is_in_the_text(event_type: str, key: str, value: str) -> None:
    path = "p." + key.replace(".", "\\.").rstrip("\\") + "k"
    where: list[dict[str, Any]] = [
        {"property": path, "operator": operator, "value": value} for operator in ("eq", "contains", "starts_with")
    ] + [{"property": path, "operator": "in", "value": [value, "x", 5, True]}]
    conditions = [
        {"type": "event_count", "event_type": event_type, "operator": "gte", "value": 1, "where": where},
        *({"type": "user_property", **check} for check in where),
        {"type": "event_count", "event_type": event_type, "operator": "gte", "value": 1, "per": path},
        *(
            {"type": "event_aggregate", "event_type": event_type, "property": path, "operator": "eq", "value": 5}
            | function
            for function in ({"function": "sum", "where": where}, {"function": "distinct"})
        ),
    ]

    for sql in statement_texts(*conditions):
        bare = _IDENTIFIER.sub("", sql)
        assert set(_STRING.findall(bare)) <= _OUR_STRINGS
        assert re.fullmatch(r"[A-Za-z0-9_ .,:(){}<>=!'\"\[\]^*/%+$-]*", bare), bare
        for name in _IDENTIFIER.findall(sql):
            assert re.fullmatch(r"[\w .$@/+%-]+", name), name
        assert ";" not in sql
        assert sql.count("tenant_id = {p0:UInt64}") == 2


@pytest.mark.parametrize(
    ("keys", "is_column"),
    [
        (("plan",), True),
        (("address", "city"), True),
        (("a.b",), True),
        (("prénom",), True),
        (("first name",), True),
        (("0",), True),
        (("items", "0"), False),
        (("^a",), False),
        (("a`b",), False),
        (("a:b",), False),
        (("a\\",), False),
        (("100%2E",), False),
        ((" a",), False),
    ],
)
def test_which_keys_are_columns(keys: tuple[str, ...], is_column: bool) -> None:
    bind = Bindings()
    text = property_of(keys, bind).text

    assert text.endswith(".:`String`") is is_column
    assert ("JSONExtractRaw" in text) is not is_column


def test_a_dot_within_a_key_is_spelled_as_it_is_stored() -> None:
    assert property_of(("a.b", "c"), Bindings()).text == "payload.`a%2Eb`.`c`.:`String`"


def test_a_path_deeper_than_any_event_is_missing() -> None:
    assert property_of(("a",) * 65, Bindings()).present == "0"


def test_equal_values_share_a_parameter() -> None:
    bind = Bindings()

    assert bind.text("x") == bind.text("x") == "{p0:String}"
    assert bind.number(1.0) == "{p1:Float64}"
    assert bind.integer(1) == "{p2:UInt64}"
    assert bind.values == {"p0": "x", "p1": "1.0", "p2": 1}


def test_one_statement_for_each_event_type_and_one_for_all_traits() -> None:
    def count(event_type: str, value: int) -> dict[str, Any]:
        return {"type": "event_count", "event_type": event_type, "operator": "gte", "value": value}

    def trait(key: str) -> dict[str, Any]:
        return {"type": "user_property", "property": key, "operator": "exists"}

    texts = statement_texts(count("a", 1), count("a", 2), count("b", 1), count("a*", 1), trait("x"), trait("y"))

    assert len(texts) == 4


def test_many_predicates_on_one_event_type_take_several_statements() -> None:
    definition = {
        "logic": "AND",
        "conditions": [
            {"type": "event_count", "event_type": "a", "operator": "gte", "value": n} for n in range(1, 131)
        ],
    }
    predicates = list(predicates_of(compile_definition(Group.model_validate(definition), NOW_MS, segment_id=7)))

    statements = list(statements_for(1, predicates, NOW_MS))

    assert [len(statement.predicates) for statement in statements] == [44, 44, 42]
    assert {predicate for statement in statements for predicate in statement.predicates} == set(predicates)
    assert statements == list(statements_for(1, predicates[::-1], NOW_MS))


_TRAIT: dict[str, Any] = {"type": "user_property"}
_COUNT: dict[str, Any] = {"type": "event_count", "event_type": "a", "operator": "gte", "value": 1}


@pytest.mark.parametrize("fields", [_TRAIT, _COUNT], ids=["traits", "counts"])
def test_no_text_is_longer_than_a_field_of_a_request(fields: dict[str, Any]) -> None:
    """ClickHouse refuses a longer one with its error 1000."""
    filters = [
        {"property": f"key {n}.0.{n}", "operator": "before", "value": "2026-03-01T12:00:00Z"} for n in range(100, 160)
    ]
    conditions = [fields | (check if fields == _TRAIT else {"where": [check]}) for check in filters]
    definition = Group.model_validate({"logic": "AND", "conditions": conditions})
    predicates = predicates_of(compile_definition(definition, NOW_MS, segment_id=7))

    statements = list(statements_for(1, predicates, NOW_MS))

    assert len(statements) > 1
    assert max(len(statement.sql.encode()) for statement in statements) < 128 * 1024
    assert sorted(map(repr, predicates)) == sorted(
        repr(predicate) for statement in statements for predicate in statement.predicates
    )


def test_a_statement_that_decides_persons_is_not_much_longer_than_one_that_decides_ids() -> None:
    """Of a text that is refused for its length only where ids are joined, nobody would know why."""
    where = [{"property": f"p{number}", "operator": "eq", "value": number} for number in range(20)]
    steps = [{"event_type": event_type, "where": where} for event_type in ("a", "b*", "c")]
    sequence = {"type": "event_sequence", "steps": steps, "within": "1d"}
    definition = Group.model_validate({"logic": "AND", "conditions": [sequence]})
    predicates = predicates_of(compile_definition(definition, NOW_MS, segment_id=7))
    lengths = []
    for grouping in Grouping:
        (statement,) = statements_for(1, predicates, NOW_MS, grouping)
        assert statement.decision is not None
        lengths.append(len(statement.decision.sql))
    assert max(lengths) - min(lengths) < 1_000 < min(lengths)
