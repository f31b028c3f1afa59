"""A person who was erased is nowhere.

The test finds the stores by itself: it lists all tables of ClickHouse and PostgreSQL, all keys of Redis, and all files of exports. A
new store cannot be forgotten. Only topics may still have the person, within their retention.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import asyncpg
import httpx
from redis.asyncio import Redis

from segops_common.stores.clickhouse import ClickHouse
from tests.e2e.people import Person, memberships, patient_client, send, sign_up
from tests.e2e.receivers import activated, listening, received
from tests.shared.client import RunningStack

TOPICS: Final = "segops.events", "segops.event-imports", "segops.membership-changes", "segops.static-members"
CHANGES: Final = "/api/segments/changes/"
COUNT: Final = {"type": "event_count", "event_type": "bought", "operator": "gte", "value": 1}
SEEN: Final = {"type": "user_property", "property": "plan", "operator": "exists"}
UNUSED: Final = ("merges", "identity_merges")
"""Stores in which this person need not be."""
_TABLES: Final = """
SELECT database, name FROM system.tables
WHERE database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA') AND engine NOT IN ('MaterializedView', 'View')"""


class Canary:
    """A person with ids and trait values that nobody else has, in every store. The visitor's id is joined to the user's."""

    def __init__(self) -> None:
        self.user_id = f"canary-{secrets.token_hex(8)}"
        self.visitor_id = f"visitor-{secrets.token_hex(8)}"
        self.trait = f"trait-{secrets.token_hex(8)}"
        self.property = f"property-{secrets.token_hex(8)}"

    @property
    def words(self) -> tuple[str, ...]:
        return self.user_id, self.visitor_id, self.trait, self.property

    async def places(self, stack: RunningStack, tenant: int) -> set[str]:
        """Return every store that has one of the words; of a table, its name."""
        places = set()
        async for place, text in _everything(stack, tenant):
            if any(word in text for word in self.words):
                places.add(place)
        return places


async def _everything(stack: RunningStack, tenant: int) -> AsyncIterator[tuple[str, str]]:
    """Yield the place and the content of each table, key and file."""
    for name in ("clickhouse", "clickhouse-2") if stack.name == "cluster_stack" else ("clickhouse",):
        async for place, text in _tables(stack.engine(name)):
            yield place, text
    postgres = await asyncpg.connect(stack.engine("postgres").replace("+asyncpg", ""))
    try:
        await postgres.execute("SELECT set_config('segops.tenants', $1, false)", f"{{{tenant}}}")
        tables = await postgres.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table in tables:
            rows = await postgres.fetch(f'SELECT t::text FROM "{schema}"."{table}" t')
            yield f"postgres {schema}.{table}", "\n".join(_with_bytes(row[0]) for row in rows)
    finally:
        await postgres.close()
    async for place, text in _redis(stack):
        yield place, text
    for text in await asyncio.to_thread(_export_files, stack):
        yield "files exports", text


async def _tables(url: str) -> AsyncIterator[tuple[str, str]]:
    # A single server of a cluster is refused where the tables of the cluster are.
    clickhouse = ClickHouse(url=urlsplit(url)._replace(path="/default").geturl())
    try:
        for database, table in (await clickhouse.query(_TABLES)).rows:
            stream = clickhouse.stream(
                "SELECT * FROM {database:Identifier}.{table:Identifier}",
                {"database": database, "table": table},
                fmt="JSONEachRow",
            )
            yield f"clickhouse {table}", b"".join([chunk async for chunk in stream]).decode(errors="replace")
    finally:
        await clickhouse.close()


def _export_files(stack: RunningStack) -> list[str]:
    folder = unquote(urlsplit(stack.process("membership.worker").settings["SEGOPS_EXPORTS_URL"]).path)
    return [file.read_bytes().decode(errors="replace") for file in Path(folder).glob("*")]


async def _redis(stack: RunningStack) -> AsyncIterator[tuple[str, str]]:
    url = stack.engine("valkey").rpartition("/")[0]
    for database in range(2):
        redis = Redis.from_url(f"{url}/{database}", decode_responses=False)
        try:
            async for key in redis.scan_iter(count=1000):
                yield f"redis {_name(key)}", repr(key) + repr(await _value(redis, key))
        finally:
            await redis.aclose()


async def _value(redis: Redis, key: bytes) -> Any:
    match await redis.type(key):
        case b"string":
            return await redis.get(key)
        case b"hash":
            return await redis.hgetall(key)
        case b"zset":
            return await redis.zrange(key, 0, -1)
        case b"stream":
            return await redis.xrange(key)
        case b"list":
            return await redis.lrange(key, 0, -1)
        case b"set":
            return await redis.smembers(key)
        case b"none":
            return None  # it expired after the scan
        case other:
            raise AssertionError(f"no reader for a key of type {other!r}")


def _name(key: bytes) -> str:
    """Return the name of the topic of a key, or the key."""
    text = key.decode(errors="replace")
    return next((topic for topic in sorted(TOPICS, key=len, reverse=True) if topic in text), text)


def _with_bytes(text: str) -> str:
    r"""Return a row as text, with the content of its columns of bytes, which PostgreSQL shows as `\x…`."""
    decoded = [bytes.fromhex(part.split('"')[0].split(",")[0].rstrip(")")) for part in text.split("\\\\x")[1:]]
    return text + "".join(part.decode(errors="replace") for part in decoded)


@dataclass
class Receiver:
    """Keeps the members of a segment, and repeats in each response what it received."""

    url: str = ""
    members: set[str] = field(default_factory=set)
    reasons: set[str] = field(default_factory=set)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = (await received(reader)).body
        change = json.loads(body)
        users = set(change["user_ids"])
        self.members = self.members | users if change["event"] == "segment.entered" else self.members - users
        self.reasons.add(change["reason"])
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


async def _live(
    person: Person, client: httpx.AsyncClient, key: str, canary: Canary, receiver: Receiver
) -> Mapping[str, int]:
    """Let the canary leave traces everywhere: events, traits, segments, a list, a cached lookup, an export, a log."""
    for number in range(3):
        body = {"user_id": canary.user_id, "event_type": "bought", "payload": {"sku": canary.property, "n": number}}
        await send(client, key, "track", {"anonymous_id": canary.visitor_id, **body})
    await send(client, key, "track", {"anonymous_id": canary.visitor_id, "event_type": "bought"})
    await send(client, key, "identify", {"user_id": canary.user_id, "traits": {"plan": canary.trait}})
    await send(client, key, "track", {"user_id": "other", "event_type": "bought"})
    # A repetition with other content is listed among the dead letters.
    repeated = {"user_id": canary.user_id, "event_type": "bought", "message_id": f"m-{canary.user_id}"}
    repeated |= {"timestamp": "2026-11-01T00:00:00.000Z"}
    await send(client, key, "track", repeated | {"payload": {"sku": canary.property}})
    await send(client, key, "track", repeated | {"payload": {"sku": "changed"}})
    rule = await person.new_segment("rule", {"logic": "AND", "conditions": [COUNT]})
    trait = await person.new_segment("trait", {"logic": "AND", "conditions": [SEEN]})
    static = {"name": "static", "tenant": person.tenant, "segment_type": "static"}
    listed = (await person.ask("POST", "/api/segments/", 201, static))["id"]
    await person.ask("PUT", f"/api/segments/{listed}/members/", 202, {"user_ids": [canary.user_id, "other"]})
    config = {"url": receiver.url, "events": ["segment.entered", "segment.exited"]}
    await activated(person, rule, connector_type="webhook", config=config)
    for segment in (rule, trait, listed):
        await person.compute(segment)
    export = await person.ask("POST", f"/api/segments/{rule}/export/", 202, {"format": "csv"})
    async with asyncio.timeout(60):
        while (await person.ask("GET", f"/api/segments/{rule}/export/?export_id={export['export_id']}", 200))[
            "status"
        ] != "complete":
            await asyncio.sleep(0.2)
        while len((await memberships(client, key, canary.user_id))["segment_ids"]) != 3:
            await asyncio.sleep(0.2)
        while canary.user_id not in receiver.members:
            await asyncio.sleep(0.2)
    return {"rule": rule, "trait": trait, "list": listed}


async def _erased(person: Person, canary: Canary) -> Mapping[str, Any]:
    erasure = await person.ask("DELETE", f"/api/explorer/users/{canary.user_id}/", 202)
    async with asyncio.timeout(120):
        while erasure["status"] != "complete":
            await asyncio.sleep(0.3)
            erasure = await person.ask("GET", f"/api/explorer/erasures/{erasure['id']}/", 200)
    complete: Mapping[str, Any] = erasure
    return complete


async def test_an_erased_person_is_nowhere_but_in_topics(valkey_stack: RunningStack) -> None:
    canary = Canary()
    async with patient_client(valkey_stack.url) as client, listening(Receiver()) as receiver:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        segments = await _live(person, client, key, canary, receiver)
        export = await client.get(f"/api/explorer/users/{canary.user_id}/export/", headers=person.bearer)
        kinds = {json.loads(line)["type"] for line in export.text.splitlines()}
        assert kinds == {
            *(
                "export",
                "profile",
                "trait",
                "membership",
                "event",
                "membership_change",
                "list_entry",
                "dead_letter",
                "end",
            ),
        }
        cursor = (await person.ask("GET", f"{CHANGES}?tenant={person.tenant}&start=now", 200))["next_cursor"]
        before = await canary.places(valkey_stack, person.tenant)
        # The control: the walk finds the person where they are.
        tables = (
            *("events", "events_by_profile", "profile_seen", "profiles", "static_members", "dead_letters"),
            *("identity_claims", "identity_claims_by_user"),
        )
        others = {"files exports", "postgres membership.activation_deliveries"}
        assert {f"clickhouse {table}" for table in tables} | others <= before
        assert "redis segops.events" in before

        erasure = await _erased(person, canary)
        assert len(erasure["subjects"]) == 2
        counts = erasure["receipt"]["before"]
        assert all(count > 0 for name, count in counts.items() if name not in UNUSED), counts
        assert set(erasure["receipt"]["after"].values()) == {0}
        async with asyncio.timeout(60):
            while "erasure" not in receiver.reasons:
                await asyncio.sleep(0.2)
        assert receiver.members == {"other"}
        after = await canary.places(valkey_stack, person.tenant)
        assert after <= {f"redis {topic}" for topic in TOPICS}

        await _readers_forget(person, cursor, canary, segments)
        await _later_runs_are_right(person, segments, canary, client, key)
        await _the_audit_log_has_the_hash(person, erasure)


async def _readers_forget(person: Person, cursor: str, canary: Canary, segments: Mapping[str, int]) -> None:
    page = await person.ask("GET", f"{CHANGES}?tenant={person.tenant}&cursor={cursor}", 200)
    exits = {
        (change["user_id"], change["segment_id"], change["change"], change["reason"]) for change in page["results"]
    }
    assert exits == {(canary.user_id, segment, "exited", "erasure") for segment in segments.values()}


async def _later_runs_are_right(
    person: Person, segments: Mapping[str, int], canary: Canary, client: httpx.AsyncClient, key: str
) -> None:
    run = await person.compute(segments["rule"])
    assert (run["size"], run["exited"]) == (1, 0)
    assert (await person.compute(segments["list"]))["size"] == 1
    for id in (canary.user_id, canary.visitor_id):
        assert (await memberships(client, key, id))["segment_ids"] == []


async def _the_audit_log_has_the_hash(person: Person, erasure: Mapping[str, Any]) -> None:
    path = f"/api/auth/tenants/{person.tenant}/audit-log/?action=profile.erasure_requested"
    (entry,) = (await person.ask("GET", path, 200))["results"]
    assert entry["target"] == f"profile:{erasure['subjects'][0]}"


async def test_later_events_are_refused_or_dropped_until_the_suppression_is_lifted(valkey_stack: RunningStack) -> None:
    canary = Canary()
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        headers = {"Authorization": f"ApiKey {(await person.new_key())['key']}"}
        event = {"user_id": canary.user_id, "event_type": "bought", "payload": {"n": 1}}
        await _erased(person, canary)
        refused = await client.post("/api/ingestion/track/", json=event, headers=headers)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "user-erased")
        alias = {"anonymous_id": "visitor", "user_id": canary.user_id}
        refused = await client.post("/api/identity/alias/", json=alias, headers=headers)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "user-erased")
        merge = {"tenant": person.tenant, "from_user_id": canary.user_id, "into_user_id": "other"}
        assert (await person.ask("POST", "/api/identity/merge/", 422, merge))["errors"][0]["code"] == "user-erased"
        policy = {"tenant": person.tenant, "later_events": "drop"}
        await person.ask("PUT", "/api/explorer/suppression-policy/", 200, policy)
        async with asyncio.timeout(30):
            while (
                answer := await client.post("/api/ingestion/track/", json=event, headers=headers)
            ).status_code != 202:
                await asyncio.sleep(0.2)
        assert [warning["code"] for warning in answer.json()["warnings"]] == ["user-erased"]
        dropped = await client.post("/api/identity/alias/", json=alias, headers=headers)
        assert (dropped.status_code, dropped.json()["warnings"][0]["code"]) == (202, "user-erased")
        await person.ask("DELETE", f"/api/explorer/users/{canary.user_id}/suppression/", 204)
        later = event | {"payload": {"n": 2}}
        events = f"/api/explorer/users/{canary.user_id}/events/"
        async with asyncio.timeout(60):
            while "user-erased" in (await client.post("/api/ingestion/track/", json=later, headers=headers)).text:
                await asyncio.sleep(0.2)
            while not (stored := (await person.ask("GET", events, 200))["results"]):
                await asyncio.sleep(0.2)
        assert [kept["payload"] for kept in stored] == [{"n": 2}]


async def test_old_events_are_removed_and_counted(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        long_ago = datetime.now(UTC) - timedelta(days=60)
        old = {"user_id": "u", "event_type": "viewed", "timestamp": long_ago.isoformat(), "message_id": "old"}
        await send(client, key, "track", old)
        await send(client, key, "track", {"user_id": "u", "event_type": "viewed"})
        events = f"/api/explorer/events/?tenant={person.tenant}&event_type=viewed"
        async with asyncio.timeout(60):
            while len((await person.ask("GET", events, 200))["results"]) < 2:
                await asyncio.sleep(0.2)
        rules = {"event_types": [{"event_type": "viewed", "days": 30}]}
        await person.ask("PUT", "/api/explorer/retention/", 200, {"tenant": person.tenant, **rules})
        path = f"/api/explorer/retention/?tenant={person.tenant}"
        async with asyncio.timeout(150):
            while (kept := await person.ask("GET", path, 200))["applied_at"] is None:
                await asyncio.sleep(0.5)
        assert kept["removed"] == [{"event_type": "viewed", "events": 1}]
        assert len((await person.ask("GET", events, 200))["results"]) == 1
        body = {
            "tenant": person.tenant,
            "definition": {"logic": "AND", "conditions": [COUNT | {"event_type": "viewed"}]},
        }
        preview = await person.ask("POST", "/api/segments/preview/", 200, body)
        report = await person.ask("POST", "/api/segments/validate/", 200, body)
        for answer in (preview, report):
            (warning,) = [item for item in answer["warnings"] if item["code"] == "expired-events"]
            assert warning["detail"].endswith("1 was removed so far.")
        log = f"/api/auth/tenants/{person.tenant}/audit-log/?action=tenant.retention_changed"
        (entry,) = (await person.ask("GET", log, 200))["results"]
        assert entry["details"]["event_types"] == "1"
