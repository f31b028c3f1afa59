"""The calls take objects, mappings and keywords, and raise for none of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from segops_client import Context, Event, Options
from segops_client.calls import Calls
from segops_client.delivery.events import QueuedEvent
from segops_client.delivery.stamps import Stamps
from segops_client.options import chosen
from segops_client.reports import Report

AT = "2026-03-01T12:00:00.000Z"


class Recorder(Calls):
    """Keeps what the calls made."""

    def __init__(self) -> None:
        self._options = Options()
        self._stamps = Stamps()
        self.events: list[dict[str, Any]] = []
        self.reports: list[Report] = []

    def _take(self, event: QueuedEvent | Report) -> None:
        if isinstance(event, Report):
            self.reports.append(event)
        else:
            self.events.append({name: value for name, value in json.loads(event.line).items() if name != "message_id"})


def test_objects_mappings_and_keywords_make_the_same_event() -> None:
    recorder = Recorder()
    recorder.track(Event("u", "bought", AT, {"total": 5}))
    recorder.track({"user_id": "u", "event_type": "bought", "occurred_at": AT, "payload": {"total": 5}})
    recorder.track(user_id="u", event_type="bought", occurred_at=AT, payload={"total": 5})
    recorder.track(
        event={"user_id": "u", "payload": {"total": 5}},
        event_type="bought",
        occurred_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )
    assert (
        recorder.events
        == [{"type": "track", "user_id": "u", "event_type": "bought", "timestamp": AT, "payload": {"total": 5}}] * 4
    )

    recorder.events.clear()
    recorder.identify(Context("u", {"plan": "pro"}), occurred_at=AT)
    recorder.identify({"user_id": "u", "traits": {"plan": "pro"}}, occurred_at=AT)
    recorder.identify(user_id="u", traits={"plan": "pro"}, occurred_at=AT)
    assert recorder.events == [{"type": "identify", "user_id": "u", "timestamp": AT, "traits": {"plan": "pro"}}] * 3
    assert not recorder.reports


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        ({"user_id": "u"}, "event_type: must be present"),
        ({"user_id": "u", "event_type": "x", "color": 1}, "color: must be one of anonymous_id, "),
        ("an event", "must be an Event, a Context or a mapping, not str"),
        ({1: 2}, "1: must be one of "),
    ],
)
def test_what_is_no_event_is_reported(event: Any, detail: str) -> None:
    recorder = Recorder()
    recorder.track(event)
    assert not recorder.events
    assert [report.code for report in recorder.reports] == ["invalid-event"]
    assert recorder.reports[0].detail.startswith(detail)
    assert len(recorder.reports[0].message_ids) == 1


def test_arguments_by_name_replace_options() -> None:
    options = Options(batch_size=50, timeout=3.0)
    assert chosen(None, batch=True) == Options()
    assert chosen(options, batch=True, batch_size=5, flush_interval=None) == Options(batch_size=5, timeout=3.0)
    assert chosen(options, batch=False).batch_size == 1


@pytest.mark.parametrize("name", ["batch_size", "flush_interval", "timeout", "max_queued_events"])
def test_sizes_and_times_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be"):
        chosen(None, batch=True, **{name: 0})
