"""Claims of anonymous ids in ClickHouse."""

from __future__ import annotations

from typing import Final

from segops_common.stores.clickhouse import ClickHouse, ClickHouseError
from segops_ingest.ports.identity_claims import ClaimsUnavailable, StoredClaim

_CLAIM: Final = """
SELECT count(), toUnixTimestamp64Milli(min(first_claim).1), min(first_claim).3 FROM identity_claims
WHERE tenant_id = {tenant_id:UInt64} AND anonymous_key = xxHash64({anonymous_id:String})"""
# A profile without events as a user has a time that no event can have.
_KNOWN: Final = """
SELECT count(), toUnixTimestamp64Milli(min(first_known)) FROM profile_seen
WHERE tenant_id = {tenant_id:UInt64} AND user_key = xxHash64({anonymous_id:String})
    AND first_known < toDateTime64('2299-12-31 00:00:00', 3, 'UTC')"""
_TIMEOUT_S: Final = 5.0


class ClickHouseIdentityClaims:
    """See the port `IdentityClaims`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def of(self, tenant_id: int, anonymous_id: str) -> StoredClaim:
        """See the port."""
        values = {"tenant_id": tenant_id, "anonymous_id": anonymous_id}
        try:
            claims, at, user = (await self._clickhouse.query(_CLAIM, values, timeout_s=_TIMEOUT_S)).rows[0]
            events, since = (await self._clickhouse.query(_KNOWN, values, timeout_s=_TIMEOUT_S)).rows[0]
        except ClickHouseError as error:
            raise ClaimsUnavailable(str(error)) from error
        return StoredClaim(str(user) if claims else None, int(at) if claims else 0, int(since) if events else None)
