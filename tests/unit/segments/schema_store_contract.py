"""What every store of event schemas must do."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from segops_common.event_schemas.model import EventSchema, Mode, PropertyRule
from segops_segments.domain.event_schema import SchemaChange, StoredSchema
from segops_segments.ports.event_schemas import EventTypeTaken, SchemaStore

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
RULES = (PropertyRule("total", "number", required=True), PropertyRule("a\\.b.ü", "datetime"))


def new_tenant() -> int:
    return secrets.randbelow(1 << 40)


async def add(
    store: SchemaStore, tenant_id: int, event_type: str = "order_placed", mode: Mode = "refuse"
) -> StoredSchema:
    async with store.writing(tenant_id) as unit:
        return await unit.add(tenant_id, EventSchema(event_type, mode, RULES), by="user:1", at=NOW)


class SchemaStoreContract:
    """Subclasses give the fixture `schemas`."""

    async def test_a_schema_comes_back_as_it_was_stored(self, schemas: SchemaStore) -> None:
        tenant = new_tenant()
        schema = await add(schemas, tenant)
        assert (schema.tenant_id, schema.version, schema.changed_by) == (tenant, 1, "user:1")
        assert (schema.rules, schema.created_at) == (EventSchema("order_placed", "refuse", RULES), NOW)
        assert await schemas.find((tenant, tenant + 1), schema.id) == schema
        assert await schemas.of_event_type(tenant, "order_placed") == schema
        assert await schemas.of_event_type(tenant, "order") is None

    async def test_an_event_type_has_one_schema_in_a_tenant(self, schemas: SchemaStore) -> None:
        tenant = new_tenant()
        await add(schemas, tenant)
        with pytest.raises(EventTypeTaken):
            await add(schemas, tenant)
        await add(schemas, tenant + 1)
        assert await schemas.count((tenant, tenant + 1)) == 2

    async def test_tenants_are_apart(self, schemas: SchemaStore) -> None:
        tenant, other = new_tenant(), new_tenant()
        schema = await add(schemas, tenant)
        assert await schemas.find((other,), schema.id) is None
        assert await schemas.of_event_type(other, "order_placed") is None
        assert await schemas.list((other,), 0, 10) == []
        assert await schemas.count((other,)) == 0
        assert await schemas.versions(other, schema.id, 2**62, 10) == []
        assert await schemas.version_count(other, schema.id) == 0
        async with schemas.writing(other) as unit:
            assert await unit.find(other, schema.id) is None
            assert await unit.count(other) == 0

    async def test_schemas_are_listed_by_id(self, schemas: SchemaStore) -> None:
        tenant = new_tenant()
        made = [await add(schemas, tenant, f"type-{number}") for number in range(4)]
        assert await schemas.list((tenant,), 0, 2) == made[:2]
        assert await schemas.list((tenant,), made[1].id, 9) == made[2:]
        assert await schemas.list((tenant,), 0, 2, offset=1) == made[1:3]
        assert await schemas.list((tenant,), 0, 9, event_type="type-2") == [made[2]]
        assert await schemas.count((tenant,), event_type="type-2") == 1

    async def test_a_change_keeps_the_history(self, schemas: SchemaStore) -> None:
        tenant = new_tenant()
        schema = await add(schemas, tenant)
        later = NOW + timedelta(hours=1)
        changed = schema.apply(SchemaChange(mode="warn"), by="key:2", at=later)
        async with schemas.writing(tenant) as unit:
            await unit.save(tenant, changed)
        assert await schemas.find((tenant,), schema.id) == replace(changed, version=2, updated_at=later)
        second, first = await schemas.versions(tenant, schema.id, 2**62, 10)
        assert (first.number, first.rules, first.created_at, first.created_by) == (1, schema.rules, NOW, "user:1")
        assert (second.number, second.rules.mode, second.created_by) == (2, "warn", "key:2")
        assert await schemas.versions(tenant, schema.id, 2, 10) == [first]
        assert await schemas.versions(tenant, schema.id, 2**62, 10, offset=1) == [first]
        assert await schemas.version_count(tenant, schema.id) == 2

    async def test_a_deleted_schema_is_gone(self, schemas: SchemaStore) -> None:
        tenant = new_tenant()
        schema = await add(schemas, tenant)
        async with schemas.writing(tenant) as unit:
            await unit.delete(tenant, schema, by="user:1", at=NOW)
        assert await schemas.find((tenant,), schema.id) is None
        assert await schemas.count((tenant,)) == 0
        assert (await add(schemas, tenant)).id != schema.id

    async def test_a_transaction_that_fails_changes_nothing(self, schemas: SchemaStore) -> None:
        tenant = new_tenant()
        before = await schemas.last_number()

        async def fail() -> None:
            async with schemas.writing(tenant) as unit:
                await unit.add(tenant, EventSchema("t", "warn", ()), by="user:1", at=NOW)
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        assert await schemas.count((tenant,)) == 0
        assert tenant not in {changed.tenant_id for changed in await schemas.changes(before, 100)}

    async def test_changes_name_the_tenants_in_the_order_of_their_commits(self, schemas: SchemaStore) -> None:
        one, other = sorted((new_tenant(), new_tenant()))
        start = await schemas.last_number()
        schema = await add(schemas, one)
        await add(schemas, other)
        second = await add(schemas, one, "login", "warn")
        changes = [changed for changed in await schemas.changes(start, 100) if changed.tenant_id in (one, other)]
        assert [changed.tenant_id for changed in changes] == [other, one]
        assert changes[1].schemas == (schema.rules, second.rules)
        last = changes[1].number
        assert start < changes[0].number < last <= await schemas.last_number()
        async with schemas.writing(one) as unit:
            await unit.delete(one, schema, by="user:1", at=NOW)
            await unit.delete(one, second, by="user:1", at=NOW)
        emptied = [changed for changed in await schemas.changes(last, 100) if changed.tenant_id == one]
        assert [changed.schemas for changed in emptied] == [()]
        assert len(await schemas.changes(0, 1)) == 1

    async def test_a_reader_of_changes_misses_none(self, schemas: SchemaStore) -> None:
        tenants = [new_tenant() for _ in range(6)]
        start = await schemas.last_number()
        changed_tenants: set[int] = set()

        async def follow() -> None:
            position = start
            while not changed_tenants >= {*tenants}:
                for changed in await schemas.changes(position, 3):
                    changed_tenants.add(changed.tenant_id)
                    position = changed.number
                await asyncio.sleep(0)

        numbers = itertools.count()
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(follow())
            for tenant in tenants:
                group.create_task(add(schemas, tenant, f"t{next(numbers)}"))
        assert changed_tenants >= {*tenants}
