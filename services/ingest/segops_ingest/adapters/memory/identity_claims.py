"""Claims in a dictionary."""

from __future__ import annotations

from typing import Final

from segops_ingest.ports.identity_claims import ClaimsUnavailable, StoredClaim

UNCLAIMED: Final = StoredClaim(None, 0, None)


class MemoryIdentityClaims:
    """See the port `IdentityClaims`. Set `reachable` to False for an outage."""

    def __init__(self) -> None:
        self.reachable = True
        self.claims: dict[tuple[int, str], StoredClaim] = {}

    async def of(self, tenant_id: int, anonymous_id: str) -> StoredClaim:
        """See the port."""
        if not self.reachable:
            raise ClaimsUnavailable("unreachable")
        return self.claims.get((tenant_id, anonymous_id), UNCLAIMED)
