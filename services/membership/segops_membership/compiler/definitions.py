"""From definitions to plans: durations become instants, operators become tests, negations become complements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Final, assert_never

from segops_language.conditions import (
    AnyCondition,
    EventAggregate,
    EventCondition,
    EventCount,
    EventMatch,
    EventRegularity,
    EventSequence,
    EventTime,
    Sample,
    SegmentMembership,
)
from segops_language.conditions.trait import AnyTrait, TraitCondition
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
from segops_language.groups import Group
from segops_language.instants import to_ms
from segops_language.values import Duration, EventPattern, path_keys
from segops_language.windows import AnyWindow, LastWindow, RangeWindow
from segops_membership.domain.predicates import (
    EVERYONE,
    NO_ONE,
    Affix,
    AllOf,
    AnyOf,
    Between,
    Compares,
    Contains,
    CountPredicate,
    EventSelection,
    Expression,
    FlagValue,
    HeldSincePredicate,
    InstantIn,
    Matches,
    MatchPredicate,
    Not,
    NumberValue,
    OneOf,
    Present,
    PropertyCheck,
    Reference,
    RegularityPredicate,
    SamplePredicate,
    SequencePredicate,
    SequenceStep,
    StaticListPredicate,
    Test,
    TextValue,
    TraitPredicate,
    Value,
)
from segops_membership.domain.segment_graph import dependency_order
from segops_membership.questions.count import aggregated, counted, counted_per_value

NO_REFERENCES: Final[Mapping[int, Group]] = MappingProxyType({})
NO_LISTS: Final[Mapping[int, StaticListPredicate]] = MappingProxyType({})


def compile_definition(
    definition: Group,
    as_of_ms: int,
    *,
    segment_id: int,
    references: Mapping[int, Group] = NO_REFERENCES,
    lists: Mapping[int, StaticListPredicate] = NO_LISTS,
) -> Expression:
    """Give the definition of a segment its meaning as of an instant. Raises BrokenReference."""
    return compile_definitions({segment_id: definition}, as_of_ms, references=references, lists=lists)[segment_id]


def compile_definitions(
    definitions: Mapping[int, Group],
    as_of_ms: int,
    *,
    references: Mapping[int, Group] = NO_REFERENCES,
    lists: Mapping[int, StaticListPredicate] = NO_LISTS,
) -> dict[int, Expression]:
    """Compile definitions by the ids of their segments; each segment that is referred to is compiled once.

    `references` has the definitions of the segments that these refer to, directly or through others; a segment that is
    in both has the definition of the first. A segment with one of the `lists` is static: its definition says nothing.
    Raises BrokenReference.
    """
    known = {**references, **definitions}
    compiled: dict[int, Reference] = {}
    for segment_id in dependency_order(definitions, known):
        meaning = lists.get(segment_id) or _group(known[segment_id], as_of_ms, segment_id, compiled)
        compiled[segment_id] = Reference(segment_id, meaning)
    return {segment_id: compiled[segment_id].expression for segment_id in definitions}


def _group(group: Group, as_of_ms: int, segment_id: int, compiled: Mapping[int, Reference]) -> Expression:
    parts = tuple(_node(node, as_of_ms, segment_id, compiled) for node in group.conditions)
    return _unless(group.negate, AllOf(parts) if group.logic == "AND" else AnyOf(parts))


def _node(node: Group | AnyCondition, as_of_ms: int, segment_id: int, compiled: Mapping[int, Reference]) -> Expression:
    match node:
        case Group():
            return _group(node, as_of_ms, segment_id, compiled)
        case TraitCondition():
            return _unless(node.negate, _trait(node, as_of_ms))
        case Sample():
            return _unless(node.negate, _sample(node, segment_id))
        case SegmentMembership():
            return _unless(node.negate, compiled[node.segment_id])
        case _:
            return _unless(node.negate, _events(node, as_of_ms))


def _events(condition: EventCondition, as_of_ms: int) -> Expression:
    match condition:
        case EventCount():
            return _event_count(condition, as_of_ms)
        case EventTime():
            return _event_time(condition, as_of_ms)
        case EventMatch():
            return _event_match(condition, as_of_ms)
        case EventRegularity():
            return _event_regularity(condition, as_of_ms)
        case EventAggregate():
            return aggregated(condition, _selection(condition.event_type, condition.where, condition.window, as_of_ms))
        case EventSequence():
            return _event_sequence(condition, as_of_ms)
        case _:
            assert_never(condition)


def _unless(negate: bool, expression: Expression) -> Expression:
    return Not(expression) if negate else expression


def _event_count(condition: EventCount, as_of_ms: int) -> Expression:
    selection = _selection(condition.event_type, condition.where, condition.window, as_of_ms)
    if condition.per is not None:
        return counted_per_value(condition.operator, condition.value, selection, path_keys(condition.per))
    return counted(condition.operator, condition.value, partial(CountPredicate, selection))


def _selection(event_type: str, where: Iterable[AnyFilter], window: AnyWindow | None, as_of_ms: int) -> EventSelection:
    after_ms, until_ms = _window(window, as_of_ms)
    checks = frozenset(compile_check(check, as_of_ms) for check in where)
    return EventSelection(EventPattern.parse(event_type), after_ms, until_ms, checks)


def _event_time(condition: EventTime, as_of_ms: int) -> Expression:
    """As counts: the first event is before a time when some event is, the last is after it when some event is."""
    known = _selection(condition.event_type, condition.where, None, as_of_ms)
    some = CountPredicate(known, 1, None)
    # Milliseconds are whole, so that before a time is up to the one before it.
    limit_ms = _point(condition.value, as_of_ms) - (condition.operator == "before")
    early = CountPredicate(replace(known, until_ms=min(limit_ms, as_of_ms)), 1, None)
    late = CountPredicate(replace(known, after_ms=limit_ms), 1, None)
    is_early = early if condition.occurrence == "first" else AllOf((some, Not(late)))
    is_late = late if condition.occurrence == "last" else AllOf((some, Not(early)))
    return _unless(condition.operator == "not_within_last", is_early if condition.operator == "before" else is_late)


def _event_match(condition: EventMatch, as_of_ms: int) -> Expression:
    selection = _selection(condition.event_type, condition.where, None, as_of_ms)
    has = frozenset(compile_check(check, as_of_ms) for check in condition.has)
    return MatchPredicate(selection, condition.occurrence, has)


def _event_regularity(condition: EventRegularity, as_of_ms: int) -> Expression:
    """Periods in which nothing happened are not read, so what they satisfy too is decided here."""
    if condition.at_least > condition.of:
        return NO_ONE
    if condition.at_least == 0 or condition.count == 0:
        return EVERYONE
    known = _selection(condition.event_type, condition.where, None, as_of_ms)
    period_ms = condition.period.milliseconds
    selection = replace(known, after_ms=as_of_ms - condition.of * period_ms)
    return RegularityPredicate(selection, period_ms, condition.count, condition.at_least)


def _event_sequence(condition: EventSequence, as_of_ms: int) -> Expression:
    after_ms, until_ms = _window(condition.window, as_of_ms)
    steps = tuple(
        SequenceStep(
            EventPattern.parse(step.event_type), frozenset(compile_check(each, as_of_ms) for each in step.where)
        )
        for step in condition.steps
    )
    return SequencePredicate(steps, condition.within.milliseconds, after_ms, until_ms)


def _trait(condition: AnyTrait, as_of_ms: int) -> Expression:
    check = compile_check(condition, as_of_ms)
    passes = _unless(check.negated, TraitPredicate(check.keys, check.test))
    if condition.held_for is None:
        return passes
    held = HeldSincePredicate(check.keys, as_of_ms - condition.held_for.duration.milliseconds)
    if condition.held_for.operator == "gte":
        return AllOf((passes, held))
    return AllOf((passes, TraitPredicate(check.keys, Present()), Not(held)))


def _sample(condition: Sample, segment_id: int) -> Expression:
    """A hash is whole, so below a fraction is below the next whole number; decimals, for a double has no exact tenth."""
    below = math.ceil(Decimal(str(condition.percent)) * 10_000)
    return SamplePredicate(str(segment_id) if condition.seed is None else condition.seed, below)


def _window(window: AnyWindow | None, as_of_ms: int) -> tuple[int | None, int]:
    match window:
        case None:
            return None, as_of_ms
        case LastWindow():
            return as_of_ms - window.last.milliseconds, as_of_ms
        case RangeWindow():
            after_ms = None if window.from_ is None else _point(window.from_, as_of_ms)
            until_ms = as_of_ms if window.to is None else min(_point(window.to, as_of_ms), as_of_ms)
            return after_ms, until_ms
        case _:
            assert_never(window)


def _point(point: datetime | Duration, as_of_ms: int) -> int:
    return as_of_ms - point.milliseconds if isinstance(point, Duration) else to_ms(point)


def compile_check(check: AnyFilter, as_of_ms: int) -> PropertyCheck:
    """Give a filter its meaning: a positive test, and whether its complement is asked."""
    negated = check.operator in ("neq", "not_in", "not_contains", "not_matches", "not_exists", "not_within_last")
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
