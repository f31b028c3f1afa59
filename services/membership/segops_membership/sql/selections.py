"""Which events a statement reads, as SQL: event types, windows and filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from segops_common.contracts.warehouse import MERGED_READ_SETTINGS
from segops_language.values import EventPattern
from segops_membership.domain.predicates import PropertyCheck
from segops_membership.sql.filters import check_sql
from segops_membership.sql.parameters import WAREHOUSE_MIN_MS, Bindings

JSON_READ_SETTINGS: Final[dict[str, str | int | float]] = {
    **MERGED_READ_SETTINGS,
    "json_type_escape_dots_in_keys": 1,
    "output_format_json_quote_64bit_integers": 0,
}
"""Every read of event payloads sets these, so that keys and numbers come back as they were stored."""
EVERY_ROW = "1"
ORDER_KEY: Final = f"concat(reinterpretAsFixedString(byteSwap(toUInt64(toUnixTimestamp64Milli(timestamp) - {WAREHOUSE_MIN_MS}))), message_id)"
"""Bytes in the order of time, then of `message_id`: the milliseconds, never negative, highest byte first.

A pair of the two would be in the same order, but what is aggregated by a string takes three quarters of the time.
"""
Window = tuple[int | None, int]
"""Start (excluded; None: from the beginning) and end (included) in milliseconds."""


def pattern_sql(pattern: EventPattern, bind: Bindings) -> str:
    """Return the condition on the event type."""
    if pattern.exact:
        return f"event_type = {bind.text(pattern.text)}"
    prefixed = f"startsWith(event_type, {bind.text(pattern.text)}) AND " if pattern.text else ""
    return f"{prefixed}NOT startsWith(event_type, '$')"


def window_sql(window: Window, bind: Bindings) -> Iterator[str]:
    """Yield the conditions on the time."""
    start_ms, end_ms = window
    yield f"timestamp <= {bind.instant(end_ms)}"
    if start_ms is not None:
        yield f"timestamp > {bind.instant(start_ms)}"


def checks_sql(checks: Iterable[PropertyCheck], bind: Bindings) -> list[str]:
    """Return the conditions on properties, sorted: a set has no order, and equal predicates must give equal statements."""
    return sorted(check_sql(check, bind) for check in checks)
