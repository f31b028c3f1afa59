"""Properties of a JSON column as SQL: the one place where a path that a user wrote meets SQL text.

A key becomes an identifier only when it is made of letters, digits and a few harmless marks; every other key, and every
key behind one that may index an array, is a bound parameter of a look-up in the JSON's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from segops_membership.domain.predicates import FlagValue, NumberValue, TextValue, Value
from segops_membership.sql.parameters import Bindings

MAX_KEYS: Final = 64
"""Longer paths count as absent: no event is nested so deeply, and ClickHouse limits how deeply SQL nests."""

JSON_TOKENS: Final = r'"(?:[^"\\]|\\.)*"|[^",:\[\]{}]+|[\[\]{},:]'
"""What JSON text without spaces is made of: strings, then all other values, then marks."""
_PLAIN_KEY: Final = re.compile(r"\w[\w .$@/+-]*")
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_MAX_INDEX: Final = 2**31 - 2


@dataclass(frozen=True, slots=True)
class Property:
    """SQL for a property in each type it may have; `text`, `number` and `flag` are NULL for a value of another type."""

    text: str
    number: str
    flag: str
    array: str
    """The array as JSON text; '' for any other value."""
    present: str


_ABSENT: Final = Property("CAST(NULL, 'Nullable(String)')", "CAST(NULL, 'Nullable(Float64)')", "NULL", "''", "0")


def property_of(keys: tuple[str, ...], bind: Bindings) -> Property:
    """Return SQL for what `keys` lead to in the column `payload`."""
    if len(keys) > MAX_KEYS:
        return _ABSENT
    plain = _plain_prefix(keys)
    empty = is_empty_object(keys, bind)
    if len(plain) == len(keys):
        return _column(plain, empty, bind)
    return _from_text(_walk(_subtree(plain, bind), keys[len(plain) :], bind), empty)


def raw_object(keys: tuple[str, ...], bind: Bindings) -> str:
    """Return the JSON text of the object at `keys`; '' for any other value, and for an object that is not stored."""
    if len(keys) > MAX_KEYS:
        return "''"
    plain = _plain_prefix(keys)
    if len(plain) == len(keys):
        return f"ifNull(nullIf(toJSONString(payload.^{_identifier(plain)}), '{{}}'), '')"
    raw = _walk(_subtree(plain, bind), keys[len(plain) :], bind)
    return f"if(startsWith({raw}, '{{'), {raw}, '')"


def is_empty_object(keys: tuple[str, ...], bind: Bindings) -> str:
    """Return the condition that `keys` lead to an object without a value. The column `payload` does not store those."""
    return f"has(empty_objects, {bind.text(_listed(keys))})"


def empty_objects_in(keys: tuple[str, ...], bind: Bindings) -> str:
    """Return the array of paths of objects without a value below `keys`, in their order as text."""
    return f"arrayFilter(path -> startsWith(path, {bind.text(_listed(keys) + '.')}), empty_objects)"


def _listed(keys: tuple[str, ...]) -> str:
    return ".".join(key.replace(".", "%2E") for key in keys)


def trait_present(key: str, bind: Bindings) -> str:
    """Return the condition that an identify call sets or removes a top-level trait."""
    return f"({property_of((key,), bind).present} OR has(removed, {bind.text(key)}))"


def _plain_prefix(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys before the first one that is no safe identifier or may index an array."""
    for position, key in enumerate(keys):
        if not _PLAIN_KEY.fullmatch(key) or (position > 0 and _DIGITS.fullmatch(key)):
            return keys[:position]
    return keys


def _identifier(keys: tuple[str, ...]) -> str:
    # The JSON type stores a dot within a key as %2E; the insert's settings ask for that.
    return ".".join(f"`{key.replace('.', '%2E')}`" for key in keys)


def _column(keys: tuple[str, ...], empty: str, bind: Bindings) -> Property:
    name = _identifier(keys)
    value = f"payload.{name}"
    return Property(
        text=f"{value}.:`String`",
        # A subcolumn of one type skips values of the others: 5 is an Int64 and 5.0 a Float64.
        number=f"coalesce({value}.:`Float64`, toFloat64({value}.:`Int64`), toFloat64({value}.:`UInt64`))",
        flag=f"{value}.:`Bool`",
        array=_array_text(value, bind),
        present=f"(isNotNull({value}) OR notEmpty(JSONAllPaths(payload.^{name})) OR {empty})",
    )


def _array_text(value: str, bind: Bindings) -> str:
    text = _exact(f"ifNull(toJSONString({value}), '')", bind)
    return f"if(startsWith(dynamicType({value}), 'Array'), {text}, '')"


def _subtree(keys: tuple[str, ...], bind: Bindings) -> str:
    """Return the JSON text of the array or object at plain keys."""
    if not keys:
        return _exact("toJSONString(payload)", bind)
    array = _array_text(f"payload.{_identifier(keys)}", bind)
    return f"if({array} != '', {array}, {_exact(f'toJSONString(payload.^{_identifier(keys)})', bind)})"


def _exact(text: str, bind: Bindings) -> str:
    """Return JSON text in which long integers have a fraction: the functions that parse it make strings of those beyond 64 bits."""
    tokens = f"extractAll(json, {bind.text(JSON_TOKENS)})"
    with_fraction = f"if(match(token, {bind.text('^-?[0-9]{19,}$')}), concat(token, '.0'), token)"
    exact = f"arrayStringConcat(arrayMap(token -> {with_fraction}, {tokens}))"
    return f"arrayMap(json -> if(match(json, {bind.text('[0-9]{19}')}), {exact}, json), [{text}])[1]"


def _walk(text: str, keys: tuple[str, ...], bind: Bindings) -> str:
    for key in keys:
        member = f"JSONExtractRaw(tree, {bind.text(key)})"
        if _DIGITS.fullmatch(key):
            element = f"JSONExtractRaw(tree, {bind.integer(int(key) + 1)})" if int(key) <= _MAX_INDEX else "''"
            member = f"if(startsWith(tree, '['), {element}, {member})"
        text = _exact(f"arrayMap(tree -> {member}, [{text}])[1]", bind)
    return text


def _from_text(text: str, empty: str) -> Property:
    return Property(
        text=f"if(startsWith({text}, '\"'), JSONExtractString({text}), NULL)",
        number=f"if(match({text}, '^[-0-9]'), JSONExtractFloat({text}), NULL)",
        flag=f"multiIf({text} = 'true', true, {text} = 'false', false, NULL)",
        array=f"if(startsWith({text}, '['), {text}, '')",
        present=f"({text} NOT IN ('', 'null') OR {empty})",
    )


def has_element(array: str, value: Value, bind: Bindings) -> str:
    """Return the condition that an array, given as JSON text, has an element equal in type and value."""
    elements = f"JSONExtractArrayRaw({array})"
    match value:
        case TextValue(text):
            return f"arrayExists(e -> startsWith(e, '\"') AND JSONExtractString(e) = {bind.text(text)}, {elements})"
        case NumberValue(number):
            return f"arrayExists(e -> match(e, '^[-0-9]') AND JSONExtractFloat(e) = {bind.number(number)}, {elements})"
        case FlagValue(flag):
            return f"has({elements}, '{'true' if flag else 'false'}')"
