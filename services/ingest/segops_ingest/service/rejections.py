"""Records what was refused. A request never waits for it, and what cannot be recorded is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.pagination import Page, PageQuery, decode_cursor, encode_cursor
from segops_common.core.problems import Unavailable
from segops_common.core.tasks import spawn
from segops_ingest.ports.rejections import Rejection, RejectionEntry, RejectionLog, RejectionLogUnavailable
from segops_ingest.ports.tenant_directory import DirectoryUnavailable, TenantDirectory

EVENT_SKIPPED: Final = "event-skipped"
"""The reason of an event that was refused in an accepted batch."""
EVENT_QUARANTINED: Final = "event-quarantined"
"""The reason of an accepted event that violates the schema of its type and is kept as a dead letter."""
SCHEMA_WARNING: Final = "schema-warning"
"""The reason of an event that violates the schema of its type and is stored as it is."""
FLUSH_S: Final = 1.0
REPEATED_AFTER: Final = timedelta(minutes=1)
"""A rejection that goes on is written at once, and then once in this time with its number."""
MAX_KINDS: Final = 100
"""Different rejections of a tenant that are counted at the same time."""
MAX_TENANTS: Final = 1_000
MAX_UNKNOWN_KEYS: Final = 20
"""Rejected keys whose tenant is looked up per flush: a flood of wrong keys must not reach auth."""


@dataclass(slots=True)
class _Tally:
    first: datetime
    count: int
    due: datetime


class Rejections:
    """Counts rejections in memory, and writes them to the log."""

    def __init__(self, *, log: RejectionLog, directory: TenantDirectory, ids: Ids, clock: Clock) -> None:
        self._log = log
        self._directory = directory
        self._ids = ids
        self._clock = clock
        self._tallies: dict[int, dict[Rejection, _Tally]] = {}
        self._of_keys: dict[tuple[str, Rejection], int] = {}

    def record(self, tenant_id: int, rejection: Rejection, count: int = 1) -> None:
        """Count a rejection."""
        if tenant_id not in self._tallies and len(self._tallies) >= MAX_TENANTS:
            return
        tallies = self._tallies.setdefault(tenant_id, {})
        now = self._clock.now()
        tally = tallies.get(rejection)
        if tally is None:
            if len(tallies) < MAX_KINDS:
                tallies[rejection] = _Tally(now, count, now)
            return
        if tally.count == 0:
            tally.first = now
        tally.count += count

    def record_of_key(self, key: str, rejection: Rejection) -> None:
        """Count a rejection of a key that was not accepted. Its tenant is looked up later."""
        name = (key, rejection)
        if name in self._of_keys or len(self._of_keys) < MAX_UNKNOWN_KEYS:
            self._of_keys[name] = self._of_keys.get(name, 0) + 1

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write what is due once a second, and everything at the end."""
        task = spawn(self._write_each_second(), name="write rejections")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            await self.flush(all_of_them=True)

    async def _write_each_second(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    async def flush(self, *, all_of_them: bool = False) -> None:
        """Write what is due, or everything."""
        await self._assign_keys()
        now = self._clock.now()
        for tenant_id, tallies in [*self._tallies.items()]:
            due = [*_due(tallies, now, all_of_them=all_of_them)]
            entries = [RejectionEntry(self._ids.uuid7(), first, count, kind) for kind, first, count in due]
            if not tallies:
                del self._tallies[tenant_id]
            if entries:
                await self._write(tenant_id, entries)

    async def page(self, tenant_id: int, query: PageQuery, *, event_type: str | None = None) -> Page[RejectionEntry]:
        """Return rejections, newest first; with an event type, only those by its schema.

        Raises Unavailable, MalformedRequest (invalid-cursor).
        """
        try:
            entries = await self._log.entries(tenant_id)
        except RejectionLogUnavailable as error:
            raise Unavailable("The log of rejections does not respond. Retry after `Retry-After` seconds.") from error
        if event_type is not None:
            entries = [entry for entry in entries if entry.rejection.event_type == event_type]
        remaining = entries
        if query.cursor is not None:
            at, entry_id = decode_cursor(query.cursor, int, str)
            remaining = [entry for entry in entries if (entry.position, entry.id) < (int(at), str(entry_id))]
        remaining = remaining[query.offset :]
        results = tuple(remaining[: query.limit])
        has_more = len(remaining) > query.limit
        return Page(results, _cursor(results[-1]) if has_more else None, len(entries))

    async def _assign_keys(self) -> None:
        of_keys, self._of_keys = self._of_keys, {}
        for (key, rejection), count in of_keys.items():
            try:
                owner = await self._directory.owner_of(key)
            except DirectoryUnavailable:
                return
            if owner is not None:
                self.record(owner.tenant_id, replace(rejection, key_id=owner.key_id), count)

    async def _write(self, tenant_id: int, entries: Sequence[RejectionEntry]) -> None:
        try:
            await self._log.add(tenant_id, entries)
        except RejectionLogUnavailable:
            # Lost: events that wait for a log of refusals would be worse.
            return


def _due(
    tallies: dict[Rejection, _Tally], now: datetime, *, all_of_them: bool
) -> Sequence[tuple[Rejection, datetime, int]]:
    """Return the rejections to write, with when they happened first and how often, and forget those that have ended."""
    due: list[tuple[Rejection, datetime, int]] = []
    for rejection, tally in [*tallies.items()]:
        if tally.due > now and not all_of_them:
            continue
        if tally.count == 0:
            del tallies[rejection]
            continue
        due.append((rejection, tally.first, tally.count))
        tally.count, tally.due = 0, now + REPEATED_AFTER
    return due


def _cursor(entry: RejectionEntry) -> str:
    return encode_cursor([entry.position, entry.id])
