"""The contracts of `AnalyticsReader` and `SegmentSizes`."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from segops_common.contracts.warehouse import JSON_INSERT_SETTINGS, version_of
from segops_common.stores.clickhouse import ClickHouse
from segops_language.values.instants import to_ms
from segops_membership.domain.explorer.analytics import DAY_MS, day_of
from segops_membership.domain.explorer.status import LastPublication, StorageDelay
from segops_membership.domain.publication import Attempt, SegmentHead
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import LONG, outcome, publish
from tests.corpus.builders import NOW, NOW_MS, event, new_tenant
from tests.integration.membership.harness import event_row

TODAY = day_of(NOW_MS)


def head(run_id: int) -> SegmentHead:
    return SegmentHead(attempt=Attempt(run_id, 1), as_of_ms=NOW_MS)


async def compute(ports: Ports, tenant: int, run_id: int, members: dict[int, Sequence[int]], *, day: int) -> None:
    """Publish these members as of that day."""
    outcomes = [outcome(segment_id, numbers) for segment_id, numbers in members.items()]
    await publish(ports, tenant, Attempt(run_id, 1), outcomes, number=run_id, as_of_ms=day * DAY_MS + run_id)


async def test_sizes_are_of_the_published_state(ports: Ports) -> None:
    tenant = new_tenant()
    await compute(ports, tenant, 1, {7: [1, 2, 3], 8: []}, day=TODAY)
    await compute(ports, tenant, 2, {7: [1]}, day=TODAY)
    await compute(ports, new_tenant(), 1, {7: [1, 2, 3, 4]}, day=TODAY)
    assert await ports.sizes.sizes(tenant, {7: head(2), 8: head(1)}) == {7: 1, 8: 0}
    assert await ports.sizes.sizes(tenant, {}) == {}


async def test_a_user_in_several_segments_counts_once(ports: Ports) -> None:
    tenant = new_tenant()
    await compute(ports, tenant, 1, {7: [1, 2, 3], 8: [3, 4], 9: [50]}, day=TODAY)
    await compute(ports, tenant, 2, {9: [1]}, day=TODAY)
    assert await ports.analytics.distinct_members(tenant, {7: head(1), 8: head(1), 9: head(2)}) == 4
    assert await ports.analytics.distinct_members(tenant, {}) == 0


async def test_the_last_published_run_of_a_day_is_its_size(ports: Ports) -> None:
    tenant = new_tenant()
    for run_id, day, size in ((1, -9, 5), (2, -8, 6), (3, -1, 1), (4, 0, 2), (5, 0, 3)):
        await compute(ports, tenant, run_id, {7: range(1, size + 1)}, day=TODAY + day)
    await compute(ports, tenant, 6, {8: [1]}, day=TODAY - 20)
    # An attempt that was not published.
    await ports.results.write_outcomes(tenant, Attempt(9, 1), [outcome(7, [])], NOW_MS, NOW)
    assert await ports.analytics.sizes_by_day(tenant, TODAY - 2) == {
        7: {TODAY - 3: 6, TODAY - 1: 1, TODAY: 3},
        8: {TODAY - 3: 1},
    }
    assert await ports.analytics.sizes_by_day(new_tenant(), TODAY) == {}


async def test_events_are_counted_by_time_and_by_day_of_receipt(ports: Ports) -> None:
    tenant = new_tenant()
    midnight = TODAY * DAY_MS
    times = (midnight - DAY_MS - 1, midnight - DAY_MS, midnight - 1, midnight, midnight + 5)
    await ports.store_events(tenant, [event("u", at=at, note="x" * 100) for at in times])
    await ports.store_events(new_tenant(), [event("u", at=midnight)])
    assert await ports.analytics.events_since(tenant, midnight) == 2
    assert await ports.analytics.received_by_day(tenant, TODAY - 1) == {TODAY - 1: 2, TODAY: 2}
    stored, size = await ports.analytics.stored(tenant)
    assert stored == 5
    assert size > 0
    assert await ports.analytics.stored(new_tenant()) == (0, 0)


async def test_the_delay_is_from_receipt_to_storage(ports: Ports) -> None:
    tenant = new_tenant()
    assert await ports.activity.storage_delay(tenant) is None
    now_ms = to_ms(ports.clock.now())
    ages = [*(2_000 + second for second in range(99)), 3_000_000]
    await ports.store_events(tenant, [event("u", at=now_ms - age) for age in ages])
    delay = await ports.activity.storage_delay(tenant)
    passed_s = (to_ms(ports.clock.now()) - now_ms) / 1000
    assert delay is not None
    assert delay.events == 100
    assert 1.999 <= delay.p50_s <= delay.p95_s <= 2.2 + passed_s
    assert delay.p95_s <= delay.p99_s <= 3_000.1 + passed_s
    assert await ports.activity.storage_delay(new_tenant()) is None


async def test_events_of_the_future_take_no_time(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event("u", at=to_ms(ports.clock.now()) + 3_600_000)])
    assert await ports.activity.storage_delay(tenant) == StorageDelay(events=1, p50_s=0, p95_s=0, p99_s=0)


async def test_old_minutes_and_imports_have_no_delay(engine_ports: Ports, clickhouse: ClickHouse) -> None:
    tenant = new_tenant()
    await clickhouse.command(
        "INSERT INTO storage_delays SELECT {tenant:UInt64}, now() - 7200, fromUnixTimestamp64Milli(5, 'UTC'), 5, "
        "quantilesTDigestState(0.5, 0.95, 0.99)(toFloat32(9))",
        {"tenant": tenant},
    )
    assert await engine_ports.activity.last_received_ms(tenant) == 5
    imported = orjson.loads(event_row(tenant, event("u"))) | {"version": version_of(3, is_import=True)}
    await clickhouse.insert_json_lines("events", orjson.dumps(imported) + b"\n", settings=JSON_INSERT_SETTINGS)
    assert await engine_ports.activity.last_received_ms(tenant) == NOW_MS - 1000
    assert await engine_ports.activity.storage_delay(tenant) is None
    for shard in clickhouse.shards:
        await shard.command("DELETE FROM storage_delays WHERE tenant_id = {tenant:UInt64}", {"tenant": tenant})
    assert await engine_ports.activity.last_received_ms(tenant) == NOW_MS - 1000, "read from the events themselves"


async def test_the_last_activity_of_a_tenant(ports: Ports) -> None:
    tenant = new_tenant()
    assert await ports.activity.last_received_ms(tenant) is None
    assert await ports.activity.last_publication(tenant) is None
    assert not await ports.activity.is_computing(tenant)
    await ports.store_events(tenant, [event("u", at=NOW_MS - age) for age in (5, 1, 3)])
    await compute(ports, tenant, 2, {7: [1]}, day=TODAY)
    await compute(ports, tenant, 5, {8: [1]}, day=TODAY - 1)
    assert await ports.activity.last_received_ms(tenant) == NOW_MS - 1
    assert await ports.activity.last_publication(tenant) == LastPublication(5, (TODAY - 1) * DAY_MS + 5, to_ms(NOW))
    fence = await ports.leases.acquire(tenant, "worker", LONG)
    assert await ports.activity.is_computing(tenant)
    await ports.leases.release(tenant, fence)
    assert not await ports.activity.is_computing(tenant)
