"""Retentions, table `membership.retentions`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.stores.postgres import write_session
from segops_language.lint.retention import Retention
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.adapters.postgres.privacy.erasures import ROLE
from segops_membership.adapters.postgres.sessions import reading, transaction
from segops_membership.domain.privacy.retention import TenantRetention

_FIND: Final = sa.text("SELECT * FROM membership.retentions WHERE tenant_id = :tenant_id")
_STORE: Final = sa.text("""
    INSERT INTO membership.retentions (tenant_id, default_days, days, removed, changed_at, due_at)
    VALUES (:tenant_id, :default_days, CAST(:days AS jsonb), '{}', :at, clock_timestamp())
    ON CONFLICT (tenant_id) DO UPDATE
    SET default_days = excluded.default_days, days = excluded.days, changed_at = excluded.changed_at,
        due_at = excluded.due_at""")
# Only the database's clock decides when one is due: the clocks of workers may differ.
_TAKE: Final = sa.text("""
    UPDATE membership.retentions SET due_at = clock_timestamp() + :lease
    WHERE tenant_id IN (
        SELECT tenant_id FROM membership.retentions
        WHERE due_at <= clock_timestamp() AND (default_days IS NOT NULL OR days <> '{}')
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING *""")
_GIVE_BACK: Final = sa.text("""
    UPDATE membership.retentions SET due_at = least(due_at, clock_timestamp() + :after) WHERE tenant_id = ANY(:tenants)""")
_LOCKED: Final = sa.text("SELECT * FROM membership.retentions WHERE tenant_id = :tenant_id FOR UPDATE")
_APPLIED: Final = sa.text("""
    UPDATE membership.retentions
    SET removed = CAST(:removed AS jsonb), applied_at = :at,
        due_at = clock_timestamp() + CASE WHEN changed_at = :changed_at THEN :again_after ELSE interval '0' END
    WHERE tenant_id = :tenant_id""")


class PostgresRetentions:
    """See the port `Retentions`."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant_id: int) -> TenantRetention:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            row = (await session.execute(_FIND, {"tenant_id": tenant_id})).one_or_none()
        return _retention(row) if row else TenantRetention(tenant_id=tenant_id)

    async def store(self, tenant_id: int, retention: Retention, at: datetime) -> None:
        """See the port."""
        values = {
            "tenant_id": tenant_id,
            "default_days": retention.default_days,
            "days": json.dumps(dict(retention.days)),
            "at": at,
        }
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_STORE, values)

    async def take(self, limit: int, lease: timedelta) -> Sequence[TenantRetention]:
        """See the port. Workers that take at the same time skip each other's rows."""
        with driver_errors():
            async with write_session(self._engine) as session:
                await session.enter_role(ROLE)
                rows = (await session.execute(_TAKE, {"limit": limit, "lease": lease})).all()
        return sorted(map(_retention, rows), key=lambda one: one.tenant_id)

    async def give_back(self, taken: Sequence[TenantRetention], after: timedelta) -> None:
        """See the port."""
        tenants = {one.tenant_id for one in taken}
        async with transaction(self._engine, tenants) as session:
            await session.execute(_GIVE_BACK, {"tenants": sorted(tenants), "after": after})

    async def mark_applied(
        self, taken: TenantRetention, removed: Mapping[str, int], at: datetime, again_after: timedelta
    ) -> None:
        """See the port."""
        key = {"tenant_id": taken.tenant_id}
        async with transaction(self._engine, taken.tenant_id) as session:
            row = (await session.execute(_LOCKED, key)).one_or_none()
            if row is not None:
                counts = Counter(row.removed) + Counter(removed)
                values = {"removed": json.dumps(counts), "at": at, "changed_at": taken.changed_at}
                await session.execute(_APPLIED, {**key, **values, "again_after": again_after})


def _retention(row: sa.Row[Any]) -> TenantRetention:
    return TenantRetention(
        tenant_id=row.tenant_id,
        retention=Retention(row.default_days, row.days, row.removed),
        changed_at=row.changed_at,
        applied_at=row.applied_at,
    )
