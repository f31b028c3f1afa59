"""Event schemas from the service of segments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from segops_common.contracts.http import SCHEMA_CHANGES_PATH, SchemaChanges, SchemaChangesRequest
from segops_ingest.ports.event_schemas import Changes, SchemasUnavailable

_CONNECT_TIMEOUT_S: Final = 1.0
_READ_TIMEOUT_S: Final = 3.0


class HttpSchemaSource:
    """See the port `SchemaSource`. `client` has the address of segments and the service token."""

    def __init__(self, *, client: httpx.AsyncClient) -> None:
        self._client = client

    async def changes(self, after: int) -> Changes:
        request = SchemaChangesRequest(after=after)
        try:
            response = await self._client.post(SCHEMA_CHANGES_PATH, json=request.model_dump(mode="json"))
            response.raise_for_status()
            answer = SchemaChanges.model_validate_json(response.content)
        except (httpx.HTTPError, ValueError) as error:
            raise SchemasUnavailable(str(error)) from error
        return Changes(answer.tenants, answer.last)


@asynccontextmanager
async def opened_schema_source(
    segments_url: str, *, service_token: str, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[HttpSchemaSource]:
    """Yield a source at this address. `transport` replaces the network."""
    async with httpx.AsyncClient(
        base_url=segments_url,
        headers={"Authorization": f"Service {service_token}"},
        timeout=httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
        transport=transport,
        trust_env=False,
    ) as client:
        yield HttpSchemaSource(client=client)
