"""The memory store of event schemas keeps the contract."""

from __future__ import annotations

import pytest

from segops_common.core.problems import Conflict
from segops_common.event_schemas.model import MAX_SCHEMAS, EventSchema
from segops_segments.adapters.memory.event_schemas import MemorySchemaStore
from segops_segments.service.event_schemas.manage import ManageSchemas
from segops_testkit.clock import ManualClock
from tests.unit.segments.schema_store_contract import NOW, SchemaStoreContract, new_tenant


class TestMemorySchemas(SchemaStoreContract):
    @pytest.fixture
    def schemas(self) -> MemorySchemaStore:
        return MemorySchemaStore()


async def test_a_transaction_is_of_one_tenant() -> None:
    store, tenant = MemorySchemaStore(), new_tenant()
    async with store.writing(tenant) as unit:
        with pytest.raises(PermissionError):
            await unit.count(tenant + 1)


async def test_a_tenant_has_a_bounded_number_of_schemas() -> None:
    schemas, tenant = ManageSchemas(store=MemorySchemaStore(), clock=ManualClock(NOW)), new_tenant()
    for number in range(MAX_SCHEMAS):
        await schemas.create(tenant, EventSchema(f"t{number}", "warn", ()), by="user:1")
    with pytest.raises(Conflict) as error:
        await schemas.create(tenant, EventSchema("more", "warn", ()), by="user:1")
    assert error.value.slug == "schema-limit"
    await schemas.create(tenant + 1, EventSchema("more", "warn", ()), by="user:1")
