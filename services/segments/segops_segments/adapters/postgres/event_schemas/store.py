"""Transactions over event schemas in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.event_schemas.model import EventSchema
from segops_common.stores.postgres import read_session, write_session
from segops_segments.adapters.postgres.event_schemas.tables import (
    change_numbers,
    event_schema_changes,
    event_schema_versions,
    event_schemas,
    rule_values,
    rules_of,
    schema_of,
    version_of,
)
from segops_segments.adapters.postgres.sessions import SessionWrites
from segops_segments.domain.event_schema import SchemaVersion, StoredSchema, TenantSchemas
from segops_segments.ports.event_schemas import EventTypeTaken

# A role that reads rows of all tenants, see `deploy/postgres/roles.sql`.
PUBLISHER: Final = "segops_segments_schemas"
_LOCK: Final = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("segops.event-schemas", 0)))


def _selected(tenants: Collection[int], event_type: str | None) -> sa.ColumnElement[bool]:
    is_own = event_schemas.c.tenant_id.in_(tenants)
    return is_own if event_type is None else sa.and_(is_own, event_schemas.c.event_type == event_type)


class PostgresSchemaUnit(SessionWrites):
    """See the port `SchemaUnit`."""

    async def count(self, tenant_id: int) -> int:
        query = sa.select(sa.func.count()).where(event_schemas.c.tenant_id == tenant_id)
        return int((await self._execute(tenant_id, query)).scalar_one())

    async def find(self, tenant_id: int, schema_id: int) -> StoredSchema | None:
        query = sa.select(event_schemas).where(event_schemas.c.tenant_id == tenant_id, event_schemas.c.id == schema_id)
        row = (await self._execute(tenant_id, query)).mappings().one_or_none()
        return None if row is None else schema_of(row)

    async def add(self, tenant_id: int, rules: EventSchema, *, by: str, at: datetime) -> StoredSchema:
        values = {
            **rule_values(rules),
            "tenant_id": tenant_id,
            "version": 1,
            "created_at": at,
            "updated_at": at,
            "changed_by": by,
        }
        try:
            inserted = await self._execute(tenant_id, sa.insert(event_schemas).values(values).returning(event_schemas))
        except IntegrityError as error:
            raise EventTypeTaken from error
        schema = schema_of(inserted.mappings().one())
        await self._record(tenant_id, schema)
        return schema

    async def save(self, tenant_id: int, schema: StoredSchema) -> None:
        own = (event_schemas.c.tenant_id == tenant_id, event_schemas.c.id == schema.id)
        values = {
            **rule_values(schema.rules),
            "version": schema.version,
            "updated_at": schema.updated_at,
            "changed_by": schema.changed_by,
        }
        await self._execute(tenant_id, sa.update(event_schemas).where(*own).values(values))
        await self._record(tenant_id, schema)

    async def delete(self, tenant_id: int, schema: StoredSchema, *, by: str, at: datetime) -> None:
        own = (event_schemas.c.tenant_id == tenant_id, event_schemas.c.id == schema.id)
        await self._execute(tenant_id, sa.delete(event_schemas).where(*own))
        last = {"number": schema.version + 1, "created_at": at, "created_by": by, "deleted": True}
        await self._add_version(tenant_id, schema, last)

    async def _record(self, tenant_id: int, schema: StoredSchema) -> None:
        version = {"number": schema.version, "created_at": schema.updated_at, "created_by": schema.changed_by}
        await self._add_version(tenant_id, schema, {**version, "deleted": False})

    async def _add_version(self, tenant_id: int, schema: StoredSchema, version: dict[str, object]) -> None:
        values = {**rule_values(schema.rules), **version, "schema_id": schema.id, "tenant_id": tenant_id}
        await self._execute(tenant_id, sa.insert(event_schema_versions).values(values))
        number = {"number": change_numbers.next_value()}
        changed = insert(event_schema_changes).values(tenant_id=tenant_id, **number)
        await self._execute(tenant_id, changed.on_conflict_do_update(index_elements=["tenant_id"], set_=number))


class PostgresSchemaStore:
    """See the port `SchemaStore`."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def writing(self, tenant_id: int) -> AsyncIterator[PostgresSchemaUnit]:
        async with write_session(self._engine) as session:
            # One lock for all tenants: whoever reads `changes` must not see a number before a lower one is committed.
            await session.execute(_LOCK)
            await session.enter_tenants(tenant_id)
            yield PostgresSchemaUnit(session)

    async def find(self, tenants: Collection[int], schema_id: int) -> StoredSchema | None:
        query = sa.select(event_schemas).where(_selected(tenants, None), event_schemas.c.id == schema_id)
        rows = await self._rows(tenants, query)
        return schema_of(rows[0]) if rows else None

    async def of_event_type(self, tenant_id: int, event_type: str) -> StoredSchema | None:
        rows = await self._rows((tenant_id,), sa.select(event_schemas).where(_selected((tenant_id,), event_type)))
        return schema_of(rows[0]) if rows else None

    async def list(
        self, tenants: Collection[int], after: int, limit: int, *, offset: int = 0, event_type: str | None = None
    ) -> Sequence[StoredSchema]:
        query = (
            sa.select(event_schemas)
            .where(_selected(tenants, event_type), event_schemas.c.id > after)
            .order_by(event_schemas.c.id)
            .limit(limit)
            .offset(offset)
        )
        return [schema_of(row) for row in await self._rows(tenants, query)]

    async def count(self, tenants: Collection[int], *, event_type: str | None = None) -> int:
        query = sa.select(sa.func.count().label("count")).select_from(event_schemas)
        rows = await self._rows(tenants, query.where(_selected(tenants, event_type)))
        return int(rows[0]["count"])

    async def versions(
        self, tenant_id: int, schema_id: int, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[SchemaVersion]:
        columns = event_schema_versions.c
        own = (columns.tenant_id == tenant_id, columns.schema_id == schema_id, columns.number < before)
        query = sa.select(event_schema_versions).where(*own).order_by(columns.number.desc()).limit(limit).offset(offset)
        return [version_of(row) for row in await self._rows((tenant_id,), query)]

    async def version_count(self, tenant_id: int, schema_id: int) -> int:
        columns = event_schema_versions.c
        query = sa.select(sa.func.count().label("count")).where(
            columns.tenant_id == tenant_id, columns.schema_id == schema_id
        )
        return int((await self._rows((tenant_id,), query))[0]["count"])

    async def changes(self, after: int, limit: int) -> Sequence[TenantSchemas]:
        numbers = event_schema_changes.c
        changed = sa.select(event_schema_changes).where(numbers.number > after).order_by(numbers.number).limit(limit)
        async with read_session(self._engine) as session:
            await session.enter_role(PUBLISHER)
            tenants = {row["tenant_id"]: row["number"] for row in (await session.execute(changed)).mappings()}
            own = sa.select(event_schemas).where(event_schemas.c.tenant_id.in_(tenants)).order_by(event_schemas.c.id)
            rows = (await session.execute(own)).mappings().all() if tenants else ()
        return [
            TenantSchemas(tenant, number, tuple(rules_of(row) for row in rows if row["tenant_id"] == tenant))
            for tenant, number in tenants.items()
        ]

    async def last_number(self) -> int:
        async with read_session(self._engine) as session:
            await session.enter_role(PUBLISHER)
            last = await session.execute(sa.select(sa.func.coalesce(sa.func.max(event_schema_changes.c.number), 0)))
            return int(last.scalar_one())

    async def _rows(self, tenants: Collection[int], query: sa.Executable) -> Sequence[sa.RowMapping]:
        async with read_session(self._engine) as session:
            await session.enter_tenants(tenants)
            return (await session.execute(query)).mappings().all()
