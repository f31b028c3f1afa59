"""Carries out erasures. It runs in the role `worker`; what a worker that died has begun goes on with the next.

The order matters. Events go first, so that no later run finds the person. Then, under the tenant's lease, while no run is at work:
readers get the exits of the person, files with the person are removed, digests are forgotten, bitmaps are rewritten, and last
the row goes that leads from the person to the number in bitmaps. So each step can be repeated after a crash. All of it happens a
second time once the sink has passed what the log had before the suppression. Ids that were joined to the people meanwhile are
erased too: the erasure begins again with them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from segops_common.contracts.person_hash import PersonHash
from segops_common.core.clock import Clock
from segops_common.core.faults import FaultPoints
from segops_common.core.tasks import spawn
from segops_membership.domain.members.changes import ChangePosition
from segops_membership.domain.members.exports import Export
from segops_membership.domain.privacy.erasure import KNOWN_WITHIN_S, Erasure, ErasurePhase
from segops_membership.domain.privacy.exits import EXITS_KEPT_FOR, ErasedExit
from segops_membership.domain.publication import TenantHead
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.explorer.users import UserDirectory
from segops_membership.ports.identity.merges import MergeStore
from segops_membership.ports.ingest_watermark import IngestWatermark
from segops_membership.ports.members.export_files import ExportFiles
from segops_membership.ports.members.exports import Exports
from segops_membership.ports.membership import MembershipCache
from segops_membership.ports.privacy.erasures import Erasures, ErasureTaken
from segops_membership.ports.privacy.exits import ErasedExits
from segops_membership.ports.privacy.responses import KeptResponses
from segops_membership.ports.privacy.stores import PersonStores
from segops_membership.ports.privacy.suppressions import Suppressions
from segops_membership.ports.publication_log import PublicationLog
from segops_membership.ports.reporter import Reporter
from segops_membership.ports.tenant_leases import LeaseLost, LeaseTaken
from segops_membership.service.identity.persons import TooManyIds
from segops_membership.service.privacy.people import AllIds
from segops_membership.service.tenant_lease import Lease, LeaseHolder

LEASE: Final = timedelta(seconds=30)
RETRY_AFTER: Final = timedelta(seconds=10)
_RENEW_EVERY_S: Final = 2.0
EXPORT_FILES: Final = "export_files"
MERGES: Final = "merges"
RESPONSES: Final = "activation_responses"
_log = logging.getLogger(__name__)


class NotSettled(Exception):
    """Something from before the suppression may still arrive: the erasure goes on later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStores:
    """Everything that may know a person. `files` is None where exports have no place."""

    suppressions: Suppressions
    merges: MergeStore
    people: PersonStores
    directory: UserDirectory
    publications: PublicationLog
    reporter: Reporter
    exits: ErasedExits
    responses: KeptResponses
    exports: Exports
    files: ExportFiles | None
    cache: MembershipCache


@dataclass(slots=True)
class _Work:
    """Erasures of one tenant that are carried out together, and what is done now."""

    erasures: Sequence[Erasure]
    phase: ErasurePhase | None = None

    @property
    def tenant_id(self) -> int:
        return self.erasures[0].tenant_id

    @property
    def user_ids(self) -> Sequence[str]:
        return [*dict.fromkeys(user_id for erasure in self.erasures for user_id in erasure.user_ids)]

    @property
    def began_at(self) -> datetime:
        return min(erasure.created_at for erasure in self.erasures)


class RunErasures:
    """Takes the erasures of one tenant after the other. What waits for a tenant is done together."""

    def __init__(
        self,
        *,
        erasures: Erasures,
        stores: ErasureStores,
        all_ids: AllIds,
        person_hash: PersonHash,
        leases: LeaseHolder,
        watermark: IngestWatermark,
        clock: Clock,
        faults: FaultPoints,
        known_within_s: float = KNOWN_WITHIN_S,
        lease: timedelta = LEASE,
    ) -> None:
        self._erasures = erasures
        self._on = stores
        self._all_ids = all_ids
        self._hash = person_hash
        self._leases = leases
        self._watermark = watermark
        self._clock = clock
        self._faults = faults
        self._known_within_s = known_within_s
        self._lease = lease

    async def run_next(self) -> bool:
        """Carry out what waits for one tenant, and return whether there was something. Raises EngineUnavailable."""
        erasures = await self._erasures.take(self._lease)
        if not erasures:
            return False
        with suppress(ErasureTaken):
            await self._carry_out(_Work(erasures))
        return True

    async def forget_exits(self) -> None:
        """Remove exits of erased people that readers of changes have had time to read. Raises EngineUnavailable."""
        await self._on.exits.forget(self._clock.now() - EXITS_KEPT_FOR)

    async def _carry_out(self, work: _Work) -> None:
        working = spawn(self._try_to_erase(work), name=f"erasures of tenant {work.tenant_id}")
        try:
            while not working.done():
                await asyncio.wait([working], timeout=_RENEW_EVERY_S)
                for erasure in () if working.done() else work.erasures:
                    await self._erasures.renew(erasure.tenant_id, erasure.id, erasure.attempts, work.phase, self._lease)
        finally:
            working.cancel()
            await asyncio.wait([working])
        obstacle = await working
        if obstacle is not None:
            _log.warning("erasures of tenant %d go on later: %s", work.tenant_id, obstacle)
            for erasure in work.erasures:
                with suppress(ErasureTaken):
                    await self._erasures.put_back(erasure.tenant_id, erasure.id, erasure.attempts, RETRY_AFTER)

    async def _try_to_erase(self, work: _Work) -> Exception | None:
        """Return what stands in the way, or None when the erasures are complete."""
        try:
            await self._erase(work)
        except (EngineUnavailable, NotSettled, LeaseTaken, LeaseLost) as error:
            return error
        return None

    async def _erase(self, work: _Work) -> None:
        work.phase = ErasurePhase.SUPPRESSING
        await self._with_joined_ids(work)
        suppressed_at = max([await self._suppress(erasure) for erasure in work.erasures])
        self._faults.reach("after_suppression")
        work.phase = ErasurePhase.COUNTING
        work.erasures = [await self._counted(erasure) for erasure in work.erasures]
        work.phase = ErasurePhase.DELETING
        await self._delete(work, first_deleted_at=None)
        first_deleted_at = self._clock.now()
        work.phase = ErasurePhase.WAITING
        await self._settle(work.tenant_id, suppressed_at)
        if await self._with_joined_ids(work):
            raise NotSettled("other ids were joined to the people meanwhile")
        work.phase = ErasurePhase.VERIFYING
        await self._delete(work, first_deleted_at=first_deleted_at)
        for erasure in work.erasures:
            await self._complete(erasure)

    async def _with_joined_ids(self, work: _Work) -> bool:
        """Add the ids that are joined to the people by now, and return whether there were any."""
        erasures = [await self._with_all_ids(erasure) for erasure in work.erasures]
        is_extended = erasures != work.erasures
        work.erasures = erasures
        return is_extended

    async def _with_all_ids(self, erasure: Erasure) -> Erasure:
        tenant_id = erasure.tenant_id
        try:
            more = (await self._all_ids.of(tenant_id, erasure.user_ids))[len(erasure.user_ids) :]
        except TooManyIds:
            _log.error("erasure %s: the ids that were joined after the request are too many, and stay", erasure.id)
            return erasure
        if not more:
            return erasure
        before = erasure.before
        if before is not None:
            counts = await self._count_all(replace(erasure, user_ids=more))
            before = {store: count + counts[store] for store, count in before.items()}
        subjects = [self._hash.of(tenant_id, id) for id in more]
        return await self._erasures.extend(erasure, more, subjects, before)

    async def _counted(self, erasure: Erasure) -> Erasure:
        """Return the erasure with the numbers of rows at its beginning."""
        if erasure.before is not None:
            return erasure
        before = await self._count_all(erasure)
        await self._erasures.save_before(erasure.tenant_id, erasure.id, erasure.attempts, before)
        return replace(erasure, before=before)

    async def _complete(self, erasure: Erasure) -> None:
        after = await self._count_all(erasure)
        if any(after.values()):
            raise NotSettled(f"rows have come back: {after}")
        self._faults.reach("before_receipt")
        with suppress(ErasureTaken):
            await self._erasures.complete(erasure.tenant_id, erasure.id, erasure.attempts, after, self._clock.now())

    async def _count_all(self, erasure: Erasure) -> Mapping[str, int]:
        numbers = await self._on.people.numbers(erasure.tenant_id, erasure.user_ids)
        files = await self._files_with(erasure.tenant_id, numbers)
        merges = await self._on.merges.count(erasure.tenant_id, erasure.user_ids)
        rows = await self._on.people.count(erasure.tenant_id, erasure.user_ids)
        responses = await self._on.responses.count(erasure.tenant_id)
        return {**rows, MERGES: merges, RESPONSES: responses, EXPORT_FILES: len(files)}

    async def _suppress(self, erasure: Erasure) -> datetime:
        """Suppress the people unless the request has done it, and return when they were."""
        if erasure.suppressed_at is not None:
            return erasure.suppressed_at
        await self._on.suppressions.suppress(erasure.tenant_id, erasure.subjects, erasure.created_at)
        at = self._clock.now()
        await self._erasures.mark_suppressed(erasure.tenant_id, erasure.id, at)
        return at

    async def _settle(self, tenant_id: int, suppressed_at: datetime) -> None:
        """Return when nothing from before the suppression can arrive any more. Raises NotSettled."""
        known_at = suppressed_at + timedelta(seconds=self._known_within_s)
        while (left_s := (known_at - self._clock.now()).total_seconds()) > 0:
            await self._clock.sleep(min(left_s, 0.5))
        lag = await self._watermark.wait_until_ingested()
        if lag is not None:
            raise NotSettled(f"the sink is behind: {lag}")
        if await self._on.exports.count_open(tenant_id):
            raise NotSettled("an export is being written")

    async def _delete(self, work: _Work, *, first_deleted_at: datetime | None) -> None:
        """Delete everywhere. The second time, `first_deleted_at` says when the first time had ended."""
        tenant_id, user_ids = work.tenant_id, work.user_ids
        # Before the rows in the warehouse, which are made from these.
        await self._on.merges.forget(tenant_id, user_ids)
        await self._on.responses.cut(tenant_id)
        await self._on.people.delete_events(tenant_id, user_ids)
        async with self._leases.hold(tenant_id) as lease:
            numbers = await self._on.people.numbers(tenant_id, user_ids)
            await self._report_exits(lease, user_ids)
            self._faults.reach("after_erased_exits")
            await self._remove_files(await self._files_with(tenant_id, numbers))
            if first_deleted_at is not None:
                await self._remove_files(await self._late_files(work, first_deleted_at))
            lease.check()
            # Also without a number: a worker before this one may have deleted it.
            await self._on.publications.forget_digests(tenant_id)
            await self._on.people.delete_members(tenant_id, user_ids, numbers)
            head = await self._on.publications.head(tenant_id)
        with suppress(EngineUnavailable):
            # Without Redis nothing is cached, and what it had kept until now expires within minutes.
            await self._on.cache.forget(tenant_id, head.number, user_ids)

    async def _report_exits(self, lease: Lease, user_ids: Collection[str]) -> None:
        """Report the exits to the log, and keep them for readers of changes.

        A reader that is behind may have the person in a segment from which a later run has removed them: that change goes with the
        person, so the exits are from all segments that the person was ever in.
        """
        tenant_id, now = lease.tenant_id, self._clock.now()
        segments = await self._on.people.segments_of(tenant_id, user_ids)
        if not segments:
            return
        head = await self._on.publications.head(tenant_id)
        for user_id in segments:
            present = await self._on.directory.memberships_of(tenant_id, user_id)
            runs = {id: head.segments[id].attempt.run_id for id in present if id in head.segments}
            if runs:
                lease.check()
                await self._on.reporter.report_erasure(tenant_id, user_id, runs, now)
        exits = await self._exits(tenant_id, head, segments)
        lease.check()
        await self._on.exits.add(tenant_id, ChangePosition(head.number, head.run_id), exits, now)

    async def _exits(
        self, tenant_id: int, head: TenantHead, segments: Mapping[str, Collection[int]]
    ) -> Sequence[ErasedExit]:
        versions: dict[int, int] = {}
        for run_id in {
            head.segments[id].attempt.run_id for ids in segments.values() for id in ids if id in head.segments
        }:
            publication = await self._on.publications.find(tenant_id, run_id)
            results = () if publication is None else publication.segments
            versions |= {result.segment_id: result.version for result in results}
        return [
            ErasedExit(
                user_id=user_id,
                segment_id=id,
                run_id=head.segments[id].attempt.run_id,
                version=versions.get(id, 0),
            )
            for user_id, ids in segments.items()
            for id in sorted(ids)
            if id in head.segments
        ]

    async def _files_with(self, tenant_id: int, numbers: Collection[int]) -> Sequence[Export]:
        """Return the exports whose files contain one of the numbers."""
        exports = await self._on.exports.with_files(tenant_id) if numbers else ()
        if not exports:
            return ()
        with_person = set(await self._on.people.attempts_with(tenant_id, numbers))
        return [export for export in exports if (export.segment_id, export.publication) in with_person]

    async def _late_files(self, work: _Work, first_deleted_at: datetime) -> Sequence[Export]:
        """Return the exports that were being written while bitmaps were rewritten: nobody knows what they contain."""
        return [
            export
            for export in await self._on.exports.with_files(work.tenant_id)
            if export.created_at <= first_deleted_at and (export.finished_at or first_deleted_at) >= work.began_at
        ]

    async def _remove_files(self, exports: Sequence[Export]) -> None:
        for export in exports:
            await self._on.exports.expire(export.tenant_id, export.id, self._clock.now())
            if self._on.files is not None:
                await self._on.files.remove(export.tenant_id, export)
            await self._on.exports.mark_removed(export.tenant_id, export.id)
