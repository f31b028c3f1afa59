"""A worker that dies or freezes at any point of a publication: the job is finished once, and no reader sees half of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import psutil
import pytest
import xxhash

from segops_common.runtime.crash_points import CRASHED
from segops_membership.domain.digest import Digest
from tests.corpus.builders import count, event, group, job, new_tenant
from tests.corpus.crash_points import DECIDED, POINTS
from tests.faults.membership.conftest import Deliveries
from tests.integration.membership.harness import MembershipHarness
from tests.shared.fork_server import ForkedProcess

IN, OUT = group(count()), group(logic="OR")
BEFORE, AFTER = (1, 2), (3, 4)


@asynccontextmanager
async def watched(harness: MembershipHarness, tenant: int, user: str) -> AsyncIterator[set[tuple[int, ...]]]:
    """Collect every answer to the user's lookups while the block runs."""
    observed: set[tuple[int, ...]] = set()
    stopped = asyncio.Event()

    async def watch() -> None:
        while not stopped.is_set():
            observed.add(await harness.segments_of(tenant, user))
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        try:
            yield observed
        finally:
            stopped.set()


@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_is_made_good_by_the_next_delivery(
    harness: MembershipHarness, deliveries: Deliveries, point: str
) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    await harness.compute.run(job(tenant, 1, {1: IN, 2: IN, 3: OUT, 4: OUT}))
    await harness.insert(tenant, [event("new")])
    second = job(tenant, 2, {1: OUT, 2: OUT, 3: IN, 4: IN})

    async with watched(harness, tenant, "u") as observed:
        process = await deliveries.start(second, point, "crash")
        _, errors = await outputs(process)
        assert process.returncode == CRASHED, errors
        assert f"crash point {point} reached" in errors
        await deliveries.expire_lease(tenant)
        decided = await harness.publications.find(tenant, 2)
        # What comes in between belongs to the run only if it was not decided before.
        await harness.insert(tenant, [event("late")])
        await harness.compute.run(second)

    assert observed <= {BEFORE, AFTER}
    assert (decided is not None) == (point in DECIDED)
    members = {"u", "new"} if decided else {"u", "new", "late"}
    everyone = ("u", "new", "late")
    assert {user for user in everyone if await harness.segments_of(tenant, user) == AFTER} == members
    assert (await harness.publications.head(tenant)).number == 2
    publication = await harness.publications.find(tenant, 2)
    assert publication is not None
    assert publication.reported
    sizes = [(segment.segment_id, segment.entered, segment.exited) for segment in publication.result.segments]
    assert sizes == [(1, 0, 1), (2, 0, 1), (3, len(members), 0), (4, len(members), 0)]
    assert await _balance(harness, tenant) == [(1, 0), (2, 0), (3, len(members)), (4, len(members))]
    assert [segment.digest for segment in publication.result.segments] == [_digest(())] * 2 + [_digest(members)] * 2
    reported = Counter(
        (change.segment_id, change.user_id, change.change)
        for change in await harness.changes(tenant)
        if change.run_id == 2
    )
    assert set(reported) == {(s, "u", "exited") for s in (1, 2)} | {
        (s, user, "entered") for s in (3, 4) for user in members
    }
    assert set(reported.values()) == {1}


async def test_a_worker_frozen_past_its_lease_publishes_nothing(
    harness: MembershipHarness, deliveries: Deliveries
) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    process = await deliveries.start(job(tenant, 1, {1: OUT, 2: IN}), "before_append", "freeze")
    await _until_frozen(process)

    await harness.compute.run(job(tenant, 2, {1: IN, 2: OUT}))
    os.kill(process.pid, signal.SIGCONT)
    said, errors = await outputs(process)

    assert said == "lease lost", errors
    assert await harness.publications.find(tenant, 1) is None
    assert (await harness.publications.head(tenant)).run_id == 2
    assert await harness.segments_of(tenant, "u") == (1,)


async def test_a_worker_frozen_before_it_writes_writes_nothing(
    harness: MembershipHarness, deliveries: Deliveries
) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    process = await deliveries.start(job(tenant, 1, {1: IN}), "after_outcomes", "freeze")
    await _until_frozen(process)
    await harness.compute.run(job(tenant, 2, {1: IN}))

    os.kill(process.pid, signal.SIGCONT)
    said, errors = await outputs(process)

    assert said == "lease lost", errors
    rows = await harness.clickhouse.query(
        "SELECT DISTINCT run_id FROM membership_changes WHERE tenant_id = {t:UInt64}", {"t": tenant}
    )
    assert [row[0] for row in rows.rows] == [2]


async def outputs(process: ForkedProcess) -> tuple[str, str]:
    """Return what the process wrote to stdout and stderr, when it has ended."""
    said, errors = await process.communicate()
    assert said is not None
    assert errors is not None
    return said.decode(), errors.decode()


async def _until_frozen(process: ForkedProcess) -> None:
    for _ in range(600):
        if psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the worker did not reach the point")


def _digest(users: Collection[str]) -> str:
    sums = Digest()
    for user in users:
        sums += Digest(xxhash.xxh64_intdigest(user.encode()), xxhash.xxh3_64_intdigest(user.encode()))
    return str(sums)


async def _balance(harness: MembershipHarness, tenant: int) -> list[tuple[int, int]]:
    """Return, for each segment, entered minus exited over all published rows: its size if no change counts twice."""
    rows = await harness.clickhouse.query(
        "SELECT segment_id, sum(change) FROM membership_changes FINAL WHERE tenant_id = {t:UInt64} AND (run_id, fence) IN"
        " (SELECT run_id, fence FROM publications WHERE tenant_id = {t:UInt64}) GROUP BY segment_id ORDER BY segment_id",
        {"t": tenant},
    )
    return [(int(segment), int(balance)) for segment, balance in rows.rows]
