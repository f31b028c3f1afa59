"""How fresh publication numbers are, and when the warehouse is asked for them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.lookup.publication_watermark import FRESH_S, STALE_S, PublicationWatermark
from segops_testkit.clock import ManualClock
from tests.corpus.builders import NOW


class Numbers:
    """A reader of publication numbers that records which tenants are asked for."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.reads: list[set[int]] = []
        self.reachable = True

    async def publication_numbers(self, tenant_ids: Collection[int]) -> Mapping[int, int]:
        self.reads.append(set(tenant_ids))
        if not self.reachable:
            raise EngineUnavailable("down")
        return {tenant: self.numbers[tenant] for tenant in tenant_ids if tenant in self.numbers}

    async def segments_of(
        self, tenant_id: int, user_ids: Collection[str], number: int, as_of_ms: int | None
    ) -> Mapping[str, tuple[int, ...]]:
        raise NotImplementedError

    async def instant_of(self, tenant_id: int, number: int, as_of_ms: int | None) -> int | None:
        raise NotImplementedError

    async def check(self) -> None:
        raise NotImplementedError


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def reader() -> Numbers:
    return Numbers()


@pytest.fixture
def watermark(reader: Numbers, clock: ManualClock) -> PublicationWatermark:
    return PublicationWatermark(reader=reader, clock=clock)


async def test_a_fresh_number_is_not_read_again(
    watermark: PublicationWatermark, reader: Numbers, clock: ManualClock
) -> None:
    reader.numbers[1] = 7
    assert await watermark.current(1) == 7
    clock.advance(FRESH_S / 2)
    assert await watermark.current(1) == 7
    assert len(reader.reads) == 1


async def test_a_stale_number_is_read_first(
    watermark: PublicationWatermark, reader: Numbers, clock: ManualClock
) -> None:
    reader.numbers[1] = 7
    await watermark.current(1)
    reader.numbers[1] = 8
    clock.advance(STALE_S)
    assert await watermark.current(1) == 8


async def test_a_tenant_without_publications_has_number_zero(watermark: PublicationWatermark) -> None:
    assert await watermark.current(1) == 0


async def test_one_read_covers_all_tenants_in_use(
    watermark: PublicationWatermark, reader: Numbers, clock: ManualClock
) -> None:
    await asyncio.gather(*(watermark.current(tenant) for tenant in (1, 2)))
    await watermark.current(3)
    clock.advance(STALE_S)
    await watermark.current(3)
    assert reader.reads[-1] == {1, 2, 3}
    clock.advance(60)
    await watermark.current(3)
    assert reader.reads[-1] == {3}


async def test_a_replica_that_lags_does_not_take_readers_back(
    watermark: PublicationWatermark, reader: Numbers, clock: ManualClock
) -> None:
    reader.numbers[1] = 7
    await watermark.current(1)
    reader.numbers[1] = 6
    clock.advance(STALE_S)
    assert await watermark.current(1) == 7


async def test_a_warehouse_that_does_not_answer_is_left_alone_for_half_a_second(
    watermark: PublicationWatermark, reader: Numbers, clock: ManualClock
) -> None:
    reader.numbers[1] = 7
    await watermark.current(1)
    reader.reachable = False
    clock.advance(STALE_S)
    for _ in range(3):
        with pytest.raises(EngineUnavailable):
            await watermark.current(1)
    assert len(reader.reads) == 2
    assert watermark.last(1) == 7
    reader.reachable = True
    clock.advance(0.5)
    assert await watermark.current(1) == 7


async def test_a_read_that_began_too_early_is_repeated(
    watermark: PublicationWatermark, reader: Numbers, clock: ManualClock
) -> None:
    await watermark.current(1)
    clock.advance(0.1)
    reader.numbers[1] = 9
    assert await watermark.read_since(1, clock.monotonic()) == 9
