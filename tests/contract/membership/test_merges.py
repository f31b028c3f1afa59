"""The contracts of `MergeStore` and `MergeProjection`, and of what brings one up to date with the other."""

from __future__ import annotations

import pytest

from segops_membership.domain.identity.merges import Change, Resolution, merged, unmerged
from segops_membership.ports.identity.merges import Extent, MergesChanged
from segops_membership.service.identity.projection import ProjectedMerges
from tests.contract.membership.conftest import Ports
from tests.corpus.builders import NOW, new_tenant

FIRST = (0, "")


async def merge(ports: Ports, tenant: int, source: str, target: str) -> Change:
    change = merged(await ports.merges.graph(tenant, (source, target)), source, target, now=NOW, by="user:1")
    assert isinstance(change, Change)
    await ports.merges.append(tenant, change)
    return change


async def unmerge(ports: Ports, tenant: int, source: str) -> Change:
    change = unmerged(await ports.merges.graph(tenant, (source,)), source, now=NOW, by="api_key:2")
    assert isinstance(change, Change)
    await ports.merges.append(tenant, change)
    return change


async def test_a_graph_has_the_merges_in_force_around_its_users(ports: Ports) -> None:
    tenant = new_tenant()
    first = await merge(ports, tenant, "c", "ä")
    second = await merge(ports, tenant, "ä", "b")
    await merge(ports, new_tenant(), "c", "z")
    for user in ("c", "ä", "b"):
        graph = await ports.merges.graph(tenant, (user,))
        assert (graph.person(user), sorted(graph.ids_of("b"))) == ("b", ["b", "c", "ä"])
        assert {graph.merges["c"], graph.merges["ä"]} == {first.merge, second.merge}
        assert (graph.last_version, graph.last_at, graph.ended) == (2, second.merge.merged_at, None)
    ended = await unmerge(ports, tenant, "ä")
    graph = await ports.merges.graph(tenant, ("ä", "b"))
    assert (graph.person("c"), graph.ended, graph.ids_of("b")) == ("ä", ended.merge, ("b",))
    assert (await ports.merges.graph(tenant, ("x",))).ended is None


async def test_a_change_follows_the_last_one(ports: Ports) -> None:
    tenant = new_tenant()
    graph = await ports.merges.graph(tenant, ("a", "b"))
    changes = [merged(graph, source, "b", now=NOW, by="user:1") for source in ("a", "c")]
    assert all(isinstance(change, Change) for change in changes)
    await ports.merges.append(tenant, changes[0])  # type: ignore[arg-type]
    with pytest.raises(MergesChanged):
        await ports.merges.append(tenant, changes[1])  # type: ignore[arg-type]
    assert await ports.merges.extent(tenant) == Extent(1, 1)


async def test_resolutions_are_read_in_pages(ports: Ports) -> None:
    tenant = new_tenant()
    await merge(ports, tenant, "Z", "a")
    await merge(ports, tenant, "é", "a")
    last = await merge(ports, tenant, "a", "b")
    rows: list[Resolution] = []
    after = FIRST
    while page := await ports.merges.resolutions(tenant, after=after, limit=2):
        rows.extend(page)
        after = (page[-1].version, page[-1].user_id)
    assert [(row.version, row.user_id, row.canonical_id) for row in rows] == [
        (1, "Z", "a"), (2, "é", "a"), (3, "Z", "b"), (3, "a", "b"), (3, "é", "b"),
    ]  # fmt: skip
    assert set(rows[2:]) == set(last.resolutions)
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    assert await ports.merges.extent(tenant) == Extent(5, 3)
    assert await ports.merges.extent(tenant, up_to=2) == Extent(2, 2)


@pytest.mark.parametrize("missing", [set(), {3}, {2, 3}, {1}, {1, 2, 3}])
async def test_the_projection_gets_what_it_lacks(ports: Ports, missing: set[int]) -> None:
    tenant = new_tenant()
    projected = ProjectedMerges(store=ports.merges, projection=ports.projection)
    await projected.reconcile(tenant)
    assert await ports.projection.extent(tenant) == Extent(0, 0)
    for source, target in (("c", "a"), ("d", "a"), ("a", "b")):
        change = await merge(ports, tenant, source, target)
        if change.version not in missing:
            await ports.projection.store(tenant, change.resolutions)
    await projected.reconcile(tenant)
    assert await ports.projection.extent(tenant) == await ports.merges.extent(tenant) == Extent(5, 3)
    await ports.projection.store(tenant, await ports.merges.resolutions(tenant, after=FIRST, limit=9))
    assert await ports.projection.extent(tenant) == Extent(5, 3)
