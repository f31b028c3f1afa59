"""Importing events of any age: what is accepted, and where it goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS, IMPORT_SINK_GROUP, profile_key
from segops_common.core.problems import Unavailable, ValidationFailed
from segops_common.streams.log import partition_of
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.service.import_backlog import MAX_RECORDS
from tests.unit.ingest.harness import IngestHarness, item

EPOCH = "1970-01-01T00:00:00Z"


def imported(number: int = 0, **fields: Any) -> dict[str, Any]:
    return item(number, message_id=f"m-{number}", timestamp=EPOCH) | fields


async def test_history_has_a_topic_of_its_own(ingest: IngestHarness) -> None:
    years = [f"{year}-03-01T00:00:00Z" for year in range(1970, 2027)]
    items = [imported(number, timestamp=at) for number, at in enumerate(years)]
    receipt = await ingest.service.accept_import(7, items, idempotency_key=None)
    assert (receipt.message_ids, receipt.refused) == ([item["message_id"] for item in items], [])
    assert await ingest.records(EVENTS) == []
    for partition, record in await ingest.records(EVENT_IMPORTS):
        assert partition == partition_of(EVENTS, record.key)
    rows = {row["user_id"]: row for row in await ingest.rows(EVENT_IMPORTS)}
    assert {row["timestamp"][:4] for row in rows.values()} == {at[:4] for at in years}
    assert partition_of(EVENTS, profile_key(7, "u3")) == partition_of(EVENT_IMPORTS, profile_key(7, "u3"))


@pytest.mark.parametrize(
    ("fields", "path", "detail"),
    [
        ({"timestamp": "1969-12-31T23:59:59.999Z"}, "timestamp", "must be from 1970-01-01 on"),
        ({"timestamp": "2026-05-21T12:00:00.124Z"}, "timestamp", "24 hours in the future"),
        ({"timestamp": None}, "timestamp", "must be text"),
        ({"sent_at": EPOCH}, "sent_at", "must be left out"),
    ],
)
async def test_times_are_checked(ingest: IngestHarness, fields: dict[str, Any], path: str, detail: str) -> None:
    receipt = await ingest.service.accept_import(7, [imported() | fields, imported(1)], idempotency_key=None)
    ((index, refusal),) = receipt.refused
    assert (index, refusal.path, receipt.message_ids) == (0, path, ["m-1"])
    assert detail in refusal.detail


@pytest.mark.parametrize("name", ["timestamp", "message_id"])
async def test_an_event_without_its_identity_is_refused(ingest: IngestHarness, name: str) -> None:
    # Even where a UUIDv7 would tell the time, or a key the message id.
    call = imported(message_id="019e4526-d600-7000-8000-000000000000")
    del call[name]
    receipt = await ingest.service.accept_import(7, [call], idempotency_key="k")
    ((_, refusal),) = receipt.refused
    assert (refusal.path, refusal.code, refusal.detail) == (name, "missing", "must be present")


async def test_an_import_needs_no_memory_and_repeats_itself(ingest: IngestHarness) -> None:
    ingest.memory.reachable = False
    for _ in range(2):
        await ingest.service.accept_import(7, [imported(0), imported(1)], idempotency_key=None)
        ingest.clock.instant += timedelta(days=30)
    rows = await ingest.rows(EVENT_IMPORTS)
    assert len(rows) == 4
    assert len({(row["user_id"], row["event_type"], row["message_id"], row["timestamp"]) for row in rows}) == 2


async def test_repeats_and_conflicts_within_an_import_are_named(ingest: IngestHarness) -> None:
    items = [imported(), imported(), imported(payload={"other": 1})]
    receipt = await ingest.service.accept_import(7, items, idempotency_key=None)
    assert (receipt.duplicates, receipt.conflicting, len(await ingest.rows(EVENT_IMPORTS))) == (2, (2,), 1)


async def test_a_key_is_bound_to_its_events(ingest: IngestHarness) -> None:
    for _ in range(2):
        await ingest.service.accept_import(7, [imported()], idempotency_key="page-1")
    with pytest.raises(ValidationFailed, match="Idempotency-Key"):
        await ingest.service.accept_import(7, [imported(1)], idempotency_key="page-1")


async def test_a_backlog_is_bounded(ingest: IngestHarness) -> None:
    usual = [imported(number) for number in range(200)]
    for _ in range(MAX_RECORDS // EVENT_IMPORTS.partitions):
        await ingest.service.accept_import(7, usual, idempotency_key=None)
    with pytest.raises(Unavailable) as refused:
        await ingest.service.accept_import(7, usual, idempotency_key=None)
    assert refused.value.slug == "import-backlog"
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 5
    assert len(await ingest.records(EVENT_IMPORTS)) == MAX_RECORDS
    await ingest.service.accept_batch(7, [item()], idempotency_key=None)

    # The sink catches up.
    async with ingest.log.consumer(IMPORT_SINK_GROUP, [EVENT_IMPORTS]) as consumer:
        for source, end in (await consumer.end_offsets(consumer.assignment().keys())).items():
            await consumer.commit(source, end)
    await ingest.service.accept_import(7, usual, idempotency_key=None)


async def test_nothing_is_imported_while_the_log_is_away(ingest: IngestHarness) -> None:
    ingest.log.reachable = False
    with pytest.raises(Unavailable, match="same `message_id`"):
        await ingest.service.accept_import(7, [imported()], idempotency_key=None)


async def test_other_routes_lead_to_the_import(ingest: IngestHarness, now: datetime) -> None:
    old = (now - timedelta(days=401)).isoformat()
    call = {"user_id": "u", "event_type": "e", "timestamp": old}
    with pytest.raises(EventRefused, match="send older events to `/api/ingestion/import/`"):
        await ingest.service.accept_one(7, "track", call, idempotency_key=None)
