"""Events become JSON at once, within their size, with an id and a time."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segops_client.delivery.events import QueuedEvent, Refused, new_event
from segops_client.delivery.stamps import Stamps
from segops_client.options import MAX_EVENT_BYTES


def written(event: QueuedEvent | None) -> dict[str, Any]:
    assert event is not None
    parsed: dict[str, Any] = json.loads(event.line)
    return parsed


def refused(fields: dict[str, Any]) -> str:
    with pytest.raises(Refused) as error:
        new_event("track", fields, None, Stamps())
    assert len(error.value.report.message_ids) == 1
    return error.value.report.code


def test_an_event_has_an_id_and_the_time_of_the_call() -> None:
    before = time.time_ns() // 1_000_000
    event = new_event("track", {"user_id": "u", "event_type": "x", "payload": None}, None, Stamps())
    parsed = written(event)
    at = datetime.fromisoformat(parsed["timestamp"])
    assert UUID(parsed["message_id"]).int >> 80 == round(at.timestamp() * 1000)
    assert before <= round(at.timestamp() * 1000) <= time.time_ns() // 1_000_000
    assert parsed.keys() == {"type", "user_id", "event_type", "timestamp", "message_id"}
    assert event is not None
    assert event.message_id == parsed["message_id"]


def test_a_later_change_does_not_leak_in() -> None:
    payload: dict[str, Any] = {"items": [1]}
    event = new_event("track", {"user_id": "u", "payload": payload}, None, Stamps())
    payload["items"].append(2)
    assert written(event)["payload"] == {"items": [1]}


def test_times_and_ids_are_written() -> None:
    berlin = timezone(timedelta(hours=1))
    payload = {"at": datetime(2026, 1, 1, 1, 0, 0, 999, berlin), "day": date(2026, 1, 2), "id": UUID(int=1)}
    parsed = written(
        new_event("track", {"user_id": "u", "occurred_at": payload["at"], "payload": payload}, None, Stamps())
    )
    assert parsed["timestamp"] == parsed["payload"]["at"] == "2026-01-01T00:00:00.000Z"
    assert (parsed["payload"]["day"], parsed["payload"]["id"]) == ("2026-01-02", str(UUID(int=1)))


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"payload": {"seats": {1}}}, "payload.seats: set has no JSON form"),
        ({"payload": {"items": [1, {"raw": b"x"}]}}, "payload.items.1.raw: bytes has no JSON form"),
        ({"traits": {"score": float("nan")}}, "traits.score: must be a finite number"),
        ({"payload": {"name": "\ud800"}}, "payload.name: must not contain surrogates"),
        ({"payload": {("a", 1): 2}}, "payload: keys must be text, not tuple"),
        ({"occurred_at": object()}, "occurred_at: must be a datetime or text, not object"),
        ({"user_id": ""}, "user_id: `user_id` or `anonymous_id` must be present"),
    ],
)
def test_a_refusal_names_the_key_and_quotes_no_value(fields: dict[str, Any], detail: str) -> None:
    with pytest.raises(Refused) as error:
        new_event("track", {"user_id": "secret-user", **fields}, None, Stamps())
    assert error.value.report.detail == detail


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), {1, 2}, object(), "\ud800", {"deep": None}, b"bytes"],
    ids=["nan", "infinity", "set", "object", "surrogate", "deep", "bytes"],
)
def test_what_is_no_json_is_refused_and_not_raised_to_the_caller(value: object) -> None:
    if value == {"deep": None}:
        for _ in range(5_000):
            value = [value]
    assert refused({"user_id": "u", "payload": {"value": value}}) == "invalid-event"


def test_a_circle_and_nobody_are_refused() -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    assert refused({"user_id": "u", "payload": circle}) == "invalid-event"
    assert refused({"event_type": "x"}) == "invalid-event"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), st.integers(-2, 2))
def test_sizes_are_exact_in_bytes(text: str, over: int) -> None:
    fields = {"user_id": "u", "message_id": "m", "occurred_at": datetime(2026, 1, 1, tzinfo=UTC)}
    empty = new_event("track", {**fields, "payload": {"text": text, "fill": ""}}, None, Stamps())
    assert empty is not None
    full = {**fields, "payload": {"text": text, "fill": "x" * (MAX_EVENT_BYTES - len(empty.line) + over)}}
    if over > 0:
        assert refused(full) == "too-large"
    else:
        event = new_event("track", full, None, Stamps())
        assert event is not None
        assert len(event.line) == MAX_EVENT_BYTES + over


def test_before_send_changes_leaves_out_or_fails() -> None:
    def hide(event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "payload": {"hidden": True}, "message_id": "another"}

    def fail(event: dict[str, Any]) -> dict[str, Any]:
        raise KeyError(event["user_id"])

    changed = new_event("track", {"user_id": "u", "message_id": "m", "payload": {"secret": 1}}, hide, Stamps())
    assert written(changed) | {"timestamp": ""} == {
        "type": "track",
        "user_id": "u",
        "message_id": "m",
        "payload": {"hidden": True},
        "timestamp": "",
    }
    assert new_event("track", {"user_id": "u"}, lambda _: None, Stamps()) is None
    with pytest.raises(Refused) as error:
        new_event("track", {"user_id": "u"}, fail, Stamps())
    assert error.value.report.code == "before-send-failed"
