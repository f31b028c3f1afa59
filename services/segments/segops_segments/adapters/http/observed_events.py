"""Reading the event types and properties of a tenant from the membership service."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import httpx

from segops_common.contracts.http import OBSERVED_PATH, ObservedEvents, ObservedRequest

_CONNECT_TIMEOUT_S: Final = 0.5
_READ_TIMEOUT_S: Final = 3.0
_log = logging.getLogger(__name__)


class HttpObservedEvents:
    """See the port `ObservedEventsReader`. Use it with `async with`, which closes its connections."""

    def __init__(
        self, *, membership_url: str, service_token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`transport` replaces the network."""
        self._client = httpx.AsyncClient(
            base_url=membership_url,
            headers={"Authorization": f"Service {service_token}"},
            timeout=httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
            transport=transport,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def read(self, tenant_id: int, event_types: Sequence[str]) -> ObservedEvents | None:
        body = ObservedRequest(tenant_id=tenant_id, event_types=tuple(event_types))
        try:
            response = await self._client.post(OBSERVED_PATH, json=body.model_dump(mode="json"))
            response.raise_for_status()
            return ObservedEvents.model_validate_json(response.content)
        except (httpx.HTTPError, ValueError) as error:
            _log.warning("the event types of tenant %d cannot be read from membership: %r", tenant_id, error)
            return None
