"""Reading what is stored of a tenant from the membership service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import httpx

from segops_common.contracts.http import (
    KNOWN_USERS_PATH,
    OBSERVED_PATH,
    RECENT_PAYLOADS_PATH,
    KnownUsers,
    KnownUsersRequest,
    ObservedEvents,
    ObservedRequest,
    RecentPayloads,
    RecentPayloadsRequest,
)
from segops_common.telemetry.service_client import ServiceClient
from segops_language.lint.values import Property

_CONNECT_TIMEOUT_S: Final = 0.5
_READ_TIMEOUT_S: Final = 3.0


class HttpMembership(ServiceClient):
    """See the ports `ObservedEventsReader` and `KnownUsersReader`."""

    def __init__(
        self, *, membership_url: str, service_token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`transport` replaces the network."""
        timeout = httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
        super().__init__(url=membership_url, service_token=service_token, timeout=timeout, transport=transport)

    async def read(
        self, tenant_id: int, event_types: Sequence[str], values: Sequence[Property]
    ) -> ObservedEvents | None:
        request = ObservedRequest(tenant_id=tenant_id, event_types=tuple(event_types), values=tuple(values))
        return await self._answer(OBSERVED_PATH, request, ObservedEvents)

    async def count(self, tenant_id: int, user_ids: Sequence[str]) -> int | None:
        request = KnownUsersRequest(tenant_id=tenant_id, user_ids=tuple(user_ids))
        answer = await self._answer(KNOWN_USERS_PATH, request, KnownUsers)
        return None if answer is None else answer.known

    async def recent_payloads(self, tenant_id: int, event_type: str) -> Sequence[dict[str, Any]] | None:
        request = RecentPayloadsRequest(tenant_id=tenant_id, event_type=event_type)
        answer = await self._answer(RECENT_PAYLOADS_PATH, request, RecentPayloads)
        return None if answer is None else answer.payloads
