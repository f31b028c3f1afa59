"""The whole product on two shards of ClickHouse: over the same events, it answers as on one server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from segops_common.contracts.warehouse import JSON_INSERT_SETTINGS
from segops_common.core.clock import SystemClock
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_address import clickhouse_address
from segops_common.stores.clickhouse_migrations import migrate
from segops_common.stores.cluster.tables import DEFAULT_CLUSTER, ClusterError
from segops_local.engines.clickhouse_shards import clickhouse_shards, shard_ports, shards_url
from segops_local.supervisor.local_stack import LocalStack
from tests.corpus.builders import event
from tests.e2e.people import Person, memberships, patient_client, send, sign_up
from tests.integration.membership.differential import number_profiles
from tests.integration.membership.harness import (
    INGEST_MIGRATIONS,
    MEMBERSHIP_MIGRATIONS,
    event_row,
    insert_lists,
)
from tests.shared.client import ROOT
from tests.shared.other_clusters import ShardEntry, add_clusters

pytestmark = pytest.mark.ops

USERS: Final = [*(f"user-{number}" for number in range(400)), "ünï", "日本語", "a b", "'", "\\", "x" * 200]
COPY: Final = ROOT / "deploy" / "clickhouse" / "copy.sql"
TABLES: Final[Mapping[str, str]] = {
    "events": "tenant_id, user_id, event_type, message_id, timestamp, toJSONString(payload), version",
    "events_by_profile": "tenant_id, user_key, message_id, payload, version",
    "profile_seen": "tenant_id, user_key, user_id, first_seen",
    "profiles": "*",
    "static_members": "*",
    "membership_changes": "*",
    "segment_runs": "tenant_id, segment_id, run_id, fence, size, bitmapToArray(members)",
    "publications": "*",
    "dead_letters": "tenant_id, message_id, source_offset",
}
PURCHASE: Final = {"event_type": "purchase"}
DEFINITIONS: Final[Mapping[str, dict[str, Any]]] = {
    "buyers": {"type": "event_count", **PURCHASE, "operator": "gte", "value": 2},
    "not yet": {"type": "event_count", "event_type": "visit", "operator": "eq", "value": 0},
    "sum": {
        "type": "event_aggregate",
        **PURCHASE,
        "property": "price",
        "function": "sum",
        "operator": "gt",
        "value": 40,
    },
    "first": {"type": "event_time", "event_type": "visit", "occurrence": "first", "operator": "before"},
    "steps": {"type": "event_sequence", "steps": [{"event_type": "visit"}, PURCHASE], "within": "5d"},
    "weekly": {"type": "event_regularity", **PURCHASE, "period": "1w", "of": 6, "at_least": 2},
    "plan": {"type": "user_property", "property": "plan", "operator": "eq", "value": "pro"},
    "half": {"type": "sample", "percent": 50, "seed": "autumn"},
}


@dataclass(slots=True)
class Answers:
    """What a stack says about the events."""

    digests: dict[str, str] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)
    pages: dict[str, list[str]] = field(default_factory=dict)
    lookups: dict[str, list[str]] = field(default_factory=dict)
    event_types: list[str] = field(default_factory=list)
    newest: list[str] = field(default_factory=list)


def calls(now: datetime) -> Sequence[dict[str, Any]]:
    """Return the calls of all users, with ids and times of their own, so that they may be repeated."""
    batch = []
    for number, user in enumerate(USERS):
        for index in range(number % 5):
            at = now - timedelta(days=30 - (number * 7 + index * 3) % 29, seconds=number)
            name = "purchase" if (number + index) % 2 else "visit"
            call = {"type": "track", "event_type": name, "payload": {"price": number % 37}}
            batch.append(call | {"user_id": user, "message_id": f"{number}-{index}", "timestamp": at.isoformat()})
        traits = {"type": "identify", "traits": {"plan": "pro" if number % 3 else "free"}}
        at = now - timedelta(days=40)
        batch.append(traits | {"user_id": user, "message_id": f"{number}-traits", "timestamp": at.isoformat()})
    return batch


@asynccontextmanager
async def stack(folder: Path, shards: int) -> AsyncIterator[LocalStack]:
    running = LocalStack(folder, shards=shards)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def answers(url: str, now: datetime) -> Answers:
    """Send the events twice, compute all segments, and ask for what has been computed and stored."""
    said = Answers()
    async with patient_client(url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        batch = calls(now)
        for _ in range(2):
            for start in range(0, len(batch), 100):
                await send(client, key, "batch", {"batch": batch[start : start + 100]})
        before = (now - timedelta(days=10)).isoformat()
        segments = {}
        for name, condition in DEFINITIONS.items():
            more = {"value": before} if name == "first" else {}
            segments[name] = await person.new_segment(name, {"logic": "AND", "conditions": [condition | more]})
        for name, segment in segments.items():
            run = await person.compute(segment)
            assert not run["incomplete"], run
            said.digests[name] = f"{run['digest']} {run['size']}"
            said.files[name], said.pages[name] = await members(person, segment)
        names = {segment: name for name, segment in segments.items()}
        for user in USERS[::40] + USERS[-6:]:
            segment_ids = (await memberships(client, key, user))["segment_ids"]
            said.lookups[user] = sorted(names[segment] for segment in segment_ids)
        said.event_types, said.newest = await explored(person)
    return said


async def members(person: Person, segment: int) -> tuple[list[str], list[str]]:
    """Return the ids of a segment's members, from a file and from its pages."""
    path = f"/api/segments/{segment}/members/"
    text = (await person.client.get(path, headers=person.bearer | {"Accept": "text/csv"})).text
    pages, cursor = [], ""
    while True:
        page = await person.ask("GET", f"{path}?limit=100{cursor}", 200)
        pages += [row["user_id"] for row in page["results"]]
        if page["next_cursor"] is None:
            return sorted(line.rpartition(',"')[0] for line in text.splitlines()[1:]), pages
        cursor = f"&cursor={page['next_cursor']}"


async def explored(person: Person) -> tuple[list[str], list[str]]:
    """Return the event types, and the newest events."""
    tenant = f"tenant={person.tenant}"
    types = await person.ask("GET", f"/api/explorer/event-types/?{tenant}", 200)
    newest = await person.ask("GET", f"/api/explorer/events/?{tenant}&limit=50", 200)
    return (
        sorted(row["event_type"] for row in types["results"]),
        [row["message_id"] for row in newest["results"]],
    )


async def test_two_shards_answer_as_one_server(tmp_path: Path) -> None:
    now = SystemClock().now()
    async with stack(tmp_path / "one", 1) as one:
        expected = await answers(one.url, now)
    assert len(set(expected.digests.values())) == len(DEFINITIONS), "the segments must differ"
    async with stack(tmp_path / "two", 2) as two:
        assert await answers(two.url, now) == expected
        await assert_both_shards_have_rows(
            str(two.process("membership.worker").command(0).environment["SEGOPS_CLICKHOUSE_URL"])
        )
        # A shard that was away is found again.
        await two.engine("clickhouse-2").restart()
        assert await answers(two.url, now) == expected


async def assert_both_shards_have_rows(url: str) -> None:
    """Also that rows of a profile are on its shard, and nowhere else."""
    clickhouse = ClickHouse(url=url)
    try:
        for index, shard in enumerate(clickhouse.shards):
            for table in ("events", "profile_seen", "profiles", "membership_changes"):
                (keys,) = (await shard.query(f"SELECT groupUniqArray(user_key % 2) FROM {table}")).rows
                assert list(keys[0]) == [index], table
    finally:
        await clickhouse.close()


async def test_the_rows_of_one_server_are_copied_to_shards(tmp_path: Path) -> None:
    """As docs/deploy.md says, with `deploy/clickhouse/copy.sql`."""
    async with AsyncExitStack() as running:
        engines = clickhouse_shards(tmp_path / "clickhouse", 2)
        for engine in engines:
            running.push_async_callback(engine.stop)
            await engine.start()
        before = await filled(running, engines[0].url)
        assert clickhouse_address(engines[0].url).database == "segops"
        with pytest.raises(ClusterError, match=r"segops\.events is a table of a single server"):
            await migrated(running, shards_url(engines))
        after = await migrated(running, f"{shards_url(engines)}_new")
        await assert_copied(before, after)


async def test_the_rows_of_two_shards_are_copied_to_three(tmp_path: Path) -> None:
    """The cluster of three has another name, so the tables over two shards stay readable."""
    async with AsyncExitStack() as running:
        engines = clickhouse_shards(tmp_path / "clickhouse", 3)
        two = [ShardEntry((port,)) for port in shard_ports(tmp_path / "clickhouse")[:2]]
        add_clusters(engines, {"two": two})
        for engine in engines:
            running.push_async_callback(engine.stop)
            await engine.start()
        before = await filled(running, shards_url(engines[:2]), cluster="two")
        with pytest.raises(ClusterError, match="is marked as shard 1 of 2, not as shard 1 of 3"):
            await migrated(running, shards_url(engines))
        after = await migrated(running, f"{shards_url(engines)}_new")
        await assert_copied(before, after)


async def assert_copied(before: ClickHouse, after: ClickHouse) -> None:
    """Copy all rows; every one must be there, and on its shard."""
    statements = COPY.read_text().format(old="segops", new="segops_new").split(";\n")
    for statement in filter(str.strip, statements):
        await before.command(statement)
    for table, columns in TABLES.items():
        own, copied = [await rows_of(clickhouse, table, columns) for clickhouse in (before, after)]
        assert own == copied, table
        assert own, table
    for index, shard in enumerate(after.shards):
        (keys,) = (
            await shard.query(f"SELECT groupUniqArray(user_key % {len(after.shards)}) FROM events_by_profile")
        ).rows
        assert list(keys[0]) == [index]


async def filled(running: AsyncExitStack, url: str, *, cluster: str = DEFAULT_CLUSTER) -> ClickHouse:
    """Return a database with rows in every table."""
    clickhouse = await migrated(running, url, cluster=cluster)
    for user in USERS[::10]:
        row = event_row(1, event(user, "visit", n=7))
        await clickhouse.insert_json_lines("events", row, settings=JSON_INSERT_SETTINGS)
    await insert_lists(clickhouse, 1, {4: frozenset(USERS[:30])}, USERS[30:50])
    await number_profiles(clickhouse, 1)
    await clickhouse.command(
        "INSERT INTO dead_letters (tenant_id, message_id, source_offset) VALUES (1, 'm', 5), (2, 'n', 6)"
    )
    await clickhouse.command(
        "INSERT INTO publications (tenant_id, run_id, fence, number) VALUES (1, 5, 2, 1), (2, 6, 1, 1)"
    )
    await clickhouse.command(
        "INSERT INTO membership_changes (tenant_id, user_key, segment_id, run_id, fence, change)"
        " SELECT tenant_id, user_key, 4, 5, 2, 1 FROM profiles"
    )
    await clickhouse.command(
        "INSERT INTO segment_runs (tenant_id, segment_id, run_id, fence, size, members)"
        " SELECT 1, 4, 5, 2, count(), groupBitmapState(n) FROM profiles"
    )
    return clickhouse


async def migrated(running: AsyncExitStack, url: str, *, cluster: str = DEFAULT_CLUSTER) -> ClickHouse:
    clickhouse = ClickHouse(url=url)
    running.push_async_callback(clickhouse.close)
    await migrate(clickhouse, "ingest", INGEST_MIGRATIONS, cluster=cluster)
    await migrate(clickhouse, "membership", MEMBERSHIP_MIGRATIONS, cluster=cluster)
    return clickhouse


async def rows_of(clickhouse: ClickHouse, table: str, columns: str) -> Sequence[Sequence[Any]]:
    """Return the rows of a table in order, once each."""
    return (await clickhouse.query(f"SELECT DISTINCT {columns} FROM {table} FINAL ORDER BY ALL")).rows


async def test_a_shard_that_is_down_delays_and_loses_nothing(tmp_path: Path) -> None:
    async with stack(tmp_path, 2) as two, patient_client(two.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        visited = {"type": "event_count", "event_type": "visit", "operator": "gte", "value": 1}
        segment = await person.new_segment("visitors", {"logic": "AND", "conditions": [visited]})
        before, after = [[f"{name}-{number}" for number in range(30)] for name in ("before", "after")]
        await visit(client, key, before)
        assert (await person.compute(segment))["size"] == len(before)

        two.engine("clickhouse-2").kill(stay_down=True)
        await visit(client, key, after)
        async with httpx.AsyncClient(base_url=two.url, headers={"Authorization": f"ApiKey {key}"}, timeout=60) as hasty:
            for user in before:
                answer = await hasty.get("/api/segments/membership/", params={"user_id": user})
                assert answer.status_code in (200, 503), answer.text
                assert answer.status_code == 503 or answer.json()["segment_ids"] == [segment]
            answer = await hasty.get(f"/api/segments/{segment}/members/")
            assert answer.status_code == 503, "half of the members are no answer"
            assert "retry-after" in answer.headers
        queued = await person.ask("POST", f"/api/segments/{segment}/compute/", 202)
        await two.engine("clickhouse-2").start()

        run = await person.run_succeeds(segment, queued["run_id"])
        while run["incomplete"]:
            run = await person.compute(segment)
        assert run["size"] == len(before) + len(after)
        clickhouse = ClickHouse(url=str(two.process("ingest.sink").command(0).environment["SEGOPS_CLICKHOUSE_URL"]))
        (count,) = (await clickhouse.query("SELECT count() FROM events")).rows
        assert int(count[0]) == len(before) + len(after)
        await clickhouse.close()


async def visit(client: httpx.AsyncClient, key: str, users: Sequence[str]) -> None:
    """Send a visit of each user."""
    for user in users:
        await send(client, key, "track", {"user_id": user, "event_type": "visit"})
