"""`event_time`: when the first or last event of a profile was. It compiles to counts."""

from __future__ import annotations

from dataclasses import replace

from segops_language.conditions import EventTime
from segops_membership.domain.predicates import AllOf, Expression, Not, negated_if
from segops_membership.domain.selections import point_ms
from segops_membership.questions.count import CountPredicate
from segops_membership.questions.question import Context, Question


def _compile(condition: EventTime, context: Context) -> Expression:
    """Ask for counts: the first event is before a time if any event is, the last one is after it if any event is."""
    selection = context.selection(condition.event_type, condition.where)
    some = CountPredicate(selection, 1, None)
    # Milliseconds are whole, so before a time means up to the millisecond before it.
    limit_ms = point_ms(condition.value, context.as_of_ms) - (condition.operator == "before")
    early = CountPredicate(replace(selection, end_ms=min(limit_ms, context.as_of_ms)), 1, None)
    late = CountPredicate(replace(selection, start_ms=limit_ms), 1, None)
    is_early = early if condition.occurrence == "first" else AllOf((some, Not(late)))
    is_late = late if condition.occurrence == "last" else AllOf((some, Not(early)))
    return negated_if(condition.operator == "not_within_last", is_early if condition.operator == "before" else is_late)


QUESTION = Question(condition_type="event_time", compile=_compile, predicates=())
