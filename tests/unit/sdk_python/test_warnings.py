"""A client without `on_error` logs what is dropped, without a flood and without a payload."""

from __future__ import annotations

import pytest

from segops_client import Options, SegOpsClient
from segops_client.reports import Report, Warnings


def test_a_dropped_event_is_logged_by_default(caplog: pytest.LogCaptureFixture) -> None:
    client = SegOpsClient(api_url="http://127.0.0.1:9", api_key="sk_live_x", options=Options(flush_interval=100.0))
    for amount in ({"secret-1"}, {"secret-2"}):
        client.track(user_id="secret-user", event_type="bought", payload={"amount": amount})
    client.shutdown(0.0)

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "Event dropped (invalid-event): payload.amount: set has no JSON form")
    ]


def test_each_cause_is_logged_once_a_minute_and_at_most_ten_causes(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    warn = Warnings(lambda: now)
    for minute in range(2):
        now = 60.0 * minute
        for _ in range(3):
            for cause in range(20):
                warn(Report("refused", f"payload.{cause}: no", ["id"]))
    expected = [f"Event dropped (refused): payload.{cause}: no" for cause in range(10)]
    assert [record.getMessage() for record in caplog.records] == expected * 2


def test_who_opts_out_gets_no_warning_and_a_refused_key_does(caplog: pytest.LogCaptureFixture) -> None:
    warn = Warnings()
    warn(Report("opted-out", "The user opted out.", ["id"]))
    warn(Report("unauthorized", "The server answered 401: check the API key."))
    assert [record.getMessage() for record in caplog.records] == [
        "Events are kept (unauthorized): The server answered 401: check the API key."
    ]
