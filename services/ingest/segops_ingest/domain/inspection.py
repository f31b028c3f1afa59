"""Refuses payloads that the warehouse would refuse or distort.

ClickHouse's JSON type does not take all JSON: a whole insert fails if two keys become the same path, integers beyond
64 signed bits would be stored as a third number type, and objects without a value are not stored. A cheap test of the
serialised event comes first; only a suspect event is walked.
"""

from __future__ import annotations

from typing import Any

import orjson

from segops_ingest.domain.limits import MAX_DEPTH, MAX_KEYS, USUAL_KEYS
from segops_ingest.domain.refusal import EventRefused, quoted

ESCAPED_DOT = "%2E"
"""How the warehouse writes a dot inside a key. A key that contains this text would merge with a dotted one."""

_INT64_MAX = 2**63 - 1
_INT64_MIN = -(2**63)
_SUSPECT_BYTES = 6 * MAX_KEYS
"""A key with its value takes at least six bytes (`"a":1,`), so a shorter event cannot have too many keys."""
_ROW_BRACKETS = 4
"""Opening brackets that every row has: of the row, its payload, its context and its list of removed traits."""


def is_suspect(line: bytes) -> bool:
    """Return whether `inspect` may refuse or change the row. False positives only cost time; there are no false negatives.

    Integers beyond 53 bits are not tested here: the serialiser refuses them (see `serialise`).
    """
    return (
        (92 in line and b"\\u0000" in line)
        or (37 in line and b"%2E" in line)
        or b'"":' in line
        or line.count(b"{") + line.count(b"[") - _ROW_BRACKETS >= MAX_DEPTH
        or len(line) > _SUSPECT_BYTES
    )


def serialise(row: dict[str, Any], payload_name: str) -> bytes:
    """Return the row as one line of JSON, without a line feed. Raises EventRefused if the warehouse would change it.

    `payload_name` is the name that callers of this kind of event use for the column `payload`. A row with objects that
    hold no value gets the list `empty_objects`.
    """
    text = _serialised(row, payload_name)
    if not _may_have_empty_objects(row, text):
        return text
    paths = empty_objects(row["payload"])
    if not paths:
        return text
    row["empty_objects"] = paths
    return orjson.dumps(row)


def empty_objects(payload: dict[str, Any]) -> list[str]:
    """Return the paths of objects in the payload that hold no value, in their order as text.

    An object holds no value if it is empty, or if all of its members are null or objects without a value. Keys and array
    indices are joined by dots. An object that is itself an element of an array is not listed: ClickHouse stores it.
    """
    paths: list[str] = []

    def holds_value(value: Any, path: str) -> bool:
        match value:
            case dict():
                own = f"{path}." if path else ""
                holding = [holds_value(inner, own + key.replace(".", ESCAPED_DOT)) for key, inner in value.items()]
                if path and not any(holding):
                    paths.append(path)
                return any(holding)
            case list():
                for index, inner in enumerate(value):
                    if not holds_value(inner, f"{path}.{index}") and type(inner) is dict:
                        paths.pop()
                return True
            case _:
                return value is not None

    holds_value(payload, "")
    return sorted(paths)


def _may_have_empty_objects(row: dict[str, Any], line: bytes) -> bool:
    """Return whether the payload may have them; a false positive only costs time."""
    own = (not row["payload"]) + (not row["context"])
    return b":null" in line or line.count(b":{}") > own


def _serialised(row: dict[str, Any], payload_name: str) -> bytes:
    try:
        line = orjson.dumps(row, option=orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError:
        # An integer beyond 53 bits, or deeper nesting than the serialiser supports.
        line = None
    if line is not None and not is_suspect(line):
        return line
    row["payload"] = inspect(row["payload"], payload_name)
    row["context"] = inspect(row["context"], "context")
    return orjson.dumps(row)


def is_wide(line: bytes) -> bool:
    """Return whether a row has many keys. The number is an estimate: text may contain what looks like a key."""
    return line.count(b'":') > USUAL_KEYS


def inspect(value: Any, path: str) -> Any:
    """Return the value with integers beyond 64 signed bits as doubles. Raises EventRefused with the path of the first fault."""
    keys = 0

    def visit(value: Any, path: str, depth: int) -> Any:
        nonlocal keys
        match value:
            case str():
                _refuse_nul(value, path)
            case bool():
                pass
            case int() if not _INT64_MIN <= value <= _INT64_MAX:
                return float(value)
            case dict():
                _refuse_depth(depth, path)
                keys += len(value)
                _refuse_count(keys, path)
                for key in value:
                    _check_key(key, path)
                return {key: visit(inner, f"{path}.{key}", depth + 1) for key, inner in value.items()}
            case list():
                _refuse_depth(depth, path)
                return [visit(inner, f"{path}[{index}]", depth + 1) for index, inner in enumerate(value)]
            case _:
                pass
        return value

    return visit(value, path, 1)


def _check_key(key: str, path: str) -> None:
    if not key:
        raise EventRefused(path, "empty-key", "must not contain an empty key")
    if "\0" in key:
        raise EventRefused(path, "nul-character", "must not contain U+0000 in a key")
    if ESCAPED_DOT in key:
        raise EventRefused(path, "reserved-key", f"must not contain `{ESCAPED_DOT}` in a key: {quoted(key)}")


def _refuse_nul(text: str, path: str) -> None:
    if "\0" in text:
        raise EventRefused(path, "nul-character", "must not contain U+0000")


def _refuse_depth(depth: int, path: str) -> None:
    if depth > MAX_DEPTH:
        raise EventRefused(path, "too-complex", f"must not be nested deeper than {MAX_DEPTH} levels")


def _refuse_count(keys: int, path: str) -> None:
    if keys > MAX_KEYS:
        raise EventRefused(path, "too-complex", f"must not have more than {MAX_KEYS} keys")
