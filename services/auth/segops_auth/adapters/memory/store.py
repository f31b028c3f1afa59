"""Transactions on dictionaries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from segops_auth.adapters.memory.reader import MemoryReadUnit
from segops_auth.adapters.memory.tables import Sequences, Tables
from segops_auth.adapters.memory.writer import MemoryWriteUnit
from segops_auth.ports.store import ReadUnit, WriteUnit
from segops_common.core.problems import Unavailable


class MemoryStore:
    """Runs writing transactions one after the other, each on a copy that replaces the tables at its end."""

    def __init__(self) -> None:
        self._tables = Tables()
        self._ids = Sequences()
        self._writing = asyncio.Lock()
        self.reachable = True
        """Set it to False to make every transaction fail as if the database were down."""

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadUnit]:
        self._check_reachable()
        yield MemoryReadUnit(lambda: self._tables)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteUnit]:
        self._check_reachable()
        async with self._writing:
            changed = self._tables.copy()
            yield MemoryWriteUnit(changed, self._ids)
            self._tables = changed

    def _check_reachable(self) -> None:
        if not self.reachable:
            raise Unavailable("The database does not answer.")
