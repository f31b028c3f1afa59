"""Ids and times rise within a client, and times are by the server's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segops_client.delivery.answers import Answer
from segops_client.delivery.events import new_event
from segops_client.delivery.stamps import SKEW_MS, BatchTimes, ServerClock, Stamps

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_MS = 1_772_366_400_000
CLOCKS = st.lists(st.integers(0, 2**48 - 10_000), min_size=2, max_size=20)


@given(CLOCKS)
def test_ids_are_uuids_of_version_7_that_rise_whatever_the_clock_does(clocks: list[int]) -> None:
    stamps = Stamps()
    ids = [stamps.message_id(now_ms) for now_ms in clocks]
    assert all(one < other for one, other in pairwise(ids))
    assert {(UUID(made).version, UUID(made).variant) for made in ids} == {(7, UUID(int=2 << 62).variant)}
    assert UUID(ids[0]).int >> 80 == clocks[0]


def test_more_ids_of_a_millisecond_than_the_counter_holds_rise_too() -> None:
    stamps = Stamps()
    ids = [stamps.message_id(NOW_MS) for _ in range(10_000)]
    assert ids == sorted(set(ids))


def test_ids_of_two_clients_differ() -> None:
    assert Stamps().message_id(NOW_MS) != Stamps().message_id(NOW_MS)


@given(st.lists(st.lists(st.integers(0, 50), max_size=5), max_size=10))
def test_times_are_equal_within_a_batch_at_most_and_rise_from_batch_to_batch(steps: list[list[int]]) -> None:
    times, now_ms, batches = BatchTimes(), NOW_MS, [[NOW_MS]]
    for sent, batch in enumerate(steps):
        calls_ms = [now_ms := now_ms + passed_ms for passed_ms in batch]
        batches.append(times.of(calls_ms))
        times.keep()
        assert batches[-1] == sorted(batches[-1])
        assert all(call_ms <= at_ms <= call_ms + sent for call_ms, at_ms in zip(calls_ms, batches[-1], strict=True))
    filled = [batch for batch in batches[1:] if batch]
    assert all(one[-1] < other[0] for one, other in pairwise(filled))


def test_times_that_are_not_kept_are_given_again() -> None:
    times = BatchTimes()
    assert [times.of([NOW_MS, NOW_MS + 5]) for _ in range(2)] == [[NOW_MS, NOW_MS + 5]] * 2
    assert times.of([NOW_MS]) == [NOW_MS]
    times.keep()
    assert times.of([NOW_MS, NOW_MS + 5]) == [NOW_MS + 1, NOW_MS + 5]


def test_a_clock_that_is_set_back_is_followed() -> None:
    times = BatchTimes()
    assert times.of([NOW_MS + 36_000_000, NOW_MS]) == [NOW_MS + 36_000_000, NOW_MS]
    times.of([NOW_MS + 36_000_000])
    times.keep()
    assert times.of([NOW_MS]) == [NOW_MS]


@pytest.mark.parametrize(("skew_ms", "ahead_ms"), [(0, 0), (-58_000, 0), (58_000, 0), (36_000_000, 36_001_000)])
def test_a_small_difference_of_clocks_is_ignored(skew_ms: int, ahead_ms: int) -> None:
    clock = ServerClock()
    clock.learn(http_date(skew_ms), NOW_MS)
    assert clock.ahead_ms == ahead_ms


def test_an_estimate_stays_until_the_clock_is_set() -> None:
    clock = ServerClock()
    ahead = []
    for skew_ms in (36_000_000, 36_000_000 + SKEW_MS // 2, 36_000_000 - SKEW_MS // 2, 0, -36_000_000):
        clock.learn(http_date(skew_ms), NOW_MS)
        ahead.append(clock.ahead_ms)
    assert ahead == [36_001_000] * 3 + [0, -35_999_000]


def test_a_response_without_a_date_says_nothing() -> None:
    clock = ServerClock()
    for text in ("", "soon"):
        clock.learn(text, NOW_MS)
    assert clock.ahead_ms is None


def test_a_time_is_corrected_in_the_text() -> None:
    event = new_event("track", {"user_id": "u", "payload": {"timestamp": "x"}}, None, Stamps())
    assert event is not None
    assert event.at_ms is not None
    corrected = event.timed(event.at_ms, -36_000_000)
    at = (datetime.fromtimestamp(event.at_ms / 1000, UTC) - timedelta(hours=10)).isoformat(timespec="milliseconds")
    assert (
        corrected.line
        == b'{"timestamp":"%b"' % at.replace("+00:00", "Z").encode() + event.line[len(b'{"timestamp":"') + 25 :]
    )
    assert corrected.at_ms is None
    assert event.timed(event.at_ms, None) == event


def test_a_time_of_the_caller_is_not_corrected() -> None:
    event = new_event("track", {"user_id": "u", "occurred_at": NOW}, None, Stamps())
    changed = new_event(
        "track", {"user_id": "u"}, lambda event: event | {"timestamp": "2026-01-01T00:00:00Z"}, Stamps()
    )
    for own in (event, changed):
        assert own is not None
        assert own.at_ms is None


def test_retry_after_as_a_date_is_by_the_servers_clock() -> None:
    ten_hours = 36_000_000
    headers = {"retry-after": http_date(ten_hours + 7_000), "date": http_date(ten_hours)}
    assert Answer(503, headers, b"").retry_after_s(NOW) == 7


def http_date(skew_ms: int) -> str:
    """Return the Date of a server whose clock is that much ahead of NOW."""
    return format_datetime(NOW + timedelta(milliseconds=skew_ms), usegmt=True)
