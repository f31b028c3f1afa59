"""Changes of static lists: an upload is stored completely or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.core.pagination import PageQuery
from segops_common.core.problems import PreconditionFailed
from segops_segments.adapters.files.spool import file_spool
from segops_segments.adapters.memory.store import MemoryStore
from segops_segments.domain.segment import NOBODY, NewSegment, Segment
from segops_segments.domain.static_list import PORTION_BYTES, portions_of
from segops_segments.service.read_runs import ReadRuns
from segops_segments.service.run_queue import RunQueue
from segops_segments.service.segments.manage import ManageSegments
from segops_segments.service.static_lists import ChangeStaticLists
from segops_testkit.clock import ManualClock
from tests.unit.segments.harness import LEASE, START


class ListsHarness:
    """The use cases on the memory store, and the messages that they put into the outbox."""

    def __init__(self) -> None:
        clock = ManualClock(START)
        self.store = MemoryStore()
        self.segments = ManageSegments(store=self.store, clock=clock)
        self.runs = ReadRuns(store=self.store)
        queue = RunQueue(clock=clock, lease=LEASE)
        self.lists = ChangeStaticLists(store=self.store, queue=queue, spools=file_spool, clock=clock)

    async def create(self) -> Segment:
        new = NewSegment(
            tenant_id=1, name="Partners", segment_type="static", definition=NOBODY, description="", refresh="manual"
        )
        return await self.segments.create(new, by="user:1")

    async def upload(
        self, segment: Segment, user_ids: AsyncIterator[Sequence[str]], expected: int | None = None
    ) -> int:
        result = await self.lists.upload(1, segment.id, user_ids, is_replacement=True, expected=expected, by="user:1")
        return result.accepted

    async def portions(self) -> list[StaticMembersChanged]:
        async with self.store.claim(1000) as claim:
            values = [message.value for message in claim.messages if message.topic == "segops.static-members"]
        return [StaticMembersChanged.model_validate_json(value) for value in values]


@pytest.fixture
def harness() -> ListsHarness:
    return ListsHarness()


async def ids(*portions: Sequence[str], error: Exception | None = None) -> AsyncIterator[Sequence[str]]:
    for portion in portions:
        yield portion
    if error is not None:
        raise error


async def test_an_interrupted_upload_changes_nothing(harness: ListsHarness) -> None:
    segment = await harness.create()
    with pytest.raises(ConnectionError):
        await harness.upload(segment, ids(["x" * 200] * 10_000, error=ConnectionError()))
    assert len(await harness.portions()) == 1
    assert (await harness.segments.get([1], segment.id)).version == 1
    assert (await harness.runs.list(1, segment.id, PageQuery(limit=10))).results == ()


async def test_an_upload_to_a_segment_that_has_changed_since_changes_nothing(harness: ListsHarness) -> None:
    segment = await harness.create()

    async def slow() -> AsyncIterator[Sequence[str]]:
        yield ["mine"]
        await harness.upload(segment, ids(["theirs"]))

    with pytest.raises(PreconditionFailed):
        await harness.upload(segment, slow(), expected=1)
    assert [portion.add for portion in await harness.portions()] == [(), ("theirs",)]


async def test_portions_have_all_ids_in_order_and_fit_into_a_message(harness: ListsHarness) -> None:
    user_ids = ["\x01" * 256, *(f"user-{i}" for i in range(20_000)), *("\U0001f600" * 256 for _ in range(200))]
    segment = await harness.create()
    assert await harness.upload(segment, ids(user_ids[:7], [], user_ids[7:])) == len(user_ids)
    _, *portions = await harness.portions()
    assert [user_id for portion in portions for user_id in portion.add] == user_ids
    assert [(portion.part, portion.parts) for portion in portions] == [
        (i + 1, len(portions)) for i in range(len(portions))
    ]
    assert [list(portion.add) for portion in portions] == list(portions_of(user_ids))
    assert max(len(portion.model_dump_json().encode()) for portion in portions) < 2 * PORTION_BYTES
    worst = next(portions_of("\x01" * 256 for _ in range(10_000)))
    assert len(StaticMembersChanged.model_validate(portions[0].model_dump() | {"add": worst}).model_dump_json()) < 2**20
