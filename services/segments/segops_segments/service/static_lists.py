"""Changing the lists of static segments. An upload is read to its end before anything is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from segops_common.core.clock import Clock
from segops_common.core.problems import Conflict, Fault, ValidationFailed
from segops_segments.domain.run import RunPart
from segops_segments.domain.segment import NOBODY, Segment, Version
from segops_segments.domain.static_list import MAX_USER_IDS, ListChange, needs_confirmation, portions_of
from segops_segments.ports.spool import Spool
from segops_segments.ports.transactions import Store, WriteUnit
from segops_segments.service.run_queue import RunQueue
from segops_segments.service.segments.access import require_segment, require_static, require_version

UserIds = AsyncIterator[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChangeResult:
    """The segment's new version, the run that makes the change visible, and the number of ids that were read."""

    version: int
    run: RunPart
    accepted: int


class ChangeStaticLists:
    """Changes lists; each change is a new version of the segment and queues a run of it, in one transaction."""

    def __init__(
        self, *, store: Store, queue: RunQueue, spools: Callable[[], AbstractContextManager[Spool]], clock: Clock
    ) -> None:
        self._store = store
        self._queue = queue
        self._spools = spools
        self._clock = clock

    async def upload(
        self,
        tenant_id: int,
        segment_id: int,
        user_ids: UserIds,
        *,
        is_replacement: bool,
        is_confirmed: bool = False,
        expected: int | None,
        by: str,
    ) -> ListChangeResult:
        """Replace the list with these ids, or add them to it. Nothing changes when `user_ids` raises.

        Raises NotFound, PreconditionFailed, Conflict (not-a-static-segment), ValidationFailed, and Conflict
        (confirmation-required) if an unconfirmed replacement would empty the list or leave less than half of it.
        """
        with self._spools() as spool:
            async for portion in user_ids:
                spool.add(portion)
                if spool.count > MAX_USER_IDS:
                    fault = Fault("body", "too-many", f"must have at most {MAX_USER_IDS} user ids")
                    raise ValidationFailed("The list is too long. Send it in several uploads.", errors=[fault])
            async with self._store.writing(tenant_id) as unit:
                segment = await self._segment(unit, tenant_id, segment_id, expected)
                size = await _list_size(unit, segment)
                if is_replacement and not is_confirmed and needs_confirmation(size, spool.count):
                    raise _unconfirmed(size, spool.count)
                next_size = spool.count if is_replacement else size + spool.count
                change = await self._begin(unit, segment, next_size, by)
                for part, portion in enumerate(spool.portions(), 1):
                    message = change.to_message(part, spool.parts, is_replacement=is_replacement, add=portion)
                    await unit.put_list_change(tenant_id, message)
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
    ) -> ListChangeResult:
        """Add and remove a few users. Raises the same errors as `upload`."""
        empty: list[str] = []
        parts = [(portion, empty) for portion in portions_of(add)] + [
            (empty, portion) for portion in portions_of(remove)
        ]
        async with self._store.writing(tenant_id) as unit:
            segment = await self._segment(unit, tenant_id, segment_id, expected)
            next_size = await _list_size(unit, segment) + len(add)
            change = await self._begin(unit, segment, next_size, by)
            # A change without ids is a message too: it links this version of the list to the one before.
            for part, (added, removed) in enumerate(parts or [(empty, empty)], 1):
                message = change.to_message(part, max(1, len(parts)), add=added, remove=removed)
                await unit.put_list_change(tenant_id, message)
            return await self._end(unit, change, len(add) + len(remove), by)

    async def _segment(self, unit: WriteUnit, tenant_id: int, segment_id: int, expected: int | None) -> Segment:
        segment = await require_segment(unit, (tenant_id,), segment_id)
        require_version(segment, expected)
        require_static(segment)
        return segment

    async def _begin(self, unit: WriteUnit, segment: Segment, list_size: int, by: str) -> ListChange:
        """Store the segment's next version."""
        tenant_id, now = segment.tenant_id, self._clock.now()
        after = replace(segment, version=segment.version + 1, updated_at=now, list_size=list_size)
        version = Version(segment_id=segment.id, number=after.version, definition=NOBODY, created_at=now, created_by=by)
        await unit.save_segment(tenant_id, after)
        await unit.add_version(tenant_id, version)
        await unit.put_segment_change(tenant_id, after.to_message())
        return ListChange(after, segment.version)

    async def _end(self, unit: WriteUnit, change: ListChange, accepted: int, by: str) -> ListChangeResult:
        segment = change.segment
        (run,) = await self._queue.request(unit, segment.tenant_id, [segment], self._queue.request_now(by))
        return ListChangeResult(version=segment.version, run=run, accepted=accepted)


async def _list_size(unit: WriteUnit, segment: Segment) -> int:
    """Return how many users the list has at most; exactly as many once its last change is published."""
    served = await unit.served_run(segment.tenant_id, segment.id)
    if (
        served is not None
        and served.outcome is not None
        and (served.version == segment.version or not segment.list_size)
    ):
        return served.outcome.size
    return segment.list_size


def _unconfirmed(size: int, next_size: int) -> Conflict:
    return Conflict(
        f"The list has up to {size} users and would have {next_size}. If this is intended, repeat the request with"
        " `?confirm=true`.",
        slug="confirmation-required",
    )
