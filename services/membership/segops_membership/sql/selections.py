"""Which events to read, as SQL: parts of statements that all kinds of atoms share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from segops_common.contracts.warehouse import MERGED_READ_SETTINGS
from segops_language.values import EventPattern
from segops_membership.domain.predicates import PropertyCheck
from segops_membership.sql.filters import check_sql
from segops_membership.sql.json_paths import WAREHOUSE_MIN_MS, Bindings

JSON_READ_SETTINGS: Final[dict[str, str | int | float]] = {
    **MERGED_READ_SETTINGS,
    "json_type_escape_dots_in_keys": 1,
    "output_format_json_quote_64bit_integers": 0,
}
"""What every read of event payloads sets, so that keys and numbers come back as they were stored."""
EVERY_ROW = "1"
ORDER_KEY: Final = f"concat(reinterpretAsFixedString(byteSwap(toUInt64(toUnixTimestamp64Milli(timestamp) - {WAREHOUSE_MIN_MS}))), message_id)"
"""Bytes in the order of time, then of `message_id`: the milliseconds, never negative, highest byte first.

A pair of the two would be in the same order, but what is aggregated by a string takes three quarters of the time.
"""
Window = tuple[int | None, int]
"""Milliseconds, open at the start (None: from the beginning), closed at the end."""


def select(columns: str, source: str, where: str = "", tail: str = "") -> str:
    """One SELECT of parts that hold placeholders and names of our own, never a value."""
    return " ".join(("SELECT", columns, "FROM", source, *(("WHERE", where) if where else ()), tail)).rstrip()


def pattern_sql(pattern: EventPattern, bind: Bindings) -> str:
    """The condition on the event type."""
    if pattern.exact:
        return f"event_type = {bind.text(pattern.text)}"
    prefixed = f"startsWith(event_type, {bind.text(pattern.text)}) AND " if pattern.text else ""
    return f"{prefixed}NOT startsWith(event_type, '$')"


def window_sql(window: Window, bind: Bindings) -> Iterator[str]:
    """The conditions on the time."""
    after_ms, until_ms = window
    yield f"timestamp <= {bind.instant(until_ms)}"
    if after_ms is not None:
        yield f"timestamp > {bind.instant(after_ms)}"


def checks_sql(checks: Iterable[PropertyCheck], bind: Bindings) -> list[str]:
    """The conditions on properties; a set has no order of its own: sorted, equal plans give equal statements."""
    return sorted(check_sql(check, bind) for check in checks)
