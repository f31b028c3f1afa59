"""What a payload may contain: a cheap look at the serialised event, and a walk only when there is something to find.

ClickHouse's JSON type refuses or distorts some legal JSON: a whole insert fails on two keys that become the same path,
and integers beyond 64 signed bits would be stored under a third number type. So nothing of that kind passes here.
"""

from __future__ import annotations

from typing import Any

import orjson

from segops_ingest.domain.limits import MAX_DEPTH, MAX_KEYS
from segops_ingest.domain.refusal import EventRefused, quoted

ESCAPED_DOT = "%2E"
"""How the warehouse spells a dot inside a key; a key that spells it so itself would merge with a dotted one."""

_INT64_MAX = 2**63 - 1
_INT64_MIN = -(2**63)
_SUSPECT_BYTES = 6 * MAX_KEYS
"""A key with its value takes at least six bytes (`"a":1,`), so a shorter event has not too many of them."""
_ROW_BRACKETS = 4
"""Opening brackets every row has: the row, its payload, its context and its list of removed traits."""


def is_suspect(line: bytes) -> bool:
    """Whether a serialised row may hold what `inspect` refuses; false positives cost time, there are no false negatives.

    Integers that need repair are found by the serialiser itself (see `serialise`).
    """
    return (
        (92 in line and b"\\u0000" in line)
        or (37 in line and b"%2E" in line)
        or b'"":' in line
        or line.count(b"{") + line.count(b"[") - _ROW_BRACKETS >= MAX_DEPTH
        or len(line) > _SUSPECT_BYTES
    )


def serialise(row: dict[str, Any], payload_name: str) -> bytes:
    """The row as one line of JSON without its line feed; EventRefused when the warehouse would not keep it as it is.

    `payload_name` is what callers of this kind of event call the column `payload`.
    """
    try:
        line = orjson.dumps(row, option=orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError:
        # An integer beyond 53 bits, or nesting beyond what the serialiser walks.
        line = None
    if line is not None and not is_suspect(line):
        return line
    row["payload"] = inspect(row["payload"], payload_name)
    row["context"] = inspect(row["context"], "context")
    return orjson.dumps(row)


def inspect(value: Any, path: str) -> Any:
    """The value with integers beyond 64 signed bits as doubles; EventRefused with the path of the first fault."""
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
        raise EventRefused(path, "empty-key", "a key may not be empty")
    if "\0" in key:
        raise EventRefused(path, "nul-character", "a key may not contain U+0000")
    if ESCAPED_DOT in key:
        raise EventRefused(path, "reserved-key", f"key {quoted(key)} may not contain '{ESCAPED_DOT}'")


def _refuse_nul(text: str, path: str) -> None:
    if "\0" in text:
        raise EventRefused(path, "nul-character", "text may not contain U+0000")


def _refuse_depth(depth: int, path: str) -> None:
    if depth > MAX_DEPTH:
        raise EventRefused(path, "too-complex", f"nested deeper than {MAX_DEPTH} levels")


def _refuse_count(keys: int, path: str) -> None:
    if keys > MAX_KEYS:
        raise EventRefused(path, "too-complex", f"more than {MAX_KEYS} keys")
