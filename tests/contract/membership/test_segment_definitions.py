"""The contract of `SegmentDefinitions`."""

from __future__ import annotations

from itertools import permutations

from segops_common.contracts.jobs import SegmentChanged
from segops_language import Group
from segops_membership.domain.segment_definition import SegmentDefinition
from tests.contract.membership.conftest import Ports
from tests.corpus.builders import count, group, new_tenant


def change(tenant: int, version: int, *, segment: int = 1, deleted: bool = False) -> SegmentChanged:
    return SegmentChanged(
        tenant_id=tenant,
        segment_id=segment,
        version=version,
        definition=definition(version),
        refresh="hourly",
        deleted=deleted,
    )


def definition(version: int) -> Group:
    return group(count(f"event-{version}"))


async def test_the_highest_version_wins_in_any_order(ports: Ports) -> None:
    for order in permutations((1, 2, 3)):
        tenant = new_tenant()
        for version in (*order, *order):
            await ports.definitions.apply([change(tenant, version)])
        assert await ports.definitions.find(tenant, 1) == SegmentDefinition(
            segment_id=1, version=3, definition=definition(3), refresh="hourly"
        )


async def test_a_name_reaches_a_version_that_had_none(ports: Ports) -> None:
    tenant = new_tenant()
    unnamed, named = change(tenant, 2), change(tenant, 2).model_copy(update={"name": "Loyal"})
    await ports.definitions.apply([unnamed])
    stored = await ports.definitions.find(tenant, 1)
    assert stored is not None
    assert (stored.name, stored.title) == (None, "Segment 1")
    older = change(tenant, 1).model_copy(update={"name": "Old"})
    await ports.definitions.apply([named, unnamed, older, named.model_copy(update={"name": "Other"})])
    stored = await ports.definitions.find(tenant, 1)
    assert stored is not None
    assert (stored.name, stored.title, stored.version) == ("Loyal", "Loyal", 2)
    await ports.definitions.apply([change(tenant, 3).model_copy(update={"name": "Renamed"})])
    assert (await ports.definitions.of_tenant(tenant))[1].name == "Renamed"


async def test_a_deletion_is_final_in_any_order(ports: Ports) -> None:
    for order in permutations((1, 2, 3)):
        tenant = new_tenant()
        changes = [change(tenant, version, deleted=version == 2) for version in order]
        await ports.definitions.apply(changes)
        assert await ports.definitions.find(tenant, 1) is None
        assert await ports.definitions.of_tenant(tenant) == {}
        assert await ports.definitions.owner([tenant], 1) is None


async def test_segments_of_a_tenant_come_by_ascending_id(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    await ports.definitions.apply([change(tenant, 1, segment=segment) for segment in (30, 10, 20)])
    await ports.definitions.apply([change(other, 1, segment=10), change(other, 1, segment=40)])
    assert list(await ports.definitions.of_tenant(tenant)) == [10, 20, 30]
    assert await ports.definitions.find(tenant, 40) is None


async def test_the_owner_is_among_the_given_tenants(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    segment = tenant
    await ports.definitions.apply([change(tenant, 1, segment=segment)])
    assert await ports.definitions.owner([other, tenant], segment) == tenant
    assert await ports.definitions.owner([other], segment) is None
    assert await ports.definitions.owner([], segment) is None
