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
from segops_membership.sql.json_paths import Bindings, Property, has_element, property_of

_OPERATORS: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_AFFIXES: Final = {"starts_with": "startsWith", "ends_with": "endsWith"}
_MAX_LIST_CHARS: Final = 8_000
_JSON_NUMBER: Final = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\z"
_INSTANT: Final = (
    r"^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-][0-9]{2}):([0-9]{2}))\z"
)
# RE2's own dot stops at a line feed; ClickHouse sets its flag to the contrary.
_RE2_DOT: Final = "(?-s)"


def check_sql(check: PropertyCheck, bind: Bindings) -> str:
    """The condition for one filter."""
    condition = condition_sql(check.keys, check.test, bind)
    return f"(NOT {condition})" if check.negated else condition


def condition_sql(keys: tuple[str, ...], test: Test, bind: Bindings) -> str:
    """The condition that the property at `keys` passes the test."""
    found = property_of(keys, bind)
    match test:
        case Present():
            condition = found.present
        case OneOf():
            condition = _one_of(found, test, bind)
        case Contains():
            condition = _holds(found, test, bind)
        case Affix(end, text):
            condition = f"{_AFFIXES[end]}({found.text}, {bind.text(text)})"
        case Matches(pattern):
            condition = f"match({found.text}, {bind.text(_RE2_DOT + pattern)})"
        case Compares() | Between():
            condition = _compares(found, test, bind)
        case InstantIn():
            condition = _instant_in(found, test, bind)
        case _:
            assert_never(test)
    return f"ifNull(({condition}), 0)"


def _one_of(found: Property, test: OneOf, bind: Bindings) -> str:
    texts = [value.text for value in test.values if isinstance(value, TextValue)]
    numbers = [value.number for value in test.values if isinstance(value, NumberValue)]
    flags = [value.flag for value in test.values if isinstance(value, FlagValue)]
    parts = [f"ifNull({found.flag} = {bind.flag(flag)}, 0)" for flag in flags]
    if len(texts) == 1:
        parts.append(f"ifNull({found.text} = {bind.text(texts[0])}, 0)")
    else:
        parts += [f"ifNull({found.text} IN {bind.texts(some)}, 0)" for some in _portions(texts)]
    if len(numbers) == 1:
        parts.append(f"ifNull({found.number} = {bind.number(numbers[0])}, 0)")
    elif numbers:
        # A set compares bits, in which 0.0 and -0.0 differ; their sum with 0.0 is 0.0.
        normal = bind.numbers([number + 0.0 for number in numbers])
        parts.append(f"ifNull(({found.number} + 0.0) IN {normal}, 0)")
    return " OR ".join(parts)


def _portions(texts: list[str]) -> Iterator[list[str]]:
    """Lists short enough for one parameter each: ClickHouse takes 128 KiB, three times as long when escaped in a URL."""
    portion: list[str] = []
    for text in texts:
        if portion and sum(map(len, portion)) + len(text) > _MAX_LIST_CHARS:
            yield portion
            portion = []
        portion.append(text)
    if portion:
        yield portion


def _holds(found: Property, test: Contains, bind: Bindings) -> str:
    element = has_element(found.array, test.value, bind)
    if isinstance(test.value, TextValue):
        return f"ifNull(position({found.text}, {bind.text(test.value.text)}) > 0, 0) OR {element}"
    return element


def number_sql(found: Property, bind: Bindings) -> str:
    """A number, or a string that is a JSON number, as a double; NULL for anything else."""
    numeric_text = f"if(match({found.text}, {bind.text(_JSON_NUMBER)}), toFloat64OrNull({found.text}), NULL)"
    return f"coalesce({found.number}, {numeric_text})"


def _compares(found: Property, test: Compares | Between, bind: Bindings) -> str:
    number = number_sql(found, bind)
    if isinstance(test, Between):
        return f"{number} >= {bind.number(test.low)} AND {number} <= {bind.number(test.high)}"
    return f"{number} {_OPERATORS[test.operator]} {bind.number(test.bound)}"


def _instant_in(found: Property, test: InstantIn, bind: Bindings) -> str:
    instant = f"coalesce({_epoch_ms(found.number)}, {_text_ms(found.text, bind)})"
    bounds = []
    if test.after_ms is not None:
        bounds.append(f"t > {bind.number(float(test.after_ms))}")
    if test.before_ms is not None:
        bounds.append(f"t < {bind.number(float(test.before_ms))}")
    return f"arrayExists(t -> ifNull({' AND '.join(bounds)}, 0), [{instant}])"


def _epoch_ms(number: str) -> str:
    """Milliseconds of an epoch number; seconds are rounded to microseconds first, as a double has no exact tenth."""
    return f"if({number} >= 1e11, floor({number}), floor(round({number} * 1e6) / 1000))"


def _text_ms(text: str, bind: Bindings) -> str:
    """Milliseconds of an RFC 3339 string, NULL for any other; by arithmetic, as dates here begin in the year 1."""
    groups = f"extractGroups(ifNull({text}, ''), {bind.text(_INSTANT)})"
    parts = "[toInt64OrZero(g[1])], [toInt64OrZero(g[2])], [toInt64OrZero(g[3])], [g]"
    leap = "((y % 4 = 0 AND y % 100 != 0) OR y % 400 = 0)"
    month_days = f"multiIf(m IN (4, 6, 9, 11), 30, m = 2, 28 + {leap}, 31)"
    is_date = f"(y >= 1 AND m BETWEEN 1 AND 12 AND d BETWEEN 1 AND {month_days})"
    # Days from civil: the year starts in March, so that a leap day is the last of its year.
    year = "(y - (m <= 2))"
    day_of_year = "(intDiv(153 * (m + if(m > 2, -3, 9)) + 2, 5) + d - 1)"
    day_of_era = f"({year} % 400 * 365 + intDiv({year} % 400, 4) - intDiv({year} % 400, 100) + {day_of_year})"
    days = f"(intDiv({year}, 400) * 146097 + {day_of_era} - 719468)"
    at = f"arrayMap((y, m, d, g) -> if({is_date}, {days} * 86400000 + {_time_of_day()}, NULL), {parts})[1]"
    ms = f"arrayMap(g -> if(empty(g), NULL, {at}), [{groups}])[1]"
    in_range = "t BETWEEN -62135596800000 AND 253402300799999"
    return f"arrayMap(t -> if({in_range}, toFloat64(t), NULL), [{ms}])[1]"


def _time_of_day() -> str:
    """Milliseconds since midnight UTC of the groups `g`, NULL where there is no such time; second 60 is the next minute."""
    hour, minute, second = "toInt64OrZero(g[4])", "toInt64OrZero(g[5])", "toInt64OrZero(g[6])"
    offset_hour, offset_minute = "toInt64OrZero(substring(g[8], 2))", "toInt64OrZero(g[9])"
    fraction = "toInt64OrZero(substring(concat(g[7], '000'), 1, 3))"
    sign = "if(startsWith(g[8], '-'), -1, 1)"
    is_time = f"({hour} <= 23 AND {minute} <= 59 AND {second} <= 60 AND {offset_hour} <= 23 AND {offset_minute} <= 59)"
    minutes = f"({hour} * 60 + {minute} - {sign} * ({offset_hour} * 60 + {offset_minute}))"
    milliseconds = f"if({second} = 60, 60000, {second} * 1000 + {fraction})"
    return f"if({is_time}, {minutes} * 60000 + {milliseconds}, NULL)"
