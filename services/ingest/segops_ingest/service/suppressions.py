"""Knows in memory whose events must not be stored, and learns every second who was added.

No request waits for the warehouse: a process that cannot read the list goes on with what it knows, and the sink, which needs the
warehouse anyway, drops what such a process lets through.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Literal

import orjson

from segops_common.contracts.person_hash import PersonHash
from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn
from segops_ingest.domain.instants import warehouse_text
from segops_ingest.ports.suppressions import SuppressionChange, SuppressionLog, SuppressionsUnavailable
from segops_language.values.instants import from_ms

REFRESH_S: Final = 1.0
OVERLAP_MS: Final = 60_000
"""Rows are read again for so long: the clocks of two servers of the warehouse may differ."""
POLICY: Final = ""
_SUPPRESSED: Final = "suppressed"
_ALWAYS: Final = "9999"
"""After every time in the warehouse's text form."""
_TENANT: Final = b'{"tenant_id":'
_log = logging.getLogger(__name__)

Policy = Literal["refuse", "drop"]


class Suppressions:
    """The list, as this process knows it. `key` is '' in an installation that erases nobody."""

    def __init__(self, *, log: SuppressionLog, key: str, clock: Clock) -> None:
        self._log = log
        self._hash = PersonHash(key=key) if key else None
        self._clock = clock
        self._until: dict[int, dict[str, str]] = {}
        """By tenant and subject: events that were received until then are suppressed."""
        self._policies: dict[int, Policy] = {}
        self._newest_ms = -OVERLAP_MS
        self._read_at: float | None = None

    async def refresh(self) -> None:
        """Read what has changed. Raises SuppressionsUnavailable, also without the key of the list."""
        begun = self._clock.monotonic()
        changes = await self._log.since(max(0, self._newest_ms - OVERLAP_MS))
        for change in changes:
            self._apply(change)
        self._newest_ms = max([self._newest_ms, *(change.changed_ms for change in changes)])
        self._read_at = begun

    async def refresh_if_old(self) -> None:
        """Read what has changed, unless that was less than REFRESH_S ago. Raises as `refresh`."""
        if self._read_at is None or self._clock.monotonic() - self._read_at >= REFRESH_S:
            await self.refresh()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Refresh every REFRESH_S while the block runs."""
        task = spawn(self._follow(), name="follow suppressions")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _follow(self) -> None:
        while True:
            try:
                await self.refresh()
            except SuppressionsUnavailable as error:
                _log.warning("who was erased cannot be read now: %s", error)
            await self._clock.sleep(REFRESH_S)

    def policy(self, tenant_id: int) -> Policy:
        """Return what happens to later events of erased people."""
        return self._policies.get(tenant_id, "refuse")

    def covers(self, tenant_id: int, profile_id: str, received_at: str) -> bool:
        """Return whether an event of this profile, received at that time, must not be stored."""
        subjects = self._until.get(tenant_id)
        if not subjects or self._hash is None:
            return False
        return received_at <= subjects.get(self._hash.of(tenant_id, profile_id), "")

    def kept_lines(self, value: bytes) -> bytes:
        """Return the value of a record without the lines of suppressed events. All its lines are of one tenant."""
        if not self._until or _tenant_of(value) not in self._until:
            return value
        return b"".join(line for line in value.splitlines(keepends=True) if not self._covers_line(line))

    def _covers_line(self, line: bytes) -> bool:
        try:
            row = orjson.loads(line)
            return self.covers(row["tenant_id"], row["user_id"] or row["anonymous_id"], row["received_at"])
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            # The warehouse will refuse it, and says why.
            return False

    def _apply(self, change: SuppressionChange) -> None:
        if change.subject == POLICY:
            self._policies[change.tenant_id] = "drop" if change.state == "drop" else "refuse"
            return
        if self._hash is None or change.key_id != self._hash.key_id:
            raise SuppressionsUnavailable(
                "SEGOPS_SUPPRESSION_KEY must be the key with which people were erased: restore it from a backup"
            )
        until = _ALWAYS if change.state == _SUPPRESSED else warehouse_text(from_ms(change.at_ms))
        self._until.setdefault(change.tenant_id, {})[change.subject] = until


def _tenant_of(value: bytes) -> int | None:
    """Return the tenant of a record, whose lines begin with it."""
    digits, _, _ = value[len(_TENANT) : len(_TENANT) + 21].partition(b",")
    return int(digits) if value.startswith(_TENANT) and digits.isdigit() else None
