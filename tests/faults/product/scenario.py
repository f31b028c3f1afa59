"""A run: load, computes and lookups while faults happen, and what must hold at its end."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random

import httpx

from segops_common.stores.clickhouse import ClickHouse
from tests.e2e.test_members import digest
from tests.faults.product.consumers import Consumers
from tests.faults.product.delivery_record import Comparison, stored_events
from tests.faults.product.load import Load
from tests.faults.product.people import LEAST, Workspace, busy, new_workspace
from tests.faults.product.running import PATIENCE_S, Product
from tests.faults.product.warehouse import published_members, reported_changes
from tests.faults.receiving import folded

NOTHING = frozenset[int]()
REPLAYS = 10
"""From how many earlier cursors changes are read again at the end."""
_POLL_S = 0.2

Trouble = Callable[[Load], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A product, a load and workspaces, to run through troubles."""

    product: Product
    load: Load
    workspaces: tuple[Workspace, ...]
    clickhouse: ClickHouse

    @property
    def tenants(self) -> list[int]:
        return [workspace.person.tenant for workspace in self.workspaces]

    async def through(self, trouble: Trouble) -> None:
        """Send, compute and look up while the trouble lasts. Then check everything."""
        async with busy(self.workspaces), asyncio.TaskGroup() as group:
            self.load.start(group)
            await self.load.grows(1)
            await trouble(self.load)
            await self.load.stop()
        await self.product.ready()
        comparison = await self.until_stored()
        self._print(comparison)
        assert comparison == Comparison(lost=NOTHING, doubled=NOTHING, invented=NOTHING)
        await self._check_runs_and_members()
        wrong = [*self.load.record.wrong, *(line for space in self.workspaces for line in space.wrong)]
        assert wrong == [], "\n".join(wrong)

    async def until_stored(self) -> Comparison:
        """Wait until every acknowledged event is stored, then compare."""
        record = self.load.record
        end = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            comparison = record.compare(await stored_events(self.clickhouse, self.tenants))
            if not comparison.lost or asyncio.get_running_loop().time() > end:
                return comparison
            await asyncio.sleep(_POLL_S)

    async def _check_runs_and_members(self) -> None:
        for space in self.workspaces:
            await space.ended(space.runs)
            digests = await space.complete()
            published = await published_members(self.clickhouse, space.person.tenant)
            await self._check_members(space, published)
            await self._check_consumers(space.consumers, published, digests)

    async def _check_members(self, space: Workspace, published: Mapping[int, set[str]]) -> None:
        tenant = space.person.tenant
        by_lookups = await space.members()
        for event_type, segment in space.segments.items():
            expected = self.load.record.users_with(tenant, event_type, LEAST[event_type])
            assert published.get(segment, set()) == expected
            assert by_lookups[event_type] == expected
            await self._check_changes(space, segment, expected)

    async def _check_consumers(
        self, consumers: Consumers, published: Mapping[int, set[str]], digests: Mapping[int, str]
    ) -> None:
        """Reader and receivers have what is published, also from any earlier cursor, and no change came twice."""
        reader = consumers.reader
        async with asyncio.timeout(2 * PATIENCE_S):
            await consumers.until_sent(published)
            replayed = await reader.replays(Random(self.load.seed), REPLAYS)
        for again in (reader, *replayed):
            assert {segment: digest(sorted(users)) for segment, users in again.members.items()} == digests
            assert again.wrong == []
        for receiver in consumers.receivers.values():
            folded(receiver.stream)

    async def _check_changes(self, space: Workspace, segment: int, members: frozenset[str]) -> None:
        """Each member entered once: no event disappears, so nobody exits. A repetition names the same run."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                changes = await reported_changes(self.product.valkey.event_log_url, [space.person.tenant])
                reported = {
                    (change.user_id, change.change, change.run_id) for change in changes if change.segment_id == segment
                }
                if {user for user, _, _ in reported} >= members:
                    break
                await asyncio.sleep(_POLL_S)
        assert sorted((user, change) for user, change, _ in reported) == sorted((user, "entered") for user in members)

    def _print(self, comparison: Comparison) -> None:
        record, spaces = self.load.record, self.workspaces
        sys.stdout.write(
            f"acknowledged {len(record.acknowledged)}, lost {len(comparison.lost)}, doubled {len(comparison.doubled)}, "
            f"responses {dict(sorted(record.answers.items()))}, runs {sum(len(space.runs) for space in spaces)}, "
            f"lookups {sum(space.lookups for space in spaces)}, "
            f"changes {sum(space.consumers.reader.changes for space in spaces)}, "
            f"webhooks {sum((space.consumers.moods for space in spaces), Counter[str]())}\n"
        )


@asynccontextmanager
async def scenario(product: Product, *, seed: int, rate: float, tenants: int) -> AsyncIterator[Scenario]:
    """New tenants on the product, and a load for them."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=product.url, timeout=20))
        spaces = tuple([await new_workspace(client, seed + number) for number in range(tenants)])
        load = Load(product.url, [space.application for space in spaces], seed=seed, rate=rate)
        clickhouse = ClickHouse(url=product.clickhouse_url)
        stack.push_async_callback(clickhouse.close)
        for space in spaces:
            await stack.enter_async_context(space.consuming())
        yield Scenario(product, load, spaces, clickhouse)
