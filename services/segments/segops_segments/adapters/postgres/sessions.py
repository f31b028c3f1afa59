"""Base classes for the parts of a transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from segops_common.stores.postgres import ReadSession, WriteSession


class SessionReads:
    """Reads in one transaction."""

    def __init__(self, session: ReadSession | WriteSession) -> None:
        # Private to this class, so that a query cannot forget its tenants.
        self.__session = session

    async def _execute(
        self,
        tenants: int | Collection[int],
        query: sa.Executable,
        values: Mapping[str, object] | Sequence[Mapping[str, object]] | None = None,
    ) -> sa.Result[Any]:
        """Run a query that sees only rows of these tenants."""
        await self.__session.enter_tenants(tenants)
        return await self.__session.execute(query, values)


class SessionWrites(SessionReads):
    """Reads and writes in one transaction."""

    def __init__(self, session: WriteSession) -> None:
        super().__init__(session)
