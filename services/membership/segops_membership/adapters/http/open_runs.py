"""Asks the service of segments about the runs of a tenant."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Final, Self

import httpx

from segops_common.contracts.http import OPEN_RUNS_PATH, OpenRuns, OpenRunsRequest
from segops_common.telemetry.tracing import continue_trace

_TIMEOUT_S: Final = 3.0
_log = logging.getLogger(__name__)


class HttpRunCounter:
    """See the port `RunCounter`. Use it with `async with`, which closes its connections."""

    def __init__(
        self, *, segments_url: str | None, service_token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Without an address, nothing is known. `transport` replaces the network."""
        self._url = None if segments_url is None else f"{segments_url.rstrip('/')}{OPEN_RUNS_PATH}"
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Service {service_token}"},
            event_hooks={"request": [continue_trace]},
            timeout=_TIMEOUT_S,
            transport=transport,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def open_runs(self, tenant_id: int) -> OpenRuns | None:
        """See the port."""
        if self._url is None:
            return None
        try:
            response = await self._client.post(self._url, json=OpenRunsRequest(tenant_id=tenant_id).model_dump())
            response.raise_for_status()
            return OpenRuns.model_validate_json(response.content)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            _log.warning("segments does not answer %s: %r", OPEN_RUNS_PATH, error)
            return None
