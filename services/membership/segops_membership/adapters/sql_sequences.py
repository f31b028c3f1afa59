"""A sequence as SQL: one statement, in which each event appears once for every step that it is.

`windowFunnel` keeps, for each step, the latest start of a chain that has come so far: a complete search, as long as no two
events share a time and none is two steps. So the time it is given tells the steps of one time apart, the later first: a
chain never takes two events of one time, and an event never takes the place of one that it does not follow.
"""

from __future__ import annotations

from typing import Final

from segops_common.contracts.warehouse import EVENTS_TABLE
from segops_membership.adapters.sql_properties import WAREHOUSE_MIN_MS, Bindings
from segops_membership.adapters.sql_selections import checks_sql, pattern_sql, select, window_sql
from segops_membership.domain.plan import SequenceAtom

_STEPS: Final = 16
"""Places for the steps of one millisecond, more than a sequence may have."""
_LONGEST: Final = 2**60


def sequence_source(atom: SequenceAtom, tenant: str, bind: Bindings) -> str:
    """A subquery of `user_key` and `level`, how many steps were reached."""
    matches = [" AND ".join((pattern_sql(step.pattern, bind), *checks_sql(step.where, bind))) for step in atom.steps]
    is_some_step = " OR ".join(f"({match})" for match in dict.fromkeys(matches))
    conditions = [f"tenant_id = {tenant}", f"({is_some_step})", *window_sql((atom.after_ms, atom.until_ms), bind)]
    # The time is never negative, and the last step of a millisecond has its least number.
    at = f"toUInt64(toUnixTimestamp64Milli(timestamp) - {WAREHOUSE_MIN_MS}) * {_STEPS} + {_STEPS - 1} - step"
    steps = select(
        f"user_key, {_step(atom, matches, bind)} AS step, toUInt64({at}) AS at",
        f"{EVENTS_TABLE} FINAL",
        " AND ".join(conditions),
    )
    # From the first step's number to the last's is less than a millisecond, so the limit is exact.
    within = min(atom.within_ms * _STEPS, _LONGEST)
    chain = ", ".join(f"step = {number}" for number in range(len(atom.steps)))
    return select(f"user_key, windowFunnel({within})(at, {chain}) AS level", f"({steps})", "", "GROUP BY user_key")


def _step(atom: SequenceAtom, matches: list[str], bind: Bindings) -> str:
    """The number of the step that an event is, counted from 0; an event that is several becomes several rows."""
    patterns = [step.pattern for step in atom.steps]
    if all(pattern.exact for pattern in patterns) and len(set(patterns)) == len(patterns):
        types = [f"{pattern_sql(pattern, bind)}, {number}" for number, pattern in enumerate(patterns[:-1])]
        return f"multiIf({', '.join([*types, str(len(types))])})"
    numbers = ", ".join(f"if({match}, {number}, -1)" for number, match in enumerate(matches))
    return f"arrayJoin(arrayFilter(number -> number >= 0, [{numbers}]))"
