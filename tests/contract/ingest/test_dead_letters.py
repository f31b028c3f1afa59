"""Dead letters: pages in a total order, ids from the place in the log, and marks that stay."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Protocol

import orjson
import pytest

from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS, Topic
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_migrations import migrate
from segops_common.streams.log import TopicPartition
from segops_ingest.adapters.clickhouse.dead_letters import ClickHouseDeadLetters
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE, ClickHouseWarehouse
from segops_ingest.adapters.memory.dead_letters import MemoryDeadLetters
from segops_ingest.domain.rows import CONFLICTING, QUARANTINED, dead_row
from segops_ingest.ports.dead_letters import NEWEST, DeadLetters, DeadLettersUnavailable, PendingFilter


class Add(Protocol):
    """Adds a letter of a topic."""

    async def __call__(self, tenant_id: int, number: int, topic: Topic = EVENTS, *, code: int = 117) -> None: ...


@pytest.fixture(scope="module")
async def clickhouse(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    client = ClickHouse(url=clickhouse_url)
    await migrate(client, SERVICE, MIGRATIONS)
    yield client
    await client.close()


def line(tenant_id: int, number: int) -> bytes:
    row = {
        "tenant_id": tenant_id,
        "kind": "track",
        "event_type": f"e{number % 2}",
        "user_id": "ü",
        "anonymous_id": "",
        "message_id": f"m{number}",
        "timestamp": "2026-05-20 12:00:00.000",
        "received_at": "2026-05-20 12:00:00.000",
        "payload": {},
        "context": {},
        "removed": [],
    }
    return orjson.dumps(row)


@pytest.fixture(params=["memory", "clickhouse"])
def store(request: pytest.FixtureRequest) -> tuple[DeadLetters, Add]:
    """The letters to test, and a function that adds one; ClickHouse starts only for tests that use it."""
    if request.param == "memory":
        memory = MemoryDeadLetters()

        async def add_to_memory(tenant_id: int, number: int, topic: Topic = EVENTS, *, code: int = 117) -> None:
            memory.add(
                tenant_id,
                line(tenant_id, number),
                code=code,
                reason="refused",
                at_ms=number,
                message_id=f"m{number}",
                place=(3, number),
                topic=topic.name,
            )

        return memory, add_to_memory
    client: ClickHouse = request.getfixturevalue("clickhouse")
    warehouse = ClickHouseWarehouse(clickhouse=client, faults=NO_FAULTS)

    async def add(tenant_id: int, number: int, topic: Topic = EVENTS, *, code: int = 117) -> None:
        row = dead_row(line(tenant_id, number), code, "refused", TopicPartition(topic.name, 3), number)
        await warehouse.insert_dead(row, f"{tenant_id}@{topic.name}@{number}")

    return ClickHouseDeadLetters(clickhouse=client), add


@pytest.fixture
def tenant() -> int:
    """A tenant without letters."""
    return secrets.randbelow(1 << 60)


async def test_pages_follow_one_another(store: tuple[DeadLetters, Add], tenant: int) -> None:
    letters, add = store
    for number in range(5):
        await add(tenant, number)
    await add(tenant + 1, 9)
    everything = await letters.page(tenant, before=NEWEST, limit=100, offset=0)
    assert sorted(letter.source_offset for letter in everything) == [0, 1, 2, 3, 4]
    places = [(letter.at_ms, letter.id) for letter in everything]
    assert places == sorted(places, reverse=True)
    assert await letters.page(tenant, before=places[1], limit=2, offset=0) == everything[2:4]
    assert await letters.page(tenant, before=NEWEST, limit=2, offset=3) == everything[3:]
    assert await letters.page(tenant, before=places[-1], limit=2, offset=0) == []


async def test_a_letter_is_found_by_its_id_within_its_tenant(store: tuple[DeadLetters, Add], tenant: int) -> None:
    letters, add = store
    await add(tenant, 4)
    letter = await letters.letter(tenant, md5(b"3:4:m4", usedforsecurity=False).hexdigest())
    assert letter is not None
    assert (letter.code, letter.reason, letter.message_id) == (117, "refused", "m4")
    assert (letter.line, letter.source_partition, letter.replayed_at) == (line(tenant, 4), 3, None)
    assert await letters.letter(tenant + 1, letter.id) is None
    assert await letters.letter(tenant, "0" * 32) is None


async def test_records_of_two_topics_in_one_place_are_two_letters(store: tuple[DeadLetters, Add], tenant: int) -> None:
    letters, add = store
    for topic in (EVENTS, EVENT_IMPORTS):
        await add(tenant, 4, topic)
    both = await letters.page(tenant, before=NEWEST, limit=10, offset=0)
    assert {letter.topic for letter in both} == {EVENTS.name, EVENT_IMPORTS.name}
    for letter in both:
        assert await letters.letter(tenant, letter.id) == letter
        await letters.mark_replayed(tenant, [letter], datetime(2026, 5, 20, tzinfo=UTC))
    marked = await letters.page(tenant, before=NEWEST, limit=10, offset=0)
    assert [(letter.id, letter.topic) for letter in marked] == [(letter.id, letter.topic) for letter in both]


async def test_a_letter_from_before_topics(clickhouse: ClickHouse, tenant: int) -> None:
    row = orjson.loads(dead_row(line(tenant, 4), 117, "refused", TopicPartition("", 3), 4))
    del row["topic"]
    await ClickHouseWarehouse(clickhouse=clickhouse, faults=NO_FAULTS).insert_dead(orjson.dumps(row), f"{tenant}@old")
    letters = ClickHouseDeadLetters(clickhouse=clickhouse)
    letter = await letters.letter(tenant, md5(b"3:4:m4", usedforsecurity=False).hexdigest())
    assert letter is not None
    assert letter.topic == ""
    await letters.mark_replayed(tenant, [letter], datetime(2026, 5, 20, tzinfo=UTC))
    assert len(await letters.page(tenant, before=NEWEST, limit=10, offset=0)) == 1


async def test_a_mark_changes_nothing_else(store: tuple[DeadLetters, Add], tenant: int) -> None:
    letters, add = store
    await add(tenant, 1)
    await add(tenant, 2)
    before = await letters.page(tenant, before=NEWEST, limit=10, offset=0)
    at = datetime(2026, 5, 20, 12, 0, 0, 123_000, UTC)
    await letters.mark_replayed(tenant, [before[0]], at)
    after = await letters.page(tenant, before=NEWEST, limit=10, offset=0)
    assert [letter.replayed_at for letter in after] == [at, None]
    assert [(letter.at_ms, letter.id, letter.line) for letter in after] == [(x.at_ms, x.id, x.line) for x in before]


@pytest.mark.parametrize(
    ("pending", "numbers"),
    [
        (PendingFilter(), {1, 2, 3, 4}),
        (PendingFilter(cause="schema"), {3, 4}),
        (PendingFilter(cause="warehouse"), {1, 2}),
        (PendingFilter(event_type="e0"), {2, 4}),
        (PendingFilter(event_type="e1", cause="schema"), {3}),
        (PendingFilter(event_type="e'\\"), set()),
    ],
)
async def test_letters_that_were_not_replayed_are_selected(
    store: tuple[DeadLetters, Add], tenant: int, pending: PendingFilter, numbers: set[int]
) -> None:
    letters, add = store
    for number, code in enumerate((117, 117, 117, QUARANTINED, QUARANTINED, CONFLICTING)):
        await add(tenant, number, code=code)
    await add(tenant + 1, 9)
    everything = await letters.page(tenant, before=NEWEST, limit=10, offset=0)
    replayed = [letter for letter in everything if letter.source_offset == 0]
    await letters.mark_replayed(tenant, replayed, datetime(2026, 5, 20, tzinfo=UTC))
    selected = await letters.pending(tenant, pending, before=NEWEST, limit=10)
    assert {letter.source_offset for letter in selected} == numbers
    assert await letters.count_pending(tenant, pending, before=NEWEST) == len(numbers)
    for index, letter in enumerate(selected):
        position = letter.at_ms, letter.id
        assert await letters.pending(tenant, pending, before=position, limit=1) == selected[index + 1 : index + 2]
        assert await letters.count_pending(tenant, pending, before=position) == len(numbers) - index - 1


async def test_letters_are_kept_for_90_days(clickhouse: ClickHouse, tenant: int) -> None:
    warehouse = ClickHouseWarehouse(clickhouse=clickhouse, faults=NO_FAULTS)
    for days in (89, 91):
        row = orjson.loads(dead_row(line(tenant, days), 117, "refused", TopicPartition(EVENTS.name, 3), days))
        at = SystemClock().now() - timedelta(days=days)
        row["at"] = f"{at:%Y-%m-%d %H:%M:%S.000}"
        await warehouse.insert_dead(orjson.dumps(row), f"{tenant}@{days}")
    await clickhouse.command("OPTIMIZE TABLE dead_letters FINAL")
    letters = await ClickHouseDeadLetters(clickhouse=clickhouse).page(tenant, before=NEWEST, limit=10, offset=0)
    assert [letter.source_offset for letter in letters] == [89]


async def test_an_outage_is_reported() -> None:
    client = ClickHouse(url="http://127.0.0.1:1/none")
    with pytest.raises(DeadLettersUnavailable):
        await ClickHouseDeadLetters(clickhouse=client).page(7, before=NEWEST, limit=1, offset=0)
    await client.close()
