"""Accepting events: the records in the log, and the receipt."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any

import orjson
import pytest

from segops_common.contracts.topics import EVENTS, profile_key
from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.core.problems import Unavailable
from segops_common.streams.log import MAX_RECORD_BYTES, Record, partition_of
from segops_common.streams.memory import MemoryEventLog
from segops_ingest.domain.limits import MAX_EVENT_BYTES
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.service.accept_events import Ingest


class StandingClock(SystemClock):
    """A clock that tests set."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


class MemoryFirstSeen:
    """First-seen timestamps in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, str], str] = {}

    async def first_seen(self, tenant_id: int, message_ids: Sequence[str], now: str) -> Mapping[str, str]:
        seen_before = {id_: self.kept[tenant_id, id_] for id_ in message_ids if (tenant_id, id_) in self.kept}
        self.kept |= {(tenant_id, id_): now for id_ in message_ids if id_ not in seen_before}
        return seen_before


class Tally:
    """Adds up the counts."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def received(self, *, accepted: int, duplicates: int, refused: int) -> None:
        self.seen.update(accepted=accepted, duplicates=duplicates, refused=refused)


class IngestHarness:
    """The use case on memory adapters."""

    def __init__(self, now: datetime) -> None:
        self.clock = StandingClock(now)
        self.log = MemoryEventLog(clock=self.clock)
        self.tally = Tally()
        self.service = Ingest(
            observer=self.tally,
            log=self.log,
            first_seen=MemoryFirstSeen(),
            ids=SystemIds(self.clock),
            clock=self.clock,
            random=Random(1),
        )

    async def records(self) -> list[tuple[int, Record]]:
        return [(p, record) for p in range(EVENTS.partitions) for record in await self.log.tail(EVENTS, p, 1000)]

    async def rows(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for _, record in await self.records() for line in record.value.splitlines()]


@pytest.fixture
def ingest(now: datetime) -> IngestHarness:
    return IngestHarness(now)


def item(user: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": "track", "user_id": f"u{user}", "event_type": "e", **fields}


async def test_a_request_makes_one_record_per_partition(ingest: IngestHarness) -> None:
    receipt = await ingest.service.accept_batch(
        7, [item(number % 40, payload={"n": number}) for number in range(200)], idempotency_key=None
    )
    assert (len(receipt.message_ids), receipt.duplicates, receipt.refused) == (200, 0, [])
    records = await ingest.records()
    assert len(records) == len({p for p, _ in records}) <= EVENTS.partitions
    for p, record in records:
        rows = [orjson.loads(line) for line in record.value.splitlines()]
        assert {partition_of(EVENTS, profile_key(7, row["user_id"])) for row in rows} == {p}
        assert [row["payload"]["n"] for row in rows] == sorted(row["payload"]["n"] for row in rows)
    assert Counter(row["message_id"] for row in await ingest.rows()) == Counter(receipt.message_ids)


async def test_large_requests_are_cut_below_the_largest_record(ingest: IngestHarness) -> None:
    await ingest.service.accept_batch(7, [item(payload={"x": "y" * 30_000}) for _ in range(100)], idempotency_key=None)
    sizes = [record.size for _, record in await ingest.records()]
    assert len(sizes) > 1
    assert max(sizes) < MAX_RECORD_BYTES
    assert len(await ingest.rows()) == 100


async def test_bad_items_are_named_and_the_good_ones_stored(ingest: IngestHarness) -> None:
    items = [item(), {"type": "nonsense"}, "text", item(event_type=""), {"user_id": "u"}, item(1)]
    receipt = await ingest.service.accept_batch(7, items, idempotency_key=None)
    assert [(index, refusal.path) for index, refusal in receipt.refused] == [
        (1, "type"), (2, ""), (3, "event_type"), (4, "type"),
    ]  # fmt: skip
    assert sorted(row["user_id"] for row in await ingest.rows()) == ["u0", "u1"]
    assert ingest.tally.seen == {"accepted": 2, "refused": 4, "duplicates": 0}


async def test_nothing_is_stored_when_all_items_are_bad(ingest: IngestHarness) -> None:
    receipt = await ingest.service.accept_batch(7, [1, 2], idempotency_key=None)
    assert (receipt.message_ids, len(receipt.refused), await ingest.records()) == ([], 2, [])


async def test_a_repeated_message_id_is_stored_once_and_the_first_wins(ingest: IngestHarness) -> None:
    items = [item(message_id="m", payload={"n": n}) for n in range(3)]
    receipt = await ingest.service.accept_batch(7, items, idempotency_key=None)
    assert (receipt.message_ids, receipt.duplicates) == (["m"] * 3, 2)
    assert [row["payload"] for row in await ingest.rows()] == [{"n": 0}]


async def test_a_retry_has_the_instant_of_the_first_attempt(ingest: IngestHarness, now: datetime) -> None:
    call = {"user_id": "u", "event_type": "e", "message_id": "order-1"}
    first = await ingest.service.accept_one(7, "track", dict(call), idempotency_key=None)
    ingest.clock.instant = now.replace(hour=18)
    second = await ingest.service.accept_one(7, "track", dict(call), idempotency_key=None)
    other_tenant = await ingest.service.accept_one(8, "track", dict(call), idempotency_key=None)
    assert (first.duplicates, second.duplicates, other_tenant.duplicates) == (0, 1, 0)
    hours = [(row["tenant_id"], row["received_at"][11:13], row["timestamp"][11:13]) for row in await ingest.rows()]
    assert sorted(hours) == [(7, "12", "12"), (7, "18", "12"), (8, "18", "18")]


async def test_a_retry_with_an_idempotency_key_has_the_same_identity(ingest: IngestHarness, now: datetime) -> None:
    first = await ingest.service.accept_batch(7, [item(), item()], idempotency_key="k")
    ingest.clock.instant = now.replace(hour=18)
    second = await ingest.service.accept_batch(7, [item(), item()], idempotency_key="k")
    assert first.message_ids == second.message_ids
    assert (first.duplicates, second.duplicates) == (0, 2)
    assert len({(row["message_id"], row["timestamp"]) for row in await ingest.rows()}) == 2


@pytest.mark.parametrize(("size", "accepted"), [(MAX_EVENT_BYTES, True), (MAX_EVENT_BYTES + 1, False)])
async def test_the_size_of_an_event_is_that_of_its_compact_json(
    ingest: IngestHarness, size: int, accepted: bool
) -> None:
    call = {"user_id": "u", "event_type": "e", "payload": {"x": ""}}
    call["payload"] = {"x": "y" * (size - len(orjson.dumps(call)))}
    if accepted:
        await ingest.service.accept_one(7, "track", call, idempotency_key=None)
        return
    with pytest.raises(EventRefused) as refused:
        await ingest.service.accept_one(7, "track", call, idempotency_key=None)
    assert refused.value.code == "event-too-large"


async def test_nothing_is_accepted_while_the_log_is_away(ingest: IngestHarness) -> None:
    ingest.log.reachable = False
    with pytest.raises(Unavailable, match="same `message_id`") as refused:
        await ingest.service.accept_one(7, "track", {"user_id": "u", "event_type": "e"}, idempotency_key=None)
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 5
