"""Asks the service of segments about its segments and runs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import httpx

from segops_common.contracts.http import OPEN_RUNS_PATH, SEGMENT_PATH, OpenRuns, OpenRunsRequest, SegmentRequest
from segops_common.contracts.jobs import SegmentChanged
from segops_common.telemetry.service_client import ServiceClient

_TIMEOUT_S: Final = 3.0


class HttpSegmentsService(ServiceClient):
    """See the port `RunCounter`, and `Fetch` of the definitions."""

    def __init__(
        self, *, segments_url: str | None, service_token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Without an address, nothing is known. `transport` replaces the network."""
        super().__init__(url=segments_url or "", service_token=service_token, timeout=_TIMEOUT_S, transport=transport)
        self._is_known = segments_url is not None

    async def open_runs(self, tenant_id: int) -> OpenRuns | None:
        """See the port."""
        if not self._is_known:
            return None
        return await self._answer(OPEN_RUNS_PATH, OpenRunsRequest(tenant_id=tenant_id), OpenRuns)

    async def segment(self, tenant_ids: Collection[int], segment_id: int) -> SegmentChanged | None:
        """See `Fetch`."""
        if not self._is_known:
            return None
        request = SegmentRequest(tenant_ids=tuple(sorted(tenant_ids)), segment_id=segment_id)
        return await self._answer(SEGMENT_PATH, request, SegmentChanged, is_optional=True)
