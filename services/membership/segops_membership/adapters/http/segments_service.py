"""Asks the service of segments about its segments and runs."""

from __future__ import annotations

import logging
from collections.abc import Collection
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx
from pydantic import BaseModel

from segops_common.contracts.http import OPEN_RUNS_PATH, SEGMENT_PATH, OpenRuns, OpenRunsRequest, SegmentRequest
from segops_common.contracts.jobs import SegmentChanged
from segops_common.telemetry.tracing import continue_trace

T = TypeVar("T", bound=BaseModel)
_TIMEOUT_S: Final = 3.0
_log = logging.getLogger(__name__)


class HttpSegmentsService:
    """See the port `RunCounter`, and `Fetch` of the definitions. Use it with `async with`, which closes its connections."""

    def __init__(
        self, *, segments_url: str | None, service_token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Without an address, nothing is known. `transport` replaces the network."""
        self._url = None if segments_url is None else segments_url.rstrip("/")
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
        return await self._ask(OPEN_RUNS_PATH, OpenRunsRequest(tenant_id=tenant_id), OpenRuns)

    async def segment(self, tenant_ids: Collection[int], segment_id: int) -> SegmentChanged | None:
        """See `Fetch`."""
        request = SegmentRequest(tenant_ids=tuple(sorted(tenant_ids)), segment_id=segment_id)
        return await self._ask(SEGMENT_PATH, request, SegmentChanged)

    async def _ask(self, path: str, request: BaseModel, answer: type[T]) -> T | None:
        """Return the answer; None when there is none, because nothing was found or the service is away."""
        if self._url is None:
            return None
        try:
            response = await self._client.post(self._url + path, json=request.model_dump(mode="json"))
            if response.status_code == httpx.codes.NOT_FOUND:
                return None
            response.raise_for_status()
            return answer.model_validate_json(response.content)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            _log.warning("segments does not answer %s: %r", path, error)
            return None
