"""Static lists: no condition type of their own, but what a static segment compiles to.

A list is the fold of its changes, in which the last change of a user decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.domain.profile import Profile
from segops_membership.questions.question import NOT_KEPT, PredicateKind, StaticListRows
from segops_membership.sql.parameters import Bindings

STATIC_MEMBERS_TABLE: Final = "static_members"


def list_rows(tenant: str, lists: Iterable[StaticListPredicate], bind: Bindings) -> str:
    """Return the condition on the changes that made these lists; `tenant` is a placeholder."""
    ranges = (
        f"(segment_id = {bind.integer(predicate.segment_id)}"
        f" AND list_version BETWEEN {bind.integer(predicate.since)} AND {bind.integer(predicate.until)})"
        for predicate in lists
    )
    return f"tenant_id = {tenant} AND ({' OR '.join(ranges)})"


def _measure(_: StaticListPredicate, __: str, ___: Bindings) -> str:
    return "segment_id"


def _verdict(predicate: StaticListPredicate, column: str, bind: Bindings) -> str:
    return f"{column} = {bind.integer(predicate.segment_id)}"


def _interpret(predicate: StaticListPredicate, profile: Profile) -> bool:
    return profile.is_listed(predicate)


PREDICATE_KIND = PredicateKind(
    predicate=StaticListPredicate,
    rows=StaticListRows,
    measure=_measure,
    verdict=_verdict,
    merges=lambda _: False,
    width=NOT_KEPT,
    interpret=_interpret,
)
