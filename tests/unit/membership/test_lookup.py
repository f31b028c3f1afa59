"""Lookups on memory adapters: what the cache may change, and what it may not."""

from __future__ import annotations

import asyncio

import pytest

from segops_common.core.problems import Unavailable
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.lookup.lookup import LOCAL_TTL_S
from segops_membership.service.lookup.publication_watermark import FRESH_S, STALE_S
from tests.corpus.builders import NOW, NOW_MS, count, event, group, job
from tests.unit.membership.harness import TENANT, MembershipInMemory

IN, OUT = group(count()), group(logic="OR")


async def publish(membership: MembershipInMemory, run_id: int, segment_id: int) -> None:
    """Publish a segment with `ada` as its only member, a millisecond later."""
    membership.clock.advance(0.001)
    membership.store(event("ada"))
    await membership.compute.run(job(TENANT, run_id, {segment_id: IN}))


async def look_up(membership: MembershipInMemory, user: str = "ada") -> tuple[tuple[int, ...], bool]:
    segments = await membership.lookup.segments_of(TENANT, user)
    return segments.segment_ids, segments.cached


async def test_the_first_lookup_reads_the_warehouse_and_the_next_the_cache(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    assert [await look_up(membership) for _ in range(3)] == [((10,), False), ((10,), True), ((10,), True)]
    assert membership.reader.reads == 1


async def test_a_user_in_no_segment_is_cached_too(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    assert [await look_up(membership, "stranger") for _ in range(2)] == [((), False), ((), True)]


async def test_a_signal_invalidates_the_cache_at_once(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    await look_up(membership)
    await publish(membership, 2, 20)
    assert await look_up(membership) == ((10, 20), False)


async def test_without_a_signal_a_publication_is_seen_within_a_second(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    await look_up(membership)
    membership.cache.reachable = False
    await publish(membership, 2, 20)
    membership.cache.reachable = True
    assert await look_up(membership) == ((10,), True)
    membership.clock.advance(STALE_S)
    assert await look_up(membership) == ((10, 20), False)


async def test_a_number_that_ages_is_read_again_in_the_background(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    await look_up(membership)
    membership.cache.reachable = False
    await publish(membership, 2, 20)
    membership.cache.reachable = True
    membership.clock.advance(FRESH_S)
    assert await look_up(membership) == ((10,), True)
    await asyncio.sleep(0)
    assert await look_up(membership) == ((10, 20), False)


async def test_without_redis_answers_come_from_the_warehouse_and_are_kept_shortly(
    membership: MembershipInMemory,
) -> None:
    await publish(membership, 1, 10)
    membership.cache.reachable = False
    assert [await look_up(membership) for _ in range(2)] == [((10,), False)] * 2
    assert membership.reader.reads == 1
    membership.clock.advance(LOCAL_TTL_S)
    assert await look_up(membership) == ((10,), False)
    assert membership.reader.reads == 2


async def test_without_redis_a_publication_is_seen_as_soon_as_its_number_is(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    membership.cache.reachable = False
    await look_up(membership)
    await publish(membership, 2, 20)
    membership.clock.advance(STALE_S)
    assert await look_up(membership) == ((10, 20), False)


async def test_without_the_warehouse_cached_answers_are_served(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    await look_up(membership)
    membership.reader.reachable = False
    membership.clock.advance(STALE_S)
    assert await look_up(membership) == ((10,), True)
    # Another process learns the number from the signal.
    assert (await membership.new_lookup().segments_of(TENANT, "ada")).segment_ids == (10,)
    with pytest.raises(Unavailable):
        await look_up(membership, "never looked up")


async def test_without_redis_and_warehouse_nothing_is_guessed(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    await look_up(membership)
    membership.reader.reachable = membership.cache.reachable = False
    membership.clock.advance(STALE_S)
    for lookup in (membership.lookup, membership.new_lookup()):
        with pytest.raises(Unavailable) as unavailable:
            await lookup.segments_of(TENANT, "ada")
        assert unavailable.value.headers["Retry-After"] == "1"
    with pytest.raises(EngineUnavailable):
        await membership.lookup.check()


async def test_either_engine_makes_the_lookup_ready(membership: MembershipInMemory) -> None:
    membership.cache.reachable = False
    await membership.lookup.check()
    membership.cache.reachable, membership.reader.reachable = True, False
    await membership.lookup.check()


async def test_a_signal_of_what_nobody_published_is_corrected(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    await membership.cache.raise_to(TENANT, 99)
    assert await look_up(membership) == ((10,), False)
    assert (await membership.cache.read(TENANT, 1, "ada")).hint == 1
    assert await look_up(membership) == ((10,), True)


async def test_concurrent_lookups_share_one_read(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    answers = await asyncio.gather(*(look_up(membership) for _ in range(20)))
    assert {segment_ids for segment_ids, _ in answers} == {(10,)}
    assert membership.reader.reads == 1


async def test_a_caller_that_gives_up_does_not_stop_the_others(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    first, second = (asyncio.create_task(look_up(membership)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == ((10,), False)


async def test_a_process_waits_shortly_for_another_that_reads_already(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    assert await membership.cache.claim(TENANT, 1, "ada")
    waiting = asyncio.create_task(look_up(membership))
    await membership.until_asleep()
    await membership.cache.write(TENANT, 1, "ada", (10,))
    membership.clock.advance(0.01)
    assert await waiting == ((10,), True)
    assert membership.reader.reads == 0


async def test_a_process_that_waits_too_long_reads_itself(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    assert await membership.cache.claim(TENANT, 1, "ada")
    waiting = asyncio.create_task(look_up(membership))
    await membership.until_asleep()
    membership.clock.advance(1)
    assert await waiting == ((10,), False)


async def test_a_past_instant_is_read_from_the_warehouse(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    segments = [await membership.lookup.segments_as_of(TENANT, "ada", NOW_MS + ms) for ms in (-1, 0)]
    assert [(answer.segment_ids, answer.cached) for answer in segments] == [((), False), ((10,), False)]
    membership.reader.reachable = False
    membership.clock.advance(STALE_S)
    with pytest.raises(Unavailable):
        await membership.lookup.segments_as_of(TENANT, "ada", NOW_MS)


async def test_a_run_that_removes_a_user_is_seen(membership: MembershipInMemory) -> None:
    await publish(membership, 1, 10)
    await look_up(membership)
    membership.clock.advance(0.001)
    await membership.compute.run(job(TENANT, 2, {10: OUT}, as_of=NOW))
    assert await look_up(membership) == ((), False)
