"""What depends on the order of events, in plain Python: a part of the oracle in `evaluate`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pydantic import JsonValue

from segops_language.json_values import same


def has_chain(times: Sequence[Collection[int]], within_ms: int) -> bool:
    """Whether one time can be chosen for each step so that they rise and end no later than `within_ms` after the first."""
    return any(_ends_in_time(start, times[1:], start + within_ms) for start in times[0])


def _ends_in_time(start: int, steps: Sequence[Collection[int]], end: int) -> bool:
    """The earliest time after the one before is never a worse choice."""
    at = start
    for times in steps:
        later = [time for time in times if time > at]
        if not later:
            return False
        at = min(later)
    return at <= end


def kept_since(history: Iterable[tuple[int, JsonValue]]) -> int | None:
    """When the present value was set, of values in the order in which they were set; None without a present value."""
    since: int | None = None
    present: JsonValue = None
    for at, value in history:
        if value is None or present is None or not same(value, present):
            since = None if value is None else at
        present = value
    return since
