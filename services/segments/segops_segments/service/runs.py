"""Requesting runs, following them, and giving up on lost ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from segops_common.contracts.definition import segments_in
from segops_common.contracts.jobs import ComputeResult
from segops_common.kit.clock import Clock
from segops_common.kit.errors import Fault, NotFound, ValidationFailed
from segops_common.kit.pagination import Page, decode_cursor, encode_cursor
from segops_segments.domain.run import MAX_ATTEMPTS, NewRun, Run, advance, job_of
from segops_segments.domain.segment import NOBODY, Segment, Version
from segops_segments.domain.standing import Standing, standing_of
from segops_segments.domain.static_list import no_members
from segops_segments.ports import ReadUnit, Store, WriteUnit
from segops_segments.service.joined import JoinedCalls
from segops_segments.service.references import check_unused
from segops_segments.service.segments import NEWEST, check_version, require_segment


class RunService:
    """Runs of segments. `lease` is how long a run may be silent before it is announced again."""

    def __init__(self, *, store: Store, clock: Clock, lease: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
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
        now = _to_milliseconds(self._clock.now())
        if as_of is not None and as_of > now:
            fault = Fault("as_of", "out-of-range", "as_of is not later than now")
            raise ValidationFailed("A run cannot look into the future.", errors=[fault])
        async with self._store.writing(tenant_id) as unit:
            segment = await require_segment(unit, (tenant_id,), segment_id)
            version = await _version_in_force(unit, tenant_id, segment_id, segment.version)
            new = NewRun(
                segment_id=segment_id,
                version=version.number,
                as_of=now if as_of is None else _to_milliseconds(as_of),
                fixed=as_of is not None,
                requested_by=by,
                requested_at=now,
            )
            if new.fixed:
                return await self._announce(unit, await unit.add_run(tenant_id, new))
            return await self._queue(unit, tenant_id, new)

    async def queue(self, unit: WriteUnit, segment: Segment, *, by: str) -> Run:
        """The same within a transaction: a run of the segment's newest version as of now."""
        now = _to_milliseconds(self._clock.now())
        version = await _version_in_force(unit, segment.tenant_id, segment.id, segment.version)
        new = NewRun(
            segment_id=segment.id,
            version=version.number,
            as_of=now,
            fixed=False,
            requested_by=by,
            requested_at=now,
        )
        return await self._queue(unit, segment.tenant_id, new)

    async def _queue(self, unit: WriteUnit, tenant_id: int, new: NewRun) -> Run:
        queued = await unit.queued_runs(tenant_id, new.segment_id)
        if not queued:
            return await self._announce(unit, await unit.add_run(tenant_id, new))
        last = queued[-1]
        if last.message_id is None:
            return await _save(unit, last.renewed(new))
        if await unit.recall_job(tenant_id, last.message_id):
            renewed = last.renewed(new)
            return await _save(unit, renewed.reannounced(await _put_job(unit, renewed)))
        return await unit.add_run(tenant_id, new)

    async def _announce(self, unit: WriteUnit, run: Run) -> Run:
        message_id = await _put_job(unit, run)
        return await _save(unit, run.announced(message_id, self._clock.now() + self._lease))

    async def delete_segment(self, tenant_id: int, segment_id: int, *, expected: int | None, by: str) -> None:
        """Make a segment absent, and let everybody exit by its last run, which is of nobody.

        Runs that nobody has begun are dropped. Raises NotFound, PreconditionFailed or Conflict (segment-in-use).
        """
        now = _to_milliseconds(self._clock.now())
        async with self._store.writing(tenant_id) as unit:
            segment = await require_segment(unit, (tenant_id,), segment_id)
            check_version(segment, expected)
            check_unused(segment)
            for run in await unit.queued_runs(tenant_id, segment_id):
                if run.message_id is None or await unit.recall_job(tenant_id, run.message_id):
                    await unit.save_run(tenant_id, run.dropped(now))
            farewell = await _farewell(unit, segment, now, by)
            if segment.segment_type == "static":
                await unit.announce_members(
                    tenant_id, no_members(replace(segment, version=farewell.version), deleted=True)
                )
            await self._announce(unit, await unit.add_run(tenant_id, farewell))
            await unit.delete_segment(tenant_id, segment_id, now)
            await unit.announce_change(tenant_id, segment.announcement(deleted=True))

    async def get(self, tenant_id: int, segment_id: int, run_id: int) -> Run:
        """A run of the segment; raises NotFound."""
        async with self._store.reading() as unit:
            run = await unit.find_run(tenant_id, run_id)
        if run is None or run.segment_id != segment_id:
            raise NotFound("The segment has no such run.")
        return run

    async def standing(self, segment: Segment) -> Standing:
        """Where the segment's members come from."""
        async with self._store.reading() as unit:
            served = await unit.served_run(segment.tenant_id, segment.id)
            settled = await unit.settled_run(segment.tenant_id, segment.id)
            version = await _version_in_force(unit, segment.tenant_id, segment.id, segment.version)
        return standing_of(served, settled, version.number)

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
            run = await unit.find_run(result.tenant_id, result.run_id)
            if run is None:
                return
            advanced = advance(run, result, self._lease)
            if advanced is not run:
                await _save(unit, advanced)
            await self._release(unit, advanced)

    async def _release(self, unit: WriteUnit, run: Run) -> None:
        """Announce the run that waits, once the one before it is no longer queued."""
        queued = await unit.queued_runs(run.tenant_id, run.segment_id)
        if queued and queued[0].message_id is None:
            await self._announce(unit, queued[0])

    async def sweep(self, limit: int = 100) -> int:
        """Announce silent runs once more, or give them up after five times; how many were silent."""
        overdue = await self._store.overdue_runs(self._clock.now(), limit)
        for tenant_id, run_id in overdue:
            async with self._store.writing(tenant_id) as unit:
                await self._revive(unit, await unit.find_run(tenant_id, run_id))
        return len(overdue)

    async def _revive(self, unit: WriteUnit, run: Run | None) -> None:
        now = self._clock.now()
        if run is None or run.final or run.lease_until is None or run.lease_until > now:
            return
        if run.attempts < MAX_ATTEMPTS:
            await self._announce(unit, run)
            return
        await _save(unit, run.given_up(now))
        await self._release(unit, run)


async def _put_job(unit: WriteUnit, run: Run) -> int:
    version = await _version_in_force(unit, run.tenant_id, run.segment_id, run.version)
    segment = await unit.find_segment((run.tenant_id,), run.segment_id)
    is_static = segment is not None and segment.segment_type == "static"
    refers_to = {segment_id for _, segment_id in segments_in(version.definition)}
    references = await unit.list_referred(run.tenant_id, refers_to) if refers_to else ()
    return await unit.announce_job(run.tenant_id, job_of(run, version, references, is_static=is_static))


async def _farewell(unit: WriteUnit, segment: Segment, now: datetime, by: str) -> NewRun:
    version = Version(
        segment_id=segment.id, number=segment.version + 1, definition=NOBODY, created_at=now, created_by=by
    )
    await unit.add_version(segment.tenant_id, version)
    return NewRun(
        segment_id=segment.id, version=version.number, as_of=now, fixed=True, requested_by=by, requested_at=now
    )


async def _version_in_force(unit: ReadUnit, tenant_id: int, segment_id: int, number: int) -> Version:
    version = await unit.version(tenant_id, segment_id, number)
    if version is None:
        raise LookupError("every segment has a version from its first day")
    return version


async def _save(unit: WriteUnit, run: Run) -> Run:
    await unit.save_run(run.tenant_id, run)
    return run


def _to_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
