"""Calls as other clients of the documented API send them: names, traits, and message ids made from the content."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from segops_common.contracts.topics import EVENT_IMPORTS
from segops_ingest.domain.content_ids import content_digest, content_message_id
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.service.accept_events import Receipt
from tests.unit.ingest.harness import IngestHarness, item

WHOLE = "2026-05-20T09:00:00Z"
EXACT = "2026-05-20T09:00:00.123456+00:00"
IDENTIFIED: dict[str, Any] = {
    "event_type": "context_identified",
    "payload": {"plan": "pro", "trial": None, "address": {"city": "Bern"}},
}


def call(user: int = 0, at: str = EXACT, /, **fields: Any) -> dict[str, Any]:
    return {"user_id": f"u{user}", "event_type": "e", "payload": {}, "occurred_at": at, **fields}


async def send(ingest: IngestHarness, *calls: Any, key: str | None = None, tenant_id: int = 7) -> Receipt:
    return await ingest.service.accept_tracked(tenant_id, calls, idempotency_key=key)


async def ids(ingest: IngestHarness) -> set[tuple[str, ...]]:
    """Return what makes each stored event one."""
    return {(r["user_id"], r["event_type"], r["message_id"], r["timestamp"]) for r in await ingest.rows()}


async def test_occurred_at_is_the_time(ingest: IngestHarness) -> None:
    one = {"user_id": "u0", "event_type": "e"}
    await ingest.service.accept_one(7, "track", one | {"occurred_at": EXACT}, idempotency_key=None)
    await ingest.service.accept_one(
        7, "identify", {"user_id": "u0", "occurred_at": "2026-05-20T11:00:00+02:00"}, idempotency_key=None
    )
    await ingest.service.accept_batch(7, [item(occurred_at=EXACT, timestamp=EXACT)], idempotency_key=None)
    times = sorted(row["timestamp"] for row in await ingest.rows())
    assert times == ["2026-05-20 09:00:00.000", "2026-05-20 09:00:00.123", "2026-05-20 09:00:00.123"]


@pytest.mark.parametrize(
    ("times", "refused"),
    [
        ({"timestamp": "2026-05-20T11:00:00.123+02:00"}, None),
        ({"timestamp": WHOLE}, ("occurred_at", "conflicting-times")),
        ({"timestamp": "yesterday"}, ("timestamp", "invalid-timestamp")),
        ({"occurred_at": "yesterday"}, ("occurred_at", "invalid-timestamp")),
        ({"occurred_at": None}, ("occurred_at", "wrong-type")),
        ({"occurred_at": "2025-01-01T00:00:00Z"}, ("occurred_at", "timestamp-out-of-range")),
    ],
)
async def test_two_times_must_be_the_same_instant(
    ingest: IngestHarness, times: dict[str, Any], refused: tuple[str, str] | None
) -> None:
    body = call(**times)
    if refused is None:
        await ingest.service.accept_one(7, "track", body, idempotency_key=None)
        return
    with pytest.raises(EventRefused) as error:
        await ingest.service.accept_one(7, "track", body, idempotency_key=None)
    assert (error.value.path, error.value.code) == refused


async def test_context_identified_is_an_identify_wherever_it_appears(ingest: IngestHarness, now: Any) -> None:
    await ingest.service.accept_one(7, "track", {"user_id": "u0", **IDENTIFIED}, idempotency_key=None)
    await ingest.service.accept_batch(7, [item(1, **IDENTIFIED)], idempotency_key=None)
    await send(ingest, call(2, **IDENTIFIED), call(2, event_type="context_identified_again"))
    old = item(3, message_id="m", occurred_at="2014-03-01T12:00:00Z", **IDENTIFIED)
    await ingest.service.accept_import(7, [old], idempotency_key=None)
    rows = [*await ingest.rows(), *await ingest.rows(EVENT_IMPORTS)]
    traits = [(r["user_id"], r["kind"], r["removed"], r["payload"]) for r in rows if r["event_type"] == "$identify"]
    assert sorted(traits) == [(f"u{n}", "identify", ["trial"], IDENTIFIED["payload"]) for n in range(4)]
    assert [r["kind"] for r in rows if r["event_type"] != "$identify"] == ["track"]


async def test_a_fault_in_traits_names_the_field_that_was_sent(ingest: IngestHarness) -> None:
    body = call(event_type="context_identified", payload={"a%2Eb": 1})
    with pytest.raises(EventRefused) as error:
        await ingest.service.accept_one(7, "track", body, idempotency_key=None)
    assert (error.value.path, error.value.code) == ("payload", "reserved-key")


async def test_a_repeated_request_counts_once(ingest: IngestHarness, now: Any) -> None:
    calls = [call(1, WHOLE), call(2, WHOLE), call(1, WHOLE)]
    first = await send(ingest, *calls)
    ingest.clock.instant = now + timedelta(hours=3)
    again = await send(ingest, *calls)
    assert (first.duplicates, again.duplicates, again.conflicting) == (0, 3, ())
    assert again.message_ids == first.message_ids
    assert len(await ids(ingest)) == 3


async def test_ids_ascend_with_the_place_in_the_request(ingest: IngestHarness) -> None:
    receipt = await send(ingest, *(call(0, WHOLE) for _ in range(300)))
    assert receipt.message_ids == sorted(set(receipt.message_ids))
    assert {(UUID(text).version, UUID(text).variant) for text in receipt.message_ids} == {
        (8, UUID(int=8 << 60).variant)
    }
    assert all(str(UUID(text)) == text for text in receipt.message_ids)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([call(), call(1)], [call(), call(2)]),
        ([call(), call(1)], [call(1), call()]),
        ([call(), call()], [call(), call(), call()]),
        ([call(payload={"n": 1})], [call(payload={"n": 2})]),
    ],
)
async def test_another_request_has_other_ids(ingest: IngestHarness, first: list[Any], second: list[Any]) -> None:
    one, two = await send(ingest, *first), await send(ingest, *second)
    assert two.duplicates == 0
    assert not {*one.message_ids} & {*two.message_ids}


async def test_tenants_have_ids_of_their_own(ingest: IngestHarness) -> None:
    one, two = await send(ingest, call()), await send(ingest, call(), tenant_id=8)
    assert one.message_ids != two.message_ids


@pytest.mark.parametrize(
    ("calls", "stored"),
    [
        # Two equal clicks within a second, in requests of their own.
        ([call(0, WHOLE)], 2),
        ([call(0, "2026-05-20T09:00:00+00:00")], 2),
        ([call()], 1),
        ([call(0, WHOLE), call(1, WHOLE)], 2),
        # An event without a time, or with an id of its own.
        ([call(), {"user_id": "u1", "event_type": "e"}], 4),
        ([call(), call(1, message_id="m")], 3),
    ],
)
async def test_when_a_repetition_is_recognised(ingest: IngestHarness, calls: list[Any], stored: int) -> None:
    await send(ingest, *calls)
    await send(ingest, *calls)
    assert len(await ids(ingest)) == stored


async def test_a_single_track_is_an_event_of_its_own(ingest: IngestHarness) -> None:
    for _ in range(2):
        await ingest.service.accept_one(7, "track", call(), idempotency_key=None)
    assert len(await ids(ingest)) == 2


async def test_an_idempotency_key_decides_about_ids(ingest: IngestHarness) -> None:
    keyed = await send(ingest, call(), call(1), key="k")
    assert (await send(ingest, call(), call(1), key="k")).message_ids == keyed.message_ids
    assert (await send(ingest, call(), call(1), key="other")).duplicates == 0
    assert {UUID(text).version for text in keyed.message_ids} == {5}
    assert len(await ids(ingest)) == 4


async def test_refused_events_leave_the_ids_of_others_as_they_are(ingest: IngestHarness, now: Any) -> None:
    """An event ages between two attempts."""
    edge = (now - timedelta(days=400)).isoformat()
    first = await send(ingest, call(), call(1, edge), call(2, "1999-01-01T00:00:00.5Z"))
    ingest.clock.instant = now + timedelta(minutes=1)
    second = await send(ingest, call(), call(1, edge), call(2, "1999-01-01T00:00:00.5Z"))
    assert [index for index, _ in first.refused] == [2]
    assert [index for index, _ in second.refused] == [1, 2]
    assert (second.message_ids, second.duplicates) == (first.message_ids[:1], 1)


def test_a_call_that_is_nested_too_deeply_is_no_obstacle() -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}
    assert content_digest(7, [call(), call(payload=deep)]) is not None


def test_the_ids_stay_the_same_over_releases() -> None:
    digest = content_digest(7, [call(), call(1)])
    assert digest is not None
    assert content_message_id(digest, 1) == "26c42bec-c0ec-8a76-be77-da3111770001"
