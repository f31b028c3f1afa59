"""The memory store of event schemas keeps the contract."""

from __future__ import annotations

import pytest

from segops_common.audit.memory import MemoryAuditTrail
from segops_common.core.pagination import PageQuery
from segops_common.core.problems import Conflict, PreconditionFailed, Unavailable
from segops_common.event_schemas.model import MAX_SCHEMAS, EventSchema
from segops_common.security.permissions import KeyKind, Role
from segops_common.security.principal import KeyPrincipal, UserPrincipal
from segops_segments.adapters.memory.event_schemas import MemorySchemaStore
from segops_segments.domain.event_schema import SchemaChange
from segops_segments.service.event_schemas.manage import ManageSchemas
from segops_testkit.clock import ManualClock
from tests.unit.segments.schema_store_contract import NOW, SchemaStoreContract, new_tenant

ADA = UserPrincipal(user_id=7, roles={1: Role.OWNER})
KEY = KeyPrincipal(key_id=3, tenant_id=1, scopes=frozenset(), kind=KeyKind.SECRET)


class TestMemorySchemas(SchemaStoreContract):
    @pytest.fixture
    def schemas(self) -> MemorySchemaStore:
        return MemorySchemaStore()


async def test_a_transaction_is_of_one_tenant() -> None:
    store, tenant = MemorySchemaStore(), new_tenant()
    async with store.writing(tenant) as unit:
        with pytest.raises(PermissionError):
            await unit.count(tenant + 1)


class Harness:
    """The use case on memory adapters."""

    def __init__(self) -> None:
        self.audit = MemoryAuditTrail()
        self.schemas = ManageSchemas(store=MemorySchemaStore(), audit=self.audit, clock=ManualClock(NOW))

    def entries(self) -> list[tuple[int | None, str, str, str]]:
        """Return the actor, action, target and mode of each entry of the audit log."""
        return [(actor, action, target, details["mode"]) for _, actor, action, target, details in self.audit.entries]


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def test_a_tenant_has_a_bounded_number_of_schemas(harness: Harness) -> None:
    schemas, tenant = harness.schemas, new_tenant()
    for number in range(MAX_SCHEMAS):
        await schemas.create(tenant, EventSchema(f"t{number}", "warn", ()), ADA)
    with pytest.raises(Conflict) as error:
        await schemas.create(tenant, EventSchema("more", "warn", ()), ADA)
    assert error.value.slug == "schema-limit"
    assert len(harness.audit.entries) == MAX_SCHEMAS
    await schemas.create(tenant + 1, EventSchema("more", "warn", ()), ADA)


async def test_each_change_is_audited(harness: Harness) -> None:
    schemas, tenant = harness.schemas, new_tenant()
    schema = await schemas.create(tenant, EventSchema("order", "refuse", ()), ADA)
    with pytest.raises(Conflict):
        await schemas.create(tenant, EventSchema("order", "warn", ()), ADA)
    await schemas.change(tenant, schema.id, SchemaChange(mode="warn"), KEY, expected=1)
    await schemas.change(tenant, schema.id, SchemaChange(mode="warn"), KEY, expected=None)
    with pytest.raises(PreconditionFailed):
        await schemas.delete(tenant, schema.id, ADA, expected=1)
    await schemas.delete(tenant, schema.id, ADA, expected=2)
    assert harness.entries() == [
        (7, "event_schema.created", "event_schema:order", "refuse"),
        (None, "event_schema.updated", "event_schema:order", "warn"),
        (7, "event_schema.deleted", "event_schema:order", "warn"),
    ]
    assert [details["by"] for *_, details in harness.audit.entries] == ["user:7", "api_key:3", "user:7"]


async def test_what_cannot_be_audited_is_not_done(harness: Harness) -> None:
    schemas, tenant = harness.schemas, new_tenant()
    schema = await schemas.create(tenant, EventSchema("order", "refuse", ()), ADA)
    harness.audit.reachable = False
    with pytest.raises(Unavailable):
        await schemas.create(tenant, EventSchema("other", "warn", ()), ADA)
    with pytest.raises(Unavailable):
        await schemas.change(tenant, schema.id, SchemaChange(mode="warn"), ADA, expected=None)
    with pytest.raises(Unavailable):
        await schemas.delete(tenant, schema.id, ADA, expected=None)
    page = await schemas.list((tenant,), PageQuery(), event_type=None)
    assert page.results == (schema,)
