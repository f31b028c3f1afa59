"""The chain of publications of each tenant: what it says is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from segops_membership.domain.publication import Publication, TenantHead


class PublicationLog(Protocol):
    """Keeps the publications of each tenant and how far each was made visible and reported."""

    async def head(self, tenant_id: int) -> TenantHead:
        """Return the end of the chain, with the published state of every segment."""
        ...

    async def find(self, tenant_id: int, run_id: int) -> Publication | None:
        """Return the publication of a run; None when it has none."""
        ...

    async def not_visible(self, tenant_id: int) -> Sequence[Publication]:
        """Return the publications that are not marked as visible, by ascending number."""
        ...

    async def visible_end(self, tenant_id: int) -> Publication | None:
        """Return the visible publication with the greatest number; None when there is none."""
        ...

    async def visible_after(
        self, tenant_id: int, after: int, through: int, *, limit: int, segment_id: int | None = None
    ) -> Sequence[Publication]:
        """Return visible publications with a number above `after` and at most `through`, ascending, at most `limit`.

        With `segment_id`, only those that published the segment.
        """
        ...

    async def append(self, tenant_id: int, publication: Publication) -> Publication:
        """Append a publication and return it with its number.

        Raises LeaseLost, without any effect, when the attempt's lease is no longer the tenant's newest or the base is
        no longer the end of the chain.
        """
        ...

    async def forget_digests(self, tenant_id: int) -> None:
        """Forget the digests of the published segments: the next run of each sums all of its members up.

        The caller holds the tenant's lease.
        """
        ...

    async def mark_visible(self, tenant_id: int, run_id: int) -> None:
        """Record that lookups see the publication. Can be repeated."""
        ...

    async def begin_reporting(self, tenant_id: int, run_id: int, ends: Mapping[int, int]) -> Mapping[int, int] | None:
        """Record where the log of changes ended before the first change was reported, by partition.

        Returns what an earlier attempt recorded, and keeps it; None for the first.
        """
        ...

    async def mark_reported(self, tenant_id: int, run_id: int) -> None:
        """Record that the result and every change were reported. Can be repeated."""
        ...
