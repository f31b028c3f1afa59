"""Holds the event schemas of all tenants in memory, and follows their changes. No request waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

from segops_common.contracts.http import EventSchemaMessage, TenantSchemasMessage
from segops_common.core.tasks import spawn
from segops_common.event_schemas.check import SchemaCheck
from segops_common.event_schemas.model import EventSchema, PropertyRule
from segops_ingest.ports.event_schemas import SchemaCopy, SchemaSource, SchemasUnavailable

REFRESH_S: Final = 2.0
"""How often changes are asked for. They take effect that much later, in each process by itself."""
START_S: Final = 3.0
"""How long a process that starts waits for the schemas, and then for the copy of them."""

Checks = Mapping[str, SchemaCheck]
"""The schemas of a tenant by event type."""


class EventSchemas(Protocol):
    """Knows the schemas of tenants."""

    def of_tenant(self, tenant_id: int) -> Checks | None:
        """Return the schemas of the tenant, None if it has none. It must not block."""
        ...


class SchemaDirectory:
    """Knows the schemas of every tenant, as of the last time that the source responded.

    While the source does not respond, the last schemas apply. A process that starts meanwhile takes the copy. Without that,
    events are not checked: that no schema can be read must not stop the ingestion of tenants that have none.
    """

    def __init__(self, *, source: SchemaSource, copy: SchemaCopy) -> None:
        self._source = source
        self._copy = copy
        self._tenants: dict[int, TenantSchemasMessage] = {}
        self._checks: dict[int, Checks] = {}
        self._number: int | None = None
        """The latest change that is known. None until the source has responded once."""

    def of_tenant(self, tenant_id: int) -> Checks | None:
        """Return the schemas of the tenant, None if it has none."""
        if tenant_id not in self._tenants:
            return None
        checks = self._checks.get(tenant_id)
        if checks is None:
            checks = _checks(self._tenants[tenant_id])
            self._checks[tenant_id] = checks
        return checks

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Read the schemas, then their changes until the block ends."""
        await self._start()
        task = spawn(self._follow(), name="follow event schemas")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def refresh(self) -> None:
        """Read all changes since the last ones. Raises SchemasUnavailable."""
        if self._number is None:
            await self._read_all()
            return
        changes = await self._source.changes(self._number)
        if changes.last < self._number:
            # The source was restored from a backup, so its numbers have begun again: nothing that is known counts.
            await self._read_all()
            return
        while changes.tenants:
            for tenant in changes.tenants:
                self._put(tenant)
            self._number = changes.tenants[-1].number
            await self._save(changes.tenants)
            changes = await self._source.changes(self._number)

    async def _read_all(self) -> None:
        tenants: dict[int, TenantSchemasMessage] = {}
        number = 0
        while (changes := await self._source.changes(number)).tenants:
            tenants |= {tenant.tenant_id: tenant for tenant in changes.tenants}
            number = changes.tenants[-1].number
        self._tenants.clear()
        self._checks.clear()
        for tenant in tenants.values():
            self._put(tenant)
        self._number = number
        await self._save([*tenants.values()], replace=True)

    def _put(self, tenant: TenantSchemasMessage) -> None:
        self._checks.pop(tenant.tenant_id, None)
        if tenant.schemas:
            self._tenants[tenant.tenant_id] = tenant
        else:
            self._tenants.pop(tenant.tenant_id, None)

    async def _start(self) -> None:
        with suppress(SchemasUnavailable, TimeoutError):
            async with asyncio.timeout(START_S):
                await self.refresh()
                return
        with suppress(SchemasUnavailable, TimeoutError):
            async with asyncio.timeout(START_S):
                for tenant in await self._copy.load():
                    self._put(tenant)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            with suppress(SchemasUnavailable):
                await self.refresh()

    async def _save(self, tenants: Sequence[TenantSchemasMessage], *, replace: bool = False) -> None:
        # Without the copy, a process that starts while the source is down does not check events.
        with suppress(SchemasUnavailable):
            await self._copy.save(tenants, replace=replace)


def _checks(tenant: TenantSchemasMessage) -> Checks:
    return {schema.event_type: SchemaCheck(_schema(schema)) for schema in tenant.schemas}


def _schema(message: EventSchemaMessage) -> EventSchema:
    rules = tuple(PropertyRule(rule.name, rule.type, rule.required) for rule in message.properties)
    return EventSchema(message.event_type, message.mode, rules)
