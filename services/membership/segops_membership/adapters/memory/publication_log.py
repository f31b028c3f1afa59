"""The chain of publications in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from segops_membership.adapters.memory.tenant_leases import MemoryTenantLeases
from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import NOTHING_REPORTED, Publication, SegmentHead, TenantHead
from segops_membership.ports.tenant_leases import LeaseLost


@dataclass(slots=True)
class _Entry:
    publication: Publication
    visible: bool = False
    reported_from: Mapping[int, int] | None = None


@dataclass(slots=True)
class _Chain:
    entries: dict[int, _Entry] = field(default_factory=dict)
    """By run, in the order in which they were appended."""
    segments: dict[int, SegmentHead] = field(default_factory=dict)
    run_id: int = 0


class MemoryPublicationLog:
    """See the port `PublicationLog`."""

    def __init__(self, *, leases: MemoryTenantLeases) -> None:
        self._leases = leases
        self._chains: dict[int, _Chain] = {}

    async def head(self, tenant_id: int) -> TenantHead:
        """See the port."""
        chain = self._chain(tenant_id)
        return TenantHead(chain.run_id, len(chain.entries), dict(chain.segments))

    async def find(self, tenant_id: int, run_id: int) -> Publication | None:
        """See the port."""
        entry = self._chain(tenant_id).entries.get(run_id)
        return entry.publication if entry else None

    async def not_visible(self, tenant_id: int) -> Sequence[Publication]:
        """See the port."""
        return [entry.publication for entry in self._chain(tenant_id).entries.values() if not entry.visible]

    async def visible_end(self, tenant_id: int) -> Publication | None:
        """See the port."""
        visible = self._visible(tenant_id)
        return visible[-1] if visible else None

    async def visible_after(
        self, tenant_id: int, after: int, through: int, *, limit: int, segment_id: int | None = None
    ) -> Sequence[Publication]:
        """See the port."""
        return [
            item
            for item in self._visible(tenant_id)
            if after < item.number <= through
            and (segment_id is None or any(part.segment_id == segment_id for part in item.segments))
        ][:limit]

    async def append(self, tenant_id: int, publication: Publication) -> Publication:
        """See the port."""
        chain, attempt = self._chain(tenant_id), publication.attempt
        if not self._leases.is_newest(tenant_id, attempt.fence) or publication.base_run_id != chain.run_id:
            raise LeaseLost(f"run {attempt.run_id} of tenant {tenant_id} was overtaken")
        numbered = publication.numbered(len(chain.entries) + 1)
        chain.entries[attempt.run_id] = _Entry(numbered)
        chain.run_id = attempt.run_id
        for segment in publication.segments:
            digest = None if segment.digest is None else Digest.parse(segment.digest)
            before = chain.segments.get(segment.segment_id)
            last = NOTHING_REPORTED if before is None else before.last_reported
            reported = None if publication.is_complete else last
            version = segment.version if publication.is_complete else before.reported_version if before else 0
            chain.segments[segment.segment_id] = SegmentHead(attempt, publication.as_of_ms, digest, reported, version)
        return numbered

    async def forget_digests(self, tenant_id: int) -> None:
        """See the port."""
        chain = self._chain(tenant_id)
        chain.segments = {id: replace(head, digest=None) for id, head in chain.segments.items()}

    async def mark_visible(self, tenant_id: int, run_id: int) -> None:
        """See the port."""
        self._chain(tenant_id).entries[run_id].visible = True

    async def begin_reporting(self, tenant_id: int, run_id: int, ends: Mapping[int, int]) -> Mapping[int, int] | None:
        """See the port."""
        entry = self._chain(tenant_id).entries[run_id]
        before = entry.reported_from
        if before is None:
            entry.reported_from = dict(ends)
        return before

    async def mark_reported(self, tenant_id: int, run_id: int) -> None:
        """See the port."""
        entry = self._chain(tenant_id).entries[run_id]
        entry.publication = replace(entry.publication, reported=True)

    def _visible(self, tenant_id: int) -> list[Publication]:
        return [entry.publication for entry in self._chain(tenant_id).entries.values() if entry.visible]

    def _chain(self, tenant_id: int) -> _Chain:
        return self._chains.setdefault(tenant_id, _Chain())
