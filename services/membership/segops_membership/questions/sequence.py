"""`event_sequence`: whether a profile's events took steps in order, within a duration.

In SQL each event appears once for every step that it is, numbered by its time and its step. The number tells the steps
of one time apart, the later step first: so a chain never takes two events of one time, and an event never takes the
place of one that it does not follow. Because no two steps share a number, the search of `windowFunnel`, which keeps for
each step the latest start of a chain that has come so far, is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from segops_language.conditions import EventSequence
from segops_language.values import EventPattern
from segops_membership.domain.predicates import EventSelection, Expression, Predicate, PropertyCheck
from segops_membership.domain.profile import Profile
from segops_membership.domain.selections import property_checks, window_bounds
from segops_membership.questions.question import Context, OwnRows, PredicateKind, Question, Width
from segops_membership.sql.parameters import WAREHOUSE_MIN_MS, Bindings, select
from segops_membership.sql.selections import checks_sql, pattern_sql, window_sql

_STEPS: Final = 16
"""Places for the steps of one millisecond, more than a sequence may have."""
_LONGEST: Final = 2**60
_PAIR: Final = 2
"""Sequences of so many steps are decided from their sorted events, in two thirds of the time of `windowFunnel`."""


@dataclass(frozen=True, slots=True)
class SequenceStep:
    """What one event of a sequence must be."""

    pattern: EventPattern
    where: frozenset[PropertyCheck]


@dataclass(frozen=True, slots=True)
class SequencePredicate(Predicate):
    """Profiles with an event for each step, at ascending times in a window, the last at most `within_ms` after the first.

    The window begins after `start_ms` (excluded; None: from the beginning) and ends at `end_ms` (included).
    """

    steps: tuple[SequenceStep, ...]
    within_ms: int
    start_ms: int | None
    end_ms: int


def _compile(condition: EventSequence, context: Context) -> Expression:
    start_ms, end_ms = window_bounds(condition.window, context.as_of_ms)
    steps = tuple(
        SequenceStep(EventPattern.parse(step.event_type), property_checks(step.where, context.as_of_ms))
        for step in condition.steps
    )
    return SequencePredicate(steps, condition.within.milliseconds, start_ms, end_ms)


def _subquery(predicate: SequencePredicate, tenant: str, events: str, bind: Bindings) -> str:
    """Return a SELECT of `user_key`, `step` and `at`: each event that is a step, numbered by its time and its step."""
    matches = [
        " AND ".join((pattern_sql(step.pattern, bind), *checks_sql(step.where, bind))) for step in predicate.steps
    ]
    is_some_step = " OR ".join(f"({match})" for match in dict.fromkeys(matches))
    window = window_sql((predicate.start_ms, predicate.end_ms), bind)
    conditions = [f"tenant_id = {tenant}", f"({is_some_step})", *window]
    # The time is never negative, and the last step of a millisecond has its least number.
    at = f"toUInt64(toUnixTimestamp64Milli(timestamp) - {WAREHOUSE_MIN_MS}) * {_STEPS} + {_STEPS - 1} - step"
    steps = f"user_key, {_step(predicate, matches, bind)} AS step, toUInt64({at}) AS at"
    return select(steps, events, " AND ".join(conditions))


def _step(predicate: SequencePredicate, matches: list[str], bind: Bindings) -> str:
    """Return the number of the step that an event is, counted from 0; an event that is several becomes several rows."""
    patterns = [step.pattern for step in predicate.steps]
    if all(pattern.exact for pattern in patterns) and len(set(patterns)) == len(patterns):
        types = [f"{pattern_sql(pattern, bind)}, {number}" for number, pattern in enumerate(patterns[:-1])]
        return f"multiIf({', '.join([*types, str(len(types))])})"
    numbers = ", ".join(f"if({match}, {number}, -1)" for number, match in enumerate(matches))
    return f"arrayJoin(arrayFilter(number -> number >= 0, [{numbers}]))"


def _measure(predicate: SequencePredicate, _: str, __: Bindings) -> str:
    """Return how many steps were reached; for two steps, all numbers."""
    if len(predicate.steps) == _PAIR:
        return "groupArray(at)"
    chain = ", ".join(f"step = {number}" for number in range(len(predicate.steps)))
    return f"windowFunnel({_within(predicate)})(at, {chain})"


def _verdict(predicate: SequencePredicate, column: str, bind: Bindings) -> str:
    """Decide two steps by neighbours.

    If any first step has a second one in time, then so do two neighbours: the last first step before the earliest
    second one that follows. Their numbers differ by a multiple of the places of a millisecond, less one.
    """
    if len(predicate.steps) != _PAIR:
        return f"{column} = {bind.integer(len(predicate.steps))}"
    follows = f"bitAnd(gap, {_STEPS - 1}) = {_STEPS - 1} AND gap <= {_within(predicate)}"
    return f"arrayExists(gap -> {follows}, arrayDifference(arraySort({column})))"


def _within(predicate: SequencePredicate) -> int:
    # From the first step's number to the last's is less than a millisecond, so the limit is exact.
    return min(predicate.within_ms * _STEPS, _LONGEST)


def _merges(predicate: SequencePredicate) -> bool:
    """Return whether payloads matter: both deliveries of an event have one time, so they are never two steps."""
    return any(step.where for step in predicate.steps)


def _interpret(predicate: SequencePredicate, profile: Profile) -> bool:
    times = [
        {event.timestamp_ms for event in profile.selected(_selection(predicate, step))} for step in predicate.steps
    ]
    return any(_finish(times, start_ms) <= start_ms + predicate.within_ms for start_ms in times[0])


def _finish(times: Sequence[set[int]], start_ms: int) -> float:
    """Return the earliest time at which a chain from `start_ms` can end, by taking each step as early as possible."""
    at_ms: float = start_ms
    for of_step in times[1:]:
        at_ms = min((later for later in of_step if later > at_ms), default=float("inf"))
    return at_ms


def _selection(predicate: SequencePredicate, step: SequenceStep) -> EventSelection:
    return EventSelection(step.pattern, predicate.start_ms, predicate.end_ms, step.where)


QUESTION = Question(
    condition_type="event_sequence",
    compile=_compile,
    predicates=(
        PredicateKind(
            predicate=SequencePredicate,
            rows=lambda predicate: OwnRows(partial(_subquery, predicate)),
            measure=_measure,
            verdict=_verdict,
            merges=_merges,
            width=Width(64, 32),
            interpret=_interpret,
        ),
    ),
)
