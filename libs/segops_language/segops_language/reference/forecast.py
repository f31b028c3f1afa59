"""Predicts when a verdict will change if no new events arrive."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Final

from segops_language.conditions.base import Condition
from segops_language.events import Event
from segops_language.filters import RecencyFilter
from segops_language.groups import Group
from segops_language.reference.evaluate import EvaluatedProfile
from segops_language.registry import kind_of
from segops_language.values import path_keys
from segops_language.values.json import instant, look_up
from segops_language.walk import filters_of

MAX_CHANGE_POINTS: Final = 2_000
"""The number of instants at which one condition is evaluated."""
_LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999, the last instant that can be written."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A verdict as of an instant and the later instants at which it changes, ascending."""

    holds: bool
    changes_ms: tuple[int, ...] = ()
    horizon_ms: int | None = None
    """The forecast covers the time before this instant; None when it covers all time."""

    @property
    def next_change_ms(self) -> int | None:
        """The first change; None when the forecast has none."""
        return self.changes_ms[0] if self.changes_ms else None

    @property
    def next_change_unknown(self) -> bool:
        """Whether the verdict may change after the horizon, while no earlier change is known."""
        return not self.changes_ms and self.horizon_ms is not None

    def negated(self, negate: bool) -> Forecast:
        """Return the forecast of the complement if `negate`, else this one."""
        return replace(self, holds=self.holds != negate)


class EvaluationBudget:
    """Limits how many events are evaluated for forecasts."""

    def __init__(self, events: int) -> None:
        self._left = events

    def spend(self, events: int) -> bool:
        """Subtract one evaluation of that many events; return whether the budget allows it."""
        self._left -= events + 1
        return self._left >= 0


def forecast_of(profile: EvaluatedProfile, condition: Condition, budget: EvaluationBudget) -> Forecast:
    """Evaluate a condition now, and at each later instant at which an event or a value reaches a limit of time."""
    now = last = profile.is_in(condition)
    if not budget.spend(len(profile.events)):
        return Forecast(now, horizon_ms=profile.as_of_ms + 1)
    changes: list[int] = []
    later = {at for at in _change_points(profile.events, condition) if profile.as_of_ms < at <= _LAST_MS}
    for index, at in enumerate(nsmallest(MAX_CHANGE_POINTS + 1, later)):
        if index == MAX_CHANGE_POINTS or not budget.spend(len(profile.events)):
            return Forecast(now, tuple(changes), at)
        verdict = replace(profile, as_of_ms=at).is_in(condition)
        if verdict != last:
            changes.append(at)
            last = verdict
    return Forecast(now, tuple(changes))


def combined(group: Group, parts: Sequence[Forecast]) -> Forecast:
    """Return the forecast of a group, its negation included, from the forecasts of its nodes."""
    horizons = [part.horizon_ms for part in parts if part.horizon_ms is not None]
    horizon_ms = min(horizons) if horizons else None
    flips = sorted(
        (at, index)
        for index, part in enumerate(parts)
        for at in part.changes_ms
        if horizon_ms is None or at < horizon_ms
    )
    verdicts = [part.holds for part in parts]
    now = last = _combined(group, verdicts)
    changes: list[int] = []
    for position, (at, index) in enumerate(flips):
        verdicts[index] = not verdicts[index]
        if position + 1 < len(flips) and flips[position + 1][0] == at:
            continue
        verdict = _combined(group, verdicts)
        if verdict != last:
            changes.append(at)
            last = verdict
    return Forecast(now, tuple(changes), horizon_ms)


def _combined(group: Group, verdicts: Iterable[bool]) -> bool:
    return (all(verdicts) if group.logic == "AND" else any(verdicts)) != group.negate


def _change_points(events: Iterable[Event], condition: Condition) -> Iterator[int]:
    """Yield every instant at which the verdict on these events may change; between two of them it cannot."""
    ages = kind_of(condition).change_points(condition)
    for event in events:
        for age in ages:
            yield event.timestamp_ms + age
    for _, test in filters_of(condition):
        if isinstance(test, RecencyFilter):
            yield from _change_points_of_values(events, path_keys(test.property), test.value.milliseconds)


def _change_points_of_values(events: Iterable[Event], keys: tuple[str, ...], length: int) -> Iterator[int]:
    for event in events:
        at = instant(look_up(event.payload, keys))
        if at is not None and math.isfinite(at):
            yield int(at)
            yield int(at) + length
