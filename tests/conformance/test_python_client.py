"""What the Python clients promise beside delivery: time budgets, forks, ends of processes, and secrecy of the key."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time

import pytest

from segops_client import AsyncSegOpsClient, LookupFailed, Options, Report, Result, SegOpsClient
from tests.conformance.running import Faults

KEY = "sk_live_very-secret"
PATIENT = Options(timeout=120.0, flush_interval=120.0)
NOWHERE = "http://127.0.0.1:9"

ENDS_WITHOUT_SHUTDOWN = """
import sys, segops_client
client = segops_client.SegOpsClient(api_url=sys.argv[1], api_key="sk_live_x")
client.track(user_id="u", event_type="tested", payload={"n": 1})
"""
FORKS = """
import os, sys, segops_client
options = segops_client.Options(flush_interval=120.0)
client = segops_client.SegOpsClient(api_url=sys.argv[1], api_key="sk_live_x", options=options)
client.track(user_id="u", event_type="tested", payload={"n": 1})
child = os.fork()
client.track(user_id="u", event_type="tested", payload={"n": 2 if child else 3})
result = client.shutdown(60)
assert result == segops_client.Result(sent=2 if child else 1, dropped=0), result
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


class Run:
    """One run of a mode."""

    def __init__(self, faults: Faults, mode: str = "healthy") -> None:
        self._faults = faults
        self._id = secrets.token_hex(8)
        self.url = faults.api_url(mode, self._id)

    async def numbers(self) -> list[int]:
        report = await self._faults.report(self._id)
        assert report["duplicates"] == 0
        numbers: list[int] = report["ns"]
        return numbers

    async def requests(self) -> int:
        return int((await self._faults.report(self._id))["requests"])

    async def program(self, text: str) -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-W", "ignore", "-c", text, self.url)
        assert await asyncio.wait_for(process.wait(), 120) == 0


def track(client: SegOpsClient | AsyncSegOpsClient, n: int) -> None:
    client.track(user_id="u", event_type="tested", payload={"n": n})


async def test_shutdown_keeps_its_time_when_nobody_answers(faults: Faults) -> None:
    reports: list[Report] = []
    threads = SegOpsClient(
        api_url=Run(faults, "never_answers").url, api_key=KEY, options=PATIENT, on_error=reports.append
    )
    tasks = AsyncSegOpsClient(
        api_url=Run(faults, "never_answers").url, api_key=KEY, options=PATIENT, on_error=reports.append
    )
    for client in (threads, tasks):
        for n in range(21):
            track(client, n)
    began = time.monotonic()
    results = [await asyncio.to_thread(threads.shutdown, 0.5), await tasks.shutdown(0.5)]
    # Without the budget it would be the two minutes of a request.
    assert time.monotonic() - began < 30
    assert results == [Result(sent=0, dropped=21)] * 2
    assert [report.code for report in reports] == ["shutdown", "shutdown"]
    assert all(len(report.message_ids) == 21 for report in reports)
    track(threads, 99)
    assert (threads.stats().dropped, reports[-1].code) == (22, "shutdown")


async def test_a_process_that_ends_sends_what_it_took(faults: Faults) -> None:
    run = Run(faults)
    await run.program(ENDS_WITHOUT_SHUTDOWN)
    assert await run.numbers() == [1]


async def test_a_forked_child_sends_its_own_events_only(faults: Faults) -> None:
    run = Run(faults)
    await run.program(FORKS)
    assert await run.numbers() == [1, 2, 3]


async def test_flushes_at_once_share_one(faults: Faults) -> None:
    threads, tasks = Run(faults), Run(faults)
    client = SegOpsClient(api_url=threads.url, api_key=KEY, options=PATIENT)
    track(client, 1)
    assert await asyncio.gather(*(asyncio.to_thread(client.flush, 60) for _ in range(4))) == [True] * 4
    async with AsyncSegOpsClient(api_url=tasks.url, api_key=KEY, options=PATIENT) as other:
        track(other, 1)
        assert await asyncio.gather(*(other.flush(60) for _ in range(8))) == [True] * 8
        assert not other.stats().queued
    assert (await threads.requests(), await tasks.requests()) == (1, 1)
    assert await asyncio.to_thread(client.shutdown) == Result(sent=1, dropped=0)


async def test_a_callback_that_raises_stops_nothing(faults: Faults) -> None:
    def fail(report: Report) -> None:
        raise RuntimeError(report.code)

    run = Run(faults)
    client = SegOpsClient(api_url=run.url, api_key=KEY, on_error=fail)
    client.track(event_type="by nobody")
    track(client, 1)
    assert await asyncio.to_thread(client.shutdown, 60) == Result(sent=1, dropped=1)


async def test_a_callback_may_call_the_client(faults: Faults) -> None:
    client = SegOpsClient(
        api_url=Run(faults).url, api_key=KEY, on_error=lambda _: dropped.append(client.stats().dropped)
    )
    dropped: list[int] = []
    client.track(event_type="by nobody")
    assert dropped == [1]
    client.shutdown()


async def test_who_opts_out_is_not_sent(faults: Faults) -> None:
    run = Run(faults)
    client = SegOpsClient(api_url=run.url, api_key=KEY, options=PATIENT)
    track(client, 1)
    client.opt_out()
    track(client, 2)
    client.opt_in()
    track(client, 3)
    assert await asyncio.to_thread(client.shutdown, 60) == Result(sent=1, dropped=2)
    assert await run.numbers() == [3]


async def test_the_key_is_nowhere_to_be_read(faults: Faults, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    reports: list[Report] = []
    client = SegOpsClient(api_url=NOWHERE, api_key=KEY, on_error=reports.append)
    track(client, 1)
    await asyncio.to_thread(client.shutdown, 0.2)
    asynchronous = AsyncSegOpsClient(api_url=NOWHERE, api_key=KEY)
    with pytest.raises(LookupFailed) as error:
        await asyncio.to_thread(SegOpsClient(api_url=NOWHERE, api_key=KEY).segments, "u")
    await asynchronous.shutdown()
    said = f"{client!r}{asynchronous!r}{reports}{error.value!r}{caplog.text}"
    assert [report.code for report in reports] == ["unreachable", "shutdown"]
    assert "very-secret" not in said


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("", "must begin with https://"),
        ("segops.example.com", "must begin with https://"),
        ("ftp://segops.example.com", "must begin with https://"),
        ("https://", "must name a host"),
        ("https://segops.example.com/api", "must end before /api"),
        ("https://segops.example.com/api/ingestion/track/", "must end before /api"),
        ("https://segops.example.com?x=1", "must not contain"),
        ("https://user:secret@segops.example.com", "must not contain"),
        ("https://segops.example.com:port", "must be an address"),
    ],
)
def test_a_wrong_address_is_refused_at_once(url: str, detail: str) -> None:
    for client in (SegOpsClient, AsyncSegOpsClient):
        with pytest.raises(ValueError, match=f"^api_url {detail}") as error:
            client(url, KEY)
        assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        ("", "must not be empty"),
        ("sk_live_very-secret\n", "must consist of"),
        ("sk_live very-secret", "must consist of"),
        ("Bearer-very-secret", "must begin with sk_ or pk_"),
    ],
)
def test_a_wrong_key_is_refused_at_once(key: str, detail: str) -> None:
    for client in (SegOpsClient, AsyncSegOpsClient):
        with pytest.raises(ValueError, match=f"^api_key {detail}") as error:
            client(NOWHERE, key)
        assert "very-secret" not in str(error.value)


async def test_a_lookup_says_why_it_failed(faults: Faults) -> None:
    client = AsyncSegOpsClient(api_url=Run(faults).url, api_key=KEY)
    with pytest.raises(LookupFailed) as error:
        await client.segments("u")
    assert error.value.status == 404
    await client.shutdown()
