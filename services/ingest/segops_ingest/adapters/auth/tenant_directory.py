"""The directory of tenants, which auth keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import httpx
from pydantic import BaseModel

from segops_common.contracts.http import KEY_OWNER_PATH, KeyOwnership, SandboxTenant, sandbox_tenant_path
from segops_common.telemetry.tracing import continue_trace
from segops_ingest.ports.tenant_directory import DirectoryUnavailable, KeyOwner

M = TypeVar("M", bound=BaseModel)


_CONNECT_TIMEOUT_S: Final = 1.0
_READ_TIMEOUT_S: Final = 3.0


class AuthTenantDirectory:
    """Asks auth each time: both questions are rare. `client` has auth's address and the service token."""

    def __init__(self, *, client: httpx.AsyncClient) -> None:
        self._client = client

    async def owner_of(self, key: str) -> KeyOwner | None:
        """See `TenantDirectory`."""
        owner = await self._ask("POST", KEY_OWNER_PATH, KeyOwnership, {"key": key})
        if owner.tenant_id is None or owner.key_id is None:
            return None
        return KeyOwner(owner.tenant_id, owner.key_id)

    async def test_tenant_of(self, tenant_id: int) -> int | None:
        """See `TenantDirectory`."""
        return (await self._ask("GET", sandbox_tenant_path(tenant_id), SandboxTenant)).tenant_id

    async def _ask(self, method: str, path: str, model: type[M], body: dict[str, str] | None = None) -> M:
        try:
            response = await self._client.request(method, path, json=body)
            response.raise_for_status()
            return model.model_validate_json(response.content)
        except (httpx.HTTPError, ValueError) as error:
            raise DirectoryUnavailable(str(error)) from error


@asynccontextmanager
async def opened_tenant_directory(
    auth_url: str, *, service_token: str, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[AuthTenantDirectory]:
    """Yield a directory that asks auth at this address. `transport` replaces the network."""
    async with httpx.AsyncClient(
        base_url=auth_url,
        headers={"Authorization": f"Service {service_token}"},
        event_hooks={"request": [continue_trace]},
        timeout=httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
        transport=transport,
        trust_env=False,
    ) as client:
        yield AuthTenantDirectory(client=client)
