"""The outbox in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.jobs import ComputeJob, SegmentChanged, StaticMembersChanged
from segops_common.stores.postgres import WriteSession, write_session
from segops_common.telemetry.tracing import current_traceparent
from segops_segments.adapters.postgres.sessions import SessionWrites
from segops_segments.adapters.postgres.tables import outbox, outbox_tenants
from segops_segments.ports.outbox import OutboxMessage, TopicName

RELAY: Final = "segops_segments_relay"


class OutboxWrites(SessionWrites):
    """See the port `OutboxWriter`."""

    async def put_segment_change(self, tenant_id: int, change: SegmentChanged) -> None:
        await self._put(tenant_id, "segops.segments", change.model_dump_json().encode())

    async def put_list_change(self, tenant_id: int, portion: StaticMembersChanged) -> None:
        await self._put(tenant_id, "segops.static-members", portion.model_dump_json().encode())

    async def put_job(self, tenant_id: int, job: ComputeJob) -> int:
        return await self._put(tenant_id, "segops.compute-jobs", job.model_dump_json().encode())

    async def recall_job(self, tenant_id: int, message_id: int) -> bool:
        own = (outbox.c.tenant_id == tenant_id, outbox.c.id == message_id, sa.not_(outbox.c.claimed))
        deleted = await self._execute(tenant_id, sa.delete(outbox).where(*own).returning(outbox.c.id))
        return deleted.scalar_one_or_none() is not None

    async def _put(self, tenant_id: int, topic: TopicName, value: bytes) -> int:
        await self._execute(tenant_id, insert(outbox_tenants).values(tenant_id=tenant_id).on_conflict_do_nothing())
        message = {
            "tenant_id": tenant_id,
            "topic": topic,
            "value": value + b"\n",
            "traceparent": current_traceparent(),
        }
        inserted = await self._execute(tenant_id, sa.insert(outbox).values(message).returning(outbox.c.id))
        message_id: int = inserted.scalar_one()
        return message_id


class PostgresClaim:
    """Messages of the tenants whose rows this transaction has locked."""

    def __init__(self, session: WriteSession, messages: Sequence[OutboxMessage]) -> None:
        self._session = session
        self._messages = tuple(messages)

    @property
    def messages(self) -> Sequence[OutboxMessage]:
        return self._messages

    async def mark_sent(self, message_id: int, at: datetime) -> None:
        # A list may be large, and once it is sent the warehouse has it, so its text is not kept.
        value = sa.case((outbox.c.topic == "segops.static-members", b""), else_=outbox.c.value)
        await self._session.execute(sa.update(outbox).where(outbox.c.id == message_id).values(sent_at=at, value=value))


class PostgresOutbox:
    """Claims messages in two transactions.

    The first marks messages as claimed: from then on they are never recalled or changed, even if this process dies.
    The second locks the tenants while their claimed messages are sent, so that other relays skip these tenants.
    """

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def claim(self, limit: int) -> AsyncIterator[PostgresClaim]:
        await self._mark_claimed(limit)
        async with self._relaying() as session:
            tenants = await _lock_tenants(session, sa.and_(outbox.c.sent_at.is_(None), outbox.c.claimed))
            query = (
                sa.select(outbox.c.id, outbox.c.tenant_id, outbox.c.topic, outbox.c.value, outbox.c.traceparent)
                .where(outbox.c.tenant_id.in_(tenants), outbox.c.sent_at.is_(None), outbox.c.claimed)
                .order_by(outbox.c.id)
                .limit(limit)
            )
            rows = (await session.execute(query)).mappings() if tenants else ()
            yield PostgresClaim(session, [OutboxMessage(**row) for row in rows])

    async def delete_sent(self, before: datetime) -> int:
        async with self._relaying() as session:
            deleted = await session.execute(sa.delete(outbox).where(outbox.c.sent_at < before).returning(outbox.c.id))
            return len(deleted.all())

    @asynccontextmanager
    async def _relaying(self) -> AsyncIterator[WriteSession]:
        async with write_session(self._engine) as session:
            await session.enter_role(RELAY)
            yield session

    async def _mark_claimed(self, limit: int) -> None:
        async with self._relaying() as session:
            tenants = await _lock_tenants(session, sa.and_(outbox.c.sent_at.is_(None), sa.not_(outbox.c.claimed)))
            if not tenants:
                return
            oldest = (
                sa.select(outbox.c.id)
                .where(outbox.c.tenant_id.in_(tenants), outbox.c.sent_at.is_(None))
                .order_by(outbox.c.id)
                .limit(limit)
            )
            await session.execute(sa.update(outbox).where(outbox.c.id.in_(oldest)).values(claimed=True))


async def _lock_tenants(session: WriteSession, condition: sa.ColumnElement[bool]) -> Sequence[int]:
    """Lock and return tenants that have such messages, except those that another relay has locked."""
    has_messages = sa.exists().where(outbox.c.tenant_id == outbox_tenants.c.tenant_id, condition)
    query = sa.select(outbox_tenants.c.tenant_id).where(has_messages).limit(100).with_for_update(skip_locked=True)
    return (await session.execute(query)).scalars().all()
