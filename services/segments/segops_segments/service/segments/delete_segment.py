"""Deleting a segment, with a last run that removes its members."""

from __future__ import annotations

from dataclasses import replace

from segops_common.core.clock import Clock
from segops_segments.domain.run import RunRequest
from segops_segments.domain.segment import NOBODY, Version
from segops_segments.domain.static_list import empty_list
from segops_segments.ports.transactions import Store
from segops_segments.service.run_queue import RunQueue, to_milliseconds
from segops_segments.service.segments.access import require_segment, require_version
from segops_segments.service.segments.references import require_unreferenced


class DeleteSegment:
    """Makes a segment absent. Its last run evaluates an empty definition, so every member exits."""

    def __init__(self, *, store: Store, clock: Clock, queue: RunQueue) -> None:
        self._store = store
        self._clock = clock
        self._queue = queue

    async def delete(self, tenant_id: int, segment_id: int, *, expected: int | None, by: str) -> None:
        """Delete the segment and withdraw its queued runs.

        Raises NotFound, PreconditionFailed or Conflict (segment-in-use).
        """
        now = to_milliseconds(self._clock.now())
        async with self._store.writing(tenant_id) as unit:
            segment = await require_segment(unit, (tenant_id,), segment_id)
            require_version(segment, expected)
            require_unreferenced(segment)
            await self._queue.withdraw(unit, tenant_id, segment_id, now)
            last = segment.version + 1
            await unit.add_version(
                tenant_id,
                Version(segment_id=segment_id, number=last, definition=NOBODY, created_at=now, created_by=by),
            )
            if segment.segment_type == "static":
                await unit.put_list_change(tenant_id, empty_list(replace(segment, version=last), deleted=True))
            request = RunRequest(as_of=now, fixed=True, requested_by=by, requested_at=now)
            await self._queue.dispatch(unit, await unit.add_run(tenant_id, request, {segment_id: last}))
            await unit.delete_segment(tenant_id, segment_id, now)
            await unit.put_segment_change(tenant_id, segment.to_message(deleted=True))
