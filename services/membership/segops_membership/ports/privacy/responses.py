"""Responses of receivers to requests with user ids: a receiver may send ids back."""

from __future__ import annotations

from typing import Protocol


class KeptResponses(Protocol):
    """The responses in the delivery logs of activations. Methods raise EngineUnavailable."""

    async def count(self, tenant_id: int) -> int:
        """Return how many responses to requests with user ids are kept."""
        ...

    async def cut(self, tenant_id: int) -> None:
        """Remove these responses, and leave the entries of the logs.

        Which of them name a person cannot be told: a receiver may cut, encode or translate what it sends back.
        """
        ...
