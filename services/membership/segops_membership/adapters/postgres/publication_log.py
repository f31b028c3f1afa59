"""The chain of publications, tables `publications`, `tenant_heads` and `segment_heads` of schema `membership`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.jobs import SucceededResult
from segops_membership.adapters.postgres.sessions import reading, single_statement, transaction
from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import Attempt, Publication, SegmentHead, TenantHead
from segops_membership.ports.tenant_leases import LeaseLost

_HOLD_FENCE: Final = sa.text("""
    SELECT fence FROM membership.tenant_leases WHERE tenant_id = :tenant_id AND fence = :fence FOR UPDATE""")
_MOVE_HEAD: Final = sa.text("""
    INSERT INTO membership.tenant_heads AS h (tenant_id, run_id, number) VALUES (:tenant_id, :run_id, 1)
    ON CONFLICT (tenant_id) DO UPDATE SET run_id = excluded.run_id, number = h.number + 1
    WHERE h.run_id = :base_run_id RETURNING number""")
_MOVE_SEGMENT: Final = sa.text("""
    INSERT INTO membership.segment_heads AS h
        (tenant_id, segment_id, run_id, fence, as_of_ms, digest, reported_run_id, reported_fence, reported_version)
    VALUES (:tenant_id, :segment_id, :run_id, :fence, :as_of_ms, :digest,
        CASE WHEN NOT :is_complete THEN 0 END, CASE WHEN NOT :is_complete THEN 0 END,
        CASE WHEN :is_complete THEN CAST(:version AS bigint) ELSE 0 END)
    ON CONFLICT (tenant_id, segment_id) DO UPDATE
    SET run_id = excluded.run_id, fence = excluded.fence, as_of_ms = excluded.as_of_ms, digest = excluded.digest,
        reported_run_id = CASE WHEN NOT :is_complete THEN coalesce(h.reported_run_id, h.run_id) END,
        reported_fence = CASE WHEN NOT :is_complete THEN coalesce(h.reported_fence, h.fence) END,
        reported_version = CASE WHEN :is_complete THEN excluded.reported_version ELSE h.reported_version END""")
_LINK: Final = sa.text("""
    INSERT INTO membership.publications (tenant_id, run_id, fence, number, base_run_id, as_of_ms, at, result)
    VALUES (:tenant_id, :run_id, :fence, :number, :base_run_id, :as_of_ms, :at, CAST(:result AS jsonb))""")
_HEAD: Final = sa.text("SELECT run_id, number FROM membership.tenant_heads WHERE tenant_id = :tenant_id")
_SEGMENT_HEADS: Final = sa.text("""
    SELECT segment_id, run_id, fence, as_of_ms, digest, reported_run_id, reported_fence, reported_version
    FROM membership.segment_heads WHERE tenant_id = :tenant_id""")
_PUBLICATION: Final = sa.text("SELECT * FROM membership.publications WHERE tenant_id = :tenant_id AND run_id = :run_id")
_NOT_VISIBLE: Final = sa.text("""
    SELECT * FROM membership.publications WHERE tenant_id = :tenant_id AND NOT shown ORDER BY number""")
_VISIBLE_END: Final = sa.text("""
    SELECT * FROM membership.publications WHERE tenant_id = :tenant_id AND shown ORDER BY number DESC LIMIT 1""")
_VISIBLE_AFTER: Final = sa.text("""
    SELECT * FROM membership.publications
    WHERE tenant_id = :tenant_id AND number > :after AND number <= :through AND shown
        AND (CAST(:segment AS jsonb) IS NULL OR result->'segments' @> CAST(:segment AS jsonb))
    ORDER BY number LIMIT :limit""")
_FORGET_DIGESTS: Final = sa.text("UPDATE membership.segment_heads SET digest = NULL WHERE tenant_id = :tenant_id")
_MARK_VISIBLE: Final = sa.text("SELECT membership.mark_publication_visible(:tenant_id, :run_id)")
_REPORTED_FROM: Final = sa.text("""
    SELECT announced_from FROM membership.publications WHERE tenant_id = :tenant_id AND run_id = :run_id FOR UPDATE""")
_REPORT_FROM: Final = sa.text("""
    UPDATE membership.publications SET announced_from = CAST(:ends AS jsonb)
    WHERE tenant_id = :tenant_id AND run_id = :run_id""")
_MARK_REPORTED: Final = sa.text("SELECT membership.mark_publication_reported(:tenant_id, :run_id)")


class PostgresPublicationLog:
    """See the port `PublicationLog`."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def head(self, tenant_id: int) -> TenantHead:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            end = (await session.execute(_HEAD, {"tenant_id": tenant_id})).one_or_none()
            rows = (await session.execute(_SEGMENT_HEADS, {"tenant_id": tenant_id})).all()
        segments = {row.segment_id: _segment_head(row) for row in rows}
        return TenantHead(end.run_id, end.number, segments) if end else TenantHead(0, 0)

    async def find(self, tenant_id: int, run_id: int) -> Publication | None:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            row = (await session.execute(_PUBLICATION, {"tenant_id": tenant_id, "run_id": run_id})).one_or_none()
        return _publication(row) if row else None

    async def not_visible(self, tenant_id: int) -> Sequence[Publication]:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            rows = (await session.execute(_NOT_VISIBLE, {"tenant_id": tenant_id})).all()
        return [_publication(row) for row in rows]

    async def visible_end(self, tenant_id: int) -> Publication | None:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            row = (await session.execute(_VISIBLE_END, {"tenant_id": tenant_id})).one_or_none()
        return _publication(row) if row else None

    async def visible_after(
        self, tenant_id: int, after: int, through: int, *, limit: int, segment_id: int | None = None
    ) -> Sequence[Publication]:
        """See the port."""
        segment = None if segment_id is None else json.dumps([{"segment_id": segment_id, "published": True}])
        values = {"tenant_id": tenant_id, "after": after, "through": through, "limit": limit, "segment": segment}
        async with reading(self._engine, tenant_id) as session:
            return [_publication(row) for row in await session.execute(_VISIBLE_AFTER, values)]

    async def append(self, tenant_id: int, publication: Publication) -> Publication:
        """See the port. One transaction: it locks the lease's row, so the lease cannot be taken meanwhile."""
        values = {
            "tenant_id": tenant_id,
            "run_id": publication.attempt.run_id,
            "fence": publication.attempt.fence,
            "base_run_id": publication.base_run_id,
            "as_of_ms": publication.as_of_ms,
            "at": publication.at,
            "is_complete": publication.is_complete,
        }
        async with transaction(self._engine, tenant_id) as session:
            fence = await session.scalar(_HOLD_FENCE, values)
            number = await session.scalar(_MOVE_HEAD, values) if fence is not None else None
            if number is None:
                raise LeaseLost(f"run {publication.attempt.run_id} of tenant {tenant_id} was overtaken")
            moves = [
                values | {"segment_id": segment.segment_id, "digest": segment.digest, "version": segment.version}
                for segment in publication.segments
            ]
            await session.execute(_MOVE_SEGMENT, moves)
            await session.execute(_LINK, {**values, "number": number, "result": publication.result.model_dump_json()})
        return publication.numbered(int(number))

    async def forget_digests(self, tenant_id: int) -> None:
        """See the port."""
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_FORGET_DIGESTS, {"tenant_id": tenant_id})

    async def mark_visible(self, tenant_id: int, run_id: int) -> None:
        """See the port."""
        async with single_statement(self._engine) as session:
            await session.execute(_MARK_VISIBLE, {"tenant_id": tenant_id, "run_id": run_id})

    async def begin_reporting(self, tenant_id: int, run_id: int, ends: Mapping[int, int]) -> Mapping[int, int] | None:
        """See the port."""
        key = {"tenant_id": tenant_id, "run_id": run_id}
        async with transaction(self._engine, tenant_id) as session:
            before = await session.scalar(_REPORTED_FROM, key)
            if before is None:
                await session.execute(_REPORT_FROM, {**key, "ends": json.dumps(ends)})
        return None if before is None else {int(partition): int(end) for partition, end in before.items()}

    async def mark_reported(self, tenant_id: int, run_id: int) -> None:
        """See the port."""
        async with single_statement(self._engine) as session:
            await session.execute(_MARK_REPORTED, {"tenant_id": tenant_id, "run_id": run_id})


def _segment_head(row: sa.Row[Any]) -> SegmentHead:
    digest = None if row.digest is None else Digest.parse(row.digest)
    reported = None if row.reported_run_id is None else Attempt(row.reported_run_id, row.reported_fence)
    return SegmentHead(Attempt(row.run_id, row.fence), row.as_of_ms, digest, reported, row.reported_version)


def _publication(row: sa.Row[Any]) -> Publication:
    return Publication(
        tenant_id=row.tenant_id,
        number=row.number,
        attempt=Attempt(row.run_id, row.fence),
        base_run_id=row.base_run_id,
        as_of_ms=row.as_of_ms,
        at=row.at,
        result=SucceededResult.model_validate(row.result),
        reported=row.announced,
    )
