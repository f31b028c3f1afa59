"""Requesting runs of one segment or of several."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from segops_common.core.problems import Fault, ValidationFailed
from segops_segments.domain.references import MAX_SEGMENTS_OF_A_RUN, unknown_segment
from segops_segments.domain.run import RunPart, RunRequest
from segops_segments.ports.transactions import Store
from segops_segments.service.call_coalescing import CallCoalescer
from segops_segments.service.run_queue import RunQueue, to_milliseconds
from segops_segments.service.segments.access import require_segment


class RequestRuns:
    """Queues runs on request.

    A transaction queues runs of at most `segments_at_once` segments, because other transactions of the tenant wait for
    it.
    """

    def __init__(self, *, store: Store, queue: RunQueue, segments_at_once: int = MAX_SEGMENTS_OF_A_RUN) -> None:
        self._store = store
        self._queue = queue
        self._segments_at_once = segments_at_once
        self._calls: CallCoalescer[RunPart] = CallCoalescer()

    async def request_one(self, tenant_id: int, segment_id: int, *, as_of: datetime | None, by: str) -> RunPart:
        """Queue a run of a segment, or join a queued one; without `as_of`, the run reads the events as of now or later.

        Raises NotFound, or ValidationFailed for an instant in the future.
        """
        if as_of is not None:
            return await self._request_one(tenant_id, segment_id, as_of=as_of, by=by)
        return await self._calls.run(
            (tenant_id, segment_id), lambda: self._request_one(tenant_id, segment_id, as_of=None, by=by)
        )

    async def request_many(
        self, tenant_id: int, segment_ids: Collection[int] | None, *, as_of: datetime | None, by: str
    ) -> Sequence[RunPart]:
        """Queue as few runs as possible of several segments; None means all segments of the tenant.

        Returns one part for each segment, ascending by segment id. Raises ValidationFailed, with nothing queued.
        """
        request = self._new_request(as_of, by)
        if segment_ids is not None:
            await self._require_segments(tenant_id, segment_ids)
        parts: list[RunPart] = []
        after: int | None = 0
        while after is not None:
            async with self._store.writing(tenant_id) as unit:
                page = await unit.list_segments((tenant_id,), after, self._segments_at_once, among=segment_ids)
                parts += await self._queue.request(unit, tenant_id, page, request)
            after = page[-1].id if len(page) == self._segments_at_once else None
        return parts

    async def _request_one(self, tenant_id: int, segment_id: int, *, as_of: datetime | None, by: str) -> RunPart:
        request = self._new_request(as_of, by)
        async with self._store.writing(tenant_id) as unit:
            segment = await require_segment(unit, (tenant_id,), segment_id)
            return (await self._queue.request(unit, tenant_id, [segment], request))[0]

    async def _require_segments(self, tenant_id: int, segment_ids: Collection[int]) -> None:
        async with self._store.reading() as unit:
            graph = await unit.reference_graph(tenant_id, segment_ids)
        faults = [
            unknown_segment(f"segment_ids.{index}")
            for index, segment_id in enumerate(segment_ids)
            if segment_id not in graph
        ]
        if faults:
            raise ValidationFailed("Every segment must belong to the tenant. Nothing was queued.", errors=faults)

    def _new_request(self, as_of: datetime | None, by: str) -> RunRequest:
        now = self._queue.request_now(by)
        if as_of is None:
            return now
        if as_of > now.requested_at:
            fault = Fault("as_of", "out-of-range", "must not be in the future")
            raise ValidationFailed("`as_of` must not be in the future.", errors=[fault])
        return RunRequest(as_of=to_milliseconds(as_of), fixed=True, requested_by=by, requested_at=now.requested_at)
