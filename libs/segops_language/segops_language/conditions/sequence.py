"""`event_sequence`: events in an order, within a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
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
from segops_language.filters import Where
from segops_language.model import Items, Negate, Optional, fault_at
from segops_language.text.parts import quoted, where_text, window_text
from segops_language.text.phrases import duration_phrase, where_phrase, window_phrase
from segops_language.text.tokens import TokenReader
from segops_language.values import DurationText, EventTypeText
from segops_language.windows import Window


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
    negate: Negate = False

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        if not 2 <= len(self.steps) <= 8:
            raise fault_at("steps", "wrong-length", "must have 2 to 8 steps")
        return self


def _events_of_steps(condition: EventSequence, profile: ProfileView) -> list[list[Event]]:
    return [profile.matching(step.event_type, step.where, condition.window) for step in condition.steps]


def _holds(condition: EventSequence, profile: ProfileView) -> bool:
    steps = _events_of_steps(condition, profile)
    return any(_is_complete(chain, steps) for chain in _chains(steps, condition.within.milliseconds))


def _is_complete(chain: Sequence[Event], steps: Sequence[object]) -> bool:
    return len(chain) == len(steps)


def _evidence(condition: EventSequence, profile: ProfileView) -> Evidence:
    """Show the chain of events that comes furthest through the steps."""
    steps = _events_of_steps(condition, profile)
    furthest: Sequence[Event] = max(_chains(steps, condition.within.milliseconds), key=len, default=())
    return Evidence(
        value=len(furthest),
        target=len(steps),
        text=f"{len(furthest)} of {len(steps)}",
        requirement=f"{len(steps)} steps in order within {condition.within}",
        events=furthest,
    )


def _chains(steps: Sequence[Sequence[Event]], within_ms: int) -> Iterator[list[Event]]:
    """Yield the longest chain from each first step, in the order of events.

    The earliest event after the one before is never a worse choice.
    """
    first, *rest = [sorted(((in_order(event), event) for event in events), key=_key) for events in steps]
    for key, start in first:
        chain = [start]
        for events in rest:
            index = bisect_right(events, key, key=_key)
            if index == len(events) or events[index][1].timestamp_ms > start.timestamp_ms + within_ms:
                break
            key, event = events[index]
            chain.append(event)
        yield chain


def _key(event: tuple[EventOrder, Event]) -> EventOrder:
    return event[0]


def _phrase(condition: EventSequence) -> str:
    steps = ", then ".join(f"{quoted(step.event_type)}{where_phrase(step.where)}" for step in condition.steps)
    return f"who did {steps}, all within {duration_phrase(str(condition.within))}{window_phrase(condition.window)}"


def _write(condition: EventSequence) -> str:
    steps = " then ".join(f"{quoted(step.event_type)}{where_text(step.where)}" for step in condition.steps)
    return f"sequence {steps} within {condition.within}{window_text(condition.window)}"


def _starts(reader: TokenReader) -> bool:
    return reader.peek() == "sequence"


def _read(reader: TokenReader) -> dict[str, Any]:
    reader.take("sequence")
    steps = [_read_step(reader)]
    while reader.take_if("then"):
        steps.append(_read_step(reader))
    reader.take("within")
    return {"type": "event_sequence", "steps": steps, "within": reader.duration()} | reader.window()


def _read_step(reader: TokenReader) -> dict[str, Any]:
    return {"event_type": reader.string()} | reader.where()


KIND = Kind(
    name="event_sequence",
    model=EventSequence,
    schema=EventSequence,
    holds=_holds,
    reads=no_reads,
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
            "negate": True,
        },
    ),
)
