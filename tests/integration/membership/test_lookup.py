"""Lookups on real engines: what the cache may change, and what it may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from segops_common.core.clock import Clock, SystemClock
from segops_common.core.problems import Unavailable
from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_common.telemetry.metrics import Metrics
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.membership_reader import ClickHouseMembershipReader
from segops_membership.adapters.redis.membership_cache import (
    NEGATIVE_TTL_S,
    TTL_S,
    RedisMembershipCache,
    entry_key,
    number_key,
)
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.membership import MembershipReader
from segops_membership.service.identity.persons import Persons
from segops_membership.service.lookup.lookup import Lookup
from segops_membership.service.lookup.publication_watermark import PublicationWatermark
from tests.corpus.builders import count, event, group, job, new_tenant
from tests.integration.membership.harness import MembershipHarness

IN, OUT = group(count()), group(logic="OR")
NOWHERE = "redis://127.0.0.1:1/0"


class Counted:
    """A warehouse that counts its reads; it may be slow or down."""

    def __init__(self, reader: MembershipReader, *, delay_s: float = 0.0) -> None:
        self._reader = reader
        self._delay_s = delay_s
        self.reads = 0
        self.asked = asyncio.Event()
        self.at_once = 0
        self.most_at_once = 0
        self.is_down = False

    async def instant_of(self, tenant_id: int, number: int, as_of_ms: int | None) -> int | None:
        return await self._reader.instant_of(tenant_id, number, as_of_ms)

    async def publication_numbers(self, tenant_ids: Collection[int]) -> Mapping[int, int]:
        self._stand()
        result = await self._reader.publication_numbers(tenant_ids)
        self.asked.set()
        return result

    async def segments_of(
        self, tenant_id: int, user_ids: Collection[str], number: int, as_of_ms: int | None
    ) -> Mapping[str, tuple[int, ...]]:
        self._stand()
        self.reads += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self._delay_s)
            return await self._reader.segments_of(tenant_id, user_ids, number, as_of_ms)
        finally:
            self.at_once -= 1

    async def check(self) -> None:
        self._stand()

    def _stand(self) -> None:
        if self.is_down:
            raise EngineUnavailable("out of order")


class SlowClock(SystemClock):
    """A clock that runs a hundred times slower, so that waits of the lookup are long on a busy machine too."""

    def monotonic(self) -> float:
        return super().monotonic() / 100


@asynccontextmanager
async def api(
    harness: MembershipHarness, redis_url: str | None, *, delay_s: float = 0.0, clock: Clock | None = None
) -> AsyncIterator[tuple[Lookup, Counted, CollectorRegistry]]:
    """Return the lookup of another API process on the same engines, with its own Redis and clock if given."""
    clock = clock or SystemClock()
    redis = create_redis(redis_url) if redis_url else harness.redis
    metrics = Metrics()
    reader = Counted(ClickHouseMembershipReader(clickhouse=harness.clickhouse), delay_s=delay_s)
    lookup = Lookup(
        reader=reader,
        persons=Persons(reader=ClickHouseJoinReader(clickhouse=harness.clickhouse)),
        cache=RedisMembershipCache(breaker=RedisBreaker(redis=redis, clock=clock), random=Random(1)),
        watermark=PublicationWatermark(reader=reader, clock=clock),
        clock=clock,
        metrics=metrics,
    )
    yield lookup, reader, metrics.registry
    if redis_url:
        await redis.aclose()


async def published(harness: MembershipHarness, *, run_id: int = 1, tenant: int | None = None) -> int:
    """Return a tenant whose user `u` is in segments 1 and 2 by odd runs, and in 3 by even runs."""
    chosen = tenant or new_tenant()
    if tenant is None:
        await harness.insert(chosen, [event("u")])
    odd = run_id % 2 == 1
    definitions = {1: IN if odd else OUT, 2: IN if odd else OUT, 3: OUT if odd else IN}
    await harness.compute.run(job(chosen, run_id, definitions))
    return chosen


async def test_a_publication_is_seen_at_once(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    for run_id in range(2, 12):
        before = await harness.segments_of(tenant, "u")
        await published(harness, run_id=run_id, tenant=tenant)
        after = await harness.segments_of(tenant, "u")

        assert (before, after) == (((1, 2), (3,)) if run_id % 2 == 0 else ((3,), (1, 2)))


async def test_a_publication_whose_signal_is_lost_is_seen_within_a_second(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    assert await harness.segments_of(tenant, "u") == (1, 2)
    await published(harness, run_id=2, tenant=tenant)
    # Redis came back from an older snapshot: the old number, and with it an old answer.
    await harness.redis.set(number_key(tenant), 1)
    await asyncio.sleep(1)

    assert await harness.segments_of(tenant, "u") == (3,)


@pytest.mark.parametrize("hint", [b"9999", b"-1", b"garbage", b"1e9", b"9" * 400, b""])
async def test_a_wrong_number_in_redis_misleads_nobody(harness: MembershipHarness, hint: bytes) -> None:
    tenant = await published(harness)
    await harness.redis.set(number_key(tenant), hint)
    assert await harness.segments_of(tenant, "u") == (1, 2)
    assert (await harness.lookup.segments_of(tenant, "u")).cached

    await published(harness, run_id=2, tenant=tenant)

    assert await harness.segments_of(tenant, "u") == (3,)


@pytest.mark.parametrize(
    "garbage", [b"", b"null", b"{}", b"[2,1]", b"[1,1]", b'["1"]', b"[true]", b"[1.0]", b"\xff", b"[" * 100_000]
)
async def test_garbage_in_redis_is_a_miss(harness: MembershipHarness, garbage: bytes) -> None:
    tenant = await published(harness)
    await harness.redis.set(entry_key(tenant, 1, "u"), garbage)

    segments = await harness.lookup.segments_of(tenant, "u")

    assert (segments.segment_ids, segments.cached) == ((1, 2), False)
    assert (await harness.lookup.segments_of(tenant, "u")).cached


async def test_a_key_of_another_type_in_redis_is_no_failure(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    await harness.redis.delete(number_key(tenant))
    await harness.redis.rpush(entry_key(tenant, 1, "u"), "x")

    assert await harness.segments_of(tenant, "u") == (1, 2)


async def test_entries_lapse(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    for user in ("u", *(f"stranger-{i}" for i in range(20))):
        await harness.segments_of(tenant, user)

    existing = await harness.redis.pttl(entry_key(tenant, 1, "u"))
    unknown = [await harness.redis.pttl(entry_key(tenant, 1, f"stranger-{i}")) for i in range(20)]

    assert 0.85 * TTL_S * 1000 < existing <= 1.1 * TTL_S * 1000
    assert all(0.85 * NEGATIVE_TTL_S * 1000 < ttl <= 1.1 * NEGATIVE_TTL_S * 1000 for ttl in unknown)
    assert len({ttl // 100 for ttl in unknown}) > 5


async def test_an_unknown_user_is_cached_too(harness: MembershipHarness) -> None:
    tenant = await published(harness)

    first, second = [await harness.lookup.segments_of(tenant, "stranger") for _ in range(2)]

    assert (first.segment_ids, first.cached) == ((), False)
    assert (second.segment_ids, second.cached) == ((), True)


async def test_many_cold_lookups_of_a_user_ask_once(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    async with api(harness, None, delay_s=0.05) as (lookup, reader, _):
        segments = await asyncio.gather(*(lookup.segments_of(tenant, "u") for _ in range(1000)))

    assert {item.segment_ids for item in segments} == {(1, 2)}
    assert reader.reads == 1


async def test_a_process_waits_for_another_that_is_asking(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    await harness.redis.set(entry_key(tenant, 1, "u") + ":lock", b"1", px=2000)
    async with api(harness, None, clock=SlowClock()) as (lookup, reader, _), asyncio.TaskGroup() as tasks:
        requested = tasks.create_task(lookup.segments_of(tenant, "u"))
        await reader.asked.wait()
        await asyncio.sleep(0.01)
        await harness.redis.set(entry_key(tenant, 1, "u"), b"[1, 2]")

    assert requested.result().segment_ids == (1, 2)
    assert reader.reads == 0


async def test_a_process_that_died_while_asking_is_not_waited_for(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    await harness.redis.set(entry_key(tenant, 1, "u") + ":lock", b"1", px=2000)

    assert await harness.segments_of(tenant, "u") == (1, 2)


async def test_many_cold_lookups_of_different_users_share_a_few_statements(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    async with api(harness, None, delay_s=0.02) as (lookup, reader, _):
        users = ["u", *(f"user-{number}" for number in range(400))]
        answers = await asyncio.gather(*(lookup.segments_of(tenant, user) for user in users))

    assert [answer.segment_ids for answer in answers] == [(1, 2), *[()] * 400]
    assert reader.reads < 100
    assert reader.most_at_once == 1


async def test_without_redis_answers_are_slower_and_right(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    async with api(harness, NOWHERE) as (lookup, reader, registry):
        first = await lookup.segments_of(tenant, "u")
        again = await lookup.segments_of(tenant, "u")
        await published(harness, run_id=2, tenant=tenant)
        await asyncio.sleep(1)
        after = await lookup.segments_of(tenant, "u")

    assert [answer.segment_ids for answer in (first, again, after)] == [(1, 2), (1, 2), (3,)]
    assert not any(answer.cached for answer in (first, again, after))
    assert reader.reads == 2
    assert registry.get_sample_value("segops_lookups_total", {"source": "local"}) == 1


async def test_without_the_warehouse_redis_answers(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    await harness.segments_of(tenant, "u")
    async with api(harness, None) as (lookup, reader, _):
        reader.is_down = True
        segments = await lookup.segments_of(tenant, "u")
        await lookup.check()

    assert (segments.segment_ids, segments.cached) == ((1, 2), True)


async def test_without_both_there_is_no_answer(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    async with api(harness, NOWHERE) as (lookup, reader, _):
        reader.is_down = True
        with pytest.raises(Unavailable) as refusal:
            await lookup.segments_of(tenant, "u")
        with pytest.raises(EngineUnavailable):
            await lookup.check()

    assert refusal.value.headers["Retry-After"] == "1"


async def test_a_slow_warehouse_is_not_waited_for(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    async with api(harness, None, delay_s=30) as (lookup, _, _):
        started = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable):
            await lookup.segments_of(tenant, "u")

    assert asyncio.get_running_loop().time() - started < 3.5


async def test_ids_are_compared_byte_by_byte(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    users = ["é", "e\u0301", "U", "u", " u", "u ", "u'; DROP TABLE events--", "{user:String}", "\\N", "\t"]
    await harness.insert(tenant, [event(user, "login" if i % 2 == 0 else "other") for i, user in enumerate(users)])
    await harness.compute.run(job(tenant, 1, {1: IN}))

    assert [bool(await harness.segments_of(tenant, user)) for user in users] == [i % 2 == 0 for i in range(len(users))]


async def test_an_answer_never_mixes_runs(harness: MembershipHarness) -> None:
    tenant = await published(harness)
    observed: set[tuple[int, ...]] = set()

    async def read(ask: Callable[[], Awaitable[tuple[int, ...]]], until: asyncio.Event) -> None:
        while not until.is_set():
            observed.add(await ask())
            await asyncio.sleep(0)

    stopped = asyncio.Event()
    async with api(harness, NOWHERE) as (uncached, _, _), asyncio.TaskGroup() as tasks:

        async def straight() -> tuple[int, ...]:
            return (await uncached.segments_of(tenant, "u")).segment_ids

        tasks.create_task(read(lambda: harness.segments_of(tenant, "u"), stopped))
        tasks.create_task(read(straight, stopped))
        for run_id in range(2, 8):
            await published(harness, run_id=run_id, tenant=tenant)
        stopped.set()

    assert observed == {(1, 2), (3,)}
