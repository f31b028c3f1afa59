"""`event_regularity`: events in each of several periods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from segops_language.conditions.base import (
    Condition,
    EventSelector,
    Evidence,
    Kind,
    ProfileView,
    Whole,
    no_other_events,
    no_reads,
)
from segops_language.filters import Where
from segops_language.model import Negate, without_default
from segops_language.text.parts import quoted, where_text
from segops_language.text.phrases import duration_phrase, times_phrase, where_phrase
from segops_language.text.tokens import TokenReader
from segops_language.values import EventTypeText, Period


class EventRegularity(EventSelector, Condition):
    """In at least `at_least` of the last `of` periods there were at least `count` matching events."""

    type: Literal["event_regularity"]
    event_type: EventTypeText
    period: Period
    of: Annotated[int, Field(ge=1, le=60)]
    at_least: Whole
    count: Annotated[
        Whole,
        Field(
            exclude_if=lambda count: count == 1,
            description="Default: 1.",
            json_schema_extra=without_default,
        ),
    ] = 1
    where: Where = ()
    negate: Negate = False


def counts_by_period(condition: EventRegularity, profile: ProfileView) -> list[int]:
    """Return how many matching events each of the last periods has, the latest period first."""
    times = [event.timestamp_ms for event in profile.matching(condition.event_type, condition.where)]
    period = condition.period.milliseconds
    ends = [profile.as_of_ms - index * period for index in range(condition.of)]
    return [sum(end - period < time <= end for time in times) for end in ends]


def _regular_periods(condition: EventRegularity, profile: ProfileView) -> int:
    return sum(count >= condition.count for count in counts_by_period(condition, profile))


def _holds(condition: EventRegularity, profile: ProfileView) -> bool:
    return _regular_periods(condition, profile) >= condition.at_least


def _change_points(condition: EventRegularity) -> Sequence[int]:
    return tuple(condition.period.milliseconds * index for index in range(1, condition.of + 1))


def _evidence(condition: EventRegularity, profile: ProfileView) -> Evidence:
    periods = _regular_periods(condition, profile)
    start_ms = profile.as_of_ms - condition.of * condition.period.milliseconds
    events = profile.matching(condition.event_type, condition.where)
    return Evidence(
        value=periods,
        target=condition.at_least,
        text=f"{periods} of {condition.at_least}",
        requirement=f"at least {condition.at_least} of the last {condition.of} periods of {condition.period}"
        f" with at least {condition.count} matching events",
        events=[event for event in events if event.timestamp_ms > start_ms],
    )


def _constant(condition: EventRegularity) -> bool | None:
    if condition.at_least > condition.of:
        return False
    return True if 0 in (condition.at_least, condition.count) else None


def _phrase(condition: EventRegularity) -> str:
    event = f"{quoted(condition.event_type)} at least {times_phrase(condition.count)}"
    periods = f"{condition.of} period{'' if condition.of == 1 else 's'} of {duration_phrase(str(condition.period))}"
    return f"who did {event} in at least {condition.at_least} of the last {periods}{where_phrase(condition.where)}"


def _write(condition: EventRegularity) -> str:
    count = f" count {condition.count}" if condition.count != 1 else ""
    periods = f"in {condition.at_least} of {condition.of} periods {condition.period}"
    return f"regular {quoted(condition.event_type)} {periods}{count}{where_text(condition.where)}"


def _starts(reader: TokenReader) -> bool:
    return reader.peek() == "regular"


def _read(reader: TokenReader) -> dict[str, Any]:
    reader.take("regular")
    document: dict[str, Any] = {"type": "event_regularity", "event_type": reader.string()}
    reader.take("in")
    document["at_least"] = reader.value()
    reader.take("of")
    document["of"] = reader.value()
    reader.take("periods")
    document["period"] = reader.duration()
    if reader.take_option("count"):
        document["count"] = reader.value()
    return document | reader.where()


KIND = Kind(
    name="event_regularity",
    model=EventRegularity,
    schema=EventRegularity,
    holds=_holds,
    reads=no_reads,
    other_events=no_other_events,
    change_points=_change_points,
    evidence=_evidence,
    constant=_constant,
    phrase=_phrase,
    write=_write,
    starts=_starts,
    read=_read,
    examples=(
        {"type": "event_regularity", "event_type": "login", "period": "1d", "of": 7, "at_least": 3},
        {
            "type": "event_regularity",
            "event_type": "login",
            "period": "2h",
            "of": 1,
            "at_least": 1,
            "count": 2,
            "where": [{"property": "device", "operator": "in", "value": ["phone", 5, True]}],
            "negate": True,
        },
    ),
)
