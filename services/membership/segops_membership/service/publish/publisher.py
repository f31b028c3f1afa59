"""Publishes results: PostgreSQL decides, ClickHouse makes visible, the event log reports."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from segops_common.contracts.jobs import ComputeResult
from segops_common.core.faults import FaultPoints
from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import Attempt, MemberChanges, Publication, SegmentOutcome
from segops_membership.ports.publication_log import PublicationLog
from segops_membership.ports.reporter import PublicationSignal, ReportedChange, Reporter
from segops_membership.ports.run_results import RunResults
from segops_membership.service.tenant_lease import Lease


class Publisher:
    """Writes results and publishes them. Whoever finishes a job may repeat every step."""

    def __init__(
        self,
        *,
        publications: PublicationLog,
        results: RunResults,
        reporter: Reporter,
        signal: PublicationSignal,
        faults: FaultPoints,
    ) -> None:
        self._publications = publications
        self._results = results
        self._reporter = reporter
        self._signal = signal
        self._faults = faults

    async def write(
        self, lease: Lease, attempt: Attempt, outcomes: Sequence[SegmentOutcome], as_of_ms: int, at: datetime
    ) -> Mapping[int, Digest]:
        """Store outcomes where no reader sees them yet, and return each segment's digest. Raises LeaseLost."""
        lease.check()
        self._faults.reach("before_outcomes")
        await self._results.write_outcomes(lease.tenant_id, attempt, outcomes, as_of_ms, at)
        self._faults.reach("after_outcomes")
        lease.check()
        self._faults.reach("before_changes")
        # Both expand the stored bitmaps; neither needs the other.
        digests, _ = await asyncio.gather(
            self._results.digests(lease.tenant_id, attempt, outcomes),
            self._results.write_changes(lease.tenant_id, attempt, outcomes, at),
        )
        self._faults.reach("after_changes")
        return digests

    async def append(self, lease: Lease, publication: Publication) -> None:
        """Decide that the run is published. Raises LeaseLost."""
        lease.check()
        self._faults.reach("before_append")
        await self._publications.append(lease.tenant_id, publication)
        self._faults.reach("after_append")

    async def make_pending_visible(self, tenant_id: int) -> None:
        """Make visible what was appended, by this worker or by one that crashed before it could."""
        for publication in await self._publications.not_visible(tenant_id):
            self._faults.reach("before_show")
            await self._results.make_visible(tenant_id, publication)
            self._faults.reach("after_show")
            await self._signal.raise_to(tenant_id, publication.number)
            self._faults.reach("after_signal")
            await self._publications.mark_visible(tenant_id, publication.attempt.run_id)

    async def report(self, lease: Lease, publication: Publication) -> None:
        """Report the result, then every change that was not reported before. Raises LeaseLost.

        An incomplete run reports no changes: the next complete one reports the difference from what was reported last.
        """
        if publication.reported:
            return
        self._faults.reach("before_result")
        await self._reporter.report_result(publication.result)
        self._faults.reach("after_result")
        if publication.is_complete:
            await self._report_changes(lease, publication)
        await self._publications.mark_reported(publication.tenant_id, publication.attempt.run_id)

    async def _report_changes(self, lease: Lease, publication: Publication) -> None:
        reported = await self._reported_before(publication)
        self._faults.reach("before_announce")
        async for changes in self._results.changes(publication.tenant_id, publication):
            lease.check()
            await self._reporter.report_changes(publication, _without(reported, changes))
            self._faults.reach("amid_announce")
        self._faults.reach("after_announce")

    async def _reported_before(self, publication: Publication) -> Collection[ReportedChange]:
        """Return what a worker that crashed has reported of the publication."""
        tenant_id, run_id = publication.tenant_id, publication.attempt.run_id
        ends = await self._reporter.change_ends()
        starts = await self._publications.begin_reporting(tenant_id, run_id, ends)
        return () if starts is None else await self._reporter.reported_since(tenant_id, run_id, starts)

    async def report_result(self, result: ComputeResult) -> None:
        """Report a state of a run that publishes nothing, or nothing yet."""
        await self._reporter.report_result(result)


def _without(reported: Collection[ReportedChange], changes: MemberChanges) -> MemberChanges:
    if not reported:
        return changes
    user_ids = [
        user_id for user_id in changes.user_ids if (changes.segment_id, user_id, changes.change) not in reported
    ]
    return replace(changes, user_ids=user_ids)
