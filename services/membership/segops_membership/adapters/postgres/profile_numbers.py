"""The sequence of profile numbers of each tenant, table `membership.profile_numbers`."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_membership.adapters.postgres.sessions import single_statement

_RESERVE: Final = sa.text("SELECT membership.reserve_profile_numbers(:tenant_id, :count)")


class PostgresProfileNumberSequence:
    """See the port `ProfileNumberSequence`."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def reserve(self, tenant_id: int, count: int) -> int:
        """See the port."""
        async with single_statement(self._engine) as session:
            return int(await session.scalar(_RESERVE, {"tenant_id": tenant_id, "count": count}))
