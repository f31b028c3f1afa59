"""Filters and windows of the language as property checks and event selections: durations become instants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

from segops_language.filters import (
    AffixFilter,
    AnyFilter,
    BetweenFilter,
    ComparisonFilter,
    ContainmentFilter,
    EqualityFilter,
    InstantFilter,
    OneOfFilter,
    PatternFilter,
    PresenceFilter,
    RecencyFilter,
)
from segops_language.operators import OPERATORS
from segops_language.values import Duration, EventPattern, path_keys
from segops_language.values.instants import to_ms
from segops_language.windows import AnyWindow, LastWindow, RangeWindow
from segops_membership.domain.predicates import (
    Affix,
    Between,
    Compares,
    Contains,
    EventSelection,
    FlagValue,
    InstantIn,
    Matches,
    NumberValue,
    OneOf,
    Present,
    PropertyCheck,
    Test,
    TextValue,
    Value,
)


def event_selection(
    event_type: str, where: Iterable[AnyFilter], window: AnyWindow | None, as_of_ms: int
) -> EventSelection:
    """Return the events that a condition selects, as of an instant."""
    start_ms, end_ms = window_bounds(window, as_of_ms)
    return EventSelection(EventPattern.parse(event_type), start_ms, end_ms, property_checks(where, as_of_ms))


def window_bounds(window: AnyWindow | None, as_of_ms: int) -> tuple[int | None, int]:
    """Return start (excluded; None: from the beginning) and end (included) in milliseconds."""
    match window:
        case None:
            return None, as_of_ms
        case LastWindow():
            return as_of_ms - window.last.milliseconds, as_of_ms
        case RangeWindow():
            start_ms = None if window.from_ is None else point_ms(window.from_, as_of_ms)
            end_ms = as_of_ms if window.to is None else min(point_ms(window.to, as_of_ms), as_of_ms)
            return start_ms, end_ms
        case _:
            assert_never(window)


def point_ms(point: datetime | Duration, as_of_ms: int) -> int:
    """Return an instant, or a duration back from `as_of_ms`, in milliseconds."""
    return as_of_ms - point.milliseconds if isinstance(point, Duration) else to_ms(point)


def property_checks(filters: Iterable[AnyFilter], as_of_ms: int) -> frozenset[PropertyCheck]:
    """Return the checks of all filters, as of an instant."""
    return frozenset(property_check(check, as_of_ms) for check in filters)


def property_check(check: AnyFilter, as_of_ms: int) -> PropertyCheck:
    """Return the filter as a positive test and whether its complement is meant."""
    negated = OPERATORS[check.operator].complement_of is not None
    return PropertyCheck(path_keys(check.property), _test(check, as_of_ms), negated)


def _test(check: AnyFilter, as_of_ms: int) -> Test:
    match check:
        case EqualityFilter():
            return OneOf((_value(check.value),))
        case OneOfFilter():
            return OneOf(tuple(dict.fromkeys(_value(value) for value in check.value)))
        case ContainmentFilter():
            return Contains(_value(check.value))
        case AffixFilter():
            return Affix(check.operator, check.value)
        case PatternFilter():
            return Matches(check.value)
        case PresenceFilter():
            return Present()
        case ComparisonFilter() | BetweenFilter() | InstantFilter() | RecencyFilter():
            return _ordered_test(check, as_of_ms)
        case _:
            assert_never(check)


def _ordered_test(check: ComparisonFilter | BetweenFilter | InstantFilter | RecencyFilter, as_of_ms: int) -> Test:
    match check:
        case ComparisonFilter():
            return Compares(check.operator, float(check.value))
        case BetweenFilter():
            return Between(float(check.value[0]), float(check.value[1]))
        case InstantFilter(operator="before"):
            return InstantIn(None, to_ms(check.value))
        case InstantFilter():
            return InstantIn(to_ms(check.value), None)
        case RecencyFilter():
            return InstantIn(as_of_ms - check.value.milliseconds, as_of_ms + 1)
        case _:
            assert_never(check)


def _value(value: bool | float | str) -> Value:
    if isinstance(value, bool):
        return FlagValue(value)
    return TextValue(value) if isinstance(value, str) else NumberValue(float(value))
