"""Event schemas in dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segops_common.contracts.http import TenantSchemasMessage
from segops_common.event_schemas.check import SchemaCheck
from segops_common.event_schemas.model import EventSchema
from segops_ingest.ports.event_schemas import Changes, SchemasUnavailable


class MemorySchemaSource:
    """Set `reachable` to False for an outage. `put` changes the schemas of a tenant."""

    def __init__(self, *, at_once: int = 2) -> None:
        self.reachable = True
        self._at_once = at_once
        self._tenants: dict[int, TenantSchemasMessage] = {}
        self._last = 0

    def put(self, tenant_id: int, *schemas: dict[str, object]) -> None:
        """Replace all schemas of the tenant."""
        self._last += 1
        self._tenants[tenant_id] = TenantSchemasMessage.model_validate(
            {"tenant_id": tenant_id, "number": self._last, "schemas": schemas}
        )

    def restore(self) -> None:
        """Lose everything, as an older backup does."""
        self._tenants.clear()
        self._last = 0

    async def changes(self, after: int) -> Changes:
        """See `SchemaSource`."""
        if not self.reachable:
            raise SchemasUnavailable("unreachable")
        changed = [tenant for tenant in self._tenants.values() if tenant.number > after]
        return Changes(sorted(changed, key=lambda tenant: tenant.number)[: self._at_once], self._last)


class MemorySchemaCopy:
    """Set `reachable` to False for an outage."""

    def __init__(self) -> None:
        self.reachable = True
        self._tenants: dict[int, TenantSchemasMessage] = {}

    async def load(self) -> Sequence[TenantSchemasMessage]:
        """See `SchemaCopy`."""
        self._check()
        return [tenant for tenant in self._tenants.values() if tenant.schemas]

    async def save(self, tenants: Sequence[TenantSchemasMessage], *, replace: bool = False) -> None:
        """See `SchemaCopy`."""
        self._check()
        if replace:
            self._tenants.clear()
        for tenant in tenants:
            kept = self._tenants.get(tenant.tenant_id)
            if kept is None or kept.number <= tenant.number:
                self._tenants[tenant.tenant_id] = tenant

    def _check(self) -> None:
        if not self.reachable:
            raise SchemasUnavailable("unreachable")


class MemoryEventSchemas:
    """See `EventSchemas`. Tenants have no schemas until a test puts some."""

    def __init__(self) -> None:
        self._checks: dict[int, dict[str, SchemaCheck]] = {}

    def put(self, tenant_id: int, *schemas: EventSchema) -> None:
        """Replace all schemas of the tenant."""
        self._checks[tenant_id] = {schema.event_type: SchemaCheck(schema) for schema in schemas}

    def of_tenant(self, tenant_id: int) -> Mapping[str, SchemaCheck] | None:
        """See `EventSchemas`."""
        return self._checks.get(tenant_id) or None
