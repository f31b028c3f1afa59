"""From outcomes to what readers see: PostgreSQL decides, ClickHouse shows, the topics tell."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from segops_common.contracts.jobs import ComputeResult
from segops_common.core.faults import FaultPoints
from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import Attempt, Changed, Proposal, Publication, SegmentOutcome
from segops_membership.ports import Announcer, Change, Ledger, PublicationSignal, Runs
from segops_membership.service.leases import Lease


class Publisher:
    """Writes what a run found and makes it visible; every step may be repeated by whoever finishes the job."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        runs: Runs,
        announcer: Announcer,
        signal: PublicationSignal,
        faults: FaultPoints,
    ) -> None:
        self._ledger = ledger
        self._runs = runs
        self._announcer = announcer
        self._signal = signal
        self._faults = faults

    async def write(
        self, lease: Lease, run_id: int, outcomes: Sequence[SegmentOutcome], as_of_ms: int, at: datetime
    ) -> Mapping[int, Digest]:
        """Store the outcomes where no reader sees them yet; the digest of each segment. Raises LeaseLost."""
        attempt = Attempt(run_id, lease.fence)
        lease.check()
        self._faults.reach("before_outcomes")
        await self._runs.write_outcomes(lease.tenant_id, attempt, outcomes, as_of_ms, at)
        self._faults.reach("after_outcomes")
        lease.check()
        self._faults.reach("before_changes")
        # Both expand the stored bitmaps, neither needs the other.
        digests, _ = await asyncio.gather(
            self._runs.digests(lease.tenant_id, attempt, outcomes),
            self._runs.write_changes(lease.tenant_id, attempt, outcomes, at),
        )
        self._faults.reach("after_changes")
        return digests

    async def append(self, lease: Lease, proposal: Proposal) -> Publication:
        """Decide that the run is published. Raises LeaseLost."""
        lease.check()
        self._faults.reach("before_append")
        publication = await self._ledger.append(lease.tenant_id, proposal)
        self._faults.reach("after_append")
        return publication

    async def show_pending(self, tenant_id: int) -> None:
        """Show what a worker decided and did not live to show."""
        for publication in await self._ledger.not_shown(tenant_id):
            self._faults.reach("before_show")
            await self._runs.show(tenant_id, publication)
            self._faults.reach("after_show")
            await self._signal.raise_to(tenant_id, publication.number)
            self._faults.reach("after_signal")
            await self._ledger.mark_shown(tenant_id, publication.attempt.run_id)

    async def announce(self, lease: Lease, publication: Publication) -> None:
        """Tell the result, then every change that was not told before. Raises LeaseLost."""
        if publication.announced:
            return
        self._faults.reach("before_result")
        await self._announcer.result(publication.result)
        self._faults.reach("after_result")
        told = await self._told(publication)
        self._faults.reach("before_announce")
        async for changed in self._runs.changes(publication.tenant_id, publication):
            lease.check()
            await self._announcer.changes(publication, _without(told, changed))
            self._faults.reach("amid_announce")
        self._faults.reach("after_announce")
        await self._ledger.mark_announced(publication.tenant_id, publication.attempt.run_id)

    async def _told(self, publication: Publication) -> Collection[Change]:
        """What a worker that died told of the publication."""
        named = publication.tenant_id, publication.attempt.run_id
        starts = await self._ledger.begin_announcing(*named, await self._announcer.ends())
        return () if starts is None else await self._announcer.told_since(*named, starts)

    async def tell(self, result: ComputeResult) -> None:
        """Report a state of a run that publishes nothing, or has not yet."""
        await self._announcer.result(result)


def _without(told: Collection[Change], changed: Changed) -> Changed:
    if not told:
        return changed
    new = [user for user in changed.user_ids if (changed.segment_id, user, changed.change) not in told]
    return replace(changed, user_ids=new)
