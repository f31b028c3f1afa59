"""Accepting events: the records in the log, and the receipt."""

from collections import Counter

import orjson
import pytest

from segops_common.contracts.topics import EVENTS, profile_key
from segops_common.core.problems import Unavailable
from segops_common.streams.log import MAX_RECORD_BYTES, partition_of
from segops_ingest.domain.limits import MAX_EVENT_BYTES
from segops_ingest.domain.refusal import EventRefused
from tests.unit.ingest.harness import IngestHarness, item


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
    assert +ingest.tally.seen == {"accepted": 2, "refused": 4}


async def test_nothing_is_stored_when_all_items_are_bad(ingest: IngestHarness) -> None:
    receipt = await ingest.service.accept_batch(7, [1, 2], idempotency_key=None)
    assert (receipt.message_ids, len(receipt.refused), await ingest.records()) == ([], 2, [])


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
