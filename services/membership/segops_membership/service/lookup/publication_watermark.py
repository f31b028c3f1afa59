"""The number of each tenant's newest visible publication, read from the warehouse less than a second ago."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.membership import MembershipReader

FRESH_S: Final = 0.4
"""A younger number is used as it is. An older one is used too, and read again in the background."""
STALE_S: Final = 0.8
"""An older number is read again first. With the time that the read takes, every number is less than a second old."""
_ACTIVE_S: Final = 10.0
"""Numbers are kept of the tenants that were looked up within this time."""
_PAUSE_AFTER_FAILURE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    read_at: float


class PublicationWatermark:
    """Keeps the publication numbers of the tenants in use; one read covers all of them."""

    def __init__(self, *, reader: MembershipReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._entries: dict[int, _Entry] = {}
        self._used_at: dict[int, float] = {}
        self._reading: asyncio.Task[None] | None = None
        self._failed_at = float("-inf")

    async def current(self, tenant_id: int) -> int:
        """Return the number, less than a second old. Raises EngineUnavailable."""
        now = self._clock.monotonic()
        self._used_at[tenant_id] = now
        entry = self._entries.get(tenant_id)
        age = now - entry.read_at if entry else float("inf")
        if entry is None or age >= STALE_S:
            return await self.read_since(tenant_id, now)
        if age >= FRESH_S:
            _ = self._read()
        return entry.number

    async def read_since(self, tenant_id: int, moment: float) -> int:
        """Return the number by a read that began at or after a moment of the monotonic clock.

        Raises EngineUnavailable.
        """
        self._used_at[tenant_id] = self._clock.monotonic()
        while (entry := self._entries.get(tenant_id)) is None or entry.read_at < moment:
            await asyncio.shield(self._read())
        return entry.number

    def last(self, tenant_id: int) -> int | None:
        """Return the number that was read last, of any age; None when none was read."""
        entry = self._entries.get(tenant_id)
        return entry.number if entry else None

    def _read(self) -> asyncio.Task[None]:
        if self._reading is None or self._reading.done():
            self._reading = spawn(self._refresh(), name="publication numbers")
            self._reading.add_done_callback(_retrieve_error)
        return self._reading

    async def _refresh(self) -> None:
        now = self._clock.monotonic()
        if now - self._failed_at < _PAUSE_AFTER_FAILURE_S:
            raise EngineUnavailable("the warehouse did not answer shortly before")
        self._used_at = {tenant: at for tenant, at in self._used_at.items() if now - at < _ACTIVE_S}
        self._entries = {tenant: entry for tenant, entry in self._entries.items() if tenant in self._used_at}
        tenant_ids = list(self._used_at)
        try:
            numbers = await self._reader.publication_numbers(tenant_ids)
        except EngineUnavailable:
            self._failed_at = self._clock.monotonic()
            raise
        for tenant in tenant_ids:
            # A replica that lags must not take readers back.
            before = self._entries.get(tenant)
            number = max(numbers.get(tenant, 0), before.number if before else 0)
            self._entries[tenant] = _Entry(number, now)


def _retrieve_error(task: asyncio.Task[None]) -> None:
    """Mark the task's exception as retrieved: a background read may fail without anybody waiting for it."""
    with suppress(asyncio.CancelledError):
        task.exception()
