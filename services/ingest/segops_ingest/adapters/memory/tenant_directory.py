"""The directory of tenants in dictionaries."""

from __future__ import annotations

from segops_ingest.ports.tenant_directory import DirectoryUnavailable, KeyOwner


class MemoryTenantDirectory:
    """Set `reachable` to False for an outage."""

    def __init__(self) -> None:
        self.reachable = True
        self.owners: dict[str, KeyOwner] = {}
        self.test_tenants: dict[int, int] = {}

    async def owner_of(self, key: str) -> KeyOwner | None:
        """See `TenantDirectory`."""
        self._check()
        return self.owners.get(key)

    async def test_tenant_of(self, tenant_id: int) -> int | None:
        """See `TenantDirectory`."""
        self._check()
        return self.test_tenants.get(tenant_id)

    def _check(self) -> None:
        if not self.reachable:
            raise DirectoryUnavailable("unreachable")
