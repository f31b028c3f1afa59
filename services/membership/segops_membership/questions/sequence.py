"""A sequence as SQL: one statement, in which each event appears once for every step that it is.

An event gets a number of its time and its step that tells the steps of one time apart, the later first: a chain never takes
two events of one time, and an event never takes the place of one that it does not follow. Without numbers that are equal for
two steps, the search of `windowFunnel` is complete, which keeps for each step the latest start of a chain that has come so far.
"""

from __future__ import annotations

from typing import Final

from segops_common.contracts.warehouse import EVENTS_TABLE
from segops_membership.domain.predicates import SequencePredicate
from segops_membership.sql.json_paths import WAREHOUSE_MIN_MS, Bindings
from segops_membership.sql.selections import checks_sql, pattern_sql, select, window_sql

_STEPS: Final = 16
"""Places for the steps of one millisecond, more than a sequence may have."""
_LONGEST: Final = 2**60
_PAIR: Final = 2
"""Sequences of so many steps are told from their sorted events, in two thirds of the time of `windowFunnel`."""


def sequence_rows(atom: SequencePredicate, tenant: str, bind: Bindings) -> str:
    """A subquery of `user_key`, `step` and `at`: each event that is a step, numbered by its time and its step."""
    matches = [" AND ".join((pattern_sql(step.pattern, bind), *checks_sql(step.where, bind))) for step in atom.steps]
    is_some_step = " OR ".join(f"({match})" for match in dict.fromkeys(matches))
    conditions = [f"tenant_id = {tenant}", f"({is_some_step})", *window_sql((atom.after_ms, atom.until_ms), bind)]
    # The time is never negative, and the last step of a millisecond has its least number.
    at = f"toUInt64(toUnixTimestamp64Milli(timestamp) - {WAREHOUSE_MIN_MS}) * {_STEPS} + {_STEPS - 1} - step"
    steps = f"user_key, {_step(atom, matches, bind)} AS step, toUInt64({at}) AS at"
    # An event that was delivered twice has one time, so it is no two steps: only its payload may have to be the merged one.
    source = f"{EVENTS_TABLE} FINAL" if any(step.where for step in atom.steps) else EVENTS_TABLE
    return select(steps, source, " AND ".join(conditions))


def sequence_measure(atom: SequencePredicate) -> str:
    """What to know of the rows of a profile: how many steps were reached, or, for two steps, all numbers."""
    if len(atom.steps) == _PAIR:
        return "groupArray(at)"
    chain = ", ".join(f"step = {number}" for number in range(len(atom.steps)))
    return f"windowFunnel({_within(atom)})(at, {chain})"


def sequence_verdict(column: str, atom: SequencePredicate, bind: Bindings) -> str:
    """The condition on what is measured.

    If any first step has a second one in time, so have two neighbours: the last first step before the earliest second one
    that follows. Their numbers differ by a multiple of the places of a millisecond, less one.
    """
    if len(atom.steps) != _PAIR:
        return f"{column} = {bind.integer(len(atom.steps))}"
    follows = f"bitAnd(gap, {_STEPS - 1}) = {_STEPS - 1} AND gap <= {_within(atom)}"
    return f"arrayExists(gap -> {follows}, arrayDifference(arraySort({column})))"


def _within(atom: SequencePredicate) -> int:
    # From the first step's number to the last's is less than a millisecond, so the limit is exact.
    return min(atom.within_ms * _STEPS, _LONGEST)


def _step(atom: SequencePredicate, matches: list[str], bind: Bindings) -> str:
    """The number of the step that an event is, counted from 0; an event that is several becomes several rows."""
    patterns = [step.pattern for step in atom.steps]
    if all(pattern.exact for pattern in patterns) and len(set(patterns)) == len(patterns):
        types = [f"{pattern_sql(pattern, bind)}, {number}" for number, pattern in enumerate(patterns[:-1])]
        return f"multiIf({', '.join([*types, str(len(types))])})"
    numbers = ", ".join(f"if({match}, {number}, -1)" for number, match in enumerate(matches))
    return f"arrayJoin(arrayFilter(number -> number >= 0, [{numbers}]))"
