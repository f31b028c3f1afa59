"""Cold lookups that come at the same time: what they share, how long they wait, and which are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.lookup.batched_reads import (
    MAX_USERS_OF_A_STATEMENT,
    MAX_WAREHOUSE_QUERIES,
    BatchedReads,
)


class GatedReader:
    """A warehouse in which the user `n` is in segment n; its statements wait for `gate`."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.statements: list[list[str]] = []
        self.running = 0
        self.failing = False

    async def segments_of(
        self, tenant_id: int, user_ids: Collection[str], number: int, as_of_ms: int | None
    ) -> Mapping[str, tuple[int, ...]]:
        self.statements.append(list(user_ids))
        self.running += 1
        await self.gate.wait()
        self.running -= 1
        if self.failing:
            raise EngineUnavailable("out of order")
        return {user_id: (tenant_id, int(user_id)) for user_id in user_ids}

    async def publication_numbers(self, tenant_ids: Collection[int]) -> Mapping[int, int]:
        return dict.fromkeys(tenant_ids, 1)

    async def check(self) -> None:
        """It answers."""


@pytest.fixture
def reader() -> GatedReader:
    return GatedReader()


@pytest.fixture
def reads(reader: GatedReader) -> BatchedReads:
    return BatchedReads(reader=reader, wait_s=60)


def look_up(reads: BatchedReads, *users: int, tenant: int = 1) -> list[asyncio.Task[tuple[int, ...]]]:
    return [asyncio.create_task(reads.segments_of(tenant, str(user), 1, None)) for user in users]


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_while_a_statement_runs_the_next_collects(reader: GatedReader, reads: BatchedReads) -> None:
    first = look_up(reads, 0)
    await settle()
    others = look_up(reads, 1, 2, 1, 3)
    await settle()
    assert reader.statements == [["0"]]
    reader.gate.set()
    assert [await call for call in (*first, *others)] == [(1, user) for user in (0, 1, 2, 1, 3)]
    assert reader.statements == [["0"], ["1", "2", "3"]]


async def test_a_statement_has_a_limited_number_of_users(reader: GatedReader, reads: BatchedReads) -> None:
    reader.gate.set()
    await asyncio.gather(*look_up(reads, *range(MAX_USERS_OF_A_STATEMENT + 2)))
    assert [len(users) for users in reader.statements] == [MAX_USERS_OF_A_STATEMENT, 2]


async def test_tenants_do_not_share_statements_and_a_few_run_at_a_time(
    reader: GatedReader, reads: BatchedReads
) -> None:
    tenants = range(1, MAX_WAREHOUSE_QUERIES + 10)
    calls = [call for tenant in tenants for call in look_up(reads, 5, tenant=tenant)]
    await settle()
    assert reader.running == MAX_WAREHOUSE_QUERIES
    reader.gate.set()
    assert await asyncio.gather(*calls) == [(tenant, 5) for tenant in tenants]


async def test_a_call_that_waits_too_long_is_refused_and_not_read_later(reader: GatedReader) -> None:
    reads = BatchedReads(reader=reader, wait_s=0.05)
    calls = look_up(reads, 0)
    await settle()
    calls += look_up(reads, 1)
    for call in calls:
        with pytest.raises(EngineUnavailable, match="slow"):
            await call
    reader.gate.set()
    assert await (*look_up(reads, 2),)[0] == (1, 2)
    assert reader.statements == [["0"], ["2"]]


async def test_beyond_the_limit_of_waiting_calls_a_call_is_refused_at_once(reader: GatedReader) -> None:
    reads = BatchedReads(reader=reader, wait_s=60, max_waiting=2)
    waiting = look_up(reads, 0, 1)
    await settle()
    with pytest.raises(EngineUnavailable, match="too many"):
        await reads.segments_of(1, "2", 1, None)
    reader.gate.set()
    assert await asyncio.gather(*waiting) == [(1, 0), (1, 1)]


async def test_a_failure_concerns_the_users_of_its_statement(reader: GatedReader, reads: BatchedReads) -> None:
    reader.failing = True
    reader.gate.set()
    for call in look_up(reads, 0, 1):
        with pytest.raises(EngineUnavailable):
            await call
    reader.failing = False
    assert await look_up(reads, 0)[0] == (1, 0)
