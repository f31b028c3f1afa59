"""Storage of what runs computed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pyroaring import BitMap

from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import Attempt, MemberChanges, Publication, SegmentHead, SegmentOutcome


class RunResults(Protocol):
    """Stores results by attempt. Lookups see the results of an attempt once its publication is visible."""

    async def published_members(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> Mapping[int, BitMap]:
        """Return the members of each segment as its head says. Raises EngineUnavailable when one cannot be read."""
        ...

    async def write_outcomes(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome], as_of_ms: int, at: datetime
    ) -> None:
        """Store the outcomes of an attempt. Can be repeated."""
        ...

    async def digests(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome]
    ) -> Mapping[int, Digest]:
        """Return the digest of each segment's members, from the stored outcomes.

        Where the base has a digest, only the difference is summed up.
        """
        ...

    async def write_changes(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome], at: datetime
    ) -> None:
        """Store one row for each profile that enters or exits, from the stored outcomes. Can be repeated."""
        ...

    async def make_visible(self, tenant_id: int, publication: Publication) -> None:
        """Let lookups see a publication. Can be repeated."""
        ...

    def changes(self, tenant_id: int, publication: Publication) -> AsyncIterator[MemberChanges]:
        """Yield what to report of a publication with user ids, in portions that fit in memory.

        That are the changes since the members that were reported last, which are usually the published ones.
        """
        ...
