"""An event counts once, however often it is delivered: its identity, its time, and which content stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from segops_common.core.problems import Unavailable, ValidationFailed
from segops_ingest.domain.identity import Row
from segops_ingest.domain.messages import CONFLICTS_HEADER, conflicting_lines
from segops_ingest.service.accept_events import Receipt, Warned
from tests.unit.ingest.harness import IngestHarness, item

NINE = "2026-05-20T09:00:00Z"
V7_OF_1130 = "019e4526-d600-7000-8000-000000000000"
TRACK = {"user_id": "u0", "event_type": "e"}


async def send(ingest: IngestHarness, *items: Any, key: str | None = None, sent_at: str | None = None) -> Receipt:
    return await ingest.service.accept_batch(7, items, idempotency_key=key, sent_at=sent_at)


async def identities(ingest: IngestHarness) -> list[tuple[str, ...]]:
    """Return what makes each stored event one, in the order of partitions."""
    return [(row["user_id"], row["event_type"], row["message_id"], row["timestamp"]) for row in await ingest.rows()]


def texts(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def test_within_a_batch_the_first_delivery_stands_and_conflicts_are_named(ingest: IngestHarness) -> None:
    contents: list[Row] = [{"n": 1}, {"n": 1}, {"n": 2}, {"n": True}]
    receipt = await send(ingest, item(message_id=5), *(item(message_id="m", payload=payload) for payload in contents))
    assert (receipt.message_ids, receipt.duplicates, receipt.conflicting) == (["m"] * 4, 3, (3, 4))
    assert [row["payload"] for row in await ingest.rows()] == [{"n": 1}]
    assert ingest.tally.seen["conflicting"] == 2


@pytest.mark.parametrize("dated", [{}, {"timestamp": NINE}])
async def test_events_of_other_users_types_or_times_are_other_events(
    ingest: IngestHarness, dated: dict[str, Any]
) -> None:
    others = [
        item(1),
        item(event_type="f"),
        item(timestamp="2026-05-20T08:00:00Z"),
        {"type": "identify", "user_id": "u0"},
    ]
    items = [{**dated, **call, "message_id": "m"} for call in (item(), *others)]
    receipt = await send(ingest, *items)
    assert (receipt.duplicates, receipt.conflicting) == (0, ())
    assert len(set(await identities(ingest))) == len(items)
    again = await send(ingest, *items)
    assert (again.duplicates, again.conflicting) == (5, ())
    assert len(set(await identities(ingest))) == len(items)


async def test_an_anonymous_id_and_a_user_id_name_the_same_profile(ingest: IngestHarness) -> None:
    anonymous = {"type": "track", "anonymous_id": "u0", "event_type": "e", "message_id": "m"}
    receipt = await send(ingest, item(message_id="m"), anonymous)
    assert (receipt.duplicates, receipt.conflicting) == (1, (1,))


async def test_an_id_used_for_two_types_keeps_the_time_of_each(ingest: IngestHarness, now: datetime) -> None:
    await send(ingest, item(message_id="m"))
    ingest.clock.instant = now + timedelta(hours=1)
    receipt = await send(ingest, item(message_id="m", event_type="f"), item(1, message_id="m"))
    assert receipt.duplicates == 0
    assert sorted(row["timestamp"][11:13] for row in await ingest.rows()) == ["12", "13", "13"]


async def test_a_retry_has_the_time_of_the_first_attempt(ingest: IngestHarness, now: datetime) -> None:
    call = {**TRACK, "message_id": "order-1"}
    first = await ingest.service.accept_one(7, "track", dict(call), idempotency_key=None)
    ingest.clock.instant = now.replace(hour=18)
    second = await ingest.service.accept_one(7, "track", dict(call), idempotency_key=None)
    other_tenant = await ingest.service.accept_one(8, "track", dict(call), idempotency_key=None)
    assert (first.duplicates, second.duplicates, other_tenant.duplicates) == (0, 1, 0)
    hours = [(row["tenant_id"], row["received_at"][11:13], row["timestamp"][11:13]) for row in await ingest.rows()]
    assert sorted(hours) == [(7, "12", "12"), (7, "18", "12"), (8, "18", "18")]


@pytest.mark.parametrize("dated", [{}, {"timestamp": NINE}])
async def test_a_later_request_with_other_content_is_told_and_marked(
    ingest: IngestHarness, dated: dict[str, Any]
) -> None:
    await send(ingest, item(message_id="m", payload={"n": 1}, **dated))
    same = await send(ingest, item(message_id="m", payload={"n": 1}, **dated))
    assert (same.duplicates, same.conflicting) == (1, ())
    other = await send(ingest, item(payload={"n": 0}), item(message_id="m", payload={"n": 2}, **dated))
    assert (other.duplicates, other.conflicting) == (1, (1,))
    assert ingest.tally.seen["conflicting"] == 1
    records = [record for _, record in await ingest.records()]
    assert [conflicting_lines(record.headers, record.value) for record in records[:2]] == [[], []]
    (line,) = conflicting_lines(records[2].headers, records[2].value)
    assert orjson.loads(line)["payload"] == {"n": 2}
    assert [name for name, _ in records[2].headers].count(CONFLICTS_HEADER) == 1


async def test_what_cannot_be_remembered_is_refused(ingest: IngestHarness) -> None:
    ingest.memory.reachable = False
    unstable: list[tuple[dict[str, Any], str | None, str | None]] = [
        ({"message_id": "order-1"}, None, None),
        ({}, "k", None),
        ({"timestamp": NINE}, "k", None),
        ({"message_id": "order-1", "timestamp": NINE}, None, "2026-05-20T11:00:00Z"),
    ]
    for fields, key, sent_at in unstable:
        with pytest.raises(Unavailable, match="were not stored") as refused:
            await send(ingest, item(timestamp=NINE), item(**fields), key=key, sent_at=sent_at)
        assert 1 <= int(refused.value.headers["Retry-After"]) <= 5
    assert await ingest.rows() == []
    assert ingest.tally.seen["not_remembered"] == 8

    stable: list[dict[str, Any]] = [
        {},
        {"timestamp": NINE},
        {"message_id": "order-1", "timestamp": NINE},
        {"message_id": V7_OF_1130},
    ]
    for sent_at in (None, "2026-05-20T12:00:00Z"):
        dated = [fields for fields in stable if sent_at is None or fields]
        assert (await send(ingest, *(item(**fields) for fields in dated), sent_at=sent_at)).duplicates == 0
    assert len(await ingest.rows()) == 7


async def test_a_retry_after_the_log_failed_has_the_first_identity(ingest: IngestHarness, now: datetime) -> None:
    ingest.log.reachable = False
    with pytest.raises(Unavailable):
        await send(ingest, item(message_id="order-1"))
    ingest.log.reachable, ingest.clock.instant = True, now + timedelta(hours=1)
    await send(ingest, item(message_id="order-1"))
    assert await identities(ingest) == [("u0", "e", "order-1", "2026-05-20 12:00:00.123")]


async def test_an_idempotency_key_is_bound_to_its_events(ingest: IngestHarness, now: datetime) -> None:
    first = await send(ingest, item(), item(), item(timestamp=NINE), key="k", sent_at="2026-05-20T12:00:00Z")
    ingest.clock.instant = now.replace(hour=18)
    again = await send(ingest, item(), item(), item(timestamp=NINE), key="k", sent_at="2026-05-20T18:00:00Z")
    later = await send(ingest, item(), item(), item(timestamp=NINE), key="k", sent_at="2026-05-20T12:00:00Z")
    assert first.message_ids == again.message_ids == later.message_ids
    assert [receipt.duplicates for receipt in (first, again, later)] == [0, 3, 3]
    assert len(set(await identities(ingest))) == 3

    for other in ([item(), item()], [item(), item(), item()], [item(1)], [item(), item(payload={"n": 1})]):
        with pytest.raises(ValidationFailed) as reused:
            await send(ingest, *other, key="k")
        assert reused.value.slug == "idempotency-key-reused"
        assert "Use a new `Idempotency-Key` for a changed body." in str(reused.value)
    with pytest.raises(ValidationFailed):
        await ingest.service.accept_one(7, "identify", {"user_id": "u0"}, idempotency_key="k")
    assert len(await ingest.rows()) == 9
    assert (await ingest.service.accept_one(8, "track", dict(TRACK), idempotency_key="k")).duplicates == 0


async def test_a_refused_request_does_not_bind_its_key(ingest: IngestHarness) -> None:
    await send(ingest, item(event_type=""), key="k")
    assert (await send(ingest, item(), key="k")).duplicates == 0


async def test_each_attempt_gets_the_first_correction(ingest: IngestHarness, now: datetime) -> None:
    call = item(message_id="m", timestamp="2026-05-20T22:00:00Z")
    for seconds in (0, 40, 400):
        ingest.clock.instant = now + timedelta(seconds=seconds)
        phone = ingest.clock.instant + timedelta(hours=10, seconds=-seconds / 100)
        receipt = await send(ingest, dict(call), sent_at=texts(phone))
        assert receipt.warnings == []
    rows = await ingest.rows()
    assert {(row["timestamp"], row["original_timestamp"]) for row in rows} == {
        ("2026-05-20 12:00:00.000", "2026-05-20 22:00:00.000")
    }
    assert len(rows) == 3


async def test_an_attempt_with_a_small_skew_has_the_time_of_a_corrected_one(
    ingest: IngestHarness, now: datetime
) -> None:
    """The skew of the attempts lies on both sides of a minute."""
    for skew_s in (61, 59, 31):
        await send(ingest, item(message_id="m", timestamp=NINE), sent_at=texts(now + timedelta(seconds=skew_s)))
    assert set(await identities(ingest)) == {("u0", "e", "m", "2026-05-20 08:58:59.000")}


@pytest.mark.parametrize("message_id", ["order-1", V7_OF_1130])
@pytest.mark.parametrize("fields", [{"timestamp": NINE}, {"timestamp": "2026-05-20T11:59:00Z"}, {}])
@pytest.mark.parametrize("skews_s", [(0, 300), (300, 0), (29, 61), (61, 29), (-29, -61), (-61, -29), (0, -70, 20)])
async def test_attempts_with_any_skew_have_the_time_of_the_first(
    ingest: IngestHarness, now: datetime, message_id: str, fields: dict[str, Any], skews_s: tuple[int, ...]
) -> None:
    """A queue that stores the request repeats an old `sent_at`: its skew is the time that has passed."""
    for number, skew_s in enumerate(skews_s):
        call = item(message_id=message_id, **fields)
        receipt = await send(ingest, call, sent_at=texts(now - timedelta(seconds=skew_s)))
        assert (receipt.duplicates, receipt.conflicting) == (min(number, 1), ())
    assert len(set(await identities(ingest))) == 1


@pytest.mark.parametrize("message_id", ["order-1", V7_OF_1130])
@pytest.mark.parametrize("skews_s", [(0, 300), (300, 0), (70, 90)])
async def test_deliveries_within_a_batch_have_the_time_of_the_first(
    ingest: IngestHarness, now: datetime, message_id: str, skews_s: tuple[int, int]
) -> None:
    """Each call has its own `sent_at`, and the contents differ."""
    calls = [
        item(message_id=message_id, timestamp=NINE, payload={"n": n}, sent_at=texts(now - timedelta(seconds=skew_s)))
        for n, skew_s in enumerate(skews_s)
    ]
    receipt = await send(ingest, *calls)
    assert (receipt.duplicates, receipt.conflicting) == (1, (1,))
    again = await send(ingest, *calls)
    assert (again.duplicates, again.conflicting) == (2, (1,))
    assert len(set(await identities(ingest))) == 1
    assert [row["payload"] for row in await ingest.rows()] == [{"n": 0}] * 2


async def test_ids_that_are_uuid7_need_no_memory_without_sent_at(ingest: IngestHarness) -> None:
    call = item(message_id=V7_OF_1130)
    assert [(await send(ingest, dict(call))).duplicates for _ in range(2)] == [0, 0]
    assert [(await send(ingest, dict(call), sent_at=NINE)).duplicates for _ in range(2)] == [0, 1]


async def test_events_of_a_corrected_id_at_different_times_are_different(ingest: IngestHarness) -> None:
    items = [item(message_id="m", timestamp=f"2026-05-20T0{hour}:00:00Z") for hour in (1, 2)]
    receipt = await send(ingest, *items, sent_at="2026-05-20T13:00:00.123Z")
    assert receipt.duplicates == 0
    assert [row["timestamp"][11:13] for row in await ingest.rows()] == ["00", "01"]


async def test_an_event_in_the_future_is_accepted_with_a_warning(ingest: IngestHarness) -> None:
    items = [item(), item(timestamp="2026-05-20T22:00:00Z"), item(timestamp="2026-05-20T12:00:00.123Z")]
    receipt = await send(ingest, *items)
    assert receipt.warnings == [
        Warned(
            1,
            "future-timestamp",
            "2026-05-20 22:00:00.000 UTC is after its receipt at 2026-05-20 12:00:00.123 UTC: segments ignore the event until "
            "its own time",
        )
    ]
    assert ingest.tally.seen["future"] == 1
    assert len(await ingest.rows()) == 3


async def test_events_with_many_keys_are_counted(ingest: IngestHarness) -> None:
    await send(ingest, item(payload={f"id-{n}": n for n in range(100)}), item(payload={"id": 1}))
    assert ingest.tally.seen["wide"] == 1


async def test_events_of_a_request_keep_their_order(ingest: IngestHarness) -> None:
    plans = ["free", "pro", "team", "max"]
    items = [{"type": "identify", "user_id": "u0", "traits": {"plan": plan}} for plan in plans]
    await send(ingest, *items)
    await send(ingest, *items)
    rows = await ingest.rows()
    assert [row["position"] for row in rows] == [0, 1, 2, 3] * 2
    assert {row["timestamp"] for row in rows} == {"2026-05-20 12:00:00.123"}
    assert [row["message_id"] for row in rows] == sorted(row["message_id"] for row in rows)
