"""Tests of a property as SQL conditions that are 0 or 1, never NULL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from segops_membership.domain.predicates import (
    Affix,
    Between,
    Compares,
    Contains,
    FlagValue,
    InstantIn,
    Matches,
    NumberValue,
    OneOf,
    Present,
    PropertyCheck,
    Test,
    TextValue,
)
from segops_membership.sql.instants import instant_sql
from segops_membership.sql.json_paths import Property, has_element, property_of
from segops_membership.sql.parameters import Bindings

_OPERATORS: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_AFFIXES: Final = {"starts_with": "startsWith", "ends_with": "endsWith"}
_MAX_LIST_CHARS: Final = 8_000
JSON_NUMBER: Final = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\z"
# RE2's own dot stops at a line feed; ClickHouse sets its flag to the contrary.
_RE2_DOT: Final = "(?-s)"
# Before it runs RE2, ClickHouse searches for a literal that every match must contain, and takes bytes of an optional
# character for a part of it: `café?` would not match "caf". An alternative that matches nothing turns the search off.
_NO_LITERAL_SEARCH: Final = r"[^\s\S]|"


def clickhouse_pattern(pattern: str) -> str:
    """Return a pattern with which ClickHouse matches what RE2 alone matches with the given one."""
    return _RE2_DOT + (pattern if pattern.isascii() else _NO_LITERAL_SEARCH + pattern)


def check_sql(check: PropertyCheck, bind: Bindings) -> str:
    """Return the condition for one filter."""
    condition = condition_sql(check.keys, check.test, bind)
    return f"(NOT {condition})" if check.negated else condition


def condition_sql(keys: tuple[str, ...], test: Test, bind: Bindings) -> str:
    """Return the condition that the property at `keys` passes the test."""
    value = property_of(keys, bind)
    match test:
        case Present():
            condition = value.present
        case OneOf():
            condition = _one_of(value, test, bind)
        case Contains():
            condition = _contains(value, test, bind)
        case Affix(end, text):
            condition = f"{_AFFIXES[end]}({value.text}, {bind.text(text)})"
        case Matches(pattern):
            condition = f"match({value.text}, {bind.text(clickhouse_pattern(pattern))})"
        case Compares() | Between():
            condition = _compares(value, test, bind)
        case InstantIn():
            condition = _instant_in(value, test, bind)
        case _:
            assert_never(test)
    return f"ifNull(({condition}), 0)"


def _one_of(value: Property, test: OneOf, bind: Bindings) -> str:
    texts = [operand.text for operand in test.values if isinstance(operand, TextValue)]
    numbers = [operand.number for operand in test.values if isinstance(operand, NumberValue)]
    flags = [operand.flag for operand in test.values if isinstance(operand, FlagValue)]
    parts = [f"ifNull({value.flag} = {bind.flag(flag)}, 0)" for flag in flags]
    if len(texts) == 1:
        parts.append(f"ifNull({value.text} = {bind.text(texts[0])}, 0)")
    else:
        parts += [f"ifNull({value.text} IN {bind.texts(some)}, 0)" for some in _portions(texts)]
    if len(numbers) == 1:
        parts.append(f"ifNull({value.number} = {bind.number(numbers[0])}, 0)")
    elif numbers:
        # A set compares bits, in which 0.0 and -0.0 differ; their sum with 0.0 is 0.0.
        normal = bind.numbers([number + 0.0 for number in numbers])
        parts.append(f"ifNull(({value.number} + 0.0) IN {normal}, 0)")
    return " OR ".join(parts)


def _portions(texts: list[str]) -> Iterator[list[str]]:
    """Yield lists that each fit into one parameter: ClickHouse accepts 128 KiB, and escaping in a URL triples a text."""
    portion: list[str] = []
    for text in texts:
        if portion and sum(map(len, portion)) + len(text) > _MAX_LIST_CHARS:
            yield portion
            portion = []
        portion.append(text)
    if portion:
        yield portion


def _contains(value: Property, test: Contains, bind: Bindings) -> str:
    element = has_element(value.array, test.value, bind)
    if isinstance(test.value, TextValue):
        return f"ifNull(position({value.text}, {bind.text(test.value.text)}) > 0, 0) OR {element}"
    return element


def number_sql(value: Property, bind: Bindings) -> str:
    """Return a number, or a string that is a JSON number, as a double; NULL for any other value."""
    numeric_text = f"if(match({value.text}, {bind.text(JSON_NUMBER)}), toFloat64OrNull({value.text}), NULL)"
    return f"coalesce({value.number}, {numeric_text})"


def _compares(value: Property, test: Compares | Between, bind: Bindings) -> str:
    number = number_sql(value, bind)
    if isinstance(test, Between):
        return f"{number} >= {bind.number(test.low)} AND {number} <= {bind.number(test.high)}"
    return f"{number} {_OPERATORS[test.operator]} {bind.number(test.bound)}"


def _instant_in(value: Property, test: InstantIn, bind: Bindings) -> str:
    instant = instant_sql(value, bind)
    bounds = []
    if test.after_ms is not None:
        bounds.append(f"t > {bind.number(float(test.after_ms))}")
    if test.before_ms is not None:
        bounds.append(f"t < {bind.number(float(test.before_ms))}")
    return f"arrayExists(t -> ifNull({' AND '.join(bounds)}, 0), [{instant}])"
