"""API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from segops_auth.domain.values import ApiKey, KeySecret, NewApiKey


class ApiKeyReads(Protocol):
    """Looks up keys. A revoked key is never returned."""

    async def api_keys(self, tenant_id: int, after: int, limit: int, *, offset: int = 0) -> Sequence[ApiKey]:
        """Return at most `limit` keys with an id greater than `after`, ascending. `offset` skips so many of them."""
        ...

    async def api_key_count(self, tenant_id: int) -> int:
        """Return the number of the tenant's keys."""
        ...

    async def api_key(self, tenant_id: int, key_id: int) -> ApiKey | None:
        """Return the tenant's key with this id."""
        ...

    async def api_key_tenant(self, key_id: int) -> int | None:
        """Return the id of the tenant that the key belongs to."""
        ...

    async def api_key_hash(self, tenant_id: int, key_id: int) -> str | None:
        """Return the hash of the key's current secret."""
        ...

    async def api_key_by_hash(self, key_hash: str, now: datetime) -> KeySecret | None:
        """Return the key whose current secret has this hash, or whose previous secret has it and still works at `now`."""
        ...

    async def api_key_owner(self, key_hash: str) -> tuple[int, int] | None:
        """Return the tenant and the id of the key that has or had this hash, also if it is revoked or expired."""
        ...


class ApiKeyWrites(Protocol):
    """Changes keys. Each change of one key returns None if the tenant has no such key or it is revoked."""

    async def add_api_key(self, tenant_id: int, key: NewApiKey) -> ApiKey:
        """Store the key and return it with its id."""
        ...

    async def set_api_key_origins(self, tenant_id: int, key_id: int, origins: Sequence[str]) -> ApiKey | None:
        """Replace the allowed origins."""
        ...

    async def set_signed_user_ids(self, tenant_id: int, key_id: int, since: datetime | None) -> ApiKey | None:
        """Set since when sessions require a signed user id; None if they do not."""
        ...

    async def revoke_api_key(self, tenant_id: int, key_id: int, at: datetime) -> ApiKey | None:
        """Revoke the key."""
        ...

    async def rotate_api_key(
        self, tenant_id: int, key_id: int, key_hash: str, last_four: str, previous_until: datetime
    ) -> ApiKey | None:
        """Give the key another secret. The current one keeps working until `previous_until`."""
        ...

    async def record_api_key_use(self, used_at: Mapping[int, datetime]) -> None:
        """Store when each key was last used. A time earlier than the stored one is ignored, and so is an unknown id."""
        ...
