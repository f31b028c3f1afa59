"""`event_match`: what the first or last event of a profile says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segops_language.conditions import EventMatch
from segops_membership.domain.predicates import EventSelection, Expression, Predicate, PropertyCheck
from segops_membership.domain.profile import Profile
from segops_membership.domain.property_values import satisfies
from segops_membership.domain.selections import property_checks
from segops_membership.questions.question import Context, EventRows, PredicateKind, Question, Width, always_merged
from segops_membership.sql.parameters import Bindings
from segops_membership.sql.selections import checks_sql, order_key


@dataclass(frozen=True, slots=True)
class MatchPredicate(Predicate):
    """Profiles whose first or last selected event, in the order of events, passes all of `has`."""

    selection: EventSelection
    occurrence: Literal["first", "last"]
    has: frozenset[PropertyCheck]


def _compile(condition: EventMatch, context: Context) -> Expression:
    selection = context.selection(condition.event_type, condition.where)
    return MatchPredicate(selection, condition.occurrence, property_checks(condition.has, context.as_of_ms))


def _measure(predicate: MatchPredicate, selected: str, bind: Bindings) -> str:
    choose = "argMinIf" if predicate.occurrence == "first" else "argMaxIf"
    passes = " AND ".join(["1", *checks_sql(predicate.has, bind)])
    order = order_key(bind, of_one_type=predicate.selection.pattern.exact)
    return f"{choose}({passes}, {order}, {selected})"


def _verdict(_: MatchPredicate, column: str, __: Bindings) -> str:
    return f"{column} = 1"


def _interpret(predicate: MatchPredicate, profile: Profile) -> bool:
    events = profile.selected(predicate.selection)
    if not events:
        return False
    event = events[0] if predicate.occurrence == "first" else events[-1]
    return all(satisfies(event.payload, check) for check in predicate.has)


QUESTION = Question(
    condition_type="event_match",
    compile=_compile,
    predicates=(
        PredicateKind(
            predicate=MatchPredicate,
            rows=lambda predicate: EventRows(predicate.selection),
            measure=_measure,
            verdict=_verdict,
            merges=always_merged,
            width=Width(128),
            interpret=_interpret,
        ),
    ),
)
