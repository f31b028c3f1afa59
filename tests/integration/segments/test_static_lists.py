"""Lists of static segments over HTTP on real PostgreSQL: what the outbox publishes of them."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.jobs import ComputeJob, StaticMembersChanged
from segops_common.stores.postgres import read_session
from segops_segments.adapters.postgres.outbox import RELAY, PostgresOutbox
from segops_segments.adapters.postgres.tables import outbox
from tests.integration.segments.requests import OWNER, PRICING, Json, create, faults, slug

NDJSON = {**OWNER, "Content-Type": "application/x-ndjson"}
JSON = {**OWNER, "Content-Type": "application/json"}
CSV = {**OWNER, "Content-Type": "text/csv; charset=utf-8"}


async def static(client: httpx.AsyncClient) -> Json:
    return await create(client, segment_type="static")


async def published(engine: AsyncEngine, segment: Json, topic: str = "segops.static-members") -> list[str]:
    """Return the messages of a topic that name the segment, oldest first."""
    query = sa.select(outbox.c.value).where(outbox.c.topic == topic).order_by(outbox.c.id)
    async with read_session(engine) as session:
        await session.enter_role(RELAY)
        values = [bytes(value).decode() for value in (await session.execute(query)).scalars()]
    named = f'"segment_id":{segment["id"]},' if topic == "segops.static-members" else f'"id":{segment["id"]},'
    return [value for value in values if named in value]


async def changes(engine: AsyncEngine, segment: Json) -> list[StaticMembersChanged]:
    return [StaticMembersChanged.model_validate_json(value) for value in await published(engine, segment)]


@pytest.mark.parametrize(
    ("headers", "body", "ids"),
    [
        (JSON, json.dumps({"user_ids": ["a", "b", "a"]}), ["a", "b", "a"]),
        (JSON, json.dumps({"user_ids": []}), []),
        (NDJSON, '"a"\r\n\n{"user_id": "b\\n\\u00e9"}\n"c"', ["a", "b\né", "c"]),
        (CSV, '\ufeffplan,user_id\nfree,a\n"pro, ""new""","b ""c"""\n', ["a", 'b "c"']),
        (CSV, "user_id\na\n", ["a"]),
        (CSV, "user_id\n", []),
    ],
)
async def test_every_format_gives_the_same_list(
    client: httpx.AsyncClient, engine: AsyncEngine, headers: dict[str, str], body: str, ids: list[str]
) -> None:
    segment = await static(client)
    path = f"/api/segments/{segment['id']}/members/"
    for content, encoding in ((body.encode(), {}), (gzip.compress(body.encode()), {"Content-Encoding": "gzip"})):
        put = await client.put(path, content=content, headers=headers | encoding)
        assert put.status_code == 202, put.text
        assert put.json()["accepted"] == len(ids)
    creation, first, second = await changes(engine, segment)
    assert (creation.list_version, creation.replace, creation.add) == (1, True, ())
    for change, version in ((first, 2), (second, 3)):
        assert (change.list_version, change.base_version, change.replace) == (version, version - 1, True)
        assert (change.part, change.parts, list(change.add)) == (1, 1, ids)


async def test_a_change_queues_a_run_of_its_version(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    segment = await static(client)
    path = f"/api/segments/{segment['id']}/"
    renamed = await client.patch(path, json={"description": "of our partners"}, headers=OWNER)
    assert renamed.json()["version"] == 2
    changed = await client.patch(path + "members/", json={"add": ["a"], "remove": ["b"]}, headers=OWNER)
    assert changed.status_code == 202
    assert changed.headers["etag"] == '"3"'
    added = await client.post(path + "members/", content=b'"c"\n', headers=NDJSON)
    assert {name: added.json()[name] for name in ("status", "run_id", "version", "accepted")} == {
        "status": "queued",
        "run_id": changed.json()["run_id"],
        "version": 4,
        "accepted": 1,
    }
    _, nothing, first, last, more = await changes(engine, segment)
    assert (nothing.list_version, nothing.base_version, nothing.replace, nothing.add) == (2, 1, False, ())
    assert [
        (portion.list_version, portion.base_version, portion.part, portion.parts) for portion in (first, last, more)
    ] == [
        (3, 2, 1, 2),
        (3, 2, 2, 2),
        (4, 3, 1, 1),
    ]
    assert [(portion.add, portion.remove) for portion in (first, last, more)] == [
        (("a",), ()),
        ((), ("b",)),
        (("c",), ()),
    ]
    (job,) = [
        ComputeJob.model_validate_json(value) for value in await published(engine, segment, "segops.compute-jobs")
    ]
    assert (job.run_id, job.segments[0].list_version) == (int(changed.json()["run_id"]), 4)


async def test_a_large_list_is_published_in_portions(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    segment = await static(client)
    ids = [f"user-{i:06}" for i in range(30_000)]
    body = "".join(f'"{user_id}"\n' for user_id in ids).encode()
    put = await client.put(f"/api/segments/{segment['id']}/members/", content=body, headers=NDJSON)
    assert put.json()["accepted"] == len(ids)
    _, *portions = await changes(engine, segment)
    assert [(portion.part, portion.parts) for portion in portions] == [(i, 4) for i in (1, 2, 3, 4)]
    assert [user_id for portion in portions for user_id in portion.add] == ids


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (
            NDJSON,
            '"a"\n5\n\nnull\n{"user_id": "b", "x": 1}\n"c',
            {
                ("body[line 2]", "wrong-type"),
                ("body[line 4]", "wrong-type"),
                ("body[line 5]", "unknown-field"),
                ("body[line 6]", "malformed-json"),
            },
        ),
        (
            NDJSON,
            f'"a"\n"{"x" * 257}"\n" "\n"\\u0000"\n""\n',
            {
                ("body[line 2]", "wrong-length"),
                ("body[line 3]", "blank"),
                ("body[line 4]", "nul-character"),
                ("body[line 5]", "wrong-length"),
            },
        ),
        (NDJSON, "x" * 70_000, {("body[line 1]", "wrong-length")}),
        (CSV, "name,plan\na,free\n", {("body[line 1]", "missing-header")}),
        (
            CSV,
            'plan,user_id\nfree\n"a,b\nx,"y"z\n',
            {
                ("body[line 2]", "missing"),
                ("body[line 3]", "malformed-csv"),
            },
        ),
        (JSON, '{"user_ids": ["a", 5, ""]}', {("user_ids[1]", "wrong-type"), ("user_ids[2]", "wrong-length")}),
        (JSON, '{"user_ids": ["a"], "x": 1}', {("user_ids", "wrong-type")}),
    ],
)
async def test_an_invalid_upload_is_refused_by_line_and_changes_nothing(
    client: httpx.AsyncClient, engine: AsyncEngine, headers: dict[str, str], body: str, expected: set[tuple[str, str]]
) -> None:
    segment = await static(client)
    put = await client.put(f"/api/segments/{segment['id']}/members/", content=body.encode(), headers=headers)
    assert put.status_code == 422
    assert faults(put) == expected
    assert len(await changes(engine, segment)) == 1
    read = await client.get(f"/api/segments/{segment['id']}/", headers=OWNER)
    assert read.json()["version"] == 1


async def test_at_most_twenty_errors_are_returned(client: httpx.AsyncClient) -> None:
    segment = await static(client)
    put = await client.put(f"/api/segments/{segment['id']}/members/", content=b"5\n" * 100_000, headers=NDJSON)
    assert [fault["path"] for fault in put.json()["errors"]] == [f"body[line {i}]" for i in range(1, 21)]


async def test_a_body_that_is_not_a_list_is_refused(client: httpx.AsyncClient) -> None:
    segment = await static(client)
    path = f"/api/segments/{segment['id']}/members/"
    for headers, content, status, kind in (
        (OWNER | {"Content-Type": "text/plain"}, b"a", 415, "unsupported-media-type"),
        (NDJSON | {"Content-Encoding": "br"}, b"a", 415, "unsupported-encoding"),
        (NDJSON | {"Content-Encoding": "gzip"}, b"a", 400, "malformed-encoding"),
        (NDJSON | {"Content-Encoding": "gzip"}, gzip.compress(b'"a"\n', mtime=0)[:-9], 400, "malformed-encoding"),
        (NDJSON, b"", 400, "empty-body"),
        (NDJSON | {"If-Match": '"7"'}, b'"a"\n', 412, "precondition-failed"),
    ):
        put = await client.put(path, content=content, headers=headers)
        assert (put.status_code, slug(put)) == (status, kind), put.text
    both = await client.patch(path, json={"add": ["a"], "remove": ["a"]}, headers=OWNER)
    assert {code for _, code in faults(both)} == {"added-and-removed"}


async def test_rule_segments_have_no_list_and_static_segments_no_definition(client: httpx.AsyncClient) -> None:
    rule, listed = await create(client, definition=PRICING), await static(client)
    for method, body in (("PUT", {"user_ids": ["a"]}), ("POST", {"user_ids": ["a"]}), ("PATCH", {"add": ["a"]})):
        refused = await client.request(method, f"/api/segments/{rule['id']}/members/", json=body, headers=OWNER)
        assert (refused.status_code, slug(refused)) == (409, "not-a-static-segment")
    body_with_both = {"name": "x", "tenant": 1, "segment_type": "static", "definition": PRICING}
    assert faults(await client.post("/api/segments/", json=body_with_both, headers=OWNER)) == {
        ("definition", "not-allowed")
    }
    path = f"/api/segments/{listed['id']}/"
    defined = await client.patch(path, json={"definition": PRICING}, headers=OWNER)
    restored = await client.post(path + "restore/", json={"version": 1}, headers=OWNER)
    for refused in (defined, restored):
        assert (refused.status_code, slug(refused)) == (409, "static-segment")


async def test_a_deleted_list_is_published_as_empty_before_its_last_run(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    segment = await static(client)
    gone = await client.delete(f"/api/segments/{segment['id']}/", headers=OWNER)
    assert gone.status_code == 204
    last = (await changes(engine, segment))[-1]
    assert (last.list_version, last.replace, last.deleted, last.add) == (2, True, True, ())
    job = ComputeJob.model_validate_json((await published(engine, segment, "segops.compute-jobs"))[-1])
    assert job.segments[0].list_version == 2


async def test_the_text_of_a_portion_is_deleted_when_it_is_sent(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    segment = await static(client)
    relayed: list[str] = []
    while not relayed:
        async with PostgresOutbox(engine=engine).claim(1000) as claim:
            for message in claim.messages:
                await claim.mark_sent(message.id, datetime(2026, 1, 31, tzinfo=UTC))
            relayed = [
                str(message.value)
                for message in claim.messages
                if f'"segment_id":{segment["id"]},' in str(message.value)
            ]
    assert [value for value in relayed if '"list_version":1' in value]
    assert await changes(engine, segment) == []


async def test_an_upload_that_is_repeated_with_its_key_is_stored_once(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    segment = await static(client)
    path = f"/api/segments/{segment['id']}/members/"
    answers = [
        await client.post(path, content=b'"a"\n', headers=NDJSON | {"Idempotency-Key": f"list of {segment['id']}"})
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert len(await changes(engine, segment)) == 2


async def test_the_answer_says_what_was_understood(client: httpx.AsyncClient) -> None:
    segment = await static(client)
    path = f"/api/segments/{segment['id']}/members/"
    body = "email;User ID\nx@y; a\nx@y;b\nx@y;c\nx@y;d\n"
    put = await client.put(path, content=body.encode("utf-16"), headers=CSV)
    # Membership is unreachable in these tests, so nothing is said about known users.
    assert put.json()["understood"] == {
        "format": "csv",
        "encoding": "utf-16",
        "delimiter": ";",
        "column": "User ID",
        "first_user_ids": ["a", "b", "c"],
        "trimmed": 1,
        "known": None,
    }
    bare = await client.post(path, params={"header": "none"}, content=b"e\nf\n", headers=CSV)
    assert (bare.json()["accepted"], bare.json()["understood"]["column"]) == (2, None)


@pytest.mark.parametrize("body", ["", '"user-1"'])
async def test_a_list_that_shrinks_by_more_than_half_needs_confirmation(
    client: httpx.AsyncClient, engine: AsyncEngine, body: str
) -> None:
    segment = await static(client)
    path = f"/api/segments/{segment['id']}/members/"
    four = json.dumps({"user_ids": ["a", "b", "c", "d"]})
    assert (await client.put(path, content=four, headers=JSON)).status_code == 202
    content = body or json.dumps({"user_ids": []})
    headers = NDJSON if body else JSON
    refused = await client.put(path, content=content, headers=headers)
    assert (refused.status_code, slug(refused)) == (409, "confirmation-required")
    assert "up to 4 users" in refused.json()["detail"]
    assert len(await changes(engine, segment)) == 2
    confirmed = await client.put(path, params={"confirm": "true"}, content=content, headers=headers)
    assert confirmed.status_code == 202
    assert len(await changes(engine, segment)) == 3


async def test_half_of_a_list_needs_no_confirmation(client: httpx.AsyncClient) -> None:
    segment = await static(client)
    path = f"/api/segments/{segment['id']}/members/"
    for users in (["a", "b", "c"], ["a", "b"], ["a"], ["a", "b", "c"]):
        put = await client.put(path, content=json.dumps({"user_ids": users}), headers=JSON)
        assert put.status_code == 202
    added = await client.post(path, content=b'"d"\n"e"\n', headers=NDJSON)
    assert added.status_code == 202
    refused = await client.put(path, content=json.dumps({"user_ids": ["a", "b"]}), headers=JSON)
    assert slug(refused) == "confirmation-required"


async def test_concurrent_uploads_are_all_stored(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    segment = await static(client)
    path = f"/api/segments/{segment['id']}/members/"
    answers = await asyncio.gather(
        *(client.post(path, content=f'"user-{i}"\n'.encode(), headers=NDJSON) for i in range(8))
    )
    assert {answer.status_code for answer in answers} == {202}
    _, *all_changes = await changes(engine, segment)
    assert [(change.list_version, change.base_version) for change in all_changes] == [(i, i - 1) for i in range(2, 10)]
    assert {change.add[0] for change in all_changes} == {f"user-{i}" for i in range(8)}
