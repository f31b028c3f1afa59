"""Publishes events that reach a tenant's test tenant only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from segops_common.core.problems import Conflict, Unavailable
from segops_ingest.ports.tenant_directory import DirectoryUnavailable, TenantDirectory
from segops_ingest.service.accept_events import Ingest, Receipt


@dataclass(frozen=True, slots=True)
class Published:
    """The test tenant that got the event, and the receipt."""

    test_tenant_id: int
    receipt: Receipt


class Sandbox:
    """Accepts events for the test tenant of a tenant."""

    def __init__(self, *, directory: TenantDirectory, ingest: Ingest) -> None:
        self._directory = directory
        self._ingest = ingest

    async def publish(self, tenant_id: int, call: Any, *, idempotency_key: str | None) -> Published:
        """Store the event in the test tenant, which for a test tenant is the tenant itself.

        Raises Conflict (no-test-tenant), Unavailable, and what `Ingest.accept_one` raises.
        """
        try:
            test_tenant_id = await self._directory.test_tenant_of(tenant_id)
        except DirectoryUnavailable as error:
            raise Unavailable(
                "The tenant cannot be looked up now. Retry after `Retry-After` seconds.", slug="auth-unavailable"
            ) from error
        if test_tenant_id is None:
            raise Conflict(
                "The tenant must have a test tenant. An owner creates one by `POST /api/auth/tenants/` with `is_test` true and "
                f"`test_of` {tenant_id}.",
                slug="no-test-tenant",
            )
        receipt = await self._ingest.accept_one(
            test_tenant_id, "track", call, idempotency_key=idempotency_key, joins=True
        )
        return Published(test_tenant_id, receipt)
