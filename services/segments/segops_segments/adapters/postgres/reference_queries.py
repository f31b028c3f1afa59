"""Questions to the graph of references, which is kept beside the definitions that it is made of."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from segops_segments.adapters.postgres.tables import segment_references, segments
from segops_segments.domain.references import Graph, Node
from segops_segments.domain.segment import MAX_SHOWN_REFERRERS

_edges: Final = segment_references.c


def shown_segments() -> sa.Select[Any]:
    """Segments with the first of those that refer to each."""
    referrers = (
        sa.select(_edges.segment_id)
        .where(_edges.tenant_id == segments.c.tenant_id, _edges.refers_to == segments.c.id)
        .order_by(_edges.segment_id)
        .limit(MAX_SHOWN_REFERRERS)
        .correlate(segments)
    )
    return sa.select(segments, sa.func.array(referrers.scalar_subquery()).label("referenced_by"))


def above(tenant_id: int, segment_id: int) -> sa.Select[tuple[int]]:
    """The ids of the segments that lead to this one."""
    reached = _reached(tenant_id, (segment_id,), came=_edges.refers_to, goes=_edges.segment_id)
    return sa.select(reached.c.id).where(reached.c.id != segment_id)


def below(tenant_id: int, segment_ids: Collection[int]) -> sa.ColumnElement[bool]:
    """What chooses these segments and all that they lead to."""
    reached = _reached(tenant_id, segment_ids, came=_edges.segment_id, goes=_edges.refers_to)
    own = (segments.c.tenant_id == tenant_id, segments.c.deleted_at.is_(None))
    return sa.and_(*own, segments.c.id.in_(sa.select(reached.c.id)))


def graph_below(tenant_id: int, segment_ids: Collection[int]) -> sa.Select[Any]:
    """The rows of `graph_of`."""
    refers_to = (
        sa.select(_edges.refers_to)
        .where(_edges.tenant_id == tenant_id, _edges.segment_id == segments.c.id)
        .correlate(segments)
    )
    columns = (
        segments.c.id,
        segments.c.definition_bytes,
        sa.func.array(refers_to.scalar_subquery()).label("refers_to"),
    )
    return sa.select(*columns).where(below(tenant_id, segment_ids))


def graph_of(rows: sa.MappingResult) -> Graph:
    """The graph in rows of `graph_below`."""
    return {row["id"]: Node(frozenset(row["refers_to"]), row["definition_bytes"]) for row in rows}


def edges_of(tenant_id: int, segment_id: int, refers_to: Collection[int]) -> list[dict[str, int]]:
    """The rows of one definition."""
    return [{"tenant_id": tenant_id, "segment_id": segment_id, "refers_to": each} for each in sorted(refers_to)]


def _reached(
    tenant_id: int, starts: Collection[int], *, came: sa.ColumnElement[int], goes: sa.ColumnElement[int]
) -> sa.CTE:
    ids = sa.literal(list(starts), ARRAY(sa.BigInteger))
    start = sa.select(sa.func.unnest(ids).label("id")).cte("reached", recursive=True)
    step = sa.select(goes).join(start, came == start.c.id).where(_edges.tenant_id == tenant_id)
    return start.union(step)
