"""What ingestion asks auth about tenants, besides who a caller is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class DirectoryUnavailable(Exception):
    """Auth does not respond."""


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """The tenant of an API key, which may be revoked or expired."""

    tenant_id: int
    key_id: int


class TenantDirectory(Protocol):
    """Knows the owners of keys and the test tenants of tenants."""

    async def owner_of(self, key: str) -> KeyOwner | None:
        """Return whose key this is or was, None for an unknown one. Raises DirectoryUnavailable."""
        ...

    async def test_tenant_of(self, tenant_id: int) -> int | None:
        """Return the test tenant of a tenant, a test tenant itself, or None without one. Raises DirectoryUnavailable."""
        ...
