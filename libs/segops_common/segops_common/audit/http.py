"""Appends to the audit log, which auth keeps."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import httpx

from segops_common.audit.trail import AuditUnavailable
from segops_common.contracts.http import AUDIT_PATH, AuditRequest, ForeignAction
from segops_common.telemetry.tracing import continue_trace

_TIMEOUT_S: Final = 3.0


class HttpAuditTrail:
    """See the port `AuditTrail`. Use it with `async with`, which closes its connections."""

    def __init__(self, *, auth_url: str, service_token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """`transport` replaces the network."""
        self._client = httpx.AsyncClient(
            base_url=auth_url,
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

    async def record(
        self, tenant_id: int, *, actor_id: int | None, action: ForeignAction, target: str, details: Mapping[str, str]
    ) -> None:
        """See the port."""
        body = AuditRequest(tenant_id=tenant_id, actor_id=actor_id, action=action, target=target, details=dict(details))
        try:
            response = await self._client.post(AUDIT_PATH, json=body.model_dump())
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise AuditUnavailable(str(error)) from error
