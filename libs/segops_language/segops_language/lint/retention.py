"""Warns about conditions that look further back than events are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from segops_language.conditions.base import Condition
from segops_language.conditions.regularity import EventRegularity
from segops_language.conditions.time import EventTime
from segops_language.events import IDENTIFY_EVENT
from segops_language.faults import LanguageFault
from segops_language.groups import Group
from segops_language.registry import kind_of
from segops_language.values import Duration, EventPattern
from segops_language.walk import conditions_in, event_types_of
from segops_language.windows import LastWindow, RangeWindow

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days events are kept, by type, and all others; None: without an end.

    Traits have no limit but one of their own type. `removed` is how many events were removed so far, by type.
    """

    default_days: int | None = None
    days: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)

    @property
    def ends(self) -> bool:
        """Whether any event is ever removed."""
        return self.default_days is not None or bool(self.days)

    def days_of(self, event_type: str) -> int | None:
        """Return the days of an exact event type."""
        default = None if event_type == IDENTIFY_EVENT else self.default_days
        return self.days.get(event_type, default)

    def shortest(self, pattern: EventPattern) -> int | None:
        """Return the least days of all types that a pattern may name."""
        if pattern.exact:
            return self.days_of(pattern.text)
        named = [days for event_type, days in self.days.items() if pattern.matches(event_type)]
        return min(named if self.default_days is None else [*named, self.default_days], default=None)

    def removed_of(self, pattern: EventPattern) -> int:
        """Return how many events that a pattern names were removed."""
        return sum(count for event_type, count in self.removed.items() if pattern.matches(event_type))


def retention_warnings(definition: Group, retention: Retention, now: datetime) -> tuple[LanguageFault, ...]:
    """Return warnings in the order of the definition, with the code `expired-events`."""
    return definition.sent_faults(
        fault for path, condition in conditions_in(definition) for fault in _warnings(path, condition, retention, now)
    )


def _warnings(path: str, condition: Condition, retention: Retention, now: datetime) -> Iterator[LanguageFault]:
    reach = _reach(condition, now)
    for event_type in event_types_of(condition):
        pattern = EventPattern.parse(event_type)
        days = retention.shortest(pattern)
        if days is None or reach <= days:
            continue
        removed = retention.removed_of(pattern)
        gone = f" {removed:,} {'was' if removed == 1 else 'were'} removed so far." if removed else ""
        detail = f"Events of the type `{event_type}` are removed after {days} days, and do not count here then.{gone}"
        yield LanguageFault(path, "expired-events", detail)


def _reach(condition: Condition, now: datetime) -> float:
    """Return how many days back an event may be that counts."""
    match condition:
        case EventTime(occurrence="last", value=Duration() as value):
            return value.milliseconds / _ms(_DAY)
        case EventRegularity():
            return max(kind_of(condition).change_points(condition), default=0) / _ms(_DAY)
        case _:
            return _reach_of_window(condition, now)


def _reach_of_window(condition: Condition, now: datetime) -> float:
    match getattr(condition, "window", None):
        case LastWindow(last=last):
            return last.milliseconds / _ms(_DAY)
        case RangeWindow(from_=Duration() as start):
            return start.milliseconds / _ms(_DAY)
        case RangeWindow(from_=datetime() as start):
            return (now - start) / _DAY
        case _:
            return math.inf


def _ms(duration: timedelta) -> float:
    return duration / timedelta(milliseconds=1)
