"""Claims and merges in a memory warehouse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.identity.joins import Claim
from segops_membership.domain.identity.merges import Resolution


class MemoryJoinReader:
    """See the port `JoinReader`."""

    def __init__(self, *, warehouse: MemoryWarehouse) -> None:
        self._warehouse = warehouse

    async def has_joins(self, tenant_id: int) -> bool:
        """See the port."""
        facts = self._warehouse.tenant(tenant_id).facts
        return bool(facts.claims or facts.resolutions)

    async def claims_on(self, tenant_id: int, anonymous_ids: Collection[str]) -> Sequence[Claim]:
        """See the port."""
        claims = sorted(self._warehouse.tenant(tenant_id).facts.claims, key=lambda claim: claim.order)
        first: dict[str, Claim] = {}
        for claim in claims:
            if claim.anonymous_id in anonymous_ids:
                first.setdefault(claim.anonymous_id, claim)
        return list(first.values())

    async def claimed_by(self, tenant_id: int, user_ids: Collection[str], limit: int) -> Sequence[str]:
        """See the port."""
        claims = self._warehouse.tenant(tenant_id).facts.claims
        return sorted({claim.anonymous_id for claim in claims if claim.user_id in user_ids})[:limit]

    async def known_since(self, tenant_id: int, ids: Collection[str]) -> Mapping[str, int]:
        """See the port."""
        return {id: at_ms for id, at_ms in self._warehouse.tenant(tenant_id).facts.known_since.items() if id in ids}

    async def resolutions(self, tenant_id: int, ids: Collection[str]) -> Sequence[Resolution]:
        """See the port."""
        resolutions = self._warehouse.tenant(tenant_id).facts.resolutions
        merged = {resolution.user_id for resolution in resolutions if resolution.canonical_id in ids}
        return [resolution for resolution in resolutions if resolution.user_id in merged or resolution.user_id in ids]
