"""Idempotency keys in PostgreSQL, one table in each service's schema."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.core.clock import Clock
from segops_common.core.idempotency import IdempotentCall, StoredAnswer
from segops_common.core.problems import Conflict, ValidationFailed
from segops_common.stores.postgres import WriteSession, write_session

KEEP = timedelta(hours=24)
IN_FLIGHT = timedelta(seconds=60)
"""A call that has not completed after this time is assumed to belong to a process that died."""


def idempotency_table(schema: str) -> sa.Table:
    """Return the table. Its migration is `idempotency_table(schema).create(op.get_bind())`."""
    return sa.Table(
        "idempotency_keys",
        sa.MetaData(schema=schema),
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("status", sa.Integer),
        sa.Column("body", sa.LargeBinary),
    )


class PostgresIdempotency:
    """An `IdempotencyStore` in one schema."""

    def __init__(self, *, engine: AsyncEngine, schema: str, clock: Clock) -> None:
        self._engine = engine
        self._table = idempotency_table(schema)
        self._clock = clock

    async def reserve(self, call: IdempotentCall) -> StoredAnswer | None:
        now = self._clock.now()
        async with write_session(self._engine) as session:
            await session.execute(sa.delete(self._table).where(self._table.c.reserved_at < now - KEEP))
            if await self._insert(session, call, now):
                return None
            result = await session.execute(
                sa.select(self._table.c.digest, self._table.c.status, self._table.c.body).where(*self._same(call))
            )
            digest, status, body = result.one()
        if digest != call.digest:
            raise ValidationFailed("`Idempotency-Key` must be new for a different body.", slug="idempotency-key-reused")
        if status is None:
            raise Conflict(
                "The first request with this `Idempotency-Key` is in progress. Retry later.",
                slug="idempotency-in-progress",
            )
        return StoredAnswer(status, body)

    async def complete(self, call: IdempotentCall, answer: StoredAnswer) -> None:
        async with write_session(self._engine) as session:
            await session.execute(
                sa.update(self._table).where(*self._same(call)).values(status=answer.status, body=answer.body)
            )

    async def release(self, call: IdempotentCall) -> None:
        async with write_session(self._engine) as session:
            await session.execute(sa.delete(self._table).where(*self._same(call), self._table.c.status.is_(None)))

    async def _insert(self, session: WriteSession, call: IdempotentCall, now: datetime) -> bool:
        values = {"scope": call.scope, "key": call.key, "digest": call.digest, "reserved_at": now}
        is_abandoned = sa.and_(self._table.c.status.is_(None), self._table.c.reserved_at < now - IN_FLIGHT)
        statement = (
            insert(self._table)
            .values(**values)
            .on_conflict_do_update(index_elements=["scope", "key"], set_=values, where=is_abandoned)
            .returning(self._table.c.key)
        )
        return (await session.execute(statement)).first() is not None

    def _same(self, call: IdempotentCall) -> tuple[sa.ColumnElement[bool], ...]:
        return self._table.c.scope == call.scope, self._table.c.key == call.key
