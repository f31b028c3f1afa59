"""A tenant whose run takes long, in the same partition as others: no tenant waits for it, and its own order holds."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from segops_common.contracts.jobs import ComputeJob
from segops_common.contracts.topics import COMPUTE_JOBS, tenant_key
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.streams.log import partition_of
from segops_common.streams.loop.batches import Limits
from segops_common.streams.loop.dead_letter_topic import DeadLetterTopic
from segops_common.streams.loop.keyed import KeyedLoop
from segops_membership.consumers.compute import ComputeJobs
from tests.corpus.builders import NOW, count, event, group, job, new_tenant
from tests.integration.membership.harness import MembershipHarness


def tenants_of_one_partition(count: int) -> list[int]:
    first = new_tenant()
    partition = partition_of(COMPUTE_JOBS, tenant_key(first))
    result = [first]
    while len(result) < count:
        tenant = new_tenant()
        if partition_of(COMPUTE_JOBS, tenant_key(tenant)) == partition:
            result.append(tenant)
    return result


async def finished(harness: MembershipHarness, tenant: int) -> list[int]:
    return [result.run_id for result in await harness.results(tenant) if result.status != "running"]


async def test_a_long_run_of_one_tenant_delays_no_other(harness: MembershipHarness) -> None:
    slow, *others = tenants_of_one_partition(3)
    for tenant in (slow, *others):
        await harness.insert(tenant, [event("u")])
    await harness.log.ensure_topics([COMPUTE_JOBS, COMPUTE_JOBS.dead])
    loop = KeyedLoop(
        log=harness.log,
        group="fair",
        topic=COMPUTE_JOBS,
        handler=ComputeJobs(compute=harness.compute),
        dead_letters=DeadLetterTopic(log=harness.log),
        faults=NO_FAULTS,
        clock=SystemClock(),
        limits=Limits(max_records=100),
        record_intent=False,
    )

    async def ask(job: ComputeJob) -> None:
        await harness.log.append(COMPUTE_JOBS, tenant_key(job.tenant_id), job.model_dump_json().encode() + b"\n")

    async def until_finished(tenant: int, runs: list[int]) -> None:
        while await finished(harness, tenant) != runs:
            await asyncio.sleep(0.02)

    # As long as somebody has its lease, a tenant's run goes on and on.
    fence = await harness.leases.acquire(slow, "somebody", timedelta(seconds=60))
    definitions = {1: group(count())}
    for run, tenant in enumerate((slow, slow, *others, others[0], slow), start=1):
        await ask(job(tenant, run, definitions, as_of=NOW + timedelta(seconds=run)))
    stop = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(loop.run(stop))
        await until_finished(others[0], [3, 5])
        await until_finished(others[1], [4])
        assert await harness.results(slow) == []
        await harness.leases.release(slow, fence)
        await until_finished(slow, [1, 2, 6])
        stop.set()

    numbers = [(await harness.publications.find(slow, run)) for run in (1, 2, 6)]
    assert [number.number for number in numbers if number is not None] == [1, 2, 3]
    positions = await harness.log.positions("fair", COMPUTE_JOBS)
    assert max(positions.values()) == 6
