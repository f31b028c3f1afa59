"""Creating, reading and changing segments on the memory store."""

import json
from datetime import UTC, datetime

import pytest

from segops_common.contracts.jobs import SegmentChanged
from segops_common.core.pagination import PageQuery
from segops_common.core.problems import (
    Conflict,
    MalformedRequest,
    NotAvailableYet,
    NotFound,
    PreconditionFailed,
    ValidationFailed,
)
from segops_language import Group, parse_definition
from segops_segments.adapters.memory.store import MemoryStore
from segops_segments.domain.segment import MAX_DEFINITION_BYTES, NOBODY, Change, NewSegment, Refresh, SegmentType
from segops_segments.service.segments.manage import ManageSegments
from segops_testkit.clock import ManualClock


def group(*conditions: dict[str, object]) -> Group:
    return parse_definition({"logic": "AND", "conditions": list(conditions)})


def trait(value: object) -> dict[str, object]:
    return {"type": "user_property", "property": "a", "operator": "eq", "value": value}


def new(
    name: str = "Loyal",
    *,
    definition: Group = NOBODY,
    segment_type: SegmentType = "rule",
    refresh: Refresh = "manual",
) -> NewSegment:
    return NewSegment(
        tenant_id=1, name=name, segment_type=segment_type, definition=definition, description="", refresh=refresh
    )


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, 9, tzinfo=UTC))


@pytest.fixture
def segments(store: MemoryStore, clock: ManualClock) -> ManageSegments:
    return ManageSegments(store=store, clock=clock)


async def published(store: MemoryStore) -> list[SegmentChanged]:
    async with store.claim(1000) as claim:
        for message in claim.messages:
            await claim.mark_sent(message.id, datetime(2026, 1, 31, tzinfo=UTC))
        return [SegmentChanged.model_validate_json(message.value) for message in claim.messages]


async def test_every_change_is_published_and_nothing_else(
    segments: ManageSegments, store: MemoryStore, clock: ManualClock
) -> None:
    segment = await segments.create(new(), by="user:1")
    clock.advance(1)
    defined = await segments.change(1, segment.id, Change(definition=group(trait(5))), expected=1, by="user:1")
    assert (defined.version, defined.updated_at) == (2, clock.now())
    same = await segments.change(1, segment.id, Change(definition=group(trait(5.0))), expected=2, by="user:1")
    assert same == defined
    await segments.change(1, segment.id, Change(name="Loyal"), expected=None, by="user:1")
    messages = await published(store)
    assert [(message.version, message.definition == NOBODY, message.deleted) for message in messages] == [
        (1, True, False),
        (2, False, False),
    ]


async def test_a_refused_change_stores_nothing(segments: ManageSegments, store: MemoryStore) -> None:
    first = await segments.create(new(), by="user:1")
    other = await segments.create(new("Other"), by="user:1")
    await published(store)
    with pytest.raises(Conflict) as taken:
        await segments.change(1, other.id, Change(name="Loyal"), expected=None, by="user:1")
    assert taken.value.slug == "name-taken"
    with pytest.raises(PreconditionFailed):
        await segments.change(1, first.id, Change(name="New"), expected=9, by="user:1")
    with pytest.raises(NotFound):
        await segments.change(2, first.id, Change(name="New"), expected=None, by="user:1")
    assert await segments.get({1}, first.id) == first
    assert await published(store) == []


async def test_a_restored_version_is_a_new_version(segments: ManageSegments) -> None:
    segment = await segments.create(new(definition=group(trait(1))), by="user:1")
    await segments.change(1, segment.id, Change(definition=group(trait(2))), expected=None, by="user:2")
    restored = await segments.restore(1, segment.id, 1, expected=2, by="user:3")
    assert (restored.version, restored.definition) == (3, segment.definition)
    versions = (await segments.versions(1, segment.id, PageQuery(limit=10))).results
    assert [(version.number, version.created_by) for version in versions] == [
        (3, "user:3"),
        (2, "user:2"),
        (1, "user:1"),
    ]
    with pytest.raises(NotFound):
        await segments.restore(1, segment.id, 4, expected=None, by="user:1")


async def test_lists_are_paged(segments: ManageSegments) -> None:
    all_segments = [await segments.create(new(f"{number}"), by="user:1") for number in range(3)]
    first = await segments.list({1}, PageQuery(limit=2))
    rest = await segments.list({1}, PageQuery(limit=2, cursor=first.next_cursor))
    assert [*first.results, *rest.results] == all_segments
    assert rest.next_cursor is None
    assert (await segments.list({1}, PageQuery(limit=3))).next_cursor is None
    assert (await segments.list(set(), PageQuery(limit=3))).results == ()
    with pytest.raises(MalformedRequest):
        await segments.list({1}, PageQuery(limit=2, cursor="x"))


async def test_a_refresh_that_is_not_available_yet_is_refused(segments: ManageSegments) -> None:
    with pytest.raises(NotAvailableYet) as refused:
        await segments.create(new(refresh="live"), by="user:1")
    assert refused.value.slug == "not-available-yet"
    assert len(refused.value.errors) == 1


async def test_a_static_segment_must_be_refreshed_manually(segments: ManageSegments) -> None:
    with pytest.raises(ValidationFailed):
        await segments.create(new(refresh="hourly", segment_type="static"), by="user:1")
    segment = await segments.create(new(segment_type="static"), by="user:1")
    with pytest.raises(ValidationFailed) as refused:
        await segments.change(1, segment.id, Change(refresh="hourly"), expected=None, by="user:1")
    assert [fault.path for fault in refused.value.errors] == ["refresh"]


async def test_a_definition_that_is_too_large_for_a_message_is_refused(segments: ManageSegments) -> None:
    conditions = [trait("x" * (MAX_DEFINITION_BYTES // 100)) for _ in range(100)]
    large = parse_definition(json.loads(json.dumps({"logic": "AND", "conditions": conditions})))
    with pytest.raises(ValidationFailed) as refused:
        await segments.create(new(definition=large), by="user:1")
    assert [(fault.path, fault.code) for fault in refused.value.errors] == [("definition", "definition-too-complex")]
