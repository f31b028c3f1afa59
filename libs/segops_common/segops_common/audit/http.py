"""Appends to the audit log, which auth keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx

from segops_common.audit.trail import AuditUnavailable
from segops_common.contracts.http import AUDIT_PATH, AuditRequest, ForeignAction
from segops_common.telemetry.service_client import ServiceClient

_TIMEOUT_S: Final = 3.0


class HttpAuditTrail(ServiceClient):
    """See the port `AuditTrail`."""

    def __init__(self, *, auth_url: str, service_token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """`transport` replaces the network."""
        super().__init__(url=auth_url, service_token=service_token, timeout=_TIMEOUT_S, transport=transport)

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
