"""Reading what is stored of a tenant from the membership service."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
from pydantic import BaseModel

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
from segops_common.telemetry.tracing import continue_trace
from segops_language.lint.values import Property

_CONNECT_TIMEOUT_S: Final = 0.5
_READ_TIMEOUT_S: Final = 3.0
_log = logging.getLogger(__name__)
A = TypeVar("A", bound=BaseModel)


class HttpMembership:
    """See the ports `ObservedEventsReader` and `KnownUsersReader`. Use it with `async with`, which closes its connections."""

    def __init__(
        self, *, membership_url: str, service_token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`transport` replaces the network."""
        self._client = httpx.AsyncClient(
            base_url=membership_url,
            headers={"Authorization": f"Service {service_token}"},
            event_hooks={"request": [continue_trace]},
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

    async def _answer(self, path: str, request: BaseModel, answer: type[A]) -> A | None:
        try:
            response = await self._client.post(path, json=request.model_dump(mode="json"))
            response.raise_for_status()
            return answer.model_validate_json(response.content)
        except (httpx.HTTPError, ValueError) as error:
            _log.warning("membership does not answer %s: %r", path, error)
            return None
