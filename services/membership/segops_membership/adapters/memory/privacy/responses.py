"""Responses in the delivery logs in memory."""

from __future__ import annotations

from segops_membership.adapters.memory.activations.store import MemoryActivations


class MemoryKeptResponses:
    """See the port `KeptResponses`."""

    def __init__(self, *, activations: MemoryActivations) -> None:
        self._activations = activations

    async def count(self, tenant_id: int) -> int:
        """See the port."""
        return len(self._activations.responses_with_ids(tenant_id))

    async def cut(self, tenant_id: int) -> None:
        """See the port."""
        self._activations.cut_responses(tenant_id)
