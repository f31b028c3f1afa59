"""Reports in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from segops_common.contracts.jobs import ComputeResult
from segops_membership.domain.publication import MemberChanges, Publication
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.reporter import ReportedChange

_PARTITION: Final = 0


class MemoryReporter:
    """See the port `Reporter`. Keeps everything in order; unless it is `reachable`, calls raise EngineUnavailable."""

    def __init__(self) -> None:
        self.results: list[ComputeResult] = []
        self.changes: list[tuple[int, int, ReportedChange]] = []
        """Tenant, run and change."""
        self.reachable = True

    async def report_result(self, result: ComputeResult) -> None:
        """See the port."""
        self._check()
        self.results.append(result)

    async def report_changes(self, publication: Publication, changes: MemberChanges) -> None:
        """See the port."""
        self._check()
        for user_id in changes.user_ids:
            change = (changes.segment_id, user_id, changes.change)
            self.changes.append((publication.tenant_id, publication.attempt.run_id, change))

    async def report_erasure(self, tenant_id: int, user_id: str, runs: Mapping[int, int], at: datetime) -> None:  # noqa: ARG002 reports have no times here
        """See the port."""
        self._check()
        self.changes += [(tenant_id, run_id, (segment_id, user_id, "exited")) for segment_id, run_id in runs.items()]

    async def change_ends(self) -> Mapping[int, int]:
        """See the port."""
        self._check()
        return {_PARTITION: len(self.changes)}

    async def reported_since(
        self, tenant_id: int, run_id: int, starts: Mapping[int, int]
    ) -> Collection[ReportedChange]:
        """See the port."""
        self._check()
        since = self.changes[starts.get(_PARTITION, 0) :]
        return {change for tenant, run, change in since if (tenant, run) == (tenant_id, run_id)}

    def _check(self) -> None:
        if not self.reachable:
            raise EngineUnavailable("the event log does not answer")
