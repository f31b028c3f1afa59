"""The relay's side of the outbox in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.stores.postgres import WriteSession, write_session
from segops_segments.adapters.postgres.tables import lanes, outbox
from segops_segments.ports.transactions import OutboxMessage


class PostgresClaim:
    """Messages of the lanes that this transaction holds."""

    def __init__(self, session: WriteSession, messages: Sequence[OutboxMessage]) -> None:
        self._session = session
        self._messages = tuple(messages)

    @property
    def messages(self) -> Sequence[OutboxMessage]:
        return self._messages

    async def mark_sent(self, message_id: int, at: datetime) -> None:
        # Lists may be large, and hold nothing but whom the warehouse knows by now.
        value = sa.case((outbox.c.topic == "segops.static-members", b""), else_=outbox.c.value)
        await self._session.execute(sa.update(outbox).where(outbox.c.id == message_id).values(sent_at=at, value=value))


class PostgresOutbox:
    """Claims in two transactions.

    The first marks messages, so that from then on none of them is taken back or changed, whether this process lives
    or not. The second holds the tenants' lanes while marked messages are sent: other relays skip those tenants.
    """

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def claim(self, limit: int) -> AsyncIterator[PostgresClaim]:
        await self._mark(limit)
        async with write_session(self._engine) as session:
            held = await _hold_lanes(session, sa.and_(outbox.c.sent_at.is_(None), outbox.c.claimed))
            query = (
                sa.select(outbox.c.id, outbox.c.tenant_id, outbox.c.topic, outbox.c.value, outbox.c.traceparent)
                .where(outbox.c.tenant_id.in_(held), outbox.c.sent_at.is_(None), outbox.c.claimed)
                .order_by(outbox.c.id)
                .limit(limit)
            )
            found = (await session.execute(query)).mappings() if held else ()
            yield PostgresClaim(session, [OutboxMessage(**row) for row in found])

    async def _mark(self, limit: int) -> None:
        async with write_session(self._engine) as session:
            held = await _hold_lanes(session, sa.and_(outbox.c.sent_at.is_(None), sa.not_(outbox.c.claimed)))
            if not held:
                return
            oldest = (
                sa.select(outbox.c.id)
                .where(outbox.c.tenant_id.in_(held), outbox.c.sent_at.is_(None))
                .order_by(outbox.c.id)
                .limit(limit)
            )
            await session.execute(sa.update(outbox).where(outbox.c.id.in_(oldest)).values(claimed=True))

    async def forget_sent(self, before: datetime) -> int:
        async with write_session(self._engine) as session:
            gone = await session.execute(sa.delete(outbox).where(outbox.c.sent_at < before).returning(outbox.c.id))
            return len(gone.all())


async def _hold_lanes(session: WriteSession, condition: sa.ColumnElement[bool]) -> Sequence[int]:
    """Lock the lanes of tenants that have such messages, passing over those that another relay holds."""
    waiting = sa.exists().where(outbox.c.tenant_id == lanes.c.tenant_id, condition)
    query = sa.select(lanes.c.tenant_id).where(waiting).limit(100).with_for_update(skip_locked=True)
    return (await session.execute(query)).scalars().all()
