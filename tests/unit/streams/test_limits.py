from __future__ import annotations

from datetime import UTC, datetime

import pytest

from segops_common.streams.append_guard import AppendGuard
from segops_common.streams.log import MAX_BYTES_IN_FLIGHT, MAX_RECORD_BYTES, LogUnavailable, RecordTooLarge
from segops_common.streams.loop.bad_record_limit import BadRecordLimit
from segops_common.streams.loop.batches import TooManyBadRecords
from segops_testkit.clock import ManualClock

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_five_timeouts_open_the_breaker_and_one_success_closes_it() -> None:
    clock = ManualClock(START)
    guard = AppendGuard(clock=clock)
    for _ in range(5):
        guard.admit([1], in_flight=0)
        guard.timed_out()
    with pytest.raises(LogUnavailable, match="not attempted"):
        guard.admit([1], in_flight=0)
    clock.advance(1.0)
    guard.admit([1], in_flight=0)
    with pytest.raises(LogUnavailable):
        guard.admit([1], in_flight=0)
    guard.succeeded()
    guard.admit([1], in_flight=0)


def test_slow_timeouts_do_not_open_the_breaker() -> None:
    clock = ManualClock(START)
    guard = AppendGuard(clock=clock)
    for _ in range(20):
        guard.timed_out()
        clock.advance(1.3)
    guard.admit([1], in_flight=0)


def test_bytes_in_flight_are_bounded() -> None:
    guard = AppendGuard(clock=ManualClock(START))
    guard.admit([10, 10], in_flight=MAX_BYTES_IN_FLIGHT - 20)
    with pytest.raises(LogUnavailable):
        guard.admit([10, 10], in_flight=MAX_BYTES_IN_FLIGHT - 19)
    with pytest.raises(RecordTooLarge):
        guard.admit([1, MAX_RECORD_BYTES + 1], in_flight=0)


def test_a_thousand_bad_records_in_a_row_are_allowed_and_one_more_is_not() -> None:
    limit = BadRecordLimit(clock=ManualClock(START))
    limit.handled(1_000_000)
    limit.check(1_000)
    limit.put_aside(1_000)
    with pytest.raises(TooManyBadRecords, match="in a row"):
        limit.check(1)
    limit.handled(1)
    limit.check(1)


def test_more_than_one_percent_of_ten_minutes_is_too_much() -> None:
    clock = ManualClock(START)
    limit = BadRecordLimit(clock=clock)
    limit.handled(990)
    limit.check(10)
    limit.put_aside(10)
    with pytest.raises(TooManyBadRecords, match="11 of the last 1001"):
        limit.check(1)
    clock.advance(601)
    limit.handled(0)
    limit.handled(10)
    limit.check(5)


def test_a_small_sample_proves_nothing() -> None:
    limit = BadRecordLimit(clock=ManualClock(START))
    limit.check(900)
