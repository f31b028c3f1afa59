"""The rules of one event, as a table of what is refused and what its row becomes."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from segops_common.contracts.events import EventKind, EventRow
from segops_common.core.ids import message_id_from
from segops_ingest.domain.event import CALL_SHAPES, EventTime, RowBuilder
from segops_ingest.domain.identity import Memory, Row
from segops_ingest.domain.inspection import serialise
from segops_ingest.domain.refusal import MAX_SEARCHES, MAX_TEXT_CHARS, EventRefused

V7_OF_1130 = "019e4526-d600-7000-8000-000000000000"
NINE = "2026-05-20T09:00:00Z"
AT_NINE = "2026-05-20 09:00:00.000"
RECEIVED = "2026-05-20 12:00:00.123"


class MakeRow(Protocol):
    """What the fixture `row` is."""

    def __call__(self, call: Any, kind: EventKind = "track", idempotency_key: str | None = None) -> Row: ...


class TimeOf(Protocol):
    """What the fixture `time_of` is."""

    def __call__(self, call: Any, idempotency_key: str | None = None) -> EventTime: ...


@pytest.fixture
def row(builder: Callable[[str | None], RowBuilder]) -> MakeRow:
    """Makes the row of the fourth call of a request, and checks that it has the contract's form."""

    def make(call: Any, kind: EventKind = "track", idempotency_key: str | None = None) -> Row:
        made, _ = builder(idempotency_key).row(call, kind, 3)
        EventRow.model_validate_json(serialise(made, "payload"))
        return made

    return make


@pytest.fixture
def time_of(builder: Callable[[str | None], RowBuilder]) -> TimeOf:
    """Returns the time of a tracked event."""

    def make(call: Any, idempotency_key: str | None = None) -> EventTime:
        return builder(idempotency_key).row(call, "track", 3)[1]

    return make


def track(**fields: Any) -> dict[str, Any]:
    return {"user_id": "u", "event_type": "e", **fields}


def test_quickstart_event_becomes_a_row(row: MakeRow) -> None:
    assert row({"user_id": "user-123", "event_type": "page_viewed", "payload": {"path": "/pricing"}}) == {
        "tenant_id": 7,
        "kind": "track",
        "event_type": "page_viewed",
        "user_id": "user-123",
        "anonymous_id": "",
        "message_id": "made-here",
        "timestamp": "2026-05-20 12:00:00.123",
        "received_at": "2026-05-20 12:00:00.123",
        "payload": {"path": "/pricing"},
        "context": {},
        "removed": [],
        "position": 3,
    }


def test_identify_names_the_traits_it_removes(row: MakeRow) -> None:
    made = row({"user_id": "u", "traits": {"plan": None, "seats": 3, "deep": {"a": None}}}, "identify")
    assert (made["event_type"], made["removed"]) == ("$identify", ["plan"])


@pytest.mark.parametrize(
    ("kind", "call", "event_type", "payload"),
    [
        ("page", {"user_id": "u", "name": "Home", "payload": {"x": 1}}, "$page", {"x": 1, "name": "Home"}),
        ("screen", {"anonymous_id": "a"}, "$screen", {}),
        ("group", {"user_id": "u", "group_id": "g", "traits": {"x": 1}}, "$group", {"x": 1, "group_id": "g"}),
        ("alias", {"user_id": "u", "previous_id": "p"}, "$alias", {"previous_id": "p"}),
    ],
)
def test_other_kinds_keep_their_own_fields_in_the_payload(
    row: MakeRow, kind: EventKind, call: Row, event_type: str, payload: Row
) -> None:
    made = row(call, kind)
    assert (made["event_type"], made["payload"], made["removed"]) == (event_type, payload, [])


@pytest.mark.parametrize(
    ("call", "path", "code"),
    [
        ([], "", "wrong-type"),
        (None, "", "wrong-type"),
        ({"event_type": "e"}, "user_id", "missing"),
        (track(user_id=""), "user_id", "wrong-length"),
        (track(user_id="x" * 257), "user_id", "wrong-length"),
        (track(user_id="  "), "user_id", "blank"),
        (track(user_id="a\0"), "user_id", "nul-character"),
        (track(user_id=0), "user_id", "wrong-type"),
        (track(user_id=None), "user_id", "wrong-type"),
        (track(anonymous_id=True), "anonymous_id", "wrong-type"),
        ({"user_id": "u"}, "event_type", "missing"),
        (track(event_type=""), "event_type", "wrong-length"),
        (track(event_type="x" * 201), "event_type", "wrong-length"),
        (track(event_type="a\tb"), "event_type", "control-character"),
        (track(event_type="a\x85b"), "event_type", "control-character"),
        (track(event_type="$page"), "event_type", "reserved-name"),
        (track(message_id="x" * 129), "message_id", "wrong-length"),
        (track(message_id=5), "message_id", "wrong-type"),
        (track(payload=[]), "payload", "wrong-type"),
        (track(payload=None), "payload", "wrong-type"),
        (track(context="x"), "context", "wrong-type"),
        (track(traits={}), "traits", "unknown-field"),
        (track(type="track"), "type", "unknown-field"),
        (track(__proto__={}), "__proto__", "unknown-field"),
        (track(timestamp=1_700_000_000_000), "timestamp", "wrong-type"),
        (track(timestamp=None), "timestamp", "wrong-type"),
        (track(timestamp="yesterday"), "timestamp", "invalid-timestamp"),
        (track(timestamp="2026-05-20"), "timestamp", "invalid-timestamp"),
        (track(timestamp="2026-05-20T12:00:00"), "timestamp", "invalid-timestamp"),
        (track(timestamp="2026-02-30T12:00:00Z"), "timestamp", "invalid-timestamp"),
        (track(timestamp="2026-05-20T12:00:00.000+25:00"), "timestamp", "invalid-timestamp"),
        (track(timestamp="0001-01-01T00:00:00.000Z"), "timestamp", "timestamp-out-of-range"),
        (track(timestamp="0001-01-01T00:00:00+12:00"), "timestamp", "invalid-timestamp"),
        (track(timestamp="0999-01-01T00:00:00+00:00"), "timestamp", "timestamp-out-of-range"),
        (track(timestamp="9999-12-31T23:59:59.999Z"), "timestamp", "timestamp-out-of-range"),
        (track(message_id="00000000-0000-7000-8000-000000000000"), "message_id", "timestamp-out-of-range"),
    ],
)
def test_refusals_name_path_and_code(row: MakeRow, call: Any, path: str, code: str) -> None:
    with pytest.raises(EventRefused) as refused:
        row(call)
    assert (refused.value.path, refused.value.code) == (path, code)


@pytest.mark.parametrize("kind", CALL_SHAPES)
def test_every_kind_refuses_the_fields_of_another(row: MakeRow, kind: EventKind) -> None:
    foreign = {"track": "traits", "alias": "payload"}.get(kind, "event_type")
    with pytest.raises(EventRefused, match="this call has no field"):
        row({"user_id": "u", foreign: "x"}, kind)


@pytest.mark.parametrize(
    ("offset", "accepted"),
    [
        (timedelta(days=-400), True),
        (timedelta(days=-400, milliseconds=-1), False),
        (timedelta(hours=24), True),
        (timedelta(hours=24, milliseconds=1), False),
    ],
)
def test_the_span_of_timestamps_is_closed_at_both_ends(
    row: MakeRow, now: datetime, offset: timedelta, accepted: bool
) -> None:
    text = (now + offset).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with nullcontext() if accepted else pytest.raises(EventRefused, match="at most 400 days"):
        row(track(timestamp=text))


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2026-05-20T10:00:00.123Z", "2026-05-20 10:00:00.123"),
        ("2026-05-20t10:00:00z", "2026-05-20 10:00:00.000"),
        ("2026-05-20T10:00:00.1Z", "2026-05-20 10:00:00.100"),
        ("2026-05-20T10:00:00.1239999Z", "2026-05-20 10:00:00.123"),
        ("2026-05-20T10:00:00.123456789123Z", "2026-05-20 10:00:00.123"),
        ("2026-05-20T01:30:00.500+02:00", "2026-05-19 23:30:00.500"),
        ("2026-05-20 10:00:00-00:30", "2026-05-20 10:30:00.000"),
    ],
)
def test_timestamps_are_stored_in_utc_milliseconds(row: MakeRow, text: str, stored: str) -> None:
    assert row(track(timestamp=text))["timestamp"] == stored


@pytest.mark.parametrize(
    ("call", "idempotency_key", "stored", "client", "memory"),
    [
        ({}, None, RECEIVED, "", Memory.NEEDLESS),
        ({}, "k", RECEIVED, "", Memory.REQUIRED),
        ({"message_id": "order-17"}, None, RECEIVED, "", Memory.REQUIRED),
        ({"message_id": V7_OF_1130}, None, "2026-05-20 11:30:33.600", "2026-05-20 11:30:33.600", Memory.NEEDLESS),
        ({"message_id": V7_OF_1130, "timestamp": NINE}, None, AT_NINE, AT_NINE, Memory.NEEDLESS),
        ({"message_id": "order-17", "timestamp": NINE}, None, AT_NINE, AT_NINE, Memory.COMPARED),
        ({"timestamp": NINE}, None, AT_NINE, AT_NINE, Memory.NEEDLESS),
        ({"timestamp": NINE}, "k", AT_NINE, AT_NINE, Memory.NEEDLESS),
    ],
)
def test_the_time_is_the_events_own_then_that_in_its_id_then_that_of_its_receipt(
    time_of: TimeOf, call: dict[str, Any], idempotency_key: str | None, stored: str, client: str, memory: Memory
) -> None:
    assert time_of(track(**call), idempotency_key) == (stored, client, memory)


@pytest.mark.parametrize(
    ("sent_at", "stored", "memory"),
    [
        ("2026-05-20T12:00:00.123Z", AT_NINE, Memory.COMPARED),
        ("2026-05-20T12:00:30.122Z", AT_NINE, Memory.COMPARED),
        ("2026-05-20T12:00:30.123Z", AT_NINE, Memory.REQUIRED),
        ("2026-05-20T11:59:30.123Z", AT_NINE, Memory.REQUIRED),
        ("2026-05-20T12:01:00.123Z", AT_NINE, Memory.REQUIRED),
        ("2026-05-20T12:01:00.124Z", "2026-05-20 08:58:59.999", Memory.REQUIRED),
        ("2026-05-20T22:00:00.123Z", "2026-05-19 23:00:00.000", Memory.REQUIRED),
        ("2026-05-20T11:00:00.123Z", "2026-05-20 10:00:00.000", Memory.REQUIRED),
    ],
)
def test_sent_at_corrects_the_time_by_more_than_a_minute(
    row: MakeRow, time_of: TimeOf, sent_at: str, stored: str, memory: Memory
) -> None:
    call = track(message_id=V7_OF_1130, timestamp=NINE, sent_at=sent_at)
    assert time_of(call) == (stored, AT_NINE, memory)
    assert row(call)["timestamp"] == stored
    assert row(call).get("original_timestamp") == (None if stored == AT_NINE else AT_NINE)
    assert time_of(track(timestamp=NINE, sent_at=sent_at)).memory is Memory.NEEDLESS
    assert time_of(track(timestamp=NINE, sent_at=sent_at), "k").memory is Memory.REQUIRED


def test_the_time_in_an_id_is_corrected_too(time_of: TimeOf) -> None:
    made = time_of(track(message_id=V7_OF_1130, sent_at="2026-05-20T13:00:00.123Z"))
    assert made == ("2026-05-20 10:30:33.600", "2026-05-20 11:30:33.600", Memory.REQUIRED)


def test_the_range_of_timestamps_is_that_of_corrected_ones(time_of: TimeOf) -> None:
    two_days_ahead = track(timestamp="2026-05-22T12:00:00Z", sent_at="2026-05-22T12:00:00.123Z")
    assert time_of(two_days_ahead).stored == "2026-05-20 12:00:00.000"
    with pytest.raises(EventRefused, match="24 hours in the future"):
        time_of(track(timestamp="2026-05-20T12:00:00Z", sent_at="2026-05-18T12:00:00Z"))
    with pytest.raises(EventRefused, match="at most 400 days"):
        time_of(track(timestamp="0001-01-01T00:00:00Z", sent_at="9999-12-31T00:00:00Z"))


@pytest.mark.parametrize(
    ("call", "hints"),
    [
        (
            {"userId": "u", "event": "e", "properties": {}, "anonymousId": "a", "messageId": "m", "sentAt": "x"},
            {
                "userId": "user_id",
                "event": "event_type",
                "properties": "payload",
                "anonymousId": "anonymous_id",
                "messageId": "message_id",
                "sentAt": "sent_at",
            },
        ),
        ({"user_id": "u", "traits": {}, "UserID": 1, "time_stamp": 2}, {"traits": "payload", "UserID": "user_id", "time_stamp": "timestamp"}),
        ({"user_id": "u", "plan": 1, "": 2, "x" * 9_000: 3}, {"plan": None, "": None, "x" * 200 + "…": None}),
    ],
)  # fmt: skip
def test_all_unknown_fields_are_named_with_what_was_meant(
    row: MakeRow, call: dict[str, Any], hints: dict[str, str | None]
) -> None:
    with pytest.raises(EventRefused) as refused:
        row(call)
    faults = [refused.value, *refused.value.more]
    assert [fault.path for fault in faults] == sorted(hints)
    assert {fault.code for fault in faults} == {"unknown-field"}
    for fault in faults:
        meant = hints[fault.path]
        assert fault.detail.endswith(f"Did you mean `{meant}`?") if meant else "Did you mean" not in fault.detail


def test_of_very_many_unknown_fields_twenty_are_named(row: MakeRow) -> None:
    with pytest.raises(EventRefused) as refused:
        row(track(**{f"x{number}": 1 for number in range(99_000)}))
    assert len(refused.value.more) == 19
    assert len(refused.value.whole_detail) <= MAX_TEXT_CHARS + 1


def test_near_spellings_are_searched_for_a_bounded_number_of_names(
    builder: Callable[[str | None], RowBuilder],
) -> None:
    of_one_request = builder(None)

    def detail(name: str) -> str:
        with pytest.raises(EventRefused) as refused:
            of_one_request.row(track(**{name: 1}), "track", 0)
        return refused.value.detail

    assert detail("time_stmp").endswith("Did you mean `timestamp`?")
    for number in range(MAX_SEARCHES):
        detail(f"plan_{number}")
    assert "Did you mean" not in detail("time_stmp")
    assert detail("Time-Stamp").endswith("Did you mean `timestamp`?")


def test_server_made_ids_follow_the_idempotency_key(row: MakeRow) -> None:
    assert row(track(), idempotency_key="k")["message_id"] == message_id_from(7, "k", 3)
    assert row(track())["message_id"] == "made-here"
