"""Which publication of a tenant is the newest that readers may see: asked of the warehouse, at most a moment ago."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn
from segops_membership.ports import MembershipReader, Outage

FRESH_S: Final = 0.4
"""Younger numbers are used as they are; a lookup with an older one has it asked anew, beside."""
STALE_S: Final = 0.8
"""Older numbers are asked anew first. With the time of the question itself this keeps every answer within a second."""
_ACTIVE_S: Final = 10.0
_PAUSE_AFTER_FAILURE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Known:
    number: int
    asked_at: float


class PublicationNumbers:
    """Keeps the numbers of the tenants in use; one question covers all of them."""

    def __init__(self, *, reader: MembershipReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._known: dict[int, _Known] = {}
        self._used_at: dict[int, float] = {}
        self._asking: asyncio.Task[None] | None = None
        self._failed_at = float("-inf")

    async def current(self, tenant_id: int) -> int:
        """The number, less than a second old. Raises Outage when it cannot be had."""
        now = self._clock.monotonic()
        self._used_at[tenant_id] = now
        known = self._known.get(tenant_id)
        age = now - known.asked_at if known else float("inf")
        if known is None or age >= STALE_S:
            return await self.asked_since(tenant_id, now)
        if age >= FRESH_S:
            _ = self._ask()
        return known.number

    async def asked_since(self, tenant_id: int, moment: float) -> int:
        """The number by a question asked at or after a moment of the monotonic clock. Raises Outage."""
        self._used_at[tenant_id] = self._clock.monotonic()
        while (known := self._known.get(tenant_id)) is None or known.asked_at < moment:
            await asyncio.shield(self._ask())
        return known.number

    def last(self, tenant_id: int) -> int | None:
        """What was known last, however old."""
        known = self._known.get(tenant_id)
        return known.number if known else None

    def _ask(self) -> asyncio.Task[None]:
        if self._asking is None or self._asking.done():
            self._asking = spawn(self._refresh(), name="publication numbers")
            self._asking.add_done_callback(_seen)
        return self._asking

    async def _refresh(self) -> None:
        now = self._clock.monotonic()
        if now - self._failed_at < _PAUSE_AFTER_FAILURE_S:
            raise Outage("the warehouse did not answer a moment ago")
        self._used_at = {tenant: at for tenant, at in self._used_at.items() if now - at < _ACTIVE_S}
        self._known = {tenant: known for tenant, known in self._known.items() if tenant in self._used_at}
        wanted = list(self._used_at)
        try:
            found = await self._reader.numbers(wanted)
        except Outage:
            self._failed_at = self._clock.monotonic()
            raise
        for tenant in wanted:
            # A replica that lags must not take readers back.
            before = self._known.get(tenant)
            number = max(found.get(tenant, 0), before.number if before else 0)
            self._known[tenant] = _Known(number, now)


def _seen(task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        task.exception()
