"""Requesting runs, following them, and giving up on lost ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from segops_common.contracts.jobs import ComputeResult
from segops_common.core.clock import Clock
from segops_common.core.pagination import Page, decode_cursor, encode_cursor
from segops_common.core.problems import Fault, NotFound, ValidationFailed
from segops_language import segments_in
from segops_segments.domain.references import MAX_SEGMENTS_OF_A_RUN, portions
from segops_segments.domain.run import MAX_ATTEMPTS, Evaluated, NewRun, Run, advance, job_of
from segops_segments.domain.segment import NOBODY, Segment, Version
from segops_segments.domain.serving_status import Standing, standing_of
from segops_segments.domain.static_list import no_members
from segops_segments.ports.transactions import ReadUnit, Store, WriteUnit
from segops_segments.service.call_coalescing import JoinedCalls
from segops_segments.service.segments.manage import NEWEST, check_version, require_segment
from segops_segments.service.segments.references import check_unused

SCHEDULE: Final = "schedule"
"""Who requests the runs of every hour."""
_HOUR: Final = timedelta(hours=1)


class RunService:
    """Runs of segments. `lease` is how long a run may be silent before it is announced again.

    No transaction queues runs of more than `segments_at_once` segments: others of the tenant wait for it.
    """

    def __init__(
        self, *, store: Store, clock: Clock, lease: timedelta, segments_at_once: int = MAX_SEGMENTS_OF_A_RUN
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
        self._segments_at_once = segments_at_once
        self._shared: JoinedCalls[Run] = JoinedCalls()

    async def request(self, tenant_id: int, segment_id: int, *, as_of: datetime | None, by: str) -> Run:
        """Queue a run, or join one that has not been taken up and will see everything up to now.

        A segment has at most one run announced and not begun, and at most one waiting behind it: that one takes in
        every further request and moves its instant forward with each. A run at an instant of the caller's choice is
        always a new one. Raises NotFound or ValidationFailed.
        """
        if as_of is not None:
            return await self._request(tenant_id, segment_id, as_of=as_of, by=by)
        return await self._shared.join(
            (tenant_id, segment_id), lambda: self._request(tenant_id, segment_id, as_of=None, by=by)
        )

    async def _request(self, tenant_id: int, segment_id: int, *, as_of: datetime | None, by: str) -> Run:
        asked = self._asked(as_of, by)
        async with self._store.writing(tenant_id) as unit:
            segment = await require_segment(unit, (tenant_id,), segment_id)
            return (await self._queue(unit, await _new_runs(unit, tenant_id, [segment], asked), tenant_id))[0]

    async def request_together(
        self, tenant_id: int, segment_ids: Collection[int] | None, *, as_of: datetime | None, by: str
    ) -> Sequence[Run]:
        """The same for several segments, or without `segment_ids` for all of the tenant, in few runs.

        One run a segment, by rising segment. Raises ValidationFailed; then nothing is queued.
        """
        asked = self._asked(as_of, by)
        if segment_ids is not None:
            await self._check_known(tenant_id, segment_ids)
        runs: list[Run] = []
        after: int | None = 0
        while after is not None:
            async with self._store.writing(tenant_id) as unit:
                page = await unit.list_segments((tenant_id,), after, self._segments_at_once, among=segment_ids)
                runs += await self._queue(unit, await _new_runs(unit, tenant_id, page, asked), tenant_id)
            after = page[-1].id if len(page) == self._segments_at_once else None
        return runs

    async def _check_known(self, tenant_id: int, segment_ids: Collection[int]) -> None:
        async with self._store.reading() as unit:
            known = await unit.reference_graph(tenant_id, segment_ids)
        faults = [
            Fault(f"segment_ids.{index}", "segment-not-found", "The tenant has no such segment.")
            for index, segment_id in enumerate(segment_ids)
            if segment_id not in known
        ]
        if faults:
            raise ValidationFailed("Not all of these segments can be computed.", errors=faults)

    async def queue(self, unit: WriteUnit, segment: Segment, *, by: str) -> Run:
        """The same for one segment within a transaction: a run of its newest version as of now."""
        new = await _new_runs(unit, segment.tenant_id, [segment], self._asked(None, by))
        return (await self._queue(unit, new, segment.tenant_id))[0]

    def _asked(self, as_of: datetime | None, by: str) -> _Asked:
        now = _to_milliseconds(self._clock.now())
        if as_of is not None and as_of > now:
            fault = Fault("as_of", "out-of-range", "as_of is not later than now")
            raise ValidationFailed("A run cannot look into the future.", errors=[fault])
        return _Asked(as_of=now if as_of is None else _to_milliseconds(as_of), fixed=as_of is not None, at=now, by=by)

    async def _queue(self, unit: WriteUnit, wanted: Sequence[NewRun], tenant_id: int) -> Sequence[Run]:
        """What is wanted has one instant; the runs come by rising segment."""
        joining = [new.segment_id for new in wanted if not new.fixed]
        last = {run.segment_id: run for run in await unit.queued_runs(tenant_id, joining)}
        runs: list[Run] = []
        behind: list[NewRun] = []
        for run_id in sorted({run.id for run in last.values()}):
            those = {segment_id for segment_id, run in last.items() if run.id == run_id}
            joined = {new.segment_id: new for new in wanted if new.segment_id in those}
            renewed = await self._renew(unit, await _queued(unit, tenant_id, run_id), joined)
            runs += [run for run in renewed if run.segment_id in joined]
            behind += () if renewed else joined.values()
        for together in await _portions(unit, tenant_id, behind):
            runs += await unit.add_run(tenant_id, together)
        for together in await _portions(unit, tenant_id, [new for new in wanted if new.segment_id not in last]):
            runs += await self._announce(unit, await unit.add_run(tenant_id, together))
        return sorted(runs, key=lambda run: run.segment_id)

    async def _renew(self, unit: WriteUnit, run: Sequence[Run], wanted: Mapping[int, NewRun]) -> Sequence[Run]:
        """Move a queued run, for all of its segments, forward to the wanted instant; nothing when a relay has it."""
        message_id = run[0].message_id
        if message_id is not None and not await unit.recall_job(run[0].tenant_id, message_id):
            return ()
        as_of = next(iter(wanted.values())).as_of
        renewed = [each.renewed(as_of, wanted.get(each.segment_id)) for each in run]
        if message_id is not None:
            message_id = await _put_job(unit, renewed)
            renewed = [each.reannounced(message_id) for each in renewed]
        return await _save(unit, renewed)

    async def _announce(self, unit: WriteUnit, run: Sequence[Run]) -> Sequence[Run]:
        """Of a run all segments that it is still to be of."""
        message_id = await _put_job(unit, run)
        lease_until = self._clock.now() + self._lease
        return await _save(unit, [each.announced(message_id, lease_until) for each in run])

    async def delete_segment(self, tenant_id: int, segment_id: int, *, expected: int | None, by: str) -> None:
        """Make a segment absent, and let everybody exit by its last run, which is of nobody.

        Runs that nobody has begun are dropped. Raises NotFound, PreconditionFailed or Conflict (segment-in-use).
        """
        now = _to_milliseconds(self._clock.now())
        async with self._store.writing(tenant_id) as unit:
            segment = await require_segment(unit, (tenant_id,), segment_id)
            check_version(segment, expected)
            check_unused(segment)
            for run in await unit.queued_runs(tenant_id, (segment_id,)):
                if run.message_id is None or await unit.recall_job(tenant_id, run.message_id):
                    await self._drop(unit, run, now)
            farewell = await _farewell(unit, segment, now, by)
            if segment.segment_type == "static":
                await unit.announce_members(
                    tenant_id, no_members(replace(segment, version=farewell.version), deleted=True)
                )
            await self._announce(unit, await unit.add_run(tenant_id, [farewell]))
            await unit.delete_segment(tenant_id, segment_id, now)
            await unit.announce_change(tenant_id, segment.announcement(deleted=True))

    async def _drop(self, unit: WriteUnit, run: Run, now: datetime) -> None:
        """For one segment; for its others the run stays, or goes now if that was the one it had to wait for."""
        await _save(unit, [run.dropped(now)])
        others = await _queued(unit, run.tenant_id, run.id)
        if others and run.message_id is not None:
            message_id = await _put_job(unit, others)
            await _save(unit, [each.reannounced(message_id) for each in others])
        await self._release(unit, others)

    async def get(self, tenant_id: int, segment_id: int, run_id: int) -> Run:
        """A run of the segment; raises NotFound."""
        async with self._store.reading() as unit:
            found = await unit.find_runs(tenant_id, run_id)
        run = next((each for each in found if each.segment_id == segment_id), None)
        if run is None:
            raise NotFound("The segment has no such run.")
        return run

    async def standing(self, segment: Segment) -> Standing:
        """Where the segment's members come from."""
        async with self._store.reading() as unit:
            served = await unit.served_run(segment.tenant_id, segment.id)
            settled = await unit.settled_run(segment.tenant_id, segment.id)
            in_force = await unit.versions(segment.tenant_id, {segment.id: segment.version})
        return standing_of(served, settled, in_force[segment.id].number)

    async def list(self, tenant_id: int, segment_id: int, *, cursor: str | None, limit: int) -> Page[Run]:
        """The segment's runs, newest first; raises MalformedRequest for a cursor of another list."""
        before = NEWEST if cursor is None else int(decode_cursor(cursor, int)[0])
        async with self._store.reading() as unit:
            found = await unit.list_runs(tenant_id, segment_id, before, limit + 1)
        more = len(found) > limit
        return Page(tuple(found[:limit]), encode_cursor([found[limit - 1].id]) if more else None)

    async def apply(self, result: ComputeResult) -> None:
        """Take in word from a worker, as often and in whatever order it comes; a run nobody knows is passed over."""
        async with self._store.writing(result.tenant_id) as unit:
            run = await unit.find_runs(result.tenant_id, result.run_id)
            advanced = [advance(each, result, self._lease) for each in run]
            await _save(unit, [after for before, after in zip(run, advanced, strict=True) if after is not before])
            await self._release(unit, advanced)

    async def _release(self, unit: WriteUnit, runs: Sequence[Run]) -> None:
        """Announce what waits behind these, once nothing before it is queued, for any of its segments."""
        if not runs:
            return
        tenant_id = runs[0].tenant_id
        behind = await unit.queued_runs(tenant_id, [run.segment_id for run in runs])
        for run_id in sorted({run.id for run in behind if run.message_id is None}):
            waiting = await _queued(unit, tenant_id, run_id)
            queued = await unit.queued_runs(tenant_id, [run.segment_id for run in waiting])
            if all(run.id == run_id for run in queued):
                await self._announce(unit, waiting)

    async def refresh(self, limit: int = 100) -> int:
        """Request runs of segments that are to be computed every hour; of how many segments.

        Those of a tenant that will be due soon come along, so that what several ask is read once.
        """
        now, requested = self._clock.now(), 0
        for tenant_id in await self._store.due_tenants(now - _HOUR, limit):
            async with self._store.writing(tenant_id) as unit:
                due = await unit.due_segments(tenant_id, now - _HOUR / 2, self._segments_at_once)
                new = await _new_runs(unit, tenant_id, due, self._asked(None, SCHEDULE))
                requested += len(await self._queue(unit, new, tenant_id))
        return requested

    async def sweep(self, limit: int = 100) -> int:
        """Announce silent runs once more, or give them up after five times; how many were silent."""
        overdue = await self._store.overdue_runs(self._clock.now(), limit)
        for tenant_id, run_id in overdue:
            async with self._store.writing(tenant_id) as unit:
                await self._revive(unit, await unit.find_runs(tenant_id, run_id))
        return len(overdue)

    async def _revive(self, unit: WriteUnit, run: Sequence[Run]) -> None:
        now = self._clock.now()
        silent = [each for each in run if each.is_silent(now)]
        if silent and silent[0].attempts < MAX_ATTEMPTS:
            await self._announce(unit, silent)
            return
        await _save(unit, [each.given_up(now) for each in silent])
        await self._release(unit, silent)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    as_of: datetime
    fixed: bool
    at: datetime
    by: str


async def _new_runs(unit: ReadUnit, tenant_id: int, segments: Sequence[Segment], asked: _Asked) -> Sequence[NewRun]:
    in_force = await unit.versions(tenant_id, {each.id: each.version for each in segments})
    return [
        NewRun(
            segment_id=each.id,
            version=in_force[each.id].number,
            as_of=asked.as_of,
            fixed=asked.fixed,
            requested_by=asked.by,
            requested_at=asked.at,
        )
        for each in segments
    ]


async def _portions(unit: ReadUnit, tenant_id: int, wanted: Sequence[NewRun]) -> Sequence[Sequence[NewRun]]:
    """What one run can be of, in each; what a segment leads to has room beside itself."""
    if len(wanted) < 2:
        return [wanted] if wanted else []
    by_id = {new.segment_id: new for new in wanted}
    graph = await unit.reference_graph(tenant_id, list(by_id))
    return [[by_id[segment_id] for segment_id in portion] for portion in portions(list(by_id), graph)]


async def _queued(unit: ReadUnit, tenant_id: int, run_id: int) -> Sequence[Run]:
    return [run for run in await unit.find_runs(tenant_id, run_id) if run.state == "queued"]


async def _put_job(unit: WriteUnit, run: Sequence[Run]) -> int:
    tenant_id = run[0].tenant_id
    evaluated = await _evaluated(unit, run)
    refers_to = {segment_id for each in evaluated for _, segment_id in segments_in(each.version.definition)}
    references = await unit.list_referred(tenant_id, refers_to) if refers_to else ()
    return await unit.announce_job(tenant_id, job_of(evaluated, references))


async def _evaluated(unit: ReadUnit, run: Sequence[Run]) -> Sequence[Evaluated]:
    tenant_id = run[0].tenant_id
    versions = await unit.versions(tenant_id, {each.segment_id: each.version for each in run})
    present = await unit.list_segments((tenant_id,), 0, len(run), among=versions)
    static = {each.id for each in present if each.segment_type == "static"}
    return [Evaluated(run=each, version=versions[each.segment_id], is_static=each.segment_id in static) for each in run]


async def _farewell(unit: WriteUnit, segment: Segment, now: datetime, by: str) -> NewRun:
    version = Version(
        segment_id=segment.id, number=segment.version + 1, definition=NOBODY, created_at=now, created_by=by
    )
    await unit.add_version(segment.tenant_id, version)
    return NewRun(
        segment_id=segment.id, version=version.number, as_of=now, fixed=True, requested_by=by, requested_at=now
    )


async def _save(unit: WriteUnit, runs: Sequence[Run]) -> Sequence[Run]:
    if runs:
        await unit.save_runs(runs[0].tenant_id, runs)
    return runs


def _to_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
