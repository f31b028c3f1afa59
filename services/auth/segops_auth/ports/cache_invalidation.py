"""Invalidation of what the other services cache about credentials."""

from __future__ import annotations

from typing import Protocol


class CacheInvalidation(Protocol):
    """Tells every service to drop a cached credential.

    Never raises: a lost message only delays the change, because cached answers expire after 30 seconds.
    """

    async def key_changed(self, key_id: int) -> None:
        """Publish that a key was revoked, rotated or given other origins."""
        ...

    async def user_changed(self, user_id: int) -> None:
        """Publish that a user's roles have changed."""
        ...

    async def tenant_changed(self, tenant_id: int) -> None:
        """Publish that a tenant's slug has changed, which concerns its members and keys."""
        ...
