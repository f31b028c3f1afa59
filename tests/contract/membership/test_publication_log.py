"""The contract of `PublicationLog`."""

from __future__ import annotations

import pytest

from segops_common.contracts.jobs import IngestLag
from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import NOTHING_REPORTED, Attempt, Publication, SegmentHead, TenantHead
from segops_membership.ports.tenant_leases import LeaseLost
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import EXPIRED, publication, segment_result
from tests.corpus.builders import NOW_MS, new_tenant


async def append(ports: Ports, tenant: int, run_id: int, *, base: int = 0) -> Publication:
    """Append a run under a new lease."""
    fence = await ports.leases.acquire(tenant, "a", EXPIRED)
    return await ports.publications.append(tenant, publication(tenant, Attempt(run_id, fence), base=base))


async def test_an_empty_chain_has_head_zero(ports: Ports) -> None:
    assert await ports.publications.head(new_tenant()) == TenantHead(0, 0)


async def test_publications_are_numbered_from_one(ports: Ports) -> None:
    tenant = new_tenant()
    appended = [await append(ports, tenant, 11), await append(ports, tenant, 12, base=11)]
    assert [item.number for item in appended] == [1, 2]
    head = await ports.publications.head(tenant)
    assert (head.run_id, head.number) == (12, 2)


async def test_a_publication_is_found_by_its_run_as_it_was_appended(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    appended = await append(ports, tenant, 11)
    assert await ports.publications.find(tenant, 11) == appended
    assert await ports.publications.find(tenant, 12) is None
    assert await ports.publications.find(other, 11) is None


async def test_the_head_has_the_newest_attempt_of_each_published_segment(ports: Ports) -> None:
    tenant, digest = new_tenant(), Digest(1, 2)
    fence = await ports.leases.acquire(tenant, "a", EXPIRED)
    segments = [segment_result(1), segment_result(2, digest=str(digest)), segment_result(3, published=False)]
    await ports.publications.append(tenant, publication(tenant, Attempt(1, fence), segments=segments))
    later = publication(tenant, Attempt(2, fence), base=1, segments=[segment_result(1)], as_of_ms=NOW_MS + 1)
    await ports.publications.append(tenant, later)
    assert (await ports.publications.head(tenant)).segments == {
        1: SegmentHead(Attempt(2, fence), NOW_MS + 1, reported_version=1),
        2: SegmentHead(Attempt(1, fence), NOW_MS, digest, reported_version=1),
    }


async def test_a_head_keeps_the_attempt_that_was_reported_last_until_a_complete_run(ports: Ports) -> None:
    tenant, lag = new_tenant(), IngestLag(positions=3, seconds=1.5)
    fence = await ports.leases.acquire(tenant, "a", EXPIRED)
    reported: list[list[Attempt | None]] = []
    for run_id, behind in enumerate((lag, lag, None, lag, lag), 1):
        segments = [segment_result(1), *([segment_result(2)] if run_id > 3 else ())]
        appended = publication(tenant, Attempt(run_id, fence), base=run_id - 1, segments=segments, behind=behind)
        await ports.publications.append(tenant, appended)
        stored = await ports.publications.find(tenant, run_id)
        assert stored is not None
        assert stored.result.behind == behind
        head = (await ports.publications.head(tenant)).segments
        reported.append([segment.reported for _, segment in sorted(head.items())])
    last, nothing = Attempt(3, fence), NOTHING_REPORTED
    assert reported == [[nothing], [nothing], [None], [last, nothing], [last, nothing]]


async def test_an_old_lease_appends_nothing(ports: Ports) -> None:
    tenant = new_tenant()
    old = await ports.leases.acquire(tenant, "a", EXPIRED)
    await ports.leases.acquire(tenant, "b", EXPIRED)
    with pytest.raises(LeaseLost):
        await ports.publications.append(tenant, publication(tenant, Attempt(1, old)))
    assert await ports.publications.find(tenant, 1) is None
    assert (await ports.publications.head(tenant)).number == 0


async def test_a_run_whose_base_is_no_longer_the_end_is_not_appended(ports: Ports) -> None:
    tenant = new_tenant()
    await append(ports, tenant, 1)
    await append(ports, tenant, 2, base=1)
    with pytest.raises(LeaseLost):
        await append(ports, tenant, 3, base=1)
    assert (await ports.publications.head(tenant)).run_id == 2


async def test_publications_are_not_visible_until_they_are_marked(ports: Ports) -> None:
    tenant = new_tenant()
    appended = [await append(ports, tenant, 1), await append(ports, tenant, 2, base=1)]
    assert await ports.publications.not_visible(tenant) == appended
    for _ in range(2):
        await ports.publications.mark_visible(tenant, 1)
    assert await ports.publications.not_visible(tenant) == appended[1:]
    assert await ports.publications.not_visible(new_tenant()) == []


async def test_where_reporting_began_is_kept_for_later_attempts(ports: Ports) -> None:
    tenant = new_tenant()
    await append(ports, tenant, 1)
    assert await ports.publications.begin_reporting(tenant, 1, {0: 5, 3: 7}) is None
    assert await ports.publications.begin_reporting(tenant, 1, {0: 9, 3: 9}) == {0: 5, 3: 7}


async def test_a_publication_is_reported_once_it_is_marked(ports: Ports) -> None:
    tenant = new_tenant()
    appended = await append(ports, tenant, 1)
    assert not appended.reported
    for _ in range(2):
        await ports.publications.mark_reported(tenant, 1)
    stored = await ports.publications.find(tenant, 1)
    assert stored is not None
    assert stored.reported


async def test_a_head_keeps_the_version_that_was_reported_last(ports: Ports) -> None:
    tenant, lag = new_tenant(), IngestLag(positions=3, seconds=1.5)
    fence = await ports.leases.acquire(tenant, "a", EXPIRED)
    versions = []
    for run_id, (version, behind) in enumerate([(4, lag), (5, None), (6, lag), (7, None)], 1):
        segment = segment_result(1).model_copy(update={"version": version})
        new = publication(tenant, Attempt(run_id, fence), base=run_id - 1, segments=[segment], behind=behind)
        await ports.publications.append(tenant, new)
        versions.append((await ports.publications.head(tenant)).segments[1].reported_version)
    assert versions == [0, 5, 5, 7]


async def test_visible_publications_are_read_in_their_order(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    fence = await ports.leases.acquire(tenant, "a", EXPIRED)
    assert await ports.publications.visible_end(tenant) is None
    for run_id in range(1, 6):
        segments = [segment_result(7, published=run_id != 3), segment_result(8)] if run_id % 2 else [segment_result(8)]
        appended = publication(tenant, Attempt(run_id, fence), base=run_id - 1, segments=segments)
        await ports.publications.append(tenant, appended)
        if run_id < 5:
            await ports.publications.mark_visible(tenant, run_id)

    async def numbers(after: int, through: int, limit: int = 10, segment_id: int | None = None) -> list[int]:
        page = await ports.publications.visible_after(tenant, after, through, limit=limit, segment_id=segment_id)
        return [item.number for item in page]

    end = await ports.publications.visible_end(tenant)
    assert end is not None
    assert (end.number, await numbers(0, 9), await numbers(1, 3), await numbers(0, 9, limit=2)) == (
        4,
        [1, 2, 3, 4],
        [2, 3],
        [1, 2],
    )
    assert (await numbers(0, 9, segment_id=7), await numbers(0, 9, segment_id=9)) == ([1], [])
    assert await ports.publications.visible_after(other, 0, 9, limit=10) == []
