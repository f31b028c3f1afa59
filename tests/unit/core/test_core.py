"""Identifiers, cursors, back-off, background tasks and crash points."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds, message_id_from, uuid7_time
from segops_common.core.pagination import decode_cursor, encode_cursor
from segops_common.core.problems import MalformedRequest, Problem, RateLimited, Unavailable
from segops_common.core.retry import full_jitter
from segops_common.core.tasks import spawn
from segops_common.runtime.crash_points import CRASHED, CrashAt, fault_points
from segops_testkit.clock import ManualClock

NOON = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)


class SetClock(SystemClock):
    """A clock that may be set back."""

    instant = NOON

    def now(self) -> datetime:
        return self.instant


def test_a_uuid7_holds_its_millisecond_and_is_never_the_same() -> None:
    ids = SystemIds(ManualClock(NOON))
    made = {ids.uuid7() for _ in range(1000)}
    assert len(made) == 1000
    assert {uuid7_time(one) for one in made} == {NOON}


def test_the_ids_of_a_process_rise_while_the_clock_stands_or_is_set_back() -> None:
    clock = SetClock()
    ids = SystemIds(clock)
    made: list[str] = []
    for seconds in (0, -3600, 1):
        clock.instant = NOON + timedelta(seconds=seconds)
        made += [ids.uuid7() for _ in range(500)]
    assert made == sorted(set(made))
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in made} == {(7, uuid.RFC_4122)}
    assert uuid7_time(made[-1]) == NOON + timedelta(seconds=1)


@pytest.mark.parametrize("text", ["", "x", "6d0f2a6e-6a53-4d3c-9b0e-6f1f5d8a7c11", "0192f3a05c1e70008000000000000000"])
def test_other_texts_hold_no_instant(text: str) -> None:
    assert uuid7_time(text) is None


def test_a_message_id_depends_on_tenant_key_and_index_only() -> None:
    made = {message_id_from(tenant, key, index) for tenant in (1, 2) for key in ("a", "1:a") for index in (0, 1)}
    assert len(made) == 8
    assert message_id_from(1, "a", 0) == message_id_from(1, "a", 0)


def test_a_cursor_comes_back_as_it_was() -> None:
    assert decode_cursor(encode_cursor([7, "x"]), int, str) == [7, "x"]


@pytest.mark.parametrize("cursor", ["", "x", "!!!!", encode_cursor(["7"]), encode_cursor([1, 2]), "[" * 5000])
def test_a_tampered_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        decode_cursor(cursor, int)
    assert refused.value.slug == "invalid-cursor"


def test_delays_stay_below_a_cap_that_doubles() -> None:
    delays = list(islice(full_jitter(base_s=1, cap_s=8, source=random.Random(1)), 1000))
    assert all(delay <= cap for delay, cap in zip(delays, (1, 2, 4, 8), strict=False))
    assert max(delays) <= 8 < 2 * max(delays)


async def test_a_background_task_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("planted")

    with caplog.at_level(logging.ERROR):
        await asyncio.wait([spawn(fail(), name="planted task")])
        await asyncio.sleep(0)
    assert "planted task" in caplog.text


def test_problems_say_when_to_come_back() -> None:
    assert Unavailable("x", retry_after_s=3).headers == {"Retry-After": "3"}
    assert RateLimited("x", retry_after_s=4).headers["Retry-After"] == "4"
    assert Problem("x").type == "https://segops.dev/problems/internal-error"


def test_a_crash_point_ends_the_process_and_says_so() -> None:
    code = (
        "import logging; logging.basicConfig(); from segops_common.runtime.crash_points import CrashAt;"
        "f = CrashAt('b'); f.reach('a'); f.reach('b'); print('alive')"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (CRASHED, "")
    assert "crash point b reached" in process.stderr


@pytest.mark.parametrize("spec", [":1", "a:2", "a:x", "a:0"])
def test_a_crash_point_of_another_form_is_refused(spec: str) -> None:
    with pytest.raises(ValueError):
        CrashAt(spec)


def test_production_has_no_crash_points() -> None:
    fault_points(env="production", crash_at="").reach("anything")
    with pytest.raises(ValueError, match="SEGOPS_ENV=test"):
        fault_points(env="production", crash_at="a")
