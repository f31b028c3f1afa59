"""The ledger on PostgreSQL, schema `membership`: leases with fencing numbers, profile numbers, the publication chain."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.jobs import SucceededResult
from segops_common.stores.postgres import ReadSession, WriteSession, read_session, statement_session, write_session
from segops_membership.adapters.clickhouse.driver_errors import outages
from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import Attempt, Proposal, Publication, SegmentHead, TenantHead
from segops_membership.ports import LeaseLost, LeaseTaken

# The database's clock alone says when a lease lapses: workers' clocks may differ.
_ACQUIRE: Final = sa.text("""
    INSERT INTO membership.tenant_leases AS l (tenant_id, fence, holder, expires_at)
    VALUES (:tenant_id, 1, :holder, clock_timestamp() + :ttl)
    ON CONFLICT (tenant_id) DO UPDATE
    SET fence = l.fence + 1, holder = excluded.holder, expires_at = excluded.expires_at
    WHERE l.expires_at <= clock_timestamp()
    RETURNING fence""")
_RENEW: Final = sa.text("""
    UPDATE membership.tenant_leases SET expires_at = clock_timestamp() + :ttl
    WHERE tenant_id = :tenant_id AND fence = :fence RETURNING fence""")
_RELEASE: Final = sa.text("""
    UPDATE membership.tenant_leases SET expires_at = clock_timestamp()
    WHERE tenant_id = :tenant_id AND fence = :fence""")
_RESERVE: Final = sa.text("""
    INSERT INTO membership.profile_numbers AS p (tenant_id, next) VALUES (:tenant_id, :count)
    ON CONFLICT (tenant_id) DO UPDATE SET next = p.next + :count RETURNING next - :count""")
_HOLD_FENCE: Final = sa.text("""
    SELECT fence FROM membership.tenant_leases WHERE tenant_id = :tenant_id AND fence = :fence FOR UPDATE""")
_MOVE_HEAD: Final = sa.text("""
    INSERT INTO membership.tenant_heads AS h (tenant_id, run_id, number) VALUES (:tenant_id, :run_id, 1)
    ON CONFLICT (tenant_id) DO UPDATE SET run_id = excluded.run_id, number = h.number + 1
    WHERE h.run_id = :base_run_id RETURNING number""")
_MOVE_SEGMENT: Final = sa.text("""
    INSERT INTO membership.segment_heads (tenant_id, segment_id, run_id, fence, as_of_ms, digest)
    VALUES (:tenant_id, :segment_id, :run_id, :fence, :as_of_ms, :digest)
    ON CONFLICT (tenant_id, segment_id) DO UPDATE
    SET run_id = excluded.run_id, fence = excluded.fence, as_of_ms = excluded.as_of_ms, digest = excluded.digest""")
_LINK: Final = sa.text("""
    INSERT INTO membership.publications (tenant_id, run_id, fence, number, base_run_id, as_of_ms, at, result)
    VALUES (:tenant_id, :run_id, :fence, :number, :base_run_id, :as_of_ms, :at, CAST(:result AS jsonb))""")
_HEAD: Final = sa.text("SELECT run_id, number FROM membership.tenant_heads WHERE tenant_id = :tenant_id")
_SEGMENT_HEADS: Final = sa.text("""
    SELECT segment_id, run_id, fence, as_of_ms, digest FROM membership.segment_heads WHERE tenant_id = :tenant_id""")
_PUBLICATION: Final = sa.text("SELECT * FROM membership.publications WHERE tenant_id = :tenant_id AND run_id = :run_id")
_NOT_SHOWN: Final = sa.text("""
    SELECT * FROM membership.publications WHERE tenant_id = :tenant_id AND NOT shown ORDER BY number""")
_MARK_SHOWN: Final = sa.text("""
    UPDATE membership.publications SET shown = true WHERE tenant_id = :tenant_id AND run_id = :run_id""")
_ANNOUNCED_FROM: Final = sa.text("""
    SELECT announced_from FROM membership.publications WHERE tenant_id = :tenant_id AND run_id = :run_id FOR UPDATE""")
_ANNOUNCE_FROM: Final = sa.text("""
    UPDATE membership.publications SET announced_from = CAST(:ends AS jsonb)
    WHERE tenant_id = :tenant_id AND run_id = :run_id""")
_MARK_ANNOUNCED: Final = sa.text("""
    UPDATE membership.publications SET announced = true WHERE tenant_id = :tenant_id AND run_id = :run_id""")


class PostgresLedger:
    """See the port `Ledger`."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def acquire(self, tenant_id: int, holder: str, ttl: timedelta) -> int:
        """See the port."""
        async with self._at_once() as session:
            fence = await session.scalar(_ACQUIRE, {"tenant_id": tenant_id, "holder": holder, "ttl": ttl})
        if fence is None:
            raise LeaseTaken(f"tenant {tenant_id} is being worked on")
        return int(fence)

    async def renew(self, tenant_id: int, fence: int, ttl: timedelta) -> None:
        """See the port."""
        async with self._at_once() as session:
            held = await session.scalar(_RENEW, {"tenant_id": tenant_id, "fence": fence, "ttl": ttl})
        if held is None:
            raise LeaseLost(f"the lease of tenant {tenant_id} was taken over")

    async def release(self, tenant_id: int, fence: int) -> None:
        """See the port."""
        async with self._at_once() as session:
            await session.execute(_RELEASE, {"tenant_id": tenant_id, "fence": fence})

    async def reserve_numbers(self, tenant_id: int, count: int) -> int:
        """See the port."""
        async with self._at_once() as session:
            return int(await session.scalar(_RESERVE, {"tenant_id": tenant_id, "count": count}))

    async def head(self, tenant_id: int) -> TenantHead:
        """See the port."""
        async with self._reading() as session:
            end = (await session.execute(_HEAD, {"tenant_id": tenant_id})).one_or_none()
            rows = (await session.execute(_SEGMENT_HEADS, {"tenant_id": tenant_id})).all()
        segments = {row.segment_id: _segment_head(row) for row in rows}
        return TenantHead(end.run_id, end.number, segments) if end else TenantHead(0, 0)

    async def publication(self, tenant_id: int, run_id: int) -> Publication | None:
        """See the port."""
        async with self._reading() as session:
            row = (await session.execute(_PUBLICATION, {"tenant_id": tenant_id, "run_id": run_id})).one_or_none()
        return _publication(row) if row else None

    async def not_shown(self, tenant_id: int) -> Sequence[Publication]:
        """See the port."""
        async with self._reading() as session:
            rows = (await session.execute(_NOT_SHOWN, {"tenant_id": tenant_id})).all()
        return [_publication(row) for row in rows]

    async def append(self, tenant_id: int, proposal: Proposal) -> Publication:
        """One transaction: while it holds the lease's row nobody can take the lease over."""
        values = {
            "tenant_id": tenant_id,
            "run_id": proposal.attempt.run_id,
            "fence": proposal.attempt.fence,
            "base_run_id": proposal.base_run_id,
            "as_of_ms": proposal.as_of_ms,
            "at": proposal.at,
        }
        digests = {each.segment_id: each.digest for each in proposal.result.segments}
        async with self._writing() as session:
            held = await session.scalar(_HOLD_FENCE, values)
            number = await session.scalar(_MOVE_HEAD, values) if held is not None else None
            if number is None:
                raise LeaseLost(f"run {proposal.attempt.run_id} of tenant {tenant_id} was overtaken")
            moved = [values | {"segment_id": each, "digest": digests.get(each)} for each in proposal.segment_ids]
            await session.execute(_MOVE_SEGMENT, moved)
            await session.execute(_LINK, {**values, "number": number, "result": proposal.result.model_dump_json()})
        return Publication(
            tenant_id=tenant_id,
            number=int(number),
            attempt=proposal.attempt,
            base_run_id=proposal.base_run_id,
            as_of_ms=proposal.as_of_ms,
            at=proposal.at,
            result=proposal.result,
            announced=False,
        )

    async def mark_shown(self, tenant_id: int, run_id: int) -> None:
        """See the port."""
        async with self._at_once() as session:
            await session.execute(_MARK_SHOWN, {"tenant_id": tenant_id, "run_id": run_id})

    async def begin_announcing(self, tenant_id: int, run_id: int, ends: Mapping[int, int]) -> Mapping[int, int] | None:
        """See the port."""
        named = {"tenant_id": tenant_id, "run_id": run_id}
        async with self._writing() as session:
            before = await session.scalar(_ANNOUNCED_FROM, named)
            if before is None:
                await session.execute(_ANNOUNCE_FROM, {**named, "ends": json.dumps(ends)})
        return None if before is None else {int(partition): int(end) for partition, end in before.items()}

    async def mark_announced(self, tenant_id: int, run_id: int) -> None:
        """See the port."""
        async with self._at_once() as session:
            await session.execute(_MARK_ANNOUNCED, {"tenant_id": tenant_id, "run_id": run_id})

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[ReadSession]:
        with outages():
            async with read_session(self._engine) as session:
                yield session

    @asynccontextmanager
    async def _at_once(self) -> AsyncIterator[WriteSession]:
        """For single statements."""
        with outages():
            async with statement_session(self._engine) as session:
                yield session

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[WriteSession]:
        with outages():
            async with write_session(self._engine) as session:
                yield session


def _segment_head(row: sa.Row[Any]) -> SegmentHead:
    digest = None if row.digest is None else Digest.parse(row.digest)
    return SegmentHead(Attempt(row.run_id, row.fence), row.as_of_ms, digest)


def _publication(row: sa.Row[Any]) -> Publication:
    return Publication(
        tenant_id=row.tenant_id,
        number=row.number,
        attempt=Attempt(row.run_id, row.fence),
        base_run_id=row.base_run_id,
        as_of_ms=row.as_of_ms,
        at=row.at,
        result=SucceededResult.model_validate(row.result),
        announced=row.announced,
    )
