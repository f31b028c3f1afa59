"""`event_regularity`: in how many of the last periods a profile had enough events."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from segops_language.conditions import EventRegularity
from segops_membership.domain.predicates import EVERYONE, NO_ONE, EventSelection, Expression, Predicate
from segops_membership.domain.profile import Profile
from segops_membership.questions.question import Context, EventRows, PredicateKind, Question, Width
from segops_membership.sql.parameters import Bindings


@dataclass(frozen=True, slots=True)
class RegularityPredicate(Predicate):
    """Profiles with `count` (1 or more) selected events in at least `at_least` (1 or more) periods back from the end."""

    selection: EventSelection
    period_ms: int
    count: int
    at_least: int


def _compile(condition: EventRegularity, context: Context) -> Expression:
    """Decide here what a period without events satisfies: such periods are never read."""
    if condition.at_least > condition.of:
        return NO_ONE
    if condition.at_least == 0 or condition.count == 0:
        return EVERYONE
    period_ms = condition.period.milliseconds
    selection = replace(
        context.selection(condition.event_type, condition.where),
        start_ms=context.as_of_ms - condition.of * period_ms,
    )
    return RegularityPredicate(selection, period_ms, condition.count, condition.at_least)


def _measure(predicate: RegularityPredicate, selected: str, bind: Bindings) -> str:
    age = f"({bind.integer(predicate.selection.end_ms)} - toUnixTimestamp64Milli(timestamp))"
    return f"sumMapIf([intDiv({age}, {bind.integer(predicate.period_ms)})], [toUInt64(1)], {selected})"


def _verdict(predicate: RegularityPredicate, column: str, bind: Bindings) -> str:
    enough = f"arrayCount(c -> c >= {bind.integer(predicate.count)}, {column}.2)"
    return f"{enough} >= {bind.integer(predicate.at_least)}"


def _merges(predicate: RegularityPredicate) -> bool:
    """Return False for "at least one in a period" without filters only, as for counts."""
    return predicate.count > 1 or bool(predicate.selection.where)


def _interpret(predicate: RegularityPredicate, profile: Profile) -> bool:
    events = profile.selected(predicate.selection)
    ages_ms = (predicate.selection.end_ms - event.timestamp_ms for event in events)
    per_period = Counter(age_ms // predicate.period_ms for age_ms in ages_ms)
    return sum(count >= predicate.count for count in per_period.values()) >= predicate.at_least


QUESTION = Question(
    condition_type="event_regularity",
    compile=_compile,
    predicates=(
        PredicateKind(
            predicate=RegularityPredicate,
            rows=lambda predicate: EventRows(predicate.selection),
            measure=_measure,
            verdict=_verdict,
            merges=_merges,
            width=Width(256),
            interpret=_interpret,
        ),
    ),
)
