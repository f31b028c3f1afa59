"""How a verdict goes on when nothing but time passes: the instants at which it changes, as far as they are known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Final

from segops_language.conditions import (
    AnyCondition,
    EventAggregate,
    EventCount,
    EventMatch,
    EventRegularity,
    EventSequence,
    EventTime,
)
from segops_language.conditions.trait import AnyTrait, RecencyTrait, TraitCondition
from segops_language.events import Event
from segops_language.filters import AnyFilter, RecencyFilter
from segops_language.groups import Group
from segops_language.json_values import instant, look_up
from segops_language.reference.evaluate import Profile
from segops_language.values import Duration, path_keys
from segops_language.windows import AnyWindow, LastWindow

MAX_TURNS: Final = 2_000
"""Instants that are tried for one condition."""
_LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999, after which no instant has a name."""


@dataclass(frozen=True, slots=True)
class Course:
    """A verdict as of an instant, and when it turns after it; known before `until_ms`, for good when that is None."""

    holds: bool
    turns: tuple[int, ...] = ()
    until_ms: int | None = None

    @property
    def next_change_ms(self) -> int | None:
        """The first turn; None when there is none, as far as is known."""
        return self.turns[0] if self.turns else None

    @property
    def next_change_unknown(self) -> bool:
        """Whether the verdict may turn at an instant that was not looked at."""
        return not self.turns and self.until_ms is not None

    def negated(self, negate: bool) -> Course:
        """The complement, if asked for."""
        return replace(self, holds=self.holds != negate)


class Effort:
    """What may still be spent on looking ahead, in events evaluated."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self, events: int) -> bool:
        """Whether it was there to be spent."""
        self._left -= events + 1
        return self._left >= 0


def course_of(profile: Profile, condition: AnyCondition, effort: Effort) -> Course:
    """The evaluator's verdict now, and at each later instant at which an event or a value passes an edge of time."""
    now = last = profile.is_in(condition)
    if not effort.spend(len(profile.events)):
        return Course(now, until_ms=profile.as_of_ms + 1)
    turns: list[int] = []
    later = {at for at in _edges(profile.events, condition) if profile.as_of_ms < at <= _LAST_MS}
    for tried, at in enumerate(nsmallest(MAX_TURNS + 1, later)):
        if tried == MAX_TURNS or not effort.spend(len(profile.events)):
            return Course(now, tuple(turns), at)
        verdict = replace(profile, as_of_ms=at).is_in(condition)
        if verdict != last:
            turns.append(at)
            last = verdict
    return Course(now, tuple(turns))


def joined(group: Group, parts: Sequence[Course]) -> Course:
    """The course of a group, its negation included, from those of its nodes."""
    ends = [part.until_ms for part in parts if part.until_ms is not None]
    until_ms = min(ends) if ends else None
    changes = sorted((at, i) for i, part in enumerate(parts) for at in part.turns if until_ms is None or at < until_ms)
    verdicts = [part.holds for part in parts]
    now = last = _joined(group, verdicts)
    turns: list[int] = []
    for position, (at, i) in enumerate(changes):
        verdicts[i] = not verdicts[i]
        if position + 1 < len(changes) and changes[position + 1][0] == at:
            continue
        verdict = _joined(group, verdicts)
        if verdict != last:
            turns.append(at)
            last = verdict
    return Course(now, tuple(turns), until_ms)


def _joined(group: Group, verdicts: Iterable[bool]) -> bool:
    return (all(verdicts) if group.logic == "AND" else any(verdicts)) != group.negate


def _edges(events: Iterable[Event], condition: AnyCondition) -> Iterator[int]:
    """Every instant at which the verdict on these events may change; between them nothing does."""
    lengths = _lengths(condition)
    for event in events:
        for length in lengths:
            yield event.timestamp_ms + length
    for check in _checks(condition):
        if isinstance(check, RecencyFilter | RecencyTrait):
            yield from _edges_of_values(events, path_keys(check.property), check.value.milliseconds)


def _edges_of_values(events: Iterable[Event], keys: tuple[str, ...], length: int) -> Iterator[int]:
    for event in events:
        at = instant(look_up(event.payload, keys))
        if at is not None and math.isfinite(at):
            yield int(at)
            yield int(at) + length


def _lengths(condition: AnyCondition) -> tuple[int, ...]:
    """How old an event is when it enters or leaves what a condition looks at, in milliseconds."""
    match condition:
        case EventCount() | EventAggregate() | EventSequence():
            return _lengths_of_window(condition.window)
        case EventTime():
            return (condition.value.milliseconds,) if isinstance(condition.value, Duration) else ()
        case EventRegularity():
            period = condition.period.milliseconds
            return tuple(period * i for i in range(1, condition.of + 1))
        case TraitCondition():
            return (condition.held_for.duration.milliseconds,) if condition.held_for is not None else ()
        case _:
            return ()


def _lengths_of_window(window: AnyWindow | None) -> tuple[int, ...]:
    if window is None:
        return ()
    points = (window.last,) if isinstance(window, LastWindow) else (window.from_, window.to)
    return tuple(point.milliseconds for point in points if isinstance(point, Duration))


def _checks(condition: AnyCondition) -> tuple[AnyFilter | AnyTrait, ...]:
    match condition:
        case EventMatch():
            return (*condition.where, *condition.has)
        case EventCount() | EventAggregate() | EventTime() | EventRegularity():
            return condition.where
        case EventSequence():
            return tuple(check for step in condition.steps for check in step.where)
        case TraitCondition():
            return (condition,)
        case _:
            return ()
