"""Asks processes whether they are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import httpx

from segops_membership.ports.explorer.status import ServiceState

_TIMEOUT_S: Final = 3.0


class HttpServiceHealth:
    """See the port `ServiceHealth`. Use it with `async with`, which closes its connections."""

    def __init__(self, *, addresses: Mapping[str, str], transport: httpx.AsyncBaseTransport | None = None) -> None:
        """`addresses` are base addresses by the name of the process; `transport` replaces the network."""
        self._addresses = dict(sorted(addresses.items()))
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S, transport=transport, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def states(self) -> Mapping[str, ServiceState]:
        """See the port. Asks all at once."""
        states = await asyncio.gather(*map(self._state, self._addresses.values()))
        return dict(zip(self._addresses, states, strict=True))

    async def _state(self, address: str) -> ServiceState:
        try:
            response = await self._client.get(f"{address.rstrip('/')}/readyz")
        except (httpx.HTTPError, httpx.InvalidURL):
            return "unreachable"
        return "ready" if response.status_code == httpx.codes.OK else "not-ready"
