"""The rules of one event, as a table of what is refused and what its row becomes."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from segops_common.contracts.events import EventKind, EventRow
from segops_common.core.ids import message_id_from
from segops_ingest.domain.event import CALL_SHAPES, Row, RowBuilder
from segops_ingest.domain.inspection import serialise
from segops_ingest.domain.refusal import EventRefused

V7_OF_1130 = "019e4526-d600-7000-8000-000000000000"


class MakeRow(Protocol):
    """What the fixture `row` is."""

    def __call__(self, call: Any, kind: EventKind = "track", idempotency_key: str | None = None) -> Row: ...


@pytest.fixture
def row(builder: Callable[[str | None], RowBuilder]) -> MakeRow:
    """Makes the row of the fourth call of a request, and checks that it has the contract's form."""

    def make(call: Any, kind: EventKind = "track", idempotency_key: str | None = None) -> Row:
        made = builder(idempotency_key).row(call, kind, 3)
        complete = {**made, "timestamp": made["timestamp"] or made["received_at"]}
        EventRow.model_validate_json(serialise(complete, "payload"))
        return made

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


def test_identity_is_the_events_own_instant_then_the_one_in_its_id_then_unknown(row: MakeRow) -> None:
    assert row(track(message_id=V7_OF_1130, timestamp="2026-05-19T00:00:00Z"))["timestamp"] == "2026-05-19 00:00:00.000"
    assert row(track(message_id=V7_OF_1130))["timestamp"] == "2026-05-20 11:30:33.600"
    assert row(track(message_id="order-17"))["timestamp"] == ""


def test_server_made_ids_follow_the_idempotency_key(row: MakeRow) -> None:
    keyed = row(track(), idempotency_key="k")
    assert keyed["message_id"] == message_id_from(7, "k", 3)
    assert keyed["timestamp"] == ""
    assert row(track())["message_id"] == "made-here"
