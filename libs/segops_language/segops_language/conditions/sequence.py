"""`event_sequence`: events in an order, within a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from segops_language.conditions.base import (
    Condition,
    EventSelector,
    Evidence,
    Kind,
    ProfileView,
    no_reads,
    not_constant,
)
from segops_language.conditions.shared import window_ages
from segops_language.events import Event, EventOrder, in_order
from segops_language.filters import AnyFilter, Where
from segops_language.model import Flag, Items, Negate, Optional, fault_at
from segops_language.text.parts import quoted, where_text, window_text
from segops_language.text.phrases import duration_phrase, where_phrase, window_phrase
from segops_language.text.tokens import TokenReader
from segops_language.values import DurationText, EventTypeText
from segops_language.windows import AnyWindow, Window


class Step(EventSelector):
    """One event of a sequence."""

    event_type: EventTypeText
    where: Where = ()


class EventSequence(Condition):
    """Different events happened in this order, the last within a duration of the first."""

    type: Literal["event_sequence"]
    steps: Annotated[Items[Step], Field(json_schema_extra={"minItems": 2, "maxItems": 8})]
    within: DurationText
    window: Optional[Window] = None
    strict: Annotated[
        Flag,
        Field(description="Whether no other tracked event may come between the first and the last. Default: false."),
    ] = False
    negate: Negate = False

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        if not 2 <= len(self.steps) <= 8:
            raise fault_at("steps", "wrong-length", "must have 2 to 8 steps")
        return self


@dataclass(frozen=True, slots=True)
class _Chain:
    """Events of the first steps, and the event after them that keeps a strict sequence from going on."""

    events: Sequence[Event]
    breaker: Event | None = None


def _holds(condition: EventSequence, profile: ProfileView) -> bool:
    return any(len(chain.events) == len(condition.steps) for chain in _chains(condition, profile))


def _evidence(condition: EventSequence, profile: ProfileView) -> Evidence:
    """Show the chain that comes furthest through the steps, and the event that broke it."""
    count = len(condition.steps)
    furthest = max(_chains(condition, profile), key=_progress, default=_Chain(()))
    broken = "" if furthest.breaker is None else f", then {quoted(furthest.breaker.event_type)} came between"
    requirement = f"{count} steps in order within {condition.within}"
    return Evidence(
        value=len(furthest.events),
        target=count,
        text=f"{len(furthest.events)} of {count}{broken}",
        requirement=f"{requirement}, with no other event between" if condition.strict else requirement,
        events=furthest.events if furthest.breaker is None else (*furthest.events, furthest.breaker),
    )


def _progress(chain: _Chain) -> tuple[int, bool]:
    return len(chain.events), chain.breaker is not None


def _chains(condition: EventSequence, profile: ProfileView) -> Iterator[_Chain]:
    """Yield the longest chain from each first step, in the order of events.

    The earliest event after the one before is never a worse choice, also for a strict sequence: it leaves the fewest
    events between.
    """
    within_ms = condition.within.milliseconds
    first, *rest = [_ordered(profile, step.event_type, step.where, condition.window) for step in condition.steps]
    tracked = _ordered(profile, "*", (), condition.window) if condition.strict else []
    for key, start in first:
        chain, breaker = [start], None
        for events in rest:
            following = _next(events, key)
            if following is None or following[1].timestamp_ms > start.timestamp_ms + within_ms:
                break
            other = _next(tracked, key)
            if other is not None and other[0] < following[0]:
                breaker = other[1]
                break
            key, event = following
            chain.append(event)
        yield _Chain(chain, breaker)


def _ordered(
    profile: ProfileView, event_type: str, where: Iterable[AnyFilter], window: AnyWindow | None
) -> list[tuple[EventOrder, Event]]:
    events = profile.matching(event_type, where, window)
    return sorted(((in_order(event), event) for event in events), key=_key)


def _next(events: Sequence[tuple[EventOrder, Event]], key: EventOrder) -> tuple[EventOrder, Event] | None:
    """Return the first event after a place in the order; None without any."""
    index = bisect_right(events, key, key=_key)
    return None if index == len(events) else events[index]


def _key(event: tuple[EventOrder, Event]) -> EventOrder:
    return event[0]


def _other_events(condition: EventSequence) -> Sequence[str]:
    return ("*",) if condition.strict else ()


def _phrase(condition: EventSequence) -> str:
    steps = ", then ".join(f"{quoted(step.event_type)}{where_phrase(step.where)}" for step in condition.steps)
    between = " with no other event between" if condition.strict else ""
    return f"who did {steps}{between}, all within {duration_phrase(str(condition.within))}{window_phrase(condition.window)}"


def _write(condition: EventSequence) -> str:
    steps = " then ".join(f"{quoted(step.event_type)}{where_text(step.where)}" for step in condition.steps)
    strict = "strict " if condition.strict else ""
    return f"sequence {strict}{steps} within {condition.within}{window_text(condition.window)}"


def _starts(reader: TokenReader) -> bool:
    return reader.peek() == "sequence"


def _read(reader: TokenReader) -> dict[str, Any]:
    reader.take("sequence")
    strict = {"strict": True} if reader.take_if("strict") else {}
    steps = [_read_step(reader)]
    while reader.take_if("then"):
        steps.append(_read_step(reader))
    reader.take("within")
    return {"type": "event_sequence", "steps": steps, "within": reader.duration()} | reader.window() | strict


def _read_step(reader: TokenReader) -> dict[str, Any]:
    return {"event_type": reader.string()} | reader.where()


KIND = Kind(
    name="event_sequence",
    model=EventSequence,
    schema=EventSequence,
    holds=_holds,
    reads=no_reads,
    other_events=_other_events,
    change_points=lambda condition: window_ages(condition.window),
    evidence=_evidence,
    constant=not_constant,
    phrase=_phrase,
    write=_write,
    starts=_starts,
    read=_read,
    examples=(
        {"type": "event_sequence", "steps": [{"event_type": "search"}, {"event_type": "purchase"}], "within": "1d"},
        {
            "type": "event_sequence",
            "steps": [
                {"event_type": "search", "where": [{"property": "q", "operator": "matches", "value": "^sho"}]},
                {"event_type": "view"},
                {"event_type": "purchase"},
            ],
            "within": "2h",
            "window": {"last": "30d"},
            "strict": True,
            "negate": True,
        },
    ),
)
