"""`event_sequence`: whether a profile's events took steps in order, within a duration.

The order of events needs their position and message_id, and reading ids takes longer than all the rest. So the statement
looks at times only. A profile is a member if a chain exists at ascending times. It stays open if the order of events of
one millisecond could complete a chain. A second statement decides open profiles by the whole order; it runs only if
there are any.

A strict sequence is decided by the second statement, which then reads all tracked events of the profiles that the first
one would accept or leave open without strictness.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Final

from segops_language.conditions import EventSequence
from segops_language.events import Event, in_order
from segops_language.values import EventPattern
from segops_membership.domain.predicates import EventSelection, Expression, Predicate, PropertyCheck
from segops_membership.domain.profile import Profile
from segops_membership.domain.selections import property_checks, window_bounds
from segops_membership.questions.question import Context, Decision, OwnRows, PredicateKind, Question, Width
from segops_membership.sql.parameters import Bindings, select
from segops_membership.sql.selections import SINCE_1900_MS, checks_sql, pattern_sql, window_sql

_STEPS: Final = 16
"""Places for the steps of one millisecond, more than a sequence may have."""
_LONGEST: Final = 2**60
_TRACKED: Final = EventPattern.parse("*")
_PAIR: Final = 2
"""Sequences of so many steps are decided from their sorted events, in two thirds of the time of `windowFunnel`."""
_ROLES: Final = 4
"""Places for the roles in a pair: 0 is the second step, 1 is both steps, and 2 is the first step."""


@dataclass(frozen=True, slots=True)
class SequenceStep:
    """What one event of a sequence must be."""

    pattern: EventPattern
    where: frozenset[PropertyCheck]


@dataclass(frozen=True, slots=True)
class SequencePredicate(Predicate):
    """Profiles with an event for each step, in order in a window, the last at most `within_ms` after the first.

    The window begins after `start_ms` (excluded; None: from the beginning) and ends at `end_ms` (included).
    """

    steps: tuple[SequenceStep, ...]
    within_ms: int
    start_ms: int | None
    end_ms: int
    strict: bool
    """Whether no other tracked event may come between the first step and the last."""


def _compile(condition: EventSequence, context: Context) -> Expression:
    start_ms, end_ms = window_bounds(condition.window, context.as_of_ms)
    steps = tuple(
        SequenceStep(EventPattern.parse(step.event_type), property_checks(step.where, context.as_of_ms))
        for step in condition.steps
    )
    return SequencePredicate(steps, condition.within.milliseconds, start_ms, end_ms, condition.strict)


def _subquery(predicate: SequencePredicate, tenant: str, events: str, bind: Bindings) -> str:
    """Return a SELECT of `user_key`, `at` and, for more than two steps, `step`: the events that are steps."""
    matches = _matches(predicate, bind)
    if len(matches) == _PAIR:
        role = f"if({matches[0]}, if({matches[1]}, 1, 2), 0)"
        columns = f"user_key, toUInt64({SINCE_1900_MS} * {_ROLES} + {role}) AS at"
    else:
        columns = f"user_key, {SINCE_1900_MS} * {_STEPS} AS at, {_step(predicate, matches, bind)} AS step"
    return select(columns, events, _among(predicate, tenant, matches, bind))


def _matches(predicate: SequencePredicate, bind: Bindings) -> list[str]:
    """Return for each step the condition that an event is that step."""
    return [
        "(" + " AND ".join((pattern_sql(step.pattern, bind), *checks_sql(step.where, bind))) + ")"
        for step in predicate.steps
    ]


def _among(predicate: SequencePredicate, tenant: str, conditions: Iterable[str], bind: Bindings) -> str:
    """Return the condition that an event of the window satisfies one of these."""
    window = window_sql((predicate.start_ms, predicate.end_ms), bind)
    return " AND ".join((f"tenant_id = {tenant}", f"({' OR '.join(dict.fromkeys(conditions))})", *window))


def _step(predicate: SequencePredicate, matches: Sequence[str], bind: Bindings) -> str:
    """Return the number of the step that an event is, counted from 0; an event that is several becomes several rows."""
    patterns = [step.pattern for step in predicate.steps]
    if all(pattern.exact for pattern in patterns) and len(set(patterns)) == len(patterns):
        types = [f"{pattern_sql(pattern, bind)}, {number}" for number, pattern in enumerate(patterns[:-1])]
        return f"multiIf({', '.join([*types, str(len(types))])})"
    numbers = ", ".join(f"if({match}, {number}, -1)" for number, match in enumerate(matches))
    return f"arrayJoin(arrayFilter(number -> number >= 0, [{numbers}]))"


def _measure(predicate: SequencePredicate, _: str, __: Bindings) -> str:
    """Return all roles with their times; for more than two steps, how many steps are reached in two orders.

    In the first order, the later steps of a millisecond come first, so a chain never takes two events of one time. In
    the second, the earlier steps come first: no order of the events reaches more. No two steps share a number, so the
    search of `windowFunnel`, which keeps for each step the latest start of a chain that has come so far, is complete.
    """
    if len(predicate.steps) == _PAIR:
        return "groupArray(at)"
    chain = ", ".join(f"step = {number}" for number in range(len(predicate.steps)))
    # From the first step's number to the last's is less than a millisecond, so the limits are exact.
    within = min(predicate.within_ms * _STEPS, _LONGEST)
    apart = f"windowFunnel({within})(toUInt64(at + {_STEPS - 1} - step), {chain})"
    together = f"windowFunnel({within + _STEPS - 1})(toUInt64(at + step), {chain})"
    return f"({apart}, {together})"


def _verdict(predicate: SequencePredicate, column: str, bind: Bindings) -> str:
    return "0" if predicate.strict else _is_chain(predicate, column, bind)


def _is_open(predicate: SequencePredicate, column: str, bind: Bindings) -> str:
    """Return whether the order of all events decides."""
    tied = _is_tied(predicate, column, bind)
    return f"({_is_chain(predicate, column, bind)} OR {tied})" if predicate.strict else tied


def _is_chain(predicate: SequencePredicate, column: str, bind: Bindings) -> str:
    """Decide two steps by neighbours.

    If any first step has a second one in time, then so do two neighbours: the last first step before the earliest
    second one that follows. Of one time, second steps come first, so these two have different times.
    """
    if len(predicate.steps) != _PAIR:
        return f"{column}.1 = {bind.integer(len(predicate.steps))}"
    follows = f"one % {_ROLES} >= 1 AND other % {_ROLES} <= 1"
    apart = f"intDiv(other, {_ROLES}) - intDiv(one, {_ROLES})"
    return _neighbours(column, f"{follows} AND {apart} BETWEEN 1 AND {min(predicate.within_ms, _LONGEST)}")


def _is_tied(predicate: SequencePredicate, column: str, bind: Bindings) -> str:
    """Return whether events of one time could be steps in one order and not in the other."""
    if len(predicate.steps) != _PAIR:
        return f"{column}.2 = {bind.integer(len(predicate.steps))}"
    same_time = f"intDiv(one, {_ROLES}) = intDiv(other, {_ROLES})"
    return _neighbours(column, f"{same_time} AND one % {_ROLES} <= 1 AND other % {_ROLES} >= 1")


def _neighbours(column: str, condition: str) -> str:
    in_order = f"arraySort({column})"
    return f"arrayExists((one, other) -> {condition}, arrayPopBack({in_order}), arrayPopFront({in_order}))"


def _events_in_order(predicate: SequencePredicate, tenant: str, events: str, bind: Bindings) -> str:
    """Return a SELECT of `user_key` and `event`: its place in the order of events, and the bits of its steps.

    A strict sequence looks at all tracked events, too. The last bit says that an event is one.
    """
    matches = _matches(predicate, bind)
    if predicate.strict:
        matches.append(f"({pattern_sql(_TRACKED, bind)})")
    bits = " + ".join(f"bitShiftLeft(toUInt16({match}), {number})" for number, match in enumerate(matches))
    # The time of an event is never 0: that means "no start" to the search.
    place = f"{SINCE_1900_MS} + 1, position, {bind.event_id}, toString(event_type)"
    return select(f"user_key, ({place}, {bits}) AS event", events, _among(predicate, tenant, matches, bind))


def _chain(predicate: SequencePredicate, column: str, bind: Bindings) -> str:
    """Search by keeping, for each event and each step, the latest start of a chain that has come so far.

    A chain that ended earlier goes on with the next event; if strict, only over events that are not tracked.
    """
    times, steps = f"arrayMap(event -> event.1, {column})", f"arrayMap(event -> event.5, {column})"
    starts = f"arrayMap((at, step) -> if(bitTest(step, 0), at, 0), {times}, {steps})"
    for number in range(1, len(predicate.steps)):
        # An event continues chains of earlier events only.
        before = f"arrayPushFront(arrayPopBack({_carried(predicate, starts, steps)}), 0)"
        starts = f"arrayMap((step, start) -> if(bitTest(step, {number}), start, 0), {steps}, {before})"
    within = bind.integer(min(predicate.within_ms, _LONGEST))
    return f"arrayExists((at, start) -> start > 0 AND at - start <= {within}, {times}, {starts})"


def _carried(predicate: SequencePredicate, starts: str, steps: str) -> str:
    """Return the latest start after each event of a chain that ended at it or before."""
    if not predicate.strict:
        return f"arrayFill(start -> start > 0, {starts})"
    return f"arrayFill((start, step) -> start > 0 OR bitTest(step, {len(predicate.steps)}), {starts}, {steps})"


def _merges(predicate: SequencePredicate) -> bool:
    """Return whether payloads matter: both deliveries of an event have one time, so they are never two steps.

    The second statement always reads merged events. It decides every strict sequence, so there an event with two payloads
    may be any step of both.
    """
    return not predicate.strict and any(step.where for step in predicate.steps)


def _interpret(predicate: SequencePredicate, profile: Profile) -> bool:
    """Take each step as late as possible: an event continues the chain with the latest start, as its latest step first."""
    if predicate.strict:
        return _interpret_strict(predicate, profile)
    taken = sorted(
        (in_order(event), -number)
        for number, step in enumerate(predicate.steps)
        for event in profile.selected(_selection(predicate, step))
    )
    starts: list[float] = [-inf] * len(predicate.steps)
    for (at_ms, *_), number in taken:
        starts[-number] = starts[-number - 1] if number else at_ms
        if -number == len(starts) - 1 and at_ms - starts[-number] <= predicate.within_ms:
            return True
    return False


def _interpret_strict(predicate: SequencePredicate, profile: Profile) -> bool:
    """Try every first step, and take each next one as early as possible."""
    first, *rest = [profile.selected(_selection(predicate, step)) for step in predicate.steps]
    tracked = profile.selected(EventSelection(_TRACKED, predicate.start_ms, predicate.end_ms, frozenset()))
    return any(_is_strict_chain(start, rest, tracked, predicate.within_ms) for start in first)


def _is_strict_chain(start: Event, rest: Sequence[list[Event]], tracked: list[Event], within_ms: int) -> bool:
    last = start
    for events in rest:
        following = next((event for event in events if in_order(last) < in_order(event)), None)
        if following is None or any(in_order(last) < in_order(other) < in_order(following) for other in tracked):
            return False
        last = following
    return last.timestamp_ms - start.timestamp_ms <= within_ms


def _selection(predicate: SequencePredicate, step: SequenceStep) -> EventSelection:
    return EventSelection(step.pattern, predicate.start_ms, predicate.end_ms, step.where)


QUESTION = Question(
    condition_type="event_sequence",
    compile=_compile,
    predicates=(
        PredicateKind(
            predicate=SequencePredicate,
            rows=lambda predicate: OwnRows(
                subquery=partial(_subquery, predicate),
                is_open=partial(_is_open, predicate),
                decision=Decision(
                    subquery=partial(_events_in_order, predicate),
                    measure="arraySort(groupArray(event))",
                    verdict=partial(_chain, predicate),
                    width=Width(64, 160),
                ),
            ),
            measure=_measure,
            verdict=_verdict,
            merges=_merges,
            width=Width(64, 32),
            interpret=_interpret,
        ),
    ),
)
