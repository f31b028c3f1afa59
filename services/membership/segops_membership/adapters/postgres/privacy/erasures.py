"""Erasures, table `membership.erasures`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.security.sealing import Sealer
from segops_common.stores.postgres import write_session
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.adapters.postgres.sessions import reading, transaction
from segops_membership.domain.privacy.erasure import (
    MAX_TOGETHER,
    MAX_USERS,
    Erasure,
    ErasurePhase,
    ErasureStatus,
    extended,
)
from segops_membership.ports.privacy.erasures import ErasureTaken

ROLE: Final = "segops_membership_erasures"
"""Takes erasures of all tenants."""
# One tenant's requests wait for one another, so that two cannot both be the last one allowed.
_LOCK: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('membership.erasures', :tenant_id))")
_OPEN: Final = sa.text("""
    SELECT count(*) FROM membership.erasures
    WHERE tenant_id = :tenant_id AND status IN ('pending', 'running')""")
_ADD: Final = sa.text("""
    INSERT INTO membership.erasures (tenant_id, erasure_id, subjects, sealed, requested_by, created_at, status)
    VALUES (:tenant_id, :erasure_id, :subjects, :sealed, :requested_by, :created_at, 'pending')""")
_KNOWN: Final = sa.text("""
    SELECT 1 FROM membership.erasures WHERE tenant_id = :tenant_id AND subjects && CAST(:subjects AS text[]) LIMIT 1""")
_SUBJECTS: Final = sa.text("""
    SELECT DISTINCT unnest(subjects) AS subject FROM membership.erasures WHERE tenant_id = :tenant_id""")
_MARK_SUPPRESSED: Final = sa.text("""
    UPDATE membership.erasures SET suppressed_at = coalesce(suppressed_at, :at)
    WHERE tenant_id = :tenant_id AND erasure_id = :erasure_id""")
_FIND: Final = sa.text("SELECT * FROM membership.erasures WHERE tenant_id = :tenant_id AND erasure_id = :erasure_id")
_PAGE: Final = sa.text("""
    SELECT * FROM membership.erasures
    WHERE tenant_id = :tenant_id AND (CAST(:before AS uuid) IS NULL OR erasure_id < CAST(:before AS uuid))
    ORDER BY erasure_id DESC LIMIT :limit OFFSET :offset""")
_COUNT: Final = sa.text("SELECT count(*) FROM membership.erasures WHERE tenant_id = :tenant_id")
# Only the database's clock decides when a lease expires: workers' clocks may differ.
_DUE: Final = """
    status IN ('pending', 'running') AND CASE status
        WHEN 'pending' THEN due_at IS NULL OR due_at <= clock_timestamp() ELSE lease_until <= clock_timestamp() END"""
_TAKE: Final = sa.text(
    """
    UPDATE membership.erasures
    SET status = 'running', attempts = attempts + 1, lease_until = clock_timestamp() + :lease
    WHERE (tenant_id, erasure_id) IN (
        SELECT tenant_id, erasure_id FROM membership.erasures
        WHERE :due AND (tenant_id, erasure_id) IN (
            SELECT tenant_id, erasure_id FROM (
                SELECT tenant_id, erasure_id, row_number() OVER by_age AS place,
                    sum(cardinality(subjects)) OVER by_age AS users
                FROM membership.erasures
                WHERE :due AND tenant_id = (
                    SELECT tenant_id FROM membership.erasures WHERE :due ORDER BY created_at, erasure_id LIMIT 1)
                WINDOW by_age AS (ORDER BY created_at, erasure_id)) AS waiting
            WHERE place = 1 OR (place <= :most AND users <= :most_users))
        FOR UPDATE SKIP LOCKED)
    RETURNING *""".replace(":due", _DUE)
)


def _held(changes: str) -> sa.TextClause:
    """Return the statement that changes an erasure, if the attempt still holds it."""
    held = "tenant_id = :tenant_id AND erasure_id = :erasure_id AND attempts = :attempt AND status = 'running'"
    return sa.text(" ".join(("UPDATE membership.erasures SET", changes, "WHERE", held, "RETURNING erasure_id")))


_RENEW: Final = _held("phase = :phase, lease_until = clock_timestamp() + :lease")
_SAVE_BEFORE: Final = _held("before = CAST(:before AS jsonb)")
_EXTEND: Final = _held("subjects = :subjects, sealed = :sealed, suppressed_at = NULL, before = CAST(:before AS jsonb)")
_PUT_BACK: Final = _held("status = 'pending', lease_until = NULL, due_at = clock_timestamp() + :delay")
_COMPLETE: Final = _held(
    "status = 'complete', phase = NULL, lease_until = NULL, sealed = NULL, after = CAST(:after AS jsonb), finished_at = :at"
)


class PostgresErasures:
    """See the port `Erasures`. The ids of people are stored encrypted with `key`, the key of suppressions."""

    def __init__(self, *, engine: AsyncEngine, key: str) -> None:
        self._engine = engine
        self._sealer = Sealer(secret=key, purpose="erasures")

    async def add(self, tenant_id: int, erasure: Erasure, *, max_open: int) -> bool:
        """See the port."""
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_LOCK, {"tenant_id": tenant_id})
            if int(await session.scalar(_OPEN, {"tenant_id": tenant_id}) or 0) >= max_open:
                return False
            await session.execute(_ADD, self._values(erasure))
        return True

    async def add_unknown(self, erasure: Erasure) -> None:
        """See the port."""
        key = {"tenant_id": erasure.tenant_id}
        async with transaction(self._engine, erasure.tenant_id) as session:
            await session.execute(_LOCK, key)
            if await session.scalar(_KNOWN, {**key, "subjects": list(erasure.subjects)}) is None:
                await session.execute(_ADD, self._values(erasure))

    async def subjects(self, tenant_id: int) -> Set[str]:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            return {row.subject for row in await session.execute(_SUBJECTS, {"tenant_id": tenant_id})}

    async def mark_suppressed(self, tenant_id: int, erasure_id: str, at: datetime) -> None:
        """See the port."""
        values = {"tenant_id": tenant_id, "erasure_id": UUID(erasure_id), "at": at}
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_MARK_SUPPRESSED, values)

    async def find(self, tenant_id: int, erasure_id: str) -> Erasure | None:
        """See the port."""
        values = {"tenant_id": tenant_id, "erasure_id": UUID(erasure_id)}
        async with reading(self._engine, tenant_id) as session:
            row = (await session.execute(_FIND, values)).one_or_none()
        return self._erasure(row) if row else None

    async def page(self, tenant_id: int, *, before: str | None, limit: int, offset: int = 0) -> Sequence[Erasure]:
        """See the port."""
        values = {"tenant_id": tenant_id, "before": before, "limit": limit, "offset": offset}
        async with reading(self._engine, tenant_id) as session:
            return [self._erasure(row) for row in await session.execute(_PAGE, values)]

    async def count(self, tenant_id: int) -> int:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            return int(await session.scalar(_COUNT, {"tenant_id": tenant_id}) or 0)

    async def take(self, lease: timedelta) -> Sequence[Erasure]:
        """See the port. Workers that take at the same time skip each other's rows."""
        values = {"lease": lease, "most": MAX_TOGETHER, "most_users": MAX_USERS}
        with driver_errors():
            async with write_session(self._engine) as session:
                await session.enter_role(ROLE)
                rows = (await session.execute(_TAKE, values)).all()
        return sorted(map(self._erasure, rows), key=lambda erasure: (erasure.created_at, erasure.id))

    async def renew(
        self, tenant_id: int, erasure_id: str, attempt: int, phase: ErasurePhase | None, lease: timedelta
    ) -> None:
        """See the port."""
        await self._change_held(_RENEW, tenant_id, erasure_id, attempt, {"phase": phase, "lease": lease})

    async def save_before(self, tenant_id: int, erasure_id: str, attempt: int, before: Mapping[str, int]) -> None:
        """See the port."""
        await self._change_held(_SAVE_BEFORE, tenant_id, erasure_id, attempt, {"before": json.dumps(dict(before))})

    async def extend(
        self, erasure: Erasure, user_ids: Sequence[str], subjects: Sequence[str], before: Mapping[str, int] | None
    ) -> Erasure:
        """See the port."""
        changed = extended(erasure, user_ids, subjects, before)
        values = {
            "subjects": list(changed.subjects),
            "sealed": self._sealed(changed),
            "before": None if before is None else json.dumps(dict(before)),
        }
        await self._change_held(_EXTEND, erasure.tenant_id, erasure.id, erasure.attempts, values)
        return changed

    async def put_back(self, tenant_id: int, erasure_id: str, attempt: int, delay: timedelta) -> None:
        """See the port."""
        await self._change_held(_PUT_BACK, tenant_id, erasure_id, attempt, {"delay": delay})

    async def complete(
        self, tenant_id: int, erasure_id: str, attempt: int, after: Mapping[str, int], at: datetime
    ) -> None:
        """See the port."""
        values = {"after": json.dumps(dict(after)), "at": at}
        await self._change_held(_COMPLETE, tenant_id, erasure_id, attempt, values)

    async def _change_held(
        self, statement: sa.TextClause, tenant_id: int, erasure_id: str, attempt: int, values: Mapping[str, object]
    ) -> None:
        key = {"tenant_id": tenant_id, "erasure_id": UUID(erasure_id), "attempt": attempt}
        async with transaction(self._engine, tenant_id) as session:
            if await session.scalar(statement, {**key, **values}) is None:
                raise ErasureTaken(erasure_id)

    def _values(self, erasure: Erasure) -> Mapping[str, object]:
        return {
            "tenant_id": erasure.tenant_id,
            "erasure_id": UUID(erasure.id),
            "subjects": list(erasure.subjects),
            "sealed": self._sealed(erasure),
            "requested_by": erasure.requested_by,
            "created_at": erasure.created_at,
        }

    def _sealed(self, erasure: Erasure) -> bytes:
        return self._sealer.seal(json.dumps(erasure.user_ids), erasure.id)

    def _erasure(self, row: sa.Row[Any]) -> Erasure:
        erasure_id = str(row.erasure_id)
        user_ids = [] if row.sealed is None else json.loads(self._sealer.open(row.sealed, erasure_id))
        return Erasure(
            tenant_id=row.tenant_id,
            id=erasure_id,
            subjects=tuple(row.subjects),
            user_ids=tuple(user_ids),
            requested_by=row.requested_by,
            created_at=row.created_at,
            status=ErasureStatus(row.status),
            phase=None if row.phase is None else ErasurePhase(row.phase),
            attempts=row.attempts,
            suppressed_at=row.suppressed_at,
            before=row.before,
            after=row.after,
            finished_at=row.finished_at,
        )
