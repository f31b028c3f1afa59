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
SINCE_1900_MS: Final = f"toUInt64(toUnixTimestamp64Milli(timestamp) - {WAREHOUSE_MIN_MS})"
"""The time of an event in milliseconds, never negative; less than 2^44."""
Window = tuple[int | None, int]
"""Start (excluded; None: from the beginning) and end (included) in milliseconds."""


def order_key(bind: Bindings, *, of_one_type: bool) -> str:
    """Return bytes in the order of events: time and position, highest byte first, the event's id, and the type.

    No id contains U+0000. A tuple would be in the same order, but what is aggregated by a string takes three
    quarters of the time.
    """
    time_and_position = f"reinterpretAsFixedString(byteSwap({SINCE_1900_MS} * 65536 + position))"
    ids = bind.event_id if of_one_type else f"{bind.event_id}, '\\0', event_type"
    return f"concat({time_and_position}, {ids})"


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
