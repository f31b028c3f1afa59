"""What decided a condition: what was measured, against what was wanted, and by which events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from pydantic import JsonValue

from segops_language.canonical import to_json
from segops_language.conditions import (
    EventAggregate,
    EventCondition,
    EventCount,
    EventMatch,
    EventRegularity,
    EventSequence,
    EventTime,
    Sample,
)
from segops_language.conditions.trait import AnyTrait, TraitCondition
from segops_language.events import IDENTIFY_EVENT, Event, in_order
from segops_language.instants import from_ms
from segops_language.json_values import count_each, look_up, number
from segops_language.reference.checks import reaches
from segops_language.reference.evaluate import Profile, values_of
from segops_language.reference.order import kept_since
from segops_language.reference.values import aggregate
from segops_language.values import format_instant, path_keys

_MAX_TEXT: Final = 200
_WORDS: Final[Mapping[str, str]] = {
    "eq": "exactly",
    "neq": "other than",
    "gt": "more than",
    "gte": "at least",
    "lt": "less than",
    "lte": "at most",
    "between": "between",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What was found; `requirement` is what the condition, without its negation, asks for."""

    value: JsonValue
    wanted: JsonValue
    text: str
    requirement: str
    events: Sequence[Event] = ()


def measure(profile: Profile, condition: EventCondition | AnyTrait | Sample) -> Measure:
    """What decides the condition for the profile."""
    match condition:
        case EventCount():
            return _counted(profile, condition)
        case EventAggregate():
            return _aggregated(profile, condition)
        case EventTime() | EventMatch():
            return _chosen(profile, condition)
        case EventRegularity():
            return _regular(profile, condition)
        case Sample():
            return _drawn(profile, condition)
        case TraitCondition():
            return _trait(profile, condition)
        case EventSequence():
            return _in_sequence(profile, condition)
        case _:
            assert_never(condition)


def _counted(profile: Profile, condition: EventCount) -> Measure:
    found = profile.matching(condition.event_type, condition.where, condition.window)
    per = ""
    if condition.per is not None:
        values = values_of(found, condition.per)
        counts = count_each(values)
        deciding = [each for each, count in counts.items() if reaches(count, condition.operator, condition.value)]
        most = max(deciding or counts, key=lambda each: counts[each], default=None)
        found = [event for event, value in zip(found, values, strict=True) if most in count_each([value])]
        per = f" with one value of {condition.per}"
    return _compared(len(found), condition, f"matching events{per}", found)


def _aggregated(profile: Profile, condition: EventAggregate) -> Measure:
    found = profile.matching(condition.event_type, condition.where, condition.window)
    values = values_of(found, condition.property)
    measured = aggregate(condition.function, values)
    distinct = condition.function == "distinct"
    counted = [
        event
        for event, value in zip(found, values, strict=True)
        if (count_each([value]) if distinct else number(value) is not None)
        and (condition.function not in ("min", "max") or number(value) == measured)
    ]
    return _compared(measured, condition, f"as the {condition.function} of {condition.property}", counted)


def _compared(
    measured: float | None, condition: EventCount | EventAggregate, of_what: str, events: Sequence[Event]
) -> Measure:
    wanted: JsonValue = list(condition.value) if isinstance(condition.value, tuple) else condition.value
    text = "nothing" if measured is None else f"{measured:.15g}"
    if isinstance(wanted, list):
        bound = f"between {wanted[0]} and {wanted[1]}"
    else:
        bound = f"{_WORDS[condition.operator]} {wanted}"
    of = f"{text} of {wanted}" if condition.operator == "gte" else f"{text}, where {bound} is wanted"
    # JSON has no infinities.
    value: JsonValue = measured if measured is None or abs(measured) < float("inf") else text
    return Measure(value=value, wanted=wanted, text=of, requirement=f"{bound} {of_what}", events=events)


def _chosen(profile: Profile, condition: EventTime | EventMatch) -> Measure:
    found = sorted(profile.matching(condition.event_type, condition.where, None), key=in_order)
    chosen = found[:1] if condition.occurrence == "first" else found[-1:]
    name = f"the {condition.occurrence} matching event"
    if isinstance(condition, EventMatch):
        value = {
            check.property: look_up(e.payload, path_keys(check.property)) for e in chosen for check in condition.has
        }
        wanted: JsonValue = [to_json(check) for check in condition.has]
        text = _short(value) if chosen else "no matching event"
        requirement = f"{name} with {_short(wanted)}"
        return Measure(value=value or None, wanted=wanted, text=text, requirement=requirement, events=chosen)
    at = format_instant(from_ms(chosen[0].timestamp_ms)) if chosen else None
    limit = format_instant(condition.value) if isinstance(condition.value, datetime) else str(condition.value)
    requirement = f"{name} {condition.operator.replace('_', ' ')} {limit}"
    return Measure(value=at, wanted=limit, text=at or "no matching event", requirement=requirement, events=chosen)


def _regular(profile: Profile, condition: EventRegularity) -> Measure:
    counts = profile.per_period(condition)
    regular = sum(count >= condition.count for count in counts)
    start = profile.as_of_ms - condition.of * condition.period.milliseconds
    found = [e for e in profile.matching(condition.event_type, condition.where, None) if e.timestamp_ms > start]
    return Measure(
        value=regular,
        wanted=condition.at_least,
        text=f"{regular} of {condition.at_least}",
        requirement=f"at least {condition.at_least} of the last {condition.of} periods of {condition.period}"
        f" with at least {condition.count} matching events",
        events=found,
    )


def _in_sequence(profile: Profile, condition: EventSequence) -> Measure:
    """The chain of events that comes furthest through the steps."""
    steps = [profile.matching(step.event_type, step.where, condition.window) for step in condition.steps]
    furthest: list[Event] = []
    for start in sorted(steps[0], key=in_order):
        chain = [start]
        for found in steps[1:]:
            end = start.timestamp_ms + condition.within.milliseconds
            later = [event for event in found if chain[-1].timestamp_ms < event.timestamp_ms <= end]
            if not later:
                break
            chain.append(min(later, key=in_order))
        furthest = max(furthest, chain, key=len)
    reached = f"{len(furthest)} of {len(steps)}"
    requirement = f"{len(steps)} steps in order within {condition.within}"
    return Measure(value=len(furthest), wanted=len(steps), text=reached, requirement=requirement, events=furthest)


def _drawn(profile: Profile, condition: Sample) -> Measure:
    share = profile.draw(condition) / 10_000
    return Measure(
        value=share,
        wanted=condition.percent,
        text=f"drawn at {share:g} %",
        requirement=f"a draw under {condition.percent:g} %",
    )


def _trait(profile: Profile, condition: AnyTrait) -> Measure:
    keys = path_keys(condition.property)
    value = look_up(profile.traits(), keys)
    given = to_json(condition)
    wanted = given.get("value", True)
    setting = [each for each in profile.events if each.event_type == IDENTIFY_EVENT and keys[0] in each.payload]
    last = sorted(setting, key=in_order)[-1:]
    operator = condition.operator.replace("_", " ")
    requirement = (
        f"{condition.property} {operator} {_short(wanted)}" if "value" in given else f"{condition.property} {operator}"
    )
    text = "missing" if value is None else _short(value)
    if condition.held_for is not None:
        length = "at least" if condition.held_for.operator == "gte" else "less than"
        requirement += f", held for {length} {condition.held_for.duration}"
        since = kept_since(profile.history(condition.property))
        text += "" if since is None else f" since {format_instant(from_ms(since))}"
    return Measure(value=value, wanted=wanted, text=text, requirement=requirement, events=last)


def _short(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
