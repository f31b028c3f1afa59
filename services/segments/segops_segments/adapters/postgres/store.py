"""Transactions over segments, versions, runs and the outbox in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.stores.postgres import read_session, write_session
from segops_segments.adapters.postgres.hourly import is_due, select_stale
from segops_segments.adapters.postgres.incomplete import must_be_repeated
from segops_segments.adapters.postgres.outbox import OutboxWrites
from segops_segments.adapters.postgres.references import ReferenceReads
from segops_segments.adapters.postgres.rows import part_of
from segops_segments.adapters.postgres.runs import RunReads, RunWrites
from segops_segments.adapters.postgres.segments import SegmentReads, SegmentWrites
from segops_segments.adapters.postgres.tables import OPEN, SERVED, outbox, runs, segments
from segops_segments.adapters.postgres.versions import VersionReads, VersionWrites
from segops_segments.domain.backlog import Backlog, StaleSegments
from segops_segments.domain.run import RunPart

# Roles that read rows of all tenants, see `deploy/postgres/roles.sql`.
SCHEDULER: Final = "segops_segments_scheduler"
SWEEPER: Final = "segops_segments_sweeper"


class PostgresReadUnit(SegmentReads, VersionReads, ReferenceReads, RunReads):
    """Reads in one transaction."""


class PostgresWriteUnit(SegmentWrites, VersionWrites, RunWrites, OutboxWrites, PostgresReadUnit):
    """Reads and writes in one transaction that holds the tenant's lock."""


class PostgresStore:
    """The store in one database."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[PostgresReadUnit]:
        async with read_session(self._engine) as session:
            yield PostgresReadUnit(session)

    @asynccontextmanager
    async def writing(self, tenant_id: int) -> AsyncIterator[PostgresWriteUnit]:
        async with write_session(self._engine) as session:
            await session.enter_tenants(tenant_id)
            # Ids are drawn under the lock, so they ascend in the order in which the tenant's transactions commit.
            lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"segops.segments:{tenant_id}", 0))
            await session.execute(sa.select(lock))
            yield PostgresWriteUnit(session)

    async def find_parts(self, keys: Collection[tuple[int, int]]) -> Sequence[RunPart]:
        query = sa.select(runs).where(sa.tuple_(runs.c.tenant_id, runs.c.id).in_(list(keys)))
        async with read_session(self._engine) as session:
            await session.enter_tenants({tenant_id for tenant_id, _ in keys})
            return [part_of(row) for row in (await session.execute(query)).mappings()]

    async def due_tenants(self, not_after: datetime, limit: int) -> Sequence[int]:
        query = sa.select(segments.c.tenant_id).where(is_due(not_after)).distinct().limit(limit)
        async with read_session(self._engine) as session:
            await session.enter_role(SCHEDULER)
            return (await session.execute(query)).scalars().all()

    async def incomplete_tenants(self, limit: int) -> Sequence[int]:
        query = sa.select(segments.c.tenant_id).where(must_be_repeated()).distinct().limit(limit)
        async with read_session(self._engine) as session:
            await session.enter_role(SCHEDULER)
            return (await session.execute(query)).scalars().all()

    async def backlog(self, late_before: datetime) -> Backlog:
        of_runs = sa.select(runs.c.state, sa.func.count(), sa.func.min(runs.c.requested_at)).where(OPEN)
        last = sa.select(runs.c.finished_at).where(SERVED).order_by(runs.c.id.desc()).limit(1)
        waiting = sa.select(sa.func.count(), sa.func.min(outbox.c.written_at)).where(outbox.c.sent_at.is_(None))
        async with read_session(self._engine) as session:
            await session.enter_role(SWEEPER)
            open_runs = {row[0]: row for row in await session.execute(of_runs.group_by(runs.c.state))}
            last_publication = (await session.execute(last)).scalar_one_or_none()
            messages, oldest_message = (await session.execute(waiting)).one()
            await session.enter_role(SCHEDULER)
            stale = (await session.execute(select_stale(late_before))).all()
        return Backlog(
            queued=open_runs["queued"][1] if "queued" in open_runs else 0,
            running=open_runs["running"][1] if "running" in open_runs else 0,
            oldest_request=min((row[2] for row in open_runs.values()), default=None),
            last_publication=last_publication,
            messages=messages,
            oldest_message=oldest_message,
            stale={cause: StaleSegments(count, since) for cause, count, since in stale},
        )

    async def silent_runs(self, now: datetime, limit: int) -> Sequence[tuple[int, int]]:
        is_unsent = sa.exists().where(outbox.c.id == runs.c.message_id, outbox.c.sent_at.is_(None))
        query = (
            sa.select(runs.c.tenant_id, runs.c.id)
            .where(runs.c.state.in_(("queued", "running")), runs.c.lease_until <= now, sa.not_(is_unsent))
            .group_by(runs.c.tenant_id, runs.c.id)
            .order_by(sa.func.min(runs.c.lease_until))
            .limit(limit)
        )
        async with read_session(self._engine) as session:
            await session.enter_role(SWEEPER)
            return [(row.tenant_id, row.id) for row in await session.execute(query)]
