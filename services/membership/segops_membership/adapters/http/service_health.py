"""Asks processes whether they are ready, and the APIs which versions of their tables they see."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import httpx

from segops_common.contracts.http import ProcessVersions
from segops_membership.domain.explorer.status import SchemaState
from segops_membership.ports.explorer.status import ServiceState

_TIMEOUT_S: Final = 3.0
_API: Final = ".api"


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

    async def schemas(self) -> Sequence[SchemaState]:
        """See the port. Asks the API of each service."""
        apis = {name.removesuffix(_API): url for name, url in self._addresses.items() if name.endswith(_API)}
        answers = await asyncio.gather(*map(self._versions, apis.values()))
        return [
            SchemaState(service, store, version.applied, version.expected)
            for service, answer in zip(apis, answers, strict=True)
            for store, version in sorted(answer.schemas.items())
        ]

    async def _versions(self, address: str) -> ProcessVersions:
        try:
            response = await self._client.get(f"{address.rstrip('/')}/versions")
            response.raise_for_status()
            return ProcessVersions.model_validate_json(response.content)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return ProcessVersions(schemas={})

    async def _state(self, address: str) -> ServiceState:
        try:
            response = await self._client.get(f"{address.rstrip('/')}/readyz")
        except (httpx.HTTPError, httpx.InvalidURL):
            return "unreachable"
        return "ready" if response.status_code == httpx.codes.OK else "not-ready"
