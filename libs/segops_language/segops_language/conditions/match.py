"""`event_match`: what a profile's first or last matching event is like."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import JsonValue

from segops_language.canonical import to_json
from segops_language.conditions.base import (
    Condition,
    EventSelector,
    Evidence,
    Kind,
    Occurrence,
    ProfileView,
    no_change_points,
    no_other_events,
    no_reads,
    not_constant,
)
from segops_language.conditions.shared import chosen_event, starts_occurrence
from segops_language.filters import Filters, Where
from segops_language.model import Negate
from segops_language.text.parts import filters_text, quoted, where_text
from segops_language.text.phrases import filters_phrase, where_phrase
from segops_language.text.tokens import TokenReader
from segops_language.values import EventTypeText, path_keys
from segops_language.values.json import look_up, shortened


class EventMatch(EventSelector, Condition):
    """The first or last matching event satisfies every filter of `has`."""

    type: Literal["event_match"]
    event_type: EventTypeText
    occurrence: Occurrence
    has: Filters
    where: Where = ()
    negate: Negate = False


def _holds(condition: EventMatch, profile: ProfileView) -> bool:
    event = chosen_event(profile.matching(condition.event_type, condition.where), condition.occurrence)
    return event is not None and all(profile.passes(check, event.payload) for check in condition.has)


def _evidence(condition: EventMatch, profile: ProfileView) -> Evidence:
    event = chosen_event(profile.matching(condition.event_type, condition.where), condition.occurrence)
    target: JsonValue = [to_json(check) for check in condition.has]
    requirement = f"the {condition.occurrence} matching event with {shortened(target)}"
    if event is None:
        return Evidence(value=None, target=target, text="no matching event", requirement=requirement)
    value: JsonValue = {check.property: look_up(event.payload, path_keys(check.property)) for check in condition.has}
    return Evidence(value=value or None, target=target, text=shortened(value), requirement=requirement, events=(event,))


def _phrase(condition: EventMatch) -> str:
    event = f"{quoted(condition.event_type)}{where_phrase(condition.where)}"
    if not condition.has:
        return f"who did {event}"
    return f"in whose {condition.occurrence} {event} {filters_phrase(condition.has)}"


def _write(condition: EventMatch) -> str:
    has = f"has {filters_text(condition.has)}" if condition.has else "exists"
    return f"{condition.occurrence} {quoted(condition.event_type)} {has}{where_text(condition.where)}"


def _starts(reader: TokenReader) -> bool:
    return starts_occurrence(reader) and reader.peek(2) in ("has", "exists")


def _read(reader: TokenReader) -> dict[str, Any]:
    document: dict[str, Any] = {"type": "event_match", "occurrence": reader.word(), "event_type": reader.string()}
    if reader.take_if("exists"):
        return document | {"has": []} | reader.where()
    reader.take("has")
    return document | {"has": reader.filters()} | reader.where()


KIND = Kind(
    name="event_match",
    model=EventMatch,
    schema=EventMatch,
    holds=_holds,
    reads=no_reads,
    other_events=no_other_events,
    change_points=no_change_points,
    evidence=_evidence,
    constant=not_constant,
    phrase=_phrase,
    write=_write,
    starts=_starts,
    read=_read,
    examples=(
        {
            "type": "event_match",
            "event_type": "search",
            "occurrence": "first",
            "has": [{"property": "q", "operator": "contains", "value": "shoe"}],
        },
        {
            "type": "event_match",
            "event_type": "search",
            "occurrence": "last",
            "has": [],
            "where": [{"property": "at", "operator": "not_within_last", "value": "12h"}],
            "negate": True,
        },
    ),
)
