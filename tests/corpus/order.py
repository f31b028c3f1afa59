"""Conditions on the order of events and on how long a trait was held, with durations at or near those in the events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from pydantic import JsonValue

from segops_language.events import Event, in_order

Where = Callable[[Event], list[dict[str, Any]]]


def sequence_condition(
    random: Random, events: Sequence[Event], as_of_ms: int, patterns: Sequence[str], where: Where
) -> dict[str, Any]:
    """Return a sequence of one profile's events, mostly in their order, within about the time that they took."""
    own = _busy(random, [event for event in events if event.timestamp_ms <= as_of_ms] or events)
    times = {event.timestamp_ms: event for event in own}
    chosen = list(times.values()) if random.random() < 0.6 else list({event.identity: event for event in own}.values())
    while len(chosen) < 2 or random.random() < 0.15:
        chosen.append(random.choice(own))
    chosen = sorted(random.sample(chosen, random.randint(2, min(8, len(chosen)))), key=in_order)
    if random.random() < 0.1:
        random.shuffle(chosen)
    steps = [
        {
            "event_type": random.choice((event.event_type, event.event_type, random.choice(patterns))),
            "where": where(event),
        }
        for event in chosen
    ]
    span_s = abs(chosen[-1].timestamp_ms - chosen[0].timestamp_ms) // 1000
    within = f"{max(0, span_s + random.choice((-1, 0, 0, 1)))}s"
    strict = {"strict": True} if random.random() < 0.35 else {}
    return {"type": "event_sequence", "steps": steps, "within": within, **strict}


def _busy(random: Random, events: Sequence[Event]) -> list[Event]:
    """Return the events of a profile, mostly of one with events at several times."""
    by_profile: dict[str, list[Event]] = {}
    for event in events:
        by_profile.setdefault(event.profile_id, []).append(event)
    busy = [own for own in by_profile.values() if len({event.timestamp_ms for event in own}) > 1]
    return random.choice(busy or list(by_profile.values()))


def sent_again(random: Random, event: Event, other: dict[str, JsonValue]) -> Event:
    """Return another delivery of an event, sometimes from another request or with the other payload."""
    position = random.choice((event.position, event.position + 1))
    return replace(event, payload=random.choice((event.payload, other)), position=position)


def set_again(calls: Sequence[Event]) -> list[Event]:
    """Return the identify calls that set a trait which another call of the same profile sets, too."""
    return [
        call
        for call in calls
        if any(
            other is not call and other.profile_id == call.profile_id and other.payload.keys() & call.payload.keys()
            for other in calls
        )
    ]


def held_for(random: Random, calls: Sequence[Event], subject: Event, as_of_ms: int) -> dict[str, Any]:
    """Return a duration near the age of an identify call, mostly of the subject's profile."""
    own = [call for call in calls if call.profile_id == subject.profile_id]
    ages_s = [(as_of_ms - call.timestamp_ms) // 1000 for call in (*own, *own, *calls)]
    age_s = max(0, random.choice([*ages_s, 0, 1]) + random.choice((-1, 0, 0, 1)))
    return {"operator": random.choice(("gte", "gte", "lt")), "duration": f"{age_s}s"}
