"""Reports to other services and to readers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from segops_common.contracts.jobs import ComputeResult
from segops_membership.domain.publication import MemberChanges, Publication

ReportedChange = tuple[int, str, str]
"""Segment, user, and `entered` or `exited`: unique within a run."""


class Reporter(Protocol):
    """Reports results and changes; a result may be reported more than once."""

    async def report_result(self, result: ComputeResult) -> None:
        """Report a change of a run's state. Reports of one tenant keep their order."""
        ...

    async def report_changes(self, publication: Publication, changes: MemberChanges) -> None:
        """Report users who entered or exited a segment. Reports about one user keep their order."""
        ...

    async def report_erasure(self, tenant_id: int, user_id: str, runs: Mapping[int, int], at: datetime) -> None:
        """Report that a user exited segments because they were erased. `runs` has the last published run of each."""
        ...

    async def change_ends(self) -> Mapping[int, int]:
        """Return, for each partition of the log of changes, the position of the next record."""
        ...

    async def reported_since(
        self, tenant_id: int, run_id: int, starts: Mapping[int, int]
    ) -> Collection[ReportedChange]:
        """Return the changes of a run that were reported from these positions on.

        Returns nothing when more was reported since than can be read back; changes are then reported a second time.
        """
        ...


class PublicationSignal(Protocol):
    """Tells readers at once that a tenant has a newer publication; without it they notice within a second."""

    async def raise_to(self, tenant_id: int, number: int) -> None:
        """Signal the number, unless a greater one is signalled already. Never raises: a lost signal costs only time."""
        ...
