"""The graph of references in PostgreSQL. Its edges are stored with the definitions that they follow from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from segops_segments.adapters.postgres.rows import segment_of
from segops_segments.adapters.postgres.sessions import SessionReads
from segops_segments.adapters.postgres.tables import segment_references, segments
from segops_segments.domain.references import Graph, Node
from segops_segments.domain.segment import MAX_SHOWN_REFERRERS, Segment

_edges: Final = segment_references.c


class ReferenceReads(SessionReads):
    """See the port `ReferenceReader`."""

    async def find_referrers(self, tenant_id: int, segment_id: int) -> Collection[int]:
        reached = _reach(tenant_id, (segment_id,), start=_edges.refers_to, end=_edges.segment_id)
        query = sa.select(reached.c.id).where(reached.c.id != segment_id)
        return (await self._execute(tenant_id, query)).scalars().all()

    async def reference_graph(self, tenant_id: int, segment_ids: Collection[int]) -> Graph:
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
        query = sa.select(*columns).where(_is_reachable(tenant_id, segment_ids))
        rows = (await self._execute(tenant_id, query)).mappings()
        return {row["id"]: Node(frozenset(row["refers_to"]), row["definition_bytes"]) for row in rows}

    async def list_reachable(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Segment]:
        query = select_shown_segments().where(_is_reachable(tenant_id, segment_ids)).order_by(segments.c.id)
        return [segment_of(row) for row in (await self._execute(tenant_id, query)).mappings()]


def select_shown_segments() -> sa.Select[Any]:
    """Return the query for segments, each with the first segments that refer to it."""
    referrers = (
        sa.select(_edges.segment_id)
        .where(_edges.tenant_id == segments.c.tenant_id, _edges.refers_to == segments.c.id)
        .order_by(_edges.segment_id)
        .limit(MAX_SHOWN_REFERRERS)
        .correlate(segments)
    )
    return sa.select(segments, sa.func.array(referrers.scalar_subquery()).label("referenced_by"))


def edge_rows(tenant_id: int, segment_id: int, refers_to: Collection[int]) -> list[dict[str, int]]:
    """Return the rows of `segment_references` for one definition."""
    return [{"tenant_id": tenant_id, "segment_id": segment_id, "refers_to": referred} for referred in sorted(refers_to)]


def _is_reachable(tenant_id: int, segment_ids: Collection[int]) -> sa.ColumnElement[bool]:
    """Return the condition that a segment is one of these, or that their definitions lead to it."""
    reached = _reach(tenant_id, segment_ids, start=_edges.segment_id, end=_edges.refers_to)
    own = (segments.c.tenant_id == tenant_id, segments.c.deleted_at.is_(None))
    return sa.and_(*own, segments.c.id.in_(sa.select(reached.c.id)))


def _reach(
    tenant_id: int, segment_ids: Collection[int], *, start: sa.ColumnElement[int], end: sa.ColumnElement[int]
) -> sa.CTE:
    """Return a recursive query for the ids that are reached over edges from their column `start` to `end`."""
    ids = sa.literal(list(segment_ids), ARRAY(sa.BigInteger))
    reached = sa.select(sa.func.unnest(ids).label("id")).cte("reached", recursive=True)
    step = sa.select(end).join(reached, start == reached.c.id).where(_edges.tenant_id == tenant_id)
    return reached.union(step)
