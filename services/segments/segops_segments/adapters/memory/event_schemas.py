"""Event schemas in dictionaries."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime

from segops_common.event_schemas.model import EventSchema
from segops_segments.domain.event_schema import SchemaVersion, StoredSchema, TenantSchemas
from segops_segments.ports.event_schemas import EventTypeTaken


@dataclass(slots=True)
class _State:
    schemas: dict[int, StoredSchema] = field(default_factory=dict)
    versions: dict[int, tuple[SchemaVersion, ...]] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)

    def copied(self) -> _State:
        return _State(copy(self.schemas), copy(self.versions), copy(self.numbers))

    def own(self, tenants: Collection[int], event_type: str | None = None) -> list[StoredSchema]:
        """Return the schemas of these tenants, ascending by id."""
        own = [schema for schema in self.schemas.values() if schema.tenant_id in tenants]
        return [schema for schema in own if event_type in (None, schema.rules.event_type)]


class MemorySchemaUnit:
    """See the port `SchemaUnit`. Works on a copy of the state, for one tenant."""

    def __init__(self, tenant_id: int, state: _State, ids: itertools.count[int]) -> None:
        self._tenant_id = tenant_id
        self._state = state
        self._ids = ids

    async def count(self, tenant_id: int) -> int:
        return len(self._state.own(self._entered(tenant_id)))

    async def find(self, tenant_id: int, schema_id: int) -> StoredSchema | None:
        own = self._state.own(self._entered(tenant_id))
        return next((schema for schema in own if schema.id == schema_id), None)

    async def add(self, tenant_id: int, rules: EventSchema, *, by: str, at: datetime) -> StoredSchema:
        if self._state.own(self._entered(tenant_id), rules.event_type):
            raise EventTypeTaken
        schema = StoredSchema(
            id=next(self._ids),
            tenant_id=tenant_id,
            rules=rules,
            version=1,
            created_at=at,
            updated_at=at,
            changed_by=by,
        )
        await self.save(tenant_id, schema)
        return schema

    async def save(self, tenant_id: int, schema: StoredSchema) -> None:
        self._entered(tenant_id)
        self._state.schemas[schema.id] = schema
        self._record(
            schema,
            SchemaVersion(
                number=schema.version, rules=schema.rules, created_at=schema.updated_at, created_by=schema.changed_by
            ),
        )

    async def delete(self, tenant_id: int, schema: StoredSchema, *, by: str, at: datetime) -> None:
        self._entered(tenant_id)
        del self._state.schemas[schema.id]
        last = SchemaVersion(number=schema.version + 1, rules=schema.rules, created_at=at, created_by=by, deleted=True)
        self._record(schema, last)

    def _entered(self, tenant_id: int) -> tuple[int]:
        """Return the tenant of the transaction, which must be this one."""
        if tenant_id != self._tenant_id:
            raise PermissionError("a transaction must enter its tenant")
        return (tenant_id,)

    def _record(self, schema: StoredSchema, version: SchemaVersion) -> None:
        self._state.versions[schema.id] = (version, *self._state.versions.get(schema.id, ()))
        self._state.numbers[schema.tenant_id] = max(self._state.numbers.values(), default=0) + 1


class MemorySchemaStore:
    """See the port `SchemaStore`."""

    def __init__(self) -> None:
        self._state = _State()
        self._ids = itertools.count(1)
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def writing(self, tenant_id: int) -> AsyncIterator[MemorySchemaUnit]:
        async with self._lock:
            state = self._state.copied()
            yield MemorySchemaUnit(tenant_id, state, self._ids)
            self._state = state

    async def find(self, tenants: Collection[int], schema_id: int) -> StoredSchema | None:
        return next((schema for schema in self._state.own(tenants) if schema.id == schema_id), None)

    async def of_event_type(self, tenant_id: int, event_type: str) -> StoredSchema | None:
        return next(iter(self._state.own((tenant_id,), event_type)), None)

    async def list(
        self, tenants: Collection[int], after: int, limit: int, *, offset: int = 0, event_type: str | None = None
    ) -> Sequence[StoredSchema]:
        later = [schema for schema in self._state.own(tenants, event_type) if schema.id > after]
        return later[offset : offset + limit]

    async def count(self, tenants: Collection[int], *, event_type: str | None = None) -> int:
        return len(self._state.own(tenants, event_type))

    async def versions(
        self, tenant_id: int, schema_id: int, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[SchemaVersion]:
        earlier = [version for version in self._history(tenant_id, schema_id) if version.number < before]
        return earlier[offset : offset + limit]

    async def version_count(self, tenant_id: int, schema_id: int) -> int:
        return len(self._history(tenant_id, schema_id))

    async def changes(self, after: int, limit: int) -> Sequence[TenantSchemas]:
        numbers = sorted((number, tenant) for tenant, number in self._state.numbers.items() if number > after)
        return [
            TenantSchemas(tenant, number, tuple(schema.rules for schema in self._state.own((tenant,))))
            for number, tenant in numbers[:limit]
        ]

    async def last_number(self) -> int:
        return max(self._state.numbers.values(), default=0)

    def _history(self, tenant_id: int, schema_id: int) -> Sequence[SchemaVersion]:
        schema = self._state.schemas.get(schema_id)
        return self._state.versions[schema_id] if schema is not None and schema.tenant_id == tenant_id else ()
