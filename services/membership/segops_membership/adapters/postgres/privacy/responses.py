"""Responses in table `membership.activation_deliveries`."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_membership.adapters.postgres.sessions import reading, transaction

_COUNT: Final = sa.text("""
    SELECT count(*) FROM membership.activation_deliveries
    WHERE tenant_id = :tenant_id AND changes > 0 AND response <> ''""")
_CUT: Final = sa.text("""
    UPDATE membership.activation_deliveries SET response = ''
    WHERE tenant_id = :tenant_id AND changes > 0 AND response <> ''""")


class PostgresKeptResponses:
    """See the port `KeptResponses`. While an erasure has not ended, `PostgresActivations` stores no such response."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def count(self, tenant_id: int) -> int:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            return int(await session.scalar(_COUNT, {"tenant_id": tenant_id}) or 0)

    async def cut(self, tenant_id: int) -> None:
        """See the port."""
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_CUT, {"tenant_id": tenant_id})
