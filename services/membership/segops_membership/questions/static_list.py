"""Static lists as SQL: a list is the fold of its changes, in which the last word on a user stands."""

from __future__ import annotations

from collections.abc import Iterable

from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.sql.json_paths import Bindings

STATIC_MEMBERS_TABLE = "static_members"


def list_rows(tenant: str, lists: Iterable[StaticListPredicate], bind: Bindings) -> str:
    """The condition on the rows of these lists; `tenant` is a placeholder."""
    ranges = (
        f"(segment_id = {bind.integer(each.segment_id)}"
        f" AND list_version BETWEEN {bind.integer(each.since)} AND {bind.integer(each.until)})"
        for each in lists
    )
    return f"tenant_id = {tenant} AND ({' OR '.join(ranges)})"
