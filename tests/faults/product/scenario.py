"""A run: load, computes and lookups while faults happen, and what must hold at its end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from segops_common.stores.clickhouse import ClickHouse
from tests.faults.product.delivery_record import Comparison, stored_events
from tests.faults.product.load import Load
from tests.faults.product.people import LEAST, Workspace, busy, new_workspace
from tests.faults.product.running import PATIENCE_S, Product
from tests.faults.product.warehouse import published_members, reported_changes

NOTHING = frozenset[int]()
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
            await space.complete()
            await self._check_members(space)

    async def _check_members(self, space: Workspace) -> None:
        tenant = space.person.tenant
        published = await published_members(self.clickhouse, tenant)
        by_lookups = await space.members()
        for event_type, segment in space.segments.items():
            expected = self.load.record.users_with(tenant, event_type, LEAST[event_type])
            assert published.get(segment, set()) == expected
            assert by_lookups[event_type] == expected
            await self._check_changes(space, segment, expected)

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
            f"lookups {sum(space.lookups for space in spaces)}\n"
        )


@asynccontextmanager
async def scenario(product: Product, *, seed: int, rate: float, tenants: int) -> AsyncIterator[Scenario]:
    """New tenants on the product, and a load for them."""
    async with httpx.AsyncClient(base_url=product.url, timeout=20) as client:
        spaces = tuple([await new_workspace(client, seed + number) for number in range(tenants)])
        load = Load(product.url, [space.application for space in spaces], seed=seed, rate=rate)
        clickhouse = ClickHouse(url=product.clickhouse_url)
        try:
            yield Scenario(product, load, spaces, clickhouse)
        finally:
            await clickhouse.close()
