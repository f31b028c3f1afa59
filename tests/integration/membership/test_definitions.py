"""The present definitions, from the topic into PostgreSQL: whatever order and however often they come."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from random import Random

import pytest

from segops_common.contracts.jobs import SegmentChanged
from segops_common.streams.log import Record
from segops_common.streams.loop.consumer import BadRecords, Batch
from segops_language import Group
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.consumers.definitions import SegmentChanges
from segops_membership.service.analysis.segment_checks import segments_with
from tests.corpus.builders import count, group, new_tenant
from tests.integration.membership.harness import MembershipHarness

VERSIONS = [group(count(f"event {version}")) for version in range(5)]


@pytest.fixture
def definitions(harness: MembershipHarness) -> PostgresSegmentDefinitions:
    return PostgresSegmentDefinitions(engine=harness.engine)


def change(
    tenant: int, version: int, *, segment: int = 1, definition: Group | None = None, deleted: bool = False
) -> SegmentChanged:
    return SegmentChanged(
        tenant_id=tenant,
        segment_id=segment,
        version=version,
        definition=definition or VERSIONS[version],
        refresh="hourly",
        deleted=deleted,
    )


def batch(*values: bytes) -> Batch:
    records = tuple(
        Record(offset=offset, key=b"1", value=value, headers=(), timestamp_ms=0) for offset, value in enumerate(values)
    )
    return Batch(topic="segments", partition=0, first_offset=0, last_offset=len(records) - 1, records=records)


def line(change: SegmentChanged) -> bytes:
    return change.model_dump_json().encode() + b"\n"


async def test_in_any_order_the_highest_version_stands(definitions: PostgresSegmentDefinitions) -> None:
    for order in itertools.permutations((1, 2, 3)):
        tenant = new_tenant()
        for version in (*order, order[0]):
            await definitions.apply([change(tenant, version)])

        definition = await definitions.find(tenant, 1)

        assert definition is not None
        assert (definition.version, definition.definition, definition.refresh) == (3, VERSIONS[3], "hourly")


async def test_a_deletion_is_final_wherever_it_comes(definitions: PostgresSegmentDefinitions) -> None:
    random = Random(1)
    for place in range(4):
        tenant = new_tenant()
        changes = [change(tenant, version) for version in (1, 2, 4)]
        random.shuffle(changes)
        changes.insert(place, change(tenant, 3, deleted=True))
        await definitions.apply(changes)

        assert await definitions.find(tenant, 1) is None
        assert await definitions.of_tenant(tenant) == {}
        assert await definitions.owner([tenant], 1) is None


async def test_every_tenant_has_its_own(definitions: PostgresSegmentDefinitions) -> None:
    ours, theirs = new_tenant(), new_tenant()
    mine, other = ours * 10, ours * 10 + 1
    await definitions.apply([change(ours, 1, segment=mine), change(ours, 2, segment=other)])

    assert {id: definition.version for id, definition in (await definitions.of_tenant(ours)).items()} == {
        mine: 1,
        other: 2,
    }
    assert await definitions.of_tenant(theirs) == {}
    assert await definitions.find(theirs, mine) is None
    assert await definitions.owner([theirs, ours], mine) == ours
    assert await definitions.owner([theirs], mine) is None
    assert await definitions.owner([], mine) is None


async def test_numbers_stay_as_they_were_written(definitions: PostgresSegmentDefinitions) -> None:
    tenant = new_tenant()
    odd = group(*(count(value=value) for value in (1e300, 5e-324, -0.0, 5.0, 2**53 + 1, 0.1)))
    await definitions.apply([change(tenant, 1, definition=odd)])

    definition = await definitions.find(tenant, 1)

    assert definition is not None
    assert definition.definition.model_dump_json() == odd.model_dump_json()


async def test_bad_records_do_not_keep_the_others_out(definitions: PostgresSegmentDefinitions) -> None:
    tenant = new_tenant()
    handler = SegmentChanges(definitions=definitions)
    unstorable = change(tenant, 2**63, definition=VERSIONS[0])

    with pytest.raises(BadRecords) as refusal:
        await handler.handle(
            batch(
                b"no change\n",
                line(change(tenant, 1)) + line(change(tenant, 2, segment=2)),
                line(unstorable),
                line(change(tenant, 3)),
            )
        )

    assert [(item.offset, item.code) for item in refusal.value.records] == [
        (0, "not-a-segment-change"),
        (2, "not-storable"),
    ]
    assert {id: definition.version for id, definition in (await definitions.of_tenant(tenant)).items()} == {1: 3, 2: 2}


async def test_a_segment_is_found_before_its_creation_arrives(harness: MembershipHarness) -> None:
    tenant, fetched = new_tenant(), list[int]()

    async def fetch(tenant_ids: Collection[int], segment_id: int) -> SegmentChanged | None:
        fetched.append(segment_id)
        owner = {1: tenant, 2: tenant, 3: new_tenant()}.get(segment_id)
        return None if owner is None else change(owner, 1, segment=segment_id)

    definitions = PostgresSegmentDefinitions(engine=harness.engine, fetch=fetch)
    for _ in range(2):
        assert await definitions.owner([tenant], 1) == tenant
        segment = await definitions.find(tenant, 2)
        assert segment is not None
        assert segment.definition == VERSIONS[1]
    assert fetched == [1, 2]
    assert await definitions.owner([tenant], 3) is None
    assert await definitions.find(tenant, 4) is None
    assert list(await segments_with(definitions, tenant, [1, 4, 2])) == [1, 2]


async def test_a_deleted_segment_stays_deleted(harness: MembershipHarness) -> None:
    tenant = new_tenant()

    async def fetch(tenant_ids: Collection[int], segment_id: int) -> SegmentChanged | None:
        return change(tenant, 1, segment=segment_id)

    definitions = PostgresSegmentDefinitions(engine=harness.engine, fetch=fetch)
    await definitions.apply([change(tenant, 2, deleted=True)])
    # An answer may have been on its way while the segment was deleted.
    assert await definitions.find(tenant, 1) is None
    assert await definitions.owner([tenant], 1) is None
