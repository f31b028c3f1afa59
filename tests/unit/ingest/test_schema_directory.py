"""The directory of schemas follows their source, and goes on without it."""

from __future__ import annotations

from typing import Any

import pytest

from segops_ingest.adapters.memory.event_schemas import MemorySchemaCopy, MemorySchemaSource
from segops_ingest.ports.event_schemas import SchemasUnavailable
from segops_ingest.service.schemas.directory import SchemaDirectory

SCHEMA: dict[str, Any] = {
    "event_type": "order",
    "mode": "refuse",
    "properties": [{"name": "total", "type": "number", "required": True}],
}


@pytest.fixture
def source() -> MemorySchemaSource:
    return MemorySchemaSource(at_once=2)


@pytest.fixture
def copy() -> MemorySchemaCopy:
    return MemorySchemaCopy()


def types(directory: SchemaDirectory, tenant_id: int) -> list[str]:
    checks = directory.of_tenant(tenant_id)
    return [] if checks is None else [*checks]


async def test_all_tenants_are_known_after_the_first_read(source: MemorySchemaSource, copy: MemorySchemaCopy) -> None:
    for tenant in range(1, 6):
        source.put(tenant, SCHEMA)
    directory = SchemaDirectory(source=source, copy=copy)
    await directory.refresh()
    assert [types(directory, tenant) for tenant in range(7)] == [[], *[["order"]] * 5, []]
    checks = directory.of_tenant(3)
    assert checks is not None
    assert [violation.code for violation in checks["order"].apply({}).violations] == ["missing-property"]


async def test_changes_are_followed(source: MemorySchemaSource, copy: MemorySchemaCopy) -> None:
    directory = SchemaDirectory(source=source, copy=copy)
    await directory.refresh()
    source.put(1, SCHEMA)
    await directory.refresh()
    assert types(directory, 1) == ["order"]
    source.put(1, SCHEMA | {"event_type": "login"})
    source.put(2, SCHEMA)
    source.put(3, SCHEMA)
    await directory.refresh()
    assert [types(directory, tenant) for tenant in (1, 2, 3)] == [["login"], ["order"], ["order"]]
    source.put(2)
    await directory.refresh()
    assert directory.of_tenant(2) is None


async def test_what_is_known_applies_while_the_source_is_down(
    source: MemorySchemaSource, copy: MemorySchemaCopy
) -> None:
    source.put(1, SCHEMA)
    directory = SchemaDirectory(source=source, copy=copy)
    await directory.refresh()
    source.reachable = False
    with pytest.raises(SchemasUnavailable):
        await directory.refresh()
    assert types(directory, 1) == ["order"]


async def test_a_process_that_starts_without_the_source_takes_the_copy(
    source: MemorySchemaSource, copy: MemorySchemaCopy
) -> None:
    source.put(1, SCHEMA)
    source.put(2, SCHEMA)
    await SchemaDirectory(source=source, copy=copy).refresh()
    source.reachable = False
    directory = SchemaDirectory(source=source, copy=copy)
    async with directory.following():
        assert types(directory, 1) == ["order"]
        source.put(1)
        source.reachable = True
        await directory.refresh()
        assert [types(directory, tenant) for tenant in (1, 2)] == [[], ["order"]]


async def test_a_process_starts_without_the_source_and_the_copy(
    source: MemorySchemaSource, copy: MemorySchemaCopy
) -> None:
    source.reachable = copy.reachable = False
    directory = SchemaDirectory(source=source, copy=copy)
    async with directory.following():
        assert directory.of_tenant(1) is None


async def test_a_restored_source_is_read_from_its_beginning(source: MemorySchemaSource, copy: MemorySchemaCopy) -> None:
    source.put(1, SCHEMA)
    source.put(2, SCHEMA)
    directory = SchemaDirectory(source=source, copy=copy)
    await directory.refresh()
    source.restore()
    source.put(2, SCHEMA | {"event_type": "login"})
    await directory.refresh()
    assert [types(directory, tenant) for tenant in (1, 2)] == [[], ["login"]]
    assert [tenant.tenant_id for tenant in await copy.load()] == [2]
