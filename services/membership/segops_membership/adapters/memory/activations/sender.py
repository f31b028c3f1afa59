"""Receivers in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from segops_membership.ports.activations.sender import Answer

Receiver = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]


class MemorySender:
    """See the port `Sender`. `receiver` answers every request."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    async def send(
        self,
        tenant_id: int,  # noqa: ARG002 only for logs
        method: str,  # noqa: ARG002 receivers answer every one
        url: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        """See the port."""
        return await self.receiver(url, headers, body)
