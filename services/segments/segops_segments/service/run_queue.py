"""The queue of a tenant's runs: sharing runs between requests, dispatching them in order, releasing those that wait.

All methods work within a transaction of the tenant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from segops_common.core.clock import Clock
from segops_language import segments_in
from segops_segments.domain.references import portions, reached_from
from segops_segments.domain.run import Run, RunPart, RunRequest
from segops_segments.domain.segment import Segment, Version
from segops_segments.ports.transactions import WriteUnit


class RunQueue:
    """Queues and dispatches runs. `lease` is how long a run may be silent before it is dispatched again.

    A segment has at most one run that is dispatched and not started, and at most one that waits behind it. Further
    requests join the run that waits and move its instant forward. A run whose instant is fixed is never shared.
    """

    def __init__(self, *, clock: Clock, lease: timedelta) -> None:
        self._clock = clock
        self._lease = lease

    def request_now(self, by: str) -> RunRequest:
        """Return a request for a run that reads the events as of now."""
        now = to_milliseconds(self._clock.now())
        return RunRequest(as_of=now, fixed=False, requested_by=by, requested_at=now)

    async def request(
        self, unit: WriteUnit, tenant_id: int, segments: Sequence[Segment], request: RunRequest
    ) -> Sequence[RunPart]:
        """Queue runs of the newest versions of these segments, or join queued runs.

        Returns one part for each segment, ascending by segment id.
        """
        newest = await unit.newest_versions(tenant_id, {segment.id: segment.version for segment in segments})
        return await self._enqueue(
            unit, tenant_id, request, {segment.id: newest[segment.id].number for segment in segments}
        )

    async def dispatch(self, unit: WriteUnit, run: Run) -> Run:
        """Put a job for the open parts of the run into the outbox."""
        message_id, carried = await self._put_job(unit, run)
        dispatched = carried.dispatch(message_id, self._clock.now() + self._lease)
        await unit.save_run(run.tenant_id, run, dispatched)
        return dispatched

    async def release(self, unit: WriteUnit, tenant_id: int, segment_ids: Collection[int]) -> None:
        """Dispatch runs that wait for these segments and have no earlier run queued for any of their own."""
        if not segment_ids:
            return
        for run in await unit.queued_runs(tenant_id, segment_ids):
            if run.message_id is None and await self._is_next(unit, run):
                await self.dispatch(unit, run)

    async def withdraw(self, unit: WriteUnit, tenant_id: int, segment_id: int, at: datetime) -> None:
        """Withdraw a segment from its queued runs, unless a relay has their messages.

        A run stays queued for its other segments; it is dispatched now if this segment was all that it waited for.
        """
        for run in await unit.queued_runs(tenant_id, (segment_id,)):
            if run.message_id is None or await unit.recall_job(tenant_id, run.message_id):
                await self._withdraw_from(unit, run, segment_id, at)

    async def _withdraw_from(self, unit: WriteUnit, run: Run, segment_id: int, at: datetime) -> None:
        after = run.withdraw(segment_id, at)
        if after.open_parts and run.message_id is not None:
            after = await self._replace_job(unit, after)
        await unit.save_run(run.tenant_id, run, after)
        await self.release(unit, run.tenant_id, [part.segment_id for part in after.open_parts])

    async def _enqueue(
        self, unit: WriteUnit, tenant_id: int, request: RunRequest, versions: Mapping[int, int]
    ) -> Sequence[RunPart]:
        last = {} if request.fixed else await _last_queued(unit, tenant_id, versions)
        parts: list[RunPart] = []
        behind: dict[int, int] = {}
        for run in sorted({run.id: run for run in last.values()}.values(), key=lambda run: run.id):
            joining = {segment_id: versions[segment_id] for segment_id in last if last[segment_id].id == run.id}
            renewed = await self._renew(unit, run, request.as_of, joining)
            if renewed is None:
                behind |= joining
            else:
                parts += [part for part in renewed.parts if part.segment_id in joining]
        for portion in await _split(unit, tenant_id, behind):
            parts += (await unit.add_run(tenant_id, request, portion)).parts
        first = {segment_id: version for segment_id, version in versions.items() if segment_id not in last}
        for portion in await _split(unit, tenant_id, first):
            parts += (await self.dispatch(unit, await unit.add_run(tenant_id, request, portion))).parts
        return sorted(parts, key=lambda part: part.segment_id)

    async def _renew(self, unit: WriteUnit, run: Run, as_of: datetime, versions: Mapping[int, int]) -> Run | None:
        """Move a queued run, with all its segments, forward to `as_of`; return None when a relay has its message."""
        if run.message_id is not None and not await unit.recall_job(run.tenant_id, run.message_id):
            return None
        renewed = run.renew(as_of, versions)
        if run.message_id is not None:
            renewed = await self._replace_job(unit, renewed)
        await unit.save_run(run.tenant_id, run, renewed)
        return renewed

    async def _is_next(self, unit: WriteUnit, run: Run) -> bool:
        queued = await unit.queued_runs(run.tenant_id, [part.segment_id for part in run.open_parts])
        return all(other.id == run.id for other in queued)

    async def _replace_job(self, unit: WriteUnit, run: Run) -> Run:
        message_id, carried = await self._put_job(unit, run)
        return carried.replace_message(message_id)

    async def _put_job(self, unit: WriteUnit, run: Run) -> tuple[int, Run]:
        """Return the id of the message, and the run with the versions of other segments that the message carries."""
        versions = await unit.newest_versions(run.tenant_id, {part.segment_id: part.version for part in run.open_parts})
        present = await unit.list_segments((run.tenant_id,), 0, len(versions), among=versions)
        static = {segment.id for segment in present if segment.segment_type == "static"}
        refers_to = {segment_id for version in versions.values() for _, segment_id in segments_in(version.definition)}
        references = await unit.list_reachable(run.tenant_id, refers_to) if refers_to else ()
        others = await unit.newest_versions(run.tenant_id, {segment.id: segment.version for segment in references})
        carried = run.with_references(_references_of({**others, **versions}, versions))
        return await unit.put_job(run.tenant_id, run.to_job(versions, static, references)), carried


def _references_of(versions: Mapping[int, Version], own: Collection[int]) -> Mapping[int, Mapping[int, int]]:
    """Return the number of each version that a segment leads to, for each of `own`."""
    definitions = {segment_id: version.definition for segment_id, version in versions.items()}
    return {
        segment_id: {reached: versions[reached].number for reached in sorted(reached_from(segment_id, definitions))}
        for segment_id in own
    }


async def _last_queued(unit: WriteUnit, tenant_id: int, segment_ids: Collection[int]) -> Mapping[int, Run]:
    """Return the last queued run of each segment that has one."""
    last: dict[int, Run] = {}
    for run in await unit.queued_runs(tenant_id, segment_ids):
        last |= {part.segment_id: run for part in run.open_parts if part.segment_id in segment_ids}
    return last


async def _split(unit: WriteUnit, tenant_id: int, versions: Mapping[int, int]) -> Sequence[Mapping[int, int]]:
    """Split the segments into as few runs as the size of a job allows."""
    if len(versions) < 2:
        return [versions] if versions else []
    graph = await unit.reference_graph(tenant_id, list(versions))
    return [{segment_id: versions[segment_id] for segment_id in portion} for portion in portions(list(versions), graph)]


def to_milliseconds(instant: datetime) -> datetime:
    """Return the instant with its microseconds cut to whole milliseconds, as the warehouse stores times."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
