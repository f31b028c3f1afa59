"""Properties of a JSON column as SQL: the one place where a path that a user wrote meets SQL text.

A key becomes an identifier only when it is made of letters, digits and a few harmless marks; every other key, and every
key behind one that may index an array, is a bound parameter of a look-up in the JSON's text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from segops_membership.domain.predicates import FlagValue, NumberValue, TextValue, Value

MAX_KEYS: Final = 64
"""Longer paths lead nowhere: events are nested far less deeply, and SQL only so deeply."""

_PLAIN_KEY: Final = re.compile(r"\w[\w .$@/+-]*")
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_MAX_INDEX: Final = 2**31 - 2
WAREHOUSE_MIN_MS: Final = -2_208_988_800_000
_WAREHOUSE_MAX_MS: Final = 10_413_791_999_999
"""The first and last instant of DateTime64(3): 1900 to 2299."""


def cut_instant(milliseconds: int) -> int:
    """The nearest instant that the warehouse can hold; no event is outside of these."""
    return min(max(milliseconds, WAREHOUSE_MIN_MS), _WAREHOUSE_MAX_MS)


class Bindings:
    """The parameters of one statement; equal values share one."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, object], str] = {}
        self.values: dict[str, object] = {}
        self._shared: dict[str, str] = {}

    def share(self, expression: str) -> str:
        """A name for an expression that a statement repeats; the statement begins with `definitions`."""
        return self._shared.setdefault(expression, f"s{len(self._shared)}")

    @property
    def definitions(self) -> str:
        """What the names given by `share` mean; '' when there is none."""
        named = ", ".join(f"({expression}) AS {name}" for expression, name in self._shared.items())
        return f"WITH {named} " if named else ""

    def text(self, value: str) -> str:
        """A placeholder for a string."""
        return self._bind("String", value)

    def number(self, value: float) -> str:
        """A placeholder for a double."""
        return self._bind("Float64", repr(value))

    def integer(self, value: int) -> str:
        """A placeholder for a whole number."""
        return self._bind("UInt64" if value >= 0 else "Int64", value)

    def wide(self, value: int) -> str:
        """A constant of up to 256 bits, sign included."""
        return f"toInt256({self.text(str(value))})"

    def flag(self, value: bool) -> str:
        """A placeholder for a boolean."""
        return self._bind("Bool", "true" if value else "false")

    def instant(self, milliseconds: int) -> str:
        """A placeholder for a time, cut to what the warehouse can hold."""
        return f"fromUnixTimestamp64Milli({self._bind('Int64', cut_instant(milliseconds))}, 'UTC')"

    def texts(self, values: list[str]) -> str:
        """A constant array of strings; as JSON, whose quoting every value survives."""
        return f"JSONExtract({self.text(json.dumps(values, ensure_ascii=False))}, 'Array(String)')"

    def numbers(self, values: list[float]) -> str:
        """A constant array of doubles."""
        return f"JSONExtract({self.text(json.dumps(values))}, 'Array(Float64)')"

    def _bind(self, type_name: str, value: object) -> str:
        name = self._names.setdefault((type_name, value), f"p{len(self._names)}")
        self.values[name] = value
        return f"{{{name}:{type_name}}}"


@dataclass(frozen=True, slots=True)
class Property:
    """SQL for a property in each type it may have; `text`, `number` and `flag` are NULL for a value of another."""

    text: str
    number: str
    flag: str
    array: str
    """The array as JSON text; '' for a value that is none."""
    present: str


_MISSING: Final = Property("CAST(NULL, 'Nullable(String)')", "CAST(NULL, 'Nullable(Float64)')", "NULL", "''", "0")


def property_of(keys: tuple[str, ...], bind: Bindings) -> Property:
    """What `keys` lead to in the column `payload`."""
    if len(keys) > MAX_KEYS:
        return _MISSING
    plain = _plain_prefix(keys)
    if len(plain) == len(keys):
        return _column(plain)
    return _from_text(_walk(_subtree(plain), keys[len(plain) :], bind))


def raw_object(keys: tuple[str, ...], bind: Bindings) -> str:
    """The JSON text of the object that `keys` lead to; '' or '{}' when it is none, or empty."""
    if len(keys) > MAX_KEYS:
        return "''"
    plain = _plain_prefix(keys)
    if len(plain) == len(keys):
        return f"toJSONString(payload.^{_identifier(plain)})"
    raw = _walk(_subtree(plain), keys[len(plain) :], bind)
    return f"if(startsWith({raw}, '{{'), {raw}, '')"


def trait_present(key: str, bind: Bindings) -> str:
    """Whether an identify call says anything about a top-level trait, its removal included."""
    return f"({property_of((key,), bind).present} OR has(removed, {bind.text(key)}))"


def _plain_prefix(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The keys up to the first that is no safe identifier or may be the index of an array."""
    for position, key in enumerate(keys):
        if not _PLAIN_KEY.fullmatch(key) or (position > 0 and _DIGITS.fullmatch(key)):
            return keys[:position]
    return keys


def _identifier(keys: tuple[str, ...]) -> str:
    # The JSON type stores a dot within a key as %2E; the insert's settings ask for that.
    return ".".join(f"`{key.replace('.', '%2E')}`" for key in keys)


def _column(keys: tuple[str, ...]) -> Property:
    name = _identifier(keys)
    value = f"payload.{name}"
    return Property(
        text=f"{value}.:`String`",
        # A subcolumn of one type skips values of the others: 5 is an Int64 and 5.0 a Float64.
        number=f"coalesce({value}.:`Float64`, toFloat64({value}.:`Int64`), toFloat64({value}.:`UInt64`))",
        flag=f"{value}.:`Bool`",
        array=_array_text(value),
        present=f"(isNotNull({value}) OR notEmpty(JSONAllPaths(payload.^{name})))",
    )


def _array_text(value: str) -> str:
    return f"if(startsWith(dynamicType({value}), 'Array'), ifNull(toJSONString({value}), ''), '')"


def _subtree(keys: tuple[str, ...]) -> str:
    """The JSON text of the array or object that plain keys lead to."""
    if not keys:
        return "toJSONString(payload)"
    array = _array_text(f"payload.{_identifier(keys)}")
    return f"if({array} != '', {array}, toJSONString(payload.^{_identifier(keys)}))"


def _walk(text: str, keys: tuple[str, ...], bind: Bindings) -> str:
    for key in keys:
        member = f"JSONExtractRaw(tree, {bind.text(key)})"
        if _DIGITS.fullmatch(key):
            element = f"JSONExtractRaw(tree, {bind.integer(int(key) + 1)})" if int(key) <= _MAX_INDEX else "''"
            member = f"if(startsWith(tree, '['), {element}, {member})"
        text = f"arrayMap(tree -> {member}, [{text}])[1]"
    return text


def _from_text(text: str) -> Property:
    return Property(
        text=f"if(startsWith({text}, '\"'), JSONExtractString({text}), NULL)",
        number=f"if(match({text}, '^[-0-9]'), JSONExtractFloat({text}), NULL)",
        flag=f"multiIf({text} = 'true', true, {text} = 'false', false, NULL)",
        array=f"if(startsWith({text}, '['), {text}, '')",
        present=f"({text} NOT IN ('', 'null'))",
    )


def has_element(array: str, value: Value, bind: Bindings) -> str:
    """Whether an array, given as JSON text, has an element equal in type and value."""
    elements = f"JSONExtractArrayRaw({array})"
    match value:
        case TextValue(text):
            return f"arrayExists(e -> startsWith(e, '\"') AND JSONExtractString(e) = {bind.text(text)}, {elements})"
        case NumberValue(number):
            return f"arrayExists(e -> match(e, '^[-0-9]') AND JSONExtractFloat(e) = {bind.number(number)}, {elements})"
        case FlagValue(flag):
            return f"has({elements}, '{'true' if flag else 'false'}')"
