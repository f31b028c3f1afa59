"""Lists on the store in memory: all of an upload or nothing of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.core.problems import PreconditionFailed
from segops_segments.adapters.files.spool import file_spool
from segops_segments.adapters.memory.store import MemoryStore
from segops_segments.domain.segment import NOBODY, NewSegment, Segment
from segops_segments.domain.static_list import PORTION_BYTES, portions_of
from segops_segments.service.request_runs import RunService
from segops_segments.service.segments.manage import SegmentService
from segops_segments.service.static_lists import StaticListService
from segops_testkit.clock import ManualClock


class World:
    """The use cases, and what they told the others."""

    def __init__(self) -> None:
        clock = ManualClock(datetime(2026, 1, 31, 9, tzinfo=UTC))
        self.store = MemoryStore()
        self.segments = SegmentService(store=self.store, clock=clock)
        self.runs = RunService(store=self.store, clock=clock, lease=timedelta(minutes=15))
        self.lists = StaticListService(store=self.store, runs=self.runs, spools=file_spool, clock=clock)

    async def segment(self) -> Segment:
        new = NewSegment(
            tenant_id=1, name="Partners", segment_type="static", definition=NOBODY, description="", refresh="manual"
        )
        return await self.segments.create(new, by="user:1")

    async def upload(
        self, segment: Segment, user_ids: AsyncIterator[Sequence[str]], expected: int | None = None
    ) -> int:
        done = await self.lists.upload(1, segment.id, user_ids, replacing=True, expected=expected, by="user:1")
        return done.accepted

    async def told(self) -> list[StaticMembersChanged]:
        async with self.store.claim(1000) as claim:
            values = [each.value for each in claim.messages if each.topic == "segops.static-members"]
        return [StaticMembersChanged.model_validate_json(value) for value in values]


@pytest.fixture
def world() -> World:
    return World()


async def ids(*portions: Sequence[str], error: Exception | None = None) -> AsyncIterator[Sequence[str]]:
    for portion in portions:
        yield portion
    if error is not None:
        raise error


async def test_an_upload_that_breaks_off_changes_nothing(world: World) -> None:
    segment = await world.segment()
    with pytest.raises(ConnectionError):
        await world.upload(segment, ids(["x" * 200] * 10_000, error=ConnectionError()))
    assert len(await world.told()) == 1
    assert (await world.segments.get([1], segment.id)).version == 1
    assert (await world.runs.list(1, segment.id, cursor=None, limit=10)).items == ()


async def test_an_upload_to_a_segment_that_changed_meanwhile_changes_nothing(world: World) -> None:
    segment = await world.segment()

    async def slow() -> AsyncIterator[Sequence[str]]:
        yield ["mine"]
        await world.upload(segment, ids(["theirs"]))

    with pytest.raises(PreconditionFailed):
        await world.upload(segment, slow(), expected=1)
    assert [each.add for each in await world.told()] == [(), ("theirs",)]


async def test_portions_hold_all_in_order_and_fit_into_a_message(world: World) -> None:
    user_ids = ["\x01" * 256, *(f"user-{i}" for i in range(20_000)), *("\U0001f600" * 256 for _ in range(200))]
    segment = await world.segment()
    assert await world.upload(segment, ids(user_ids[:7], [], user_ids[7:])) == len(user_ids)
    _, *portions = await world.told()
    assert [each for portion in portions for each in portion.add] == user_ids
    assert [(each.part, each.parts) for each in portions] == [(i + 1, len(portions)) for i in range(len(portions))]
    assert [list(each.add) for each in portions] == list(portions_of(user_ids))
    assert max(len(each.model_dump_json().encode()) for each in portions) < 2 * PORTION_BYTES
    worst = next(portions_of("\x01" * 256 for _ in range(10_000)))
    assert len(StaticMembersChanged.model_validate(portions[0].model_dump() | {"add": worst}).model_dump_json()) < 2**20
