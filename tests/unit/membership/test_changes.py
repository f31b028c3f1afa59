"""Changes of members over HTTP, on memory adapters: who applies them in order has the members of the newest run."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
import xxhash

from segops_common.contracts.jobs import IngestLag
from segops_common.core.problems import Unavailable
from segops_language import Group
from segops_membership.domain.digest import Digest
from segops_membership.domain.members.changes import BEGINNING, ChangePosition
from segops_membership.service.members.changes import cursor_of
from tests.corpus.builders import NOW, count, event, group, job
from tests.unit.membership.api import EMPTY, IN, SEGMENT, UNKNOWN, Api, slug
from tests.unit.membership.harness import TENANT

CHANGES, STREAM = "/api/segments/changes/", "/api/segments/changes/stream/"
BOUGHT, NOBODY = group(count("purchase")), group(logic="OR")
LAG = IngestLag(positions=3, seconds=7.5)
OTHER = EMPTY
"""A second segment."""


@dataclass
class Consumer:
    """Applies changes to sets. What it saves, it saves as one: a crash takes it back to that."""

    sets: dict[int, set[str]] = field(default_factory=dict)
    cursor: str | None = None
    loses_the_last_page: bool = False
    """Saves the cursor of a page whose changes it loses in a crash, as a careless consumer does."""

    def apply(self, changes: Iterable[dict[str, Any]]) -> None:
        for change in changes:
            members = self.sets.setdefault(change["segment_id"], set())
            if change["change"] == "entered":
                assert change["user_id"] not in members, "each change comes once"
                members.add(change["user_id"])
            else:
                members.remove(change["user_id"])

    async def read(self, api: Api, limit: int, crashes: Random | None = None, **query: Any) -> None:
        """Read to the end, and crash between pages at random."""
        while True:
            page = await read(api, limit=limit, **query, cursor=self.cursor)
            if crashes is not None and crashes.random() < 0.3:
                self.cursor = page["next_cursor"] if self.loses_the_last_page else self.cursor
                continue
            self.apply(page["results"])
            self.cursor = page["next_cursor"]
            if page["next"] is None:
                return


async def read(api: Api, **query: Any) -> dict[str, Any]:
    answer = await api.get(CHANGES, **{name: value for name, value in query.items() if value is not None})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def run(api: Api, run_id: int, *users: str, lag: IngestLag | None = None, **definitions: Group) -> None:
    """Store logins of users and compute both segments, as incomplete with a lag."""
    api.membership.watermark.lag = lag
    api.membership.clock.advance(1)
    api.membership.store(*(event(user) for user in users))
    segments = {SEGMENT: definitions.get("one", IN), OTHER: definitions.get("other", IN)}
    await api.membership.compute.run(
        job(TENANT, run_id, segments, as_of=NOW + timedelta(seconds=run_id), version=run_id)
    )


async def history(api: Api, seed: int) -> dict[int, str]:
    """Publish runs at random, some incomplete, and return the digest that the last one gave each segment."""
    random = Random(seed)
    definitions = [IN, BOUGHT, NOBODY]
    for run_id in range(2, 12):
        users = random.sample([f"user-{number}" for number in range(30)], 6)
        api.membership.store(*(event(user, "purchase") for user in users[:2]))
        lag = LAG if run_id < 11 and random.random() < 0.4 else None
        await run(api, run_id, *users, lag=lag, one=random.choice(definitions), other=random.choice(definitions))
    return {segment.segment_id: segment.digest or "" for segment in api.membership.succeeded().segments}


def digest_of(users: Collection[str]) -> Digest:
    ids = [user.encode() for user in users]
    return Digest(sum(map(xxhash.xxh64_intdigest, ids)) % 2**64, sum(map(xxhash.xxh3_64_intdigest, ids)) % 2**64)


def digests(consumer: Consumer) -> dict[int, str]:
    return {segment: str(digest_of(users)) for segment, users in consumer.sets.items()}


@pytest.mark.parametrize("seed", range(5))
async def test_a_consumer_that_is_killed_between_pages_has_the_members_of_the_last_run(api: Api, seed: int) -> None:
    expected = await history(api, seed)
    for limit in (1, 7, 1000):
        consumer = Consumer()
        await consumer.read(api, limit, Random(seed) if limit < 1000 else None)
        assert digests(consumer) == expected


async def test_a_consumer_that_loses_a_page_is_noticed(api: Api) -> None:
    expected = await history(api, 1)
    consumer = Consumer(loses_the_last_page=True)
    # It may also see a user exit who never entered.
    with suppress(KeyError, AssertionError):
        await consumer.read(api, 1, Random(1))
    assert digests(consumer) != expected


async def test_a_consumer_may_begin_anywhere_with_the_members_that_it_has(api: Api) -> None:
    expected = await history(api, 3)
    whole = Consumer()
    cursors: list[tuple[str, dict[int, set[str]]]] = []
    while True:
        page = await read(api, limit=3, cursor=whole.cursor)
        whole.apply(page["results"])
        whole.cursor = page["next_cursor"]
        cursors.append((page["next_cursor"], {segment: set(users) for segment, users in whole.sets.items()}))
        if page["next"] is None:
            break
    for cursor, sets in cursors:
        consumer = Consumer(sets, cursor)
        await consumer.read(api, 5)
        assert digests(consumer) == expected


async def test_one_segment_has_its_changes_only(api: Api) -> None:
    expected = await history(api, 2)
    consumer = Consumer()
    await consumer.read(api, 2, segment_id=SEGMENT)
    assert digests(consumer) == {SEGMENT: expected[SEGMENT]}
    # The cursor is at the end, although other segments were published last.
    page = await read(api, segment_id=SEGMENT, cursor=consumer.cursor)
    assert (page["results"], page["next"], page["next_cursor"]) == ([], None, consumer.cursor)
    for segment, tenant in ((UNKNOWN, None), (SEGMENT, "theirs")):
        answer = await api.get(CHANGES, f"ApiKey {tenant or 'ours'}", segment_id=segment)
        assert slug(answer) == (404, "not-found")


async def test_a_change_says_when_and_why(api: Api) -> None:
    page = await read(api)
    at = (NOW + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    first = {"segment_id": SEGMENT, "change": "entered", "reason": "definition", "version": 1, "run_id": "1", "at": at}
    assert sorted(page["results"], key=lambda change: change["user_id"]) == [
        {**first, "user_id": user} for user in ("ada", "bob")
    ]
    assert (page["count"], page["next"], page["previous"]) == (None, None, None)


async def test_reasons_are_of_what_changed_since_the_last_report(api: Api) -> None:
    membership = api.membership
    compute = membership.compute.run
    membership.store(event("cyd"))
    await compute(job(TENANT, 2, {SEGMENT: IN}, as_of=NOW + timedelta(seconds=2)))
    membership.watermark.lag = LAG
    await compute(job(TENANT, 3, {SEGMENT: BOUGHT}, as_of=NOW + timedelta(seconds=3), version=2))
    membership.watermark.lag = None
    await compute(job(TENANT, 4, {SEGMENT: BOUGHT}, as_of=NOW + timedelta(seconds=4), version=2))
    membership.store(event("dan", "purchase"))
    await compute(job(TENANT, 5, {SEGMENT: BOUGHT}, as_of=NOW + timedelta(seconds=5), version=2))
    changes = (await read(api))["results"]
    reasons = {(change["run_id"], change["reason"], change["version"]) for change in changes}
    assert reasons == {("1", "definition", 1), ("2", "run", 1), ("4", "definition", 2), ("5", "run", 2)}


async def test_incomplete_runs_are_not_reported_until_a_complete_one(api: Api) -> None:
    now = (await read(api, start="now"))["next_cursor"]
    await run(api, 2, "cyd", lag=LAG)
    assert (await read(api, cursor=now))["results"] == []
    await run(api, 3)
    changes = (await read(api, cursor=now))["results"]
    assert {(change["user_id"], change["run_id"]) for change in changes if change["segment_id"] == SEGMENT} == {
        ("cyd", "3")
    }
    answer = await api.get(CHANGES, from_run=2)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "incomplete-run")


async def test_a_start_is_now_or_a_run(api: Api) -> None:
    await run(api, 2, "cyd")
    assert (await read(api, start="now"))["results"] == []
    changes = (await read(api, from_run=2, segment_id=SEGMENT))["results"]
    assert [(change["user_id"], change["run_id"]) for change in changes] == [("cyd", "2")]
    assert slug(await api.get(CHANGES, from_run=99)) == (404, "not-found")


@pytest.mark.parametrize(
    "query",
    [
        "start=later",
        "from_run=0",
        "from_run=x",
        "start=now&from_run=1",
        "limit=0",
        "cursor=x",
        "segment_id=0",
        "what=1",
    ],
)
async def test_a_start_that_cannot_be_read_is_refused(api: Api, query: str) -> None:
    answer = await api.get(f"{CHANGES}?{query}")
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["errors"][0]["path"].startswith("query.")


async def test_a_cursor_and_a_start_are_refused_together(api: Api) -> None:
    cursor = (await read(api))["next_cursor"]
    for start in ({"start": "now"}, {"from_run": 1}):
        assert (await api.get(CHANGES, cursor=cursor, **start)).status_code == 422


async def test_a_cursor_whose_publication_is_gone_says_how_to_start_anew(api: Api) -> None:
    for number, run_id in ((1, 7), (9, 9), (2**60, 2**60)):
        cursor = cursor_of(ChangePosition(number, run_id))
        answer = await api.get(CHANGES, cursor=cursor)
        assert slug(answer) == (410, "changes-gone")
        assert "start=beginning" in answer.json()["detail"]
    # The tenant's first cursor is valid, and the one of another tenant is not.
    beginning = cursor_of(BEGINNING)
    assert (await read(api, cursor=beginning))["results"]
    assert slug(await api.get(CHANGES, "ApiKey theirs", cursor=(await read(api))["next_cursor"])) == (
        410,
        "changes-gone",
    )


async def test_callers_need_the_scope_and_the_engines(api: Api) -> None:
    assert slug(await api.get(CHANGES, "ApiKey writer")) == (403, "insufficient-scope")
    assert (await api.get(CHANGES, None)).status_code == 401
    assert (await api.get(CHANGES, "ApiKey theirs")).json()["results"] == []
    api.membership.history.reachable = False
    assert slug(await api.get(CHANGES)) == (503, "upstream-unavailable")


def events_of(answer: httpx.Response) -> list[dict[str, str]]:
    blocks = [block for block in answer.text.split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")) for block in blocks]


async def stream(api: Api, last_event_id: str | None = None, **query: Any) -> list[dict[str, str]]:
    """Follow until the time is over, which passes as soon as the stream waits for something new."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    following = asyncio.create_task(api.get(STREAM, headers=headers, timeout=1, **query))
    while not following.done():
        await asyncio.sleep(0)
        if api.membership.clock.sleepers:
            api.membership.clock.advance(1)
    answer = following.result()
    assert answer.status_code == 200, answer.text
    return events_of(answer)


async def test_a_stream_resumes_after_the_last_event(api: Api) -> None:
    await history(api, 4)
    expected = [change["user_id"] for change in (await read(api, limit=1000))["results"]]
    sent = [event for event in await stream(api, start="beginning") if event.get("event") == "change"]
    assert len(sent) == len(expected)
    for index in (0, len(sent) // 2, len(sent) - 1):
        rest = [event for event in await stream(api, sent[index]["id"]) if event.get("event") == "change"]
        assert rest == sent[index + 1 :]
    assert [event for event in await stream(api) if event.get("event") == "change"] == []


async def test_the_id_of_an_event_must_be_one_of_the_stream(api: Api) -> None:
    answer = await api.get(STREAM, headers={"Last-Event-ID": "nonsense"}, timeout=1)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "header.Last-Event-ID")
    gone = cursor_of(ChangePosition(7, 7))
    assert slug(await api.get(STREAM, headers={"Last-Event-ID": gone}, timeout=1)) == (410, "changes-gone")


async def test_streams_have_limits(api: Api) -> None:
    changes = api.membership.changes
    open_stream = changes.follow(TENANT, None, BEGINNING, timeout_s=60, stopping=lambda: False)
    await anext(open_stream)
    assert slug(await api.get(STREAM, timeout=1)) == (429, "rate-limited")
    second = changes.follow(2, None, BEGINNING, timeout_s=60, stopping=lambda: False)
    await anext(second)
    assert slug(await api.get(STREAM, "ApiKey theirs", timeout=1))[0] == 429
    await open_stream.aclose()
    changes.require_capacity(TENANT)
    third = changes.follow(TENANT, None, BEGINNING, timeout_s=60, stopping=lambda: False)
    await anext(third)
    with pytest.raises(Unavailable):
        changes.require_capacity(3)
    await second.aclose()
    await third.aclose()
