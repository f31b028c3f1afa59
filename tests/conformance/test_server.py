"""The fault server does what its script says, and the rule sees what a bad client does."""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.conformance.rule import EVENTS, Outcome, faults_of
from tests.conformance.running import Faults
from tests.conformance.runs import MODES

SENT_ALL = Outcome(sent=EVENTS, dropped=0, errors=[])
SENT_ALL_BUT_ONE = Outcome(sent=EVENTS - 1, dropped=1, errors=["refused"])


def event(n: int, message_id: str | None = None) -> dict[str, Any]:
    return {"type": "track", "message_id": message_id or f"id-{n}", "event_type": "tested", "payload": {"n": n}}


class Client:
    """Sends the given requests, once."""

    def __init__(self, faults: Faults, mode: str) -> None:
        self.faults, self.mode = faults, mode
        self.run = secrets.token_hex(8)
        self.http = httpx.AsyncClient(trust_env=False, timeout=5, headers={"Authorization": "ApiKey sk_live_x"})

    async def send(self, *events: dict[str, Any]) -> httpx.Response:
        return await self.http.post(self.url, json={"batch": list(events)})

    async def report(self) -> dict[str, Any]:
        await self.http.aclose()
        return await self.faults.report(self.run)

    @property
    def url(self) -> str:
        return f"{self.faults.api_url(self.mode, self.run)}/api/ingestion/batch/"


async def test_a_good_client_passes_and_a_bad_one_is_found_out(faults: Faults) -> None:
    good, twice, loses, chatty = [Client(faults, "healthy") for _ in range(4)]
    for start in range(0, EVENTS, 20):
        batch = [event(n) for n in range(start, start + 20)]
        assert (await good.send(*batch)).status_code == 202
        await twice.send(*batch)
        await twice.send(*(event(n, f"other-{n}") for n in range(start, start + 20)))
        await loses.send(*batch[1:])
    for n in range(EVENTS):
        await chatty.send(event(n))

    assert faults_of("healthy", await good.report(), SENT_ALL) == []
    assert faults_of("healthy", await twice.report(), SENT_ALL) == ["100 events would be stored twice"]
    assert faults_of("healthy", await loses.report(), SENT_ALL) == ["stored 95 of 100, lost [0, 20, 40, 60, 80]"]
    assert faults_of("healthy", await chatty.report(), SENT_ALL) == ["100 requests, at most 10 are allowed"]
    assert faults_of("healthy", await faults.report(good.run), Outcome(99, 1, ["x"])) == [
        "counts 99 sent and 1 dropped"
    ]


async def test_a_dropped_event_must_be_reported(faults: Faults) -> None:
    client = Client(faults, "partial")
    answer = await client.send(*(event(n) for n in range(EVENTS)))
    assert [error["index"] for error in answer.json()["errors"]] == [37]
    report = await client.report()
    assert faults_of("partial", report, SENT_ALL_BUT_ONE) == []
    assert faults_of("partial", report, Outcome(99, 1, [])) == ["a dropped event is not reported"]


@pytest.mark.parametrize(("mode", "status", "times"), [("first_3_500", 500, 3), ("first_5_503", 503, 5)])
async def test_the_first_requests_fail(faults: Faults, mode: str, status: int, times: int) -> None:
    client = Client(faults, mode)
    statuses = [(await client.send(event(1))).status_code for _ in range(times + 1)]
    assert statuses == [status] * times + [202]
    assert (await client.report())["statuses"] == {str(status): times, "202": 1}


@pytest.mark.parametrize("mode", ["retry_after_seconds", "retry_after_date"])
async def test_who_comes_back_too_early_is_noted(faults: Faults, mode: str) -> None:
    early, late = Client(faults, mode), Client(faults, mode)
    for client in (early, late):
        said = (await client.send(event(1))).headers["retry-after"]
        assert said == "1" or parsedate_to_datetime(said).tzinfo is not None
    await early.send(event(1))
    await asyncio.sleep(2)
    await late.send(event(1))
    assert (await early.report())["retry_after_violations"] == 1
    assert (await late.report())["retry_after_violations"] == 0


async def test_too_many_events_and_gzip_are_refused(faults: Faults) -> None:
    large, packed = Client(faults, "too_large_above_10"), Client(faults, "gzip_refused")
    assert (await large.send(*(event(n) for n in range(11)))).status_code == 413
    assert (await large.send(*(event(n) for n in range(10)))).status_code == 202
    body = gzip.compress(json.dumps({"batch": [event(1)]}).encode())
    answer = await packed.http.post(packed.url, content=body, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
    assert (await packed.send(event(1))).status_code == 202
    assert (await packed.report())["gzip_requests"] == 1
    await large.http.aclose()


async def test_connections_break_with_or_without_the_events(faults: Faults) -> None:
    lost, kept = Client(faults, "resets"), Client(faults, "ack_lost_twice")
    for client in (lost, kept):
        with pytest.raises(httpx.ReadError):
            await client.send(event(1))
    assert ((await lost.report())["ns"], (await kept.report())["ns"]) == ([], [1])


async def test_no_answer_comes(faults: Faults) -> None:
    client = Client(faults, "never_answers")
    with pytest.raises(httpx.ReadTimeout):
        await client.http.post(client.url, json={"batch": [event(1)]}, timeout=0.3)
    assert (await client.send(event(1))).status_code == 202
    assert (await client.report())["statuses"] == {"hang": 1, "202": 1}


@pytest.mark.parametrize(("mode", "faulty"), [("one_bad_named", ["batch[1].payload"]), ("one_bad_unnamed", [])])
async def test_one_event_spoils_its_batch(faults: Faults, mode: str, faulty: list[str]) -> None:
    client = Client(faults, mode)
    answer = await client.send(event(36), event(37), event(38))
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (400, faulty)
    await client.send(event(36), event(38))
    report = await client.report()
    assert (report["ns"], report["refused"]) == ([36, 38], ["id-37"])


async def test_an_answer_drips(faults: Faults) -> None:
    client = Client(faults, "slow_drip")
    async with client.http.stream("POST", client.url, json={"batch": [event(1)]}) as answer:
        pieces = [piece async for piece in answer.aiter_raw()]
    assert len(pieces) > 2
    await client.http.aclose()


async def test_a_page_may_send_text_with_a_key_in_it(faults: Faults) -> None:
    client = Client(faults, "healthy")
    page = httpx.AsyncClient(trust_env=False, headers={"Origin": "http://page.test", "Content-Type": "text/plain"})
    preflight = await page.options(client.url)
    assert preflight.headers["access-control-allow-origin"] == "http://page.test"
    for key, status in (("pk_live_x", 202), ("sk_live_x", 401), ("", 401)):
        answer = await page.post(client.url, content=json.dumps({"api_key": key, "batch": [event(1)]}))
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "http://page.test")
    await page.aclose()
    assert (await client.report())["requests"] == 1


async def test_a_wrong_clock_and_a_wrong_order_are_found_out(faults: Faults) -> None:
    corrected, wrong, at_one_time, unordered = [Client(faults, "clock_ahead") for _ in range(4)]
    now = datetime.now(UTC)
    events = [event(n, f"{n:03}") | {"timestamp": (now + timedelta(milliseconds=n)).isoformat()} for n in range(EVENTS)]
    at_once = [one | {"timestamp": now.isoformat()} for one in events]
    # Positions order events of one time, so the order of the request must be that of the calls.
    for client, batch in ((corrected, events), (wrong, events), (at_one_time, at_once), (unordered, at_once[::-1])):
        failed = await client.send(*events)
        behind = now - parsedate_to_datetime(failed.headers["date"])
        assert (failed.status_code, abs(behind - timedelta(hours=10)) < timedelta(hours=1)) == (500, True)
        sent_at = {} if client is wrong else {"sent_at": now.isoformat()}
        await client.http.post(client.url, json={"batch": batch} | sent_at)

    assert faults_of("clock_ahead", await corrected.report(), SENT_ALL) == []
    assert faults_of("clock_ahead", await at_one_time.report(), SENT_ALL) == []
    assert faults_of("clock_ahead", await wrong.report(), SENT_ALL) == ["100 events have a time of a wrong clock"]
    assert faults_of("clock_ahead", await unordered.report(), SENT_ALL) == [
        "90 events are not after the one before of their user"
    ]


async def test_every_mode_has_a_title_and_an_ideal() -> None:
    assert len(MODES) == 16
    assert all(mode["title"] and mode["ideal_requests"] >= 5 for mode in MODES.values())
