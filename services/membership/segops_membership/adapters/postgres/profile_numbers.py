"""The sequence of profile numbers of each tenant, table `membership.profile_numbers`."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_membership.adapters.postgres.sessions import single_statement

_RESERVE: Final = sa.text("""
    INSERT INTO membership.profile_numbers AS p (tenant_id, next) VALUES (:tenant_id, :count)
    ON CONFLICT (tenant_id) DO UPDATE SET next = p.next + :count RETURNING next - :count""")


class PostgresProfileNumberSequence:
    """See the port `ProfileNumberSequence`."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def reserve(self, tenant_id: int, count: int) -> int:
        """See the port."""
        async with single_statement(self._engine) as session:
            return int(await session.scalar(_RESERVE, {"tenant_id": tenant_id, "count": count}))
