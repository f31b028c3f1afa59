"""Changing the lists of static segments: read to their end first, then stored and told in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from segops_common.core.clock import Clock
from segops_common.core.problems import Conflict, Fault, ValidationFailed
from segops_segments.domain.run import Run
from segops_segments.domain.segment import NOBODY, Segment, Version
from segops_segments.domain.static_list import MAX_USER_IDS, ListChange, portions_of
from segops_segments.ports.transactions import Spool, Store, WriteUnit
from segops_segments.service.request_runs import RunService
from segops_segments.service.segments.manage import check_version, require_segment

UserIds = AsyncIterator[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChanged:
    """A change that is stored: the segment's new version, the run that brings it to its members, and how many ids came."""

    version: int
    run: Run
    accepted: int


class StaticListService:
    """Lists of static segments. Each change is a version of the segment, and queues a run of it."""

    def __init__(
        self, *, store: Store, runs: RunService, spools: Callable[[], AbstractContextManager[Spool]], clock: Clock
    ) -> None:
        self._store = store
        self._runs = runs
        self._spools = spools
        self._clock = clock

    async def upload(
        self, tenant_id: int, segment_id: int, user_ids: UserIds, *, replacing: bool, expected: int | None, by: str
    ) -> ListChanged:
        """Make these the list, or add them to it; nothing has changed when `user_ids` raises.

        Raises NotFound, PreconditionFailed, Conflict (not-a-static-segment) or ValidationFailed.
        """
        with self._spools() as spool:
            async for some in user_ids:
                spool.add(some)
                if spool.count > MAX_USER_IDS:
                    fault = Fault("body", "too-many", f"at most {MAX_USER_IDS} user ids in one upload")
                    raise ValidationFailed("The list is too long.", errors=[fault])
            async with self._store.writing(tenant_id) as unit:
                change = await self._begin(unit, tenant_id, segment_id, expected, by)
                for part, portion in enumerate(spool.portions(), 1):
                    told = change.portion(part, spool.parts, replacing=replacing, add=portion)
                    await unit.announce_members(tenant_id, told)
                return await self._end(unit, change, spool.count, by)

    async def change(
        self,
        tenant_id: int,
        segment_id: int,
        *,
        add: Sequence[str],
        remove: Sequence[str],
        expected: int | None,
        by: str,
    ) -> ListChanged:
        """Add and remove a few users; raises as `upload`."""
        nobody: list[str] = []
        parts = [(each, nobody) for each in portions_of(add)] + [(nobody, each) for each in portions_of(remove)]
        async with self._store.writing(tenant_id) as unit:
            change = await self._begin(unit, tenant_id, segment_id, expected, by)
            for part, (added, removed) in enumerate(parts or [(nobody, nobody)], 1):
                told = change.portion(part, max(1, len(parts)), add=added, remove=removed)
                await unit.announce_members(tenant_id, told)
            return await self._end(unit, change, len(add) + len(remove), by)

    async def _begin(
        self, unit: WriteUnit, tenant_id: int, segment_id: int, expected: int | None, by: str
    ) -> ListChange:
        """Give the segment its next version."""
        segment = await require_segment(unit, (tenant_id,), segment_id)
        check_version(segment, expected)
        require_static(segment)
        now = self._clock.now()
        after = replace(segment, version=segment.version + 1, updated_at=now)
        version = Version(segment_id=segment_id, number=after.version, definition=NOBODY, created_at=now, created_by=by)
        await unit.save_segment(tenant_id, after)
        await unit.add_version(tenant_id, version)
        await unit.announce_change(tenant_id, after.announcement())
        return ListChange(after, segment.version)

    async def _end(self, unit: WriteUnit, change: ListChange, accepted: int, by: str) -> ListChanged:
        run = await self._runs.queue(unit, change.segment, by=by)
        return ListChanged(version=change.segment.version, run=run, accepted=accepted)


def require_static(segment: Segment) -> None:
    """Raises Conflict (not-a-static-segment)."""
    if segment.segment_type != "static":
        raise Conflict("The segment is of rules; only a static segment has a list.", slug="not-a-static-segment")
