"""Instants in a property as SQL: epoch numbers, and strings that are instants, in milliseconds."""

from __future__ import annotations

from typing import Final

from segops_language.values.instants import EPOCH_TEXT, MAX_INSTANT_MS, MIN_INSTANT_MS, PROPERTY_INSTANT
from segops_membership.sql.json_paths import Property
from segops_membership.sql.parameters import Bindings

# Patterns of the language, for RE2: `\z` ends the text, where `$` would allow a line feed after it.
_INSTANT: Final = rf"^{PROPERTY_INSTANT}\z"
_EPOCH: Final = rf"^{EPOCH_TEXT}\z"
_IN_RANGE: Final = f"t BETWEEN {MIN_INSTANT_MS} AND {MAX_INSTANT_MS}"


def instant_sql(value: Property, bind: Bindings) -> str:
    """Return the property's instant in milliseconds, as a double; NULL for a value that is no instant."""
    digits = f"if(match({value.text}, {bind.text(_EPOCH)}), toFloat64OrNull({value.text}), NULL)"
    return f"coalesce({_epoch_ms(value.number)}, {_text_ms(value.text, bind)}, {_epoch_ms(digits)})"


def _epoch_ms(number: str) -> str:
    """Return the milliseconds of an epoch number, NULL outside of the years 1 to 9999.

    Seconds are rounded to microseconds first, because a double has no exact tenth.
    """
    milliseconds = f"if({number} >= 1e11, floor({number}), floor(round({number} * 1e6) / 1000))"
    return f"arrayMap(t -> if({_IN_RANGE}, t, NULL), [{milliseconds}])[1]"


def _text_ms(text: str, bind: Bindings) -> str:
    """Return the milliseconds of a string with the form of an instant, NULL for any other text.

    Uses arithmetic: dates of the language begin in the year 1, dates of ClickHouse in 1900. Groups that a short form does
    not have are empty, and count as 0.
    """
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
    return f"arrayMap(t -> if({_IN_RANGE}, toFloat64(t), NULL), [{ms}])[1]"


def _time_of_day() -> str:
    """Return milliseconds since midnight UTC from the groups `g`, NULL for a time that does not exist.

    Second 60 is second 0 of the next minute.
    """
    hour, minute, second = "toInt64OrZero(g[4])", "toInt64OrZero(g[5])", "toInt64OrZero(g[6])"
    offset_hour, offset_minute = "toInt64OrZero(substring(g[8], 2))", "toInt64OrZero(g[9])"
    fraction = "toInt64OrZero(substring(concat(g[7], '000'), 1, 3))"
    sign = "if(startsWith(g[8], '-'), -1, 1)"
    is_time = f"({hour} <= 23 AND {minute} <= 59 AND {second} <= 60 AND {offset_hour} <= 23 AND {offset_minute} <= 59)"
    minutes = f"({hour} * 60 + {minute} - {sign} * ({offset_hour} * 60 + {offset_minute}))"
    return f"if({is_time}, {minutes} * 60000 + {second} * 1000 + {fraction}, NULL)"
