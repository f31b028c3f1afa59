"""Exports, table `membership.exports`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.stores.postgres import WriteSession, write_session
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.adapters.postgres.sessions import reading, transaction
from segops_membership.domain.members.exports import Export, ExportStatus
from segops_membership.domain.members.sets import MemberFormat
from segops_membership.domain.publication import Attempt
from segops_membership.ports.members.exports import ExportTaken

ROLE: Final = "segops_membership_exports"
"""Takes and removes exports of all tenants."""
# One tenant's requests wait for one another, so that two cannot both be the last one allowed.
_LOCK: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('membership.exports', :tenant_id))")
_OPEN: Final = sa.text("""
    SELECT count(*) FROM membership.exports
    WHERE tenant_id = :tenant_id AND status IN ('pending', 'running')""")
_ADD: Final = sa.text("""
    INSERT INTO membership.exports
        (tenant_id, export_id, segment_id, format, run_id, fence, total, status, created_at)
    VALUES (:tenant_id, :export_id, :segment_id, :format, :run_id, :fence, :total, 'pending', :created_at)
    ON CONFLICT DO NOTHING""")
_FIND: Final = sa.text("""
    SELECT * FROM membership.exports WHERE tenant_id = ANY(:tenant_ids) AND export_id = :export_id""")
_OF_SEGMENT: Final = sa.text("""
    SELECT * FROM membership.exports
    WHERE tenant_id = :tenant_id AND segment_id = :segment_id
        AND (CAST(:before AS uuid) IS NULL OR export_id < CAST(:before AS uuid))
    ORDER BY export_id DESC LIMIT :limit OFFSET :offset""")
_COUNT: Final = sa.text("""
    SELECT count(*) FROM membership.exports WHERE tenant_id = :tenant_id AND segment_id = :segment_id""")
# Only the database's clock decides when a lease expires: workers' clocks may differ.
_TAKE: Final = sa.text("""
    UPDATE membership.exports
    SET status = 'running', attempts = attempts + 1, rows = 0, lease_until = clock_timestamp() + :lease
    WHERE (tenant_id, export_id) = (
        SELECT tenant_id, export_id FROM membership.exports
        WHERE status IN ('pending', 'running') AND (status = 'pending' OR lease_until <= clock_timestamp())
        ORDER BY created_at, export_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING *""")


def _held(changes: str) -> sa.TextClause:
    """Return the statement that changes an export, if the attempt still holds it."""
    held = "tenant_id = :tenant_id AND export_id = :export_id AND attempts = :attempt AND status = 'running'"
    return sa.text(" ".join(("UPDATE membership.exports SET", changes, "WHERE", held, "RETURNING export_id")))


_RENEW: Final = _held("rows = :rows, lease_until = clock_timestamp() + :lease")
_PUT_BACK: Final = _held("status = 'pending', lease_until = NULL")
_COMPLETE: Final = _held(
    "status = 'complete', rows = total, lease_until = NULL, finished_at = :at, expires_at = :expires_at"
)
_FAIL: Final = _held(
    "status = 'failed', problem = :problem, lease_until = NULL, finished_at = :at, expires_at = :expires_at"
)
_WITH_FILES: Final = sa.text("""
    SELECT * FROM membership.exports
    WHERE tenant_id = :tenant_id AND status = 'complete' AND NOT removed ORDER BY created_at, export_id""")
_EXPIRE: Final = sa.text("""
    UPDATE membership.exports SET expires_at = least(expires_at, :at)
    WHERE tenant_id = :tenant_id AND export_id = :export_id AND status = 'complete'""")
_EXPIRED: Final = sa.text("""
    SELECT * FROM membership.exports WHERE expires_at <= :now AND NOT removed ORDER BY expires_at, export_id LIMIT :limit""")
_MARK_REMOVED: Final = sa.text("""
    UPDATE membership.exports SET removed = true WHERE tenant_id = :tenant_id AND export_id = :export_id""")
_FORGET: Final = sa.text("DELETE FROM membership.exports WHERE expires_at <= :expired_before AND removed")


class PostgresExports:
    """See the port `Exports`."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, tenant_id: int, export: Export, *, max_open: int) -> bool:
        """See the port."""
        values = {
            "tenant_id": tenant_id,
            "export_id": UUID(export.id),
            "segment_id": export.segment_id,
            "format": str(export.member_format),
            "run_id": export.publication.run_id,
            "fence": export.publication.fence,
            "total": export.total,
            "created_at": export.created_at,
        }
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_LOCK, {"tenant_id": tenant_id})
            if int(await session.scalar(_OPEN, {"tenant_id": tenant_id}) or 0) >= max_open:
                return False
            await session.execute(_ADD, values)
        return True

    async def find(self, tenant_ids: Collection[int], export_id: str) -> Export | None:
        """See the port."""
        if not tenant_ids:
            return None
        values = {"tenant_ids": sorted(tenant_ids), "export_id": UUID(export_id)}
        async with reading(self._engine, tenant_ids) as session:
            row = (await session.execute(_FIND, values)).one_or_none()
        return _export(row) if row else None

    async def of_segment(
        self, tenant_id: int, segment_id: int, *, before: str | None, limit: int, offset: int = 0
    ) -> Sequence[Export]:
        """See the port."""
        values = {
            "tenant_id": tenant_id,
            "segment_id": segment_id,
            "before": before,
            "limit": limit,
            "offset": offset,
        }
        async with reading(self._engine, tenant_id) as session:
            return [_export(row) for row in await session.execute(_OF_SEGMENT, values)]

    async def count_of_segment(self, tenant_id: int, segment_id: int) -> int:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            return int(await session.scalar(_COUNT, {"tenant_id": tenant_id, "segment_id": segment_id}) or 0)

    async def take(self, lease: timedelta) -> Export | None:
        """See the port. Workers that take at the same time skip each other's rows."""
        async with self._for_all_tenants() as session:
            row = (await session.execute(_TAKE, {"lease": lease})).one_or_none()
        return _export(row) if row else None

    async def renew(self, tenant_id: int, export_id: str, attempt: int, rows: int, lease: timedelta) -> None:
        """See the port."""
        await self._change_held(_RENEW, tenant_id, export_id, attempt, {"rows": rows, "lease": lease})

    async def put_back(self, tenant_id: int, export_id: str, attempt: int) -> None:
        """See the port."""
        await self._change_held(_PUT_BACK, tenant_id, export_id, attempt, {})

    async def complete(self, tenant_id: int, export_id: str, attempt: int, at: datetime, expires_at: datetime) -> None:
        """See the port."""
        await self._change_held(_COMPLETE, tenant_id, export_id, attempt, {"at": at, "expires_at": expires_at})

    async def fail(
        self, tenant_id: int, export_id: str, attempt: int, problem: str, at: datetime, expires_at: datetime
    ) -> None:
        """See the port."""
        values = {"problem": problem, "at": at, "expires_at": expires_at}
        await self._change_held(_FAIL, tenant_id, export_id, attempt, values)

    async def with_files(self, tenant_id: int) -> Sequence[Export]:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            return [_export(row) for row in await session.execute(_WITH_FILES, {"tenant_id": tenant_id})]

    async def count_open(self, tenant_id: int) -> int:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            return int(await session.scalar(_OPEN, {"tenant_id": tenant_id}) or 0)

    async def expire(self, tenant_id: int, export_id: str, at: datetime) -> None:
        """See the port."""
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_EXPIRE, {"tenant_id": tenant_id, "export_id": UUID(export_id), "at": at})

    async def expired(self, now: datetime, limit: int) -> Sequence[Export]:
        """See the port."""
        async with self._for_all_tenants() as session:
            return [_export(row) for row in await session.execute(_EXPIRED, {"now": now, "limit": limit})]

    async def mark_removed(self, tenant_id: int, export_id: str) -> None:
        """See the port."""
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_MARK_REMOVED, {"tenant_id": tenant_id, "export_id": UUID(export_id)})

    async def forget(self, expired_before: datetime) -> None:
        """See the port."""
        async with self._for_all_tenants() as session:
            await session.execute(_FORGET, {"expired_before": expired_before})

    async def _change_held(
        self, statement: sa.TextClause, tenant_id: int, export_id: str, attempt: int, values: Mapping[str, object]
    ) -> None:
        key = {"tenant_id": tenant_id, "export_id": UUID(export_id), "attempt": attempt}
        async with transaction(self._engine, tenant_id) as session:
            if await session.scalar(statement, {**key, **values}) is None:
                raise ExportTaken(export_id)

    @asynccontextmanager
    async def _for_all_tenants(self) -> AsyncIterator[WriteSession]:
        with driver_errors():
            async with write_session(self._engine) as session:
                await session.enter_role(ROLE)
                yield session


def _export(row: sa.Row[Any]) -> Export:
    return Export(
        tenant_id=row.tenant_id,
        id=str(row.export_id),
        segment_id=row.segment_id,
        member_format=MemberFormat(row.format),
        publication=Attempt(row.run_id, row.fence),
        total=row.total,
        created_at=row.created_at,
        status=ExportStatus(row.status),
        attempts=row.attempts,
        rows=row.rows,
        finished_at=row.finished_at,
        expires_at=row.expires_at,
        problem=row.problem,
    )
