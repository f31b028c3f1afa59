"""What is kept of readings: for how long, and how much."""

from __future__ import annotations

from datetime import UTC, datetime

from pyroaring import BitMap

from segops_membership.questions.sample import SamplePredicate
from segops_membership.service.analysis.snapshot_cache import Snapshot, SnapshotCache
from segops_testkit.clock import ManualClock

START = datetime(2026, 3, 1, tzinfo=UTC)
PREDICATE = SamplePredicate("1", 10)
OTHER = SamplePredicate("2", 10)
MANY = BitMap(range(0, 200_000, 2))
BYTES = len(MANY.serialize())


def snapshot(clock: ManualClock, tenant: int, as_of_ms: int, universe: BitMap | None = None) -> Snapshot:
    return Snapshot(
        tenant_id=tenant,
        as_of_ms=as_of_ms,
        universe=BitMap([1]) if universe is None else universe,
        pending_profiles=0,
        created=clock.monotonic(),
    )


def test_a_moment_is_kept_for_its_tenant_and_instant_until_it_is_old() -> None:
    clock = ManualClock(START)
    cache = SnapshotCache(clock=clock, ttl_s=60)
    kept = snapshot(clock, 1, 1000)
    cache.keep(kept)
    cache.add(kept, {PREDICATE: BitMap([1])})

    assert [cache.get(1, 1000), cache.get(1, 1001), cache.get(2, 1000)] == [kept, None, None]
    clock.advance(59)
    assert cache.get(1, 1000) is kept
    clock.advance(1)
    assert cache.get(1, 1000) is None


def test_the_newest_instant_of_a_tenant_is_one_that_is_neither_old_nor_in_the_future() -> None:
    clock = ManualClock(START)
    cache = SnapshotCache(clock=clock)
    for tenant, as_of_ms in ((1, 1000), (1, 3000), (1, 9000), (2, 4000)):
        cache.keep(snapshot(clock, tenant, as_of_ms))

    assert cache.newest(1, 500, 3500) == 3000
    assert cache.newest(1, 499, 3500) is None
    assert cache.newest(3, 5000, 3500) is None


def test_the_least_recently_used_goes_when_there_are_too_many_bytes() -> None:
    clock = ManualClock(START)
    cache = SnapshotCache(clock=clock, max_bytes=3 * BYTES)
    first, second, third = (snapshot(clock, 1, number, MANY) for number in (1, 2, 3))
    for item in (first, second, third):
        cache.keep(item)
    assert cache.get(1, 1) is first

    cache.add(third, {PREDICATE: BitMap([1])})

    assert [cache.get(1, 1), cache.get(1, 2), cache.get(1, 3)] == [first, None, third]
    cache.add(third, {PREDICATE: MANY, OTHER: MANY})
    assert [cache.get(1, 1), cache.get(1, 3)] == [None, third]


def test_what_is_too_large_to_keep_is_still_answered() -> None:
    clock = ManualClock(START)
    cache = SnapshotCache(clock=clock, max_bytes=BYTES)
    large = snapshot(clock, 1, 1, MANY)
    cache.keep(large)

    cache.add(large, {PREDICATE: MANY})

    assert large.members == {PREDICATE: MANY}
    assert cache.get(1, 1) is None
    again = snapshot(clock, 1, 2, MANY)
    cache.keep(again)
    assert cache.get(1, 2) is again


def test_a_moment_in_place_of_another_counts_once() -> None:
    clock = ManualClock(START)
    cache = SnapshotCache(clock=clock, max_bytes=2 * BYTES)
    for _ in range(5):
        cache.keep(snapshot(clock, 1, 1, MANY))
    other = snapshot(clock, 1, 2, MANY)
    cache.keep(other)

    assert cache.get(1, 1) is not None
    assert cache.get(1, 2) is other
