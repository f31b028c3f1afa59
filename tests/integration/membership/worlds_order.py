"""Conditions on the order of events and on how long a trait is held, with durations at or just beside what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from segops_membership.domain.evaluate import Event, in_order

Where = Callable[[Event], list[dict[str, Any]]]


def sequence_condition(
    random: Random, events: Sequence[Event], subject: Event, patterns: Sequence[str], where: Where
) -> dict[str, Any]:
    """Steps that events of the subject's profile take, mostly in their order, in about the time that they took."""
    own = [each for each in events if each.profile_id == subject.profile_id]
    count = random.choice((2, 2, 2, 3, 3, 4, 8))
    chosen = sorted((random.choice(own) for _ in range(count)), key=in_order)
    if random.random() < 0.1:
        random.shuffle(chosen)
    steps = [
        {"event_type": random.choice((each.event_type, each.event_type, random.choice(patterns))), "where": where(each)}
        for each in chosen
    ]
    span_s = abs(chosen[-1].timestamp_ms - chosen[0].timestamp_ms) // 1000
    return {"type": "event_sequence", "steps": steps, "within": f"{max(0, span_s + random.choice((-1, 0, 0, 1)))}s"}


def held_for(random: Random, events: Sequence[Event], as_of_ms: int) -> dict[str, Any]:
    """About as long as it is since something was set."""
    ages_s = [(as_of_ms - each.timestamp_ms) // 1000 for each in events if each.event_type == "$identify"]
    age_s = max(0, random.choice([*ages_s, 0, 1]) + random.choice((-1, 0, 0, 1)))
    return {"operator": random.choice(("gte", "gte", "lt")), "duration": f"{age_s}s"}
