"""Cache invalidation within a process."""

from __future__ import annotations

from segops_common.security.cache_invalidation import key_changed, tenant_changed, user_changed


class MemoryCacheInvalidation:
    """Keeps the messages, in the order in which they were published."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    async def key_changed(self, key_id: int) -> None:
        self.messages.append(key_changed(key_id))

    async def user_changed(self, user_id: int) -> None:
        self.messages.append(user_changed(user_id))

    async def tenant_changed(self, tenant_id: int) -> None:
        self.messages.append(tenant_changed(tenant_id))
