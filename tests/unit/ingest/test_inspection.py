"""What the warehouse could not keep is refusal, and what it can is left alone."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segops_ingest.domain.inspection import inspect, is_suspect, serialise
from segops_ingest.domain.json_text import MalformedJson, TooDeep, parse
from segops_ingest.domain.refusal import EventRefused


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def row(payload: dict[str, Any], context: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"user_id": "u", "anonymous_id": "", "payload": payload, "context": context or {}, "removed": []}


@pytest.mark.parametrize(
    ("payload", "path", "code"),
    [
        ({"a": {"": 1}}, "payload.a", "empty-key"),
        ({"a": ["x", "\0"]}, "payload.a[1]", "nul-character"),
        ({"a\0": 1}, "payload", "nul-character"),
        ({"a%2Eb": 1}, "payload", "reserved-key"),
        (nested(17), "payload" + ".a" * 16, "too-complex"),
        ({"a": [nested(15)]}, "payload.a[0]" + ".a" * 14, "too-complex"),
        ({str(key): 0 for key in range(2001)}, "payload", "too-complex"),
        ({"a": {str(key): 0 for key in range(2000)}}, "payload.a", "too-complex"),
        (nested(900), "payload" + ".a" * 16, "too-complex"),
    ],
)
def test_refused_payloads(payload: dict[str, Any], path: str, code: str) -> None:
    for event, expected in ((row(payload), path), (row({}, payload), path.replace("payload", "context"))):
        with pytest.raises(EventRefused) as refusal:
            serialise(event, "payload")
        assert (refusal.value.path, refusal.value.code) == (expected, code)


@pytest.mark.parametrize(
    "payload",
    [
        nested(16),
        {str(key): 0 for key in range(2000)},
        {"a.b": 1, "a": {"b": 2}},
        {"a%2eb": 1, "text": "a%2Eb"},
        {"quote": '":', "empty": "", "back": "\\u0000"},
        {"n": [2**63 - 1, -(2**63), 1.5, True, None]},
    ],
)
def test_kept_as_they_are(payload: dict[str, Any]) -> None:
    assert orjson.loads(serialise(row(payload), "payload"))["payload"] == payload


def test_integers_beyond_64_signed_bits_become_doubles() -> None:
    kept = serialise(row({"n": [2**63, 2**64 - 1], "m": 2**53 + 1}), "payload")
    assert b'"n":[9.223372036854776e+18,1.8446744073709552e+19],"m":9007199254740993' in kept


KEYS = st.sampled_from(["", "a", "a.b", "a%2Eb", "n\0", '"', "\\", ":"]) | st.text(max_size=3)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.sampled_from(["", "\0", '"":', "%2E", "\\u0000"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_the_cheap_look_has_no_false_negatives(payload: dict[str, Any]) -> None:
    made = row(payload)
    try:
        repaired = inspect(payload, "payload")
    except EventRefused:
        with pytest.raises(EventRefused):
            serialise(made, "payload")
        return
    text = serialise(made, "payload")
    assert orjson.loads(text)["payload"] == orjson.loads(orjson.dumps(repaired))
    assert text.count(b"\n") == 0


def test_the_cheap_look_lets_ordinary_events_pass() -> None:
    assert not is_suspect(orjson.dumps(row({"path": "/pricing", "items": [{"sku": "a\nb", "n": 3}]})))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb'{"a":"\ud83d"}', {"a": "\ufffd"}),
        (rb'{"a":"\ude00x\ud83d"}', {"a": "\ufffdx\ufffd"}),
        (rb'{"a":"\ud83d\ud83d\ude00"}', {"a": "\ufffd\U0001f600"}),
        (rb'{"a":"\\ud83d\ud83d"}', {"a": "\\ud83d\ufffd"}),
        (b'{"a":1,"a":2}', {"a": 2}),
    ],
)
def test_lone_surrogates_are_repaired_and_the_last_key_wins(text: bytes, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'{"a":1}}',
        b"{'a':1}",
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e400}',
        b'{"a":' + b"1" * 400 + b"}",
        b'{"a":"\xff"}',
        b'{"a":"\x00"}',
        b'{"a":"\xed\xa0\x80"}',
        rb'{"a":"\ud83d}',
    ],
)
def test_what_is_not_json(text: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse(text)


def test_nesting_beyond_the_parser_is_told_apart() -> None:
    with pytest.raises(TooDeep):
        parse(b"[" * 10_000)


@pytest.mark.parametrize(
    ("payload", "paths"),
    [
        ({}, []),
        ({"a": 1, "b": None, "c": [], "d": [None]}, []),
        ({"a": {}}, ["a"]),
        ({"a": {"b": None}}, ["a"]),
        ({"a": {"b": {}}}, ["a", "a.b"]),
        ({"a": {"b": {}, "c": 1}}, ["a.b"]),
        ({"a.b": {"c": {}}}, ["a%2Eb", "a%2Eb.c"]),
        ({"a": [{}, {"b": None}, [{}]]}, []),
        ({"a": [1, {"b": {"c": {}}}]}, ["a.1.b", "a.1.b.c"]),
        ({"z": {}, "a": {}}, ["a", "z"]),
    ],
)
def test_objects_without_a_value_are_listed(payload: dict[str, Any], paths: list[str]) -> None:
    stored = orjson.loads(serialise(row(payload), "payload"))
    assert stored.get("empty_objects", []) == paths
    assert stored["payload"] == payload
