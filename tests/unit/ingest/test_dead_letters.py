"""Dead letters are read by page and replayed: validated again, appended once, with their ids and times."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from segops_common.contracts.topics import EVENT_IMPORTS
from segops_common.core.pagination import PageQuery, encode_cursor
from segops_common.core.problems import MalformedRequest, NotFound, Unavailable
from segops_ingest.adapters.memory.dead_letters import MemoryDeadLetters
from segops_ingest.domain.rows import CONFLICTING
from segops_ingest.ports.dead_letters import PendingFilter
from segops_ingest.service.dead_letters import DeadLetterReplays
from tests.unit.ingest.harness import IngestHarness

NINE = "2026-05-20T09:00:00.123Z"
CALLS: list[dict[str, Any]] = [
    {"type": "track", "user_id": "u", "event_type": "e", "payload": {"a": [1, {"b": None}]}, "context": {"ip": "::1"}},
    {"type": "identify", "user_id": "u", "anonymous_id": "a", "traits": {"plan": "pro", "trial": None}},
    {"type": "page", "anonymous_id": "a", "name": "Pricing", "payload": {"path": "/"}},
    {"type": "group", "user_id": "u", "group_id": "acme", "traits": {"seats": 3}},
    {"type": "alias", "user_id": "u", "previous_id": "a"},
]


class Harness:
    """Letters in memory, beside the use case of ingestion."""

    def __init__(self, ingest: IngestHarness) -> None:
        self.ingest = ingest
        self.letters = MemoryDeadLetters()
        self.replays = DeadLetterReplays(letters=self.letters, ingest=ingest.service, clock=ingest.clock)

    def add(self, line: bytes, number: int = 0, *, code: int = 117, tenant_id: int = 7) -> str:
        """Add a letter and return its id."""
        return self.letters.add(
            tenant_id, line, code=code, reason="refused", at_ms=number // 2, message_id=f"m{number}", place=(3, number)
        )

    async def stored(self, *calls: dict[str, Any]) -> list[dict[str, Any]]:
        """Accept calls, and return their rows."""
        await self.ingest.service.accept_batch(7, calls, idempotency_key=None)
        rows = await self.ingest.rows()
        return sorted(rows, key=lambda row: int(row["position"]))


@pytest.fixture
def harness(ingest: IngestHarness) -> Harness:
    return Harness(ingest)


async def test_a_replayed_event_is_what_it_was(harness: Harness) -> None:
    rows = await harness.stored(*({**call, "message_id": "m", "timestamp": NINE} for call in CALLS))
    assert len(rows) == len(CALLS)
    for number, row in enumerate(rows):
        result = await harness.replays.replay(7, harness.add(orjson.dumps(row), number))
        assert (result.outcome, result.refusal) == ("replayed", None)
    again = sorted((await harness.ingest.rows())[:], key=lambda row: int(row["position"]))
    assert [again[2 * n] for n in range(len(CALLS))] == [again[2 * n + 1] for n in range(len(CALLS))] == rows


async def test_a_letter_is_replayed_once(harness: Harness) -> None:
    (row,) = await harness.stored({**CALLS[0], "message_id": "m", "timestamp": NINE})
    letter = harness.add(orjson.dumps(row))
    first = await harness.replays.replay(7, letter)
    harness.ingest.clock.instant = harness.ingest.clock.instant.replace(hour=18)
    second = await harness.replays.replay(7, letter)
    assert (first.outcome, first.replayed_at) == (second.outcome, second.replayed_at)
    assert first.replayed_at is not None
    assert len(await harness.ingest.rows()) == 2


async def test_an_old_event_goes_to_the_imports(harness: Harness) -> None:
    old = {**CALLS[0], "message_id": "m", "timestamp": "2014-03-01T12:00:00Z"}
    await harness.ingest.service.accept_import(7, [old], idempotency_key=None)
    (row,) = await harness.ingest.rows(EVENT_IMPORTS)
    assert (await harness.replays.replay(7, harness.add(orjson.dumps(row)))).outcome == "replayed"
    assert await harness.ingest.rows(EVENT_IMPORTS) == [row, row]
    assert await harness.ingest.rows() == []


async def test_a_conflicting_delivery_is_not_appended(harness: Harness) -> None:
    (row,) = await harness.stored({**CALLS[0], "message_id": "m", "timestamp": NINE})
    letter = harness.add(orjson.dumps(row | {"payload": {}}), code=CONFLICTING)
    for _ in range(2):
        assert (await harness.replays.replay(7, letter)).outcome == "conflicting"
    assert await harness.ingest.rows() == [row]


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b'{"tenant_id": 7, "cut', ""),
        (b"[]", ""),
        (b"{}", ""),
        ({"payload": {"a%2Eb": 1}}, "payload"),
        ({"user_id": ""}, "user_id"),
        ({"message_id": ""}, "message_id"),
        ({"payload": {"x": "y" * 40_000}}, ""),
    ],
)
async def test_what_is_not_valid_any_more_is_refused(harness: Harness, line: Any, path: str) -> None:
    (row,) = await harness.stored({**CALLS[0], "message_id": "m", "timestamp": NINE})
    letter = harness.add(line if isinstance(line, bytes) else orjson.dumps(row | line))
    result = await harness.replays.replay(7, letter)
    assert (result.outcome, result.replayed_at) == ("refused", None)
    assert result.refusal is not None
    assert result.refusal.path == path
    assert await harness.ingest.rows() == [row]


async def test_many_letters_are_replayed_by_cursor(harness: Harness) -> None:
    rows = await harness.stored(*({**CALLS[0], "message_id": f"m{n}", "timestamp": NINE} for n in range(120)))
    for number, row in enumerate(rows):
        harness.add(orjson.dumps(row | ({"user_id": ""} if number % 40 == 0 else {})), number)
    conflicting = harness.add(orjson.dumps(rows[0]), 500, code=CONFLICTING)
    other = harness.add(orjson.dumps(rows[0]), 501, tenant_id=8)
    first = await harness.replays.replay_many(7, PendingFilter(), limit=70, cursor=None)
    assert (first.replayed, len(first.refused), first.remaining) == (69, 1, 50)
    second = await harness.replays.replay_many(7, PendingFilter(), limit=70, cursor=first.cursor)
    assert (second.replayed, len(second.refused), second.remaining, second.cursor) == (48, 2, 0, None)
    again = await harness.replays.replay_many(7, PendingFilter(), limit=2, cursor=None)
    assert (again.replayed, len(again.refused), again.remaining) == (0, 2, 1)
    assert len(await harness.ingest.rows()) == 120 + 117
    for tenant, letter_id in ((7, conflicting), (8, other)):
        letter = await harness.letters.letter(tenant, letter_id)
        assert letter is not None
        assert letter.replayed_at is None


async def test_an_outage_loses_no_mark_of_what_was_appended(harness: Harness) -> None:
    (row,) = await harness.stored({**CALLS[0], "message_id": "m", "timestamp": NINE})
    letter_id = harness.add(orjson.dumps(row))
    harness.letters.reachable = False
    with pytest.raises(Unavailable):
        await harness.replays.replay_many(7, PendingFilter(), limit=10, cursor=None)
    harness.letters.reachable = True
    assert (await harness.replays.replay_many(7, PendingFilter(), limit=10, cursor=None)).replayed == 1
    assert (await harness.replays.replay(7, letter_id)).outcome == "replayed"


@pytest.mark.parametrize("cursor", ["x", "WzQyXQ", encode_cursor([10**30, "0" * 32]), encode_cursor([5, "no id"])])
async def test_a_cursor_of_something_else_replays_nothing(harness: Harness, cursor: str) -> None:
    with pytest.raises(MalformedRequest) as error:
        await harness.replays.replay_many(7, PendingFilter(), limit=10, cursor=cursor)
    assert [fault.path for fault in error.value.errors] == ["cursor"]
    with pytest.raises(MalformedRequest):
        await harness.replays.page(7, PageQuery(cursor=cursor))


async def test_the_letter_of_another_tenant_does_not_exist(harness: Harness) -> None:
    letter = harness.add(b"{}", tenant_id=8)
    with pytest.raises(NotFound):
        await harness.replays.replay(7, letter)
    assert (await harness.replays.page(7, PageQuery())).results == ()


async def test_pages_by_cursor_while_letters_arrive(harness: Harness) -> None:
    made = {harness.add(b"{}", number) for number in range(20)}
    ids: list[str] = []
    query = PageQuery(limit=3)
    for arrival in range(100, 200):
        page = await harness.replays.page(7, query)
        ids += [letter.id for letter in page.results]
        harness.add(b"{}", arrival)
        if page.next_cursor is None:
            break
        query = PageQuery(limit=3, cursor=page.next_cursor)
    assert len(ids) == 20
    assert {*ids} == made


@pytest.mark.parametrize("cursor", ["WzQyXQ", "x", ""])
async def test_a_cursor_of_another_list_is_refused(harness: Harness, cursor: str) -> None:
    with pytest.raises(MalformedRequest):
        await harness.replays.page(7, PageQuery(cursor=cursor))


async def test_an_outage_is_said(harness: Harness) -> None:
    letter = harness.add(b"{}")
    harness.letters.reachable = False
    with pytest.raises(Unavailable):
        await harness.replays.page(7, PageQuery())
    with pytest.raises(Unavailable):
        await harness.replays.replay(7, letter)
