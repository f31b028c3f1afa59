"""What event schemas do to the events of a request."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from segops_common.contracts.topics import EVENT_IMPORTS, QUARANTINED_EVENTS
from segops_common.event_schemas.model import EventSchema, Mode, PropertyRule
from segops_common.streams.log import Record
from segops_common.streams.loop.batches import BadRecords, Batch
from segops_ingest.adapters.memory.dead_letters import MemoryDeadLetters
from segops_ingest.consumers.quarantine import QuarantineSink
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.domain.rows import QUARANTINED
from segops_ingest.service.accept_events import Receipt
from segops_ingest.service.dead_letters import DeadLetterReplays
from tests.unit.ingest.harness import IngestHarness
from tests.unit.ingest.test_sink import MemoryWarehouse

TENANT = 7
RULES = (PropertyRule("total", "number", required=True), PropertyRule("gift", "boolean"))
GOOD, BAD = {"total": "25", "gift": 1, "note": "x"}, {"total": "canary"}
NINE = "2026-05-20T09:00:00.123Z"


def put(ingest: IngestHarness, mode: Mode, event_type: str = "order", tenant: int = TENANT) -> None:
    ingest.schemas.put(tenant, EventSchema(event_type, mode, RULES))


def order(payload: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "track", "user_id": "u", "event_type": "order", "payload": payload, **fields}


async def send(ingest: IngestHarness, *items: dict[str, Any], key: str | None = None) -> Receipt:
    return await ingest.service.accept_batch(TENANT, items, idempotency_key=key)


@pytest.mark.parametrize("mode", ["warn", "quarantine", "refuse"])
async def test_an_event_that_conforms_is_stored_with_converted_values(ingest: IngestHarness, mode: Mode) -> None:
    put(ingest, mode)
    receipt = await send(ingest, order(GOOD), order({}, event_type="other"))
    assert (len(receipt.message_ids), receipt.violated, receipt.refused) == (2, [], [])
    payloads = [row["payload"] for row in await ingest.rows()]
    assert payloads == [{"total": 25, "gift": True, "note": "x"}, {}]


async def test_a_schema_that_warns_stores_the_event_as_it_is(ingest: IngestHarness) -> None:
    put(ingest, "warn")
    receipt = await send(ingest, order(BAD | {"gift": "true"}))
    (violation,) = receipt.violated
    assert (violation.index, violation.event_type, violation.is_quarantined) == (0, "order", False)
    assert (violation.refusal.path, violation.refusal.code) == ("payload.total", "wrong-property-type")
    assert [row["payload"] for row in await ingest.rows()] == [BAD | {"gift": True}]
    assert (ingest.tally.seen["accepted"], ingest.tally.seen["schema_warned"]) == (1, 1)


async def test_a_schema_that_refuses_keeps_the_event_out(ingest: IngestHarness) -> None:
    put(ingest, "refuse")
    receipt = await send(ingest, {"type": "track"}, order(BAD), order(GOOD), order({}))
    assert [(index, refusal.path, refusal.code) for index, refusal in receipt.refused] == [
        (0, "user_id", "missing"),
        (1, "payload.total", "wrong-property-type"),
        (3, "payload.total", "missing-property"),
    ]
    assert [row["payload"]["total"] for row in await ingest.rows()] == [25]
    with pytest.raises(EventRefused, match="order"):
        await ingest.service.accept_one(TENANT, "track", without_type(order(BAD)), idempotency_key=None)
    assert (ingest.tally.seen["refused"], ingest.tally.seen["schema_refused"]) == (4, 3)


def without_type(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name != "type"}


async def test_traits_are_named_as_the_sender_calls_them(ingest: IngestHarness) -> None:
    put(ingest, "refuse", "$identify")
    identify = {"type": "identify", "user_id": "u", "traits": {"total": []}}
    receipt = await send(ingest, identify, order({}, event_type="context_identified"))
    assert [refusal.path for _, refusal in receipt.refused] == ["traits.total", "payload.total"]


async def test_imports_are_checked_and_other_tenants_are_not(ingest: IngestHarness) -> None:
    put(ingest, "refuse")
    put(ingest, "refuse", tenant=TENANT + 1)
    ingest.schemas.put(TENANT + 2)
    old = order(BAD, message_id="m", timestamp="2014-03-01T12:00:00Z")
    receipt = await ingest.service.accept_import(TENANT, [old], idempotency_key=None)
    assert (len(receipt.refused), await ingest.rows(EVENT_IMPORTS)) == (1, [])
    assert (await ingest.service.accept_import(TENANT + 2, [old], idempotency_key=None)).refused == []


async def test_a_quarantined_event_is_acknowledged_and_kept_apart(ingest: IngestHarness) -> None:
    put(ingest, "quarantine")
    receipt = await send(ingest, order(GOOD), order(BAD, message_id="m1", timestamp=NINE))
    assert (len(receipt.message_ids), receipt.refused) == (2, [])
    assert [(violation.index, violation.is_quarantined) for violation in receipt.violated] == [(1, True)]
    assert [row["payload"]["total"] for row in await ingest.rows()] == [25]
    (letter,) = await ingest.rows(QUARANTINED_EVENTS)
    assert (letter["tenant_id"], letter["message_id"]) == (TENANT, "m1")
    assert orjson.loads(letter["line"])["payload"] == BAD
    assert "canary" not in letter["reason"]
    assert ingest.tally.seen["quarantined"] == 1


async def test_a_repeated_quarantined_event_has_the_same_place_and_another_one_its_own(ingest: IngestHarness) -> None:
    put(ingest, "quarantine")
    sent = [order(BAD, message_id="m1", timestamp=NINE, user_id=user) for user in ("u", "v")]
    for _ in range(2):
        await send(ingest, *sent)
    places = [letter["place"] for letter in await ingest.rows(QUARANTINED_EVENTS)]
    assert (len(places), len({*places})) == (4, 2)


async def test_a_mended_event_is_not_compared_with_what_was_quarantined(ingest: IngestHarness) -> None:
    put(ingest, "quarantine")
    receipts = [await send(ingest, order(payload, message_id="m1", timestamp=NINE)) for payload in (BAD, GOOD)]
    assert [receipt.conflicting for receipt in receipts] == [(), ()]
    assert [row["payload"]["total"] for row in await ingest.rows()] == [25]


async def test_a_mended_event_in_the_same_request_is_stored(ingest: IngestHarness) -> None:
    put(ingest, "quarantine")
    receipt = await send(ingest, *(order(payload, message_id="m1", timestamp=NINE) for payload in (BAD, GOOD)))
    assert (receipt.conflicting, len(await ingest.rows()), len(await ingest.rows(QUARANTINED_EVENTS))) == ((), 1, 1)


async def test_a_changed_schema_does_not_make_a_retry_another_request(ingest: IngestHarness) -> None:
    sent = [order(GOOD), order(BAD), order({"total": 5})]
    first = await send(ingest, *sent, key="k")
    put(ingest, "refuse")
    second = await send(ingest, *sent, key="k")
    assert ([index for index, _ in second.refused], second.duplicates, second.conflicting) == ([1], 2, ())
    assert second.message_ids == [first.message_ids[0], first.message_ids[2]]


async def test_a_refused_event_binds_no_key_and_no_content(ingest: IngestHarness) -> None:
    put(ingest, "refuse")
    assert (await send(ingest, order(BAD, message_id="m1", timestamp=NINE), key="k")).message_ids == []
    receipt = await send(ingest, order(GOOD, message_id="m1", timestamp=NINE), key="k")
    assert (receipt.duplicates, receipt.conflicting, len(await ingest.rows())) == (0, (), 1)


async def test_a_quarantined_event_is_replayed_once_it_conforms(ingest: IngestHarness) -> None:
    put(ingest, "quarantine")
    await send(ingest, order(BAD, message_id="m1", timestamp=NINE))
    (letter,) = await ingest.rows(QUARANTINED_EVENTS)
    letters = MemoryDeadLetters()
    replays = DeadLetterReplays(letters=letters, ingest=ingest.service, clock=ingest.clock)
    letter_id = letters.add(
        TENANT,
        letter["line"].encode(),
        code=QUARANTINED,
        reason=letter["reason"],
        at_ms=1,
        message_id="m1",
        place=(0, letter["place"]),
        topic=QUARANTINED_EVENTS.name,
    )
    refused = await replays.replay(TENANT, letter_id)
    assert (refused.outcome, refused.refusal and refused.refusal.path) == ("refused", "payload.total")
    assert (len(await ingest.rows(QUARANTINED_EVENTS)), await ingest.rows()) == (1, [])
    ingest.schemas.put(TENANT, EventSchema("order", "quarantine", (PropertyRule("total", "string"),)))
    assert (await replays.replay(TENANT, letter_id)).outcome == "replayed"
    (row,) = await ingest.rows()
    assert (row["payload"], row["message_id"], row["timestamp"]) == (BAD, "m1", "2026-05-20 09:00:00.123")


def batch_of(*values: bytes) -> Batch:
    records = tuple(Record(offset=offset, key=b"k", value=value) for offset, value in enumerate(values))
    return Batch(
        topic=QUARANTINED_EVENTS.name, partition=3, first_offset=0, last_offset=len(values) - 1, records=records
    )


async def test_the_sink_makes_dead_letters_of_quarantined_events(ingest: IngestHarness) -> None:
    put(ingest, "quarantine")
    await send(ingest, *(order(BAD, user_id=f"u{number}", message_id="same", timestamp=NINE) for number in range(50)))
    warehouse = MemoryWarehouse()
    records = [record.value for _, record in await ingest.records(QUARANTINED_EVENTS)]
    await QuarantineSink(warehouse=warehouse).handle(batch_of(*records))
    (rows,) = [[orjson.loads(line) for line in dead.splitlines()] for dead in warehouse.dead.values()]
    keys = {(row["source_partition"], row["source_offset"], row["message_id"], row["topic"]) for row in rows}
    assert len(rows) == len(keys) == 50
    assert {(row["code"], row["tenant_id"]) for row in rows} == {(QUARANTINED, TENANT)}


async def test_a_damaged_record_is_put_aside() -> None:
    with pytest.raises(BadRecords):
        await QuarantineSink(warehouse=MemoryWarehouse()).handle(batch_of(b"{}\n"))
