"""The routes of event schemas, in process on a real PostgreSQL."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest

from segops_common.contracts.http import SCHEMA_CHANGES_PATH, SchemaChanges
from tests.integration.segments.requests import OWNER, Json, bearer, faults, slug

PROPERTIES: list[Json] = [
    {"name": "order_id", "type": "string", "required": True},
    {"name": "shipping.city", "type": "string"},
    {"name": "total", "type": "number", "required": True},
]
VIEWER, STRANGER, BOTH = bearer("viewer"), bearer("stranger"), bearer("both")
_numbers = itertools.count()


async def create(client: httpx.AsyncClient, **fields: object) -> Json:
    body = {"tenant": 1, "event_type": f"type-{next(_numbers)}", "properties": PROPERTIES, **fields}
    answer = await client.post("/api/schemas/", json=body, headers=OWNER)
    assert answer.status_code == 201, answer.text
    schema: Json = answer.json()
    assert answer.headers["location"] == f"/api/schemas/{schema['id']}/"
    return schema


async def test_a_schema_is_created_as_documented_and_refuses_by_default(client: httpx.AsyncClient) -> None:
    schema = await create(client)
    assert (schema["mode"], schema["version"], schema["changed_by"]) == ("refuse", 1, "user:1")
    assert schema["properties"][1] == {"name": "shipping.city", "type": "string", "required": False}
    read = await client.get(f"/api/schemas/{schema['id']}/", headers=VIEWER)
    assert (read.json(), read.headers["etag"]) == (schema, '"1"')


async def test_an_idempotency_key_creates_one_schema(client: httpx.AsyncClient) -> None:
    body = {"tenant": 1, "event_type": "once", "properties": []}
    headers = OWNER | {"Idempotency-Key": "schema-once"}
    first, second = [await client.post("/api/schemas/", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())


async def test_an_event_type_has_one_schema(client: httpx.AsyncClient) -> None:
    schema = await create(client)
    body = {"tenant": 1, "event_type": schema["event_type"], "properties": []}
    again = await client.post("/api/schemas/", json=body, headers=OWNER)
    assert (again.status_code, slug(again)) == (409, "event-type-taken")
    listed = await client.get("/api/schemas/", params={"event_type": schema["event_type"]}, headers=VIEWER)
    assert (listed.json()["count"], listed.json()["results"]) == (1, [schema])


async def test_traits_have_one_name(client: httpx.AsyncClient) -> None:
    schema = await create(client, event_type="context_identified")
    assert schema["event_type"] == "$identify"
    listed = await client.get("/api/schemas/?event_type=context_identified&tenant=1", headers=VIEWER)
    assert [item["id"] for item in listed.json()["results"]] == [schema["id"]]


async def test_a_schema_is_changed_and_keeps_its_history(client: httpx.AsyncClient) -> None:
    schema = await create(client)
    path = f"/api/schemas/{schema['id']}/"
    changed = await client.patch(path, json={"mode": "warn"}, headers=OWNER | {"If-Match": '"1"'})
    assert (changed.json()["mode"], changed.json()["version"]) == ("warn", 2)
    assert changed.json()["properties"] == schema["properties"]
    stale = await client.patch(path, json={"properties": []}, headers=OWNER | {"If-Match": '"1"'})
    assert stale.status_code == 412
    same = await client.patch(path, json={"mode": "warn", "event_type": schema["event_type"]}, headers=OWNER)
    assert same.json()["version"] == 2
    other = await client.patch(path, json={"event_type": "other"}, headers=OWNER)
    assert (other.status_code, faults(other)) == (422, {("event_type", "not-allowed")})
    versions = (await client.get(f"{path}versions/", headers=VIEWER)).json()
    assert [(item["version"], item["mode"]) for item in versions["results"]] == [(2, "warn"), (1, "refuse")]


async def test_a_schema_is_deleted(client: httpx.AsyncClient) -> None:
    path = f"/api/schemas/{(await create(client))['id']}/"
    assert (await client.delete(path, headers=OWNER)).status_code == 204
    assert [(await client.request(method, path, headers=OWNER)).status_code for method in ("GET", "DELETE")] == [
        404
    ] * 2


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"properties": [{"name": "a", "type": "integer"}]}, "properties[0].type", "not-allowed"),
        ({"properties": [{"name": "a..b", "type": "string"}]}, "properties[0].name", "invalid-path"),
        ({"properties": [{"name": "a\0", "type": "string"}]}, "properties[0].name", "nul-character"),
        ({"properties": [{"name": ".".join("a" * 17), "type": "string"}]}, "properties[0].name", "too-deep"),
        ({"properties": [{"name": "a", "type": "string"}] * 2}, "properties", "not-unique"),
        ({"properties": [{"name": "a", "type": "string", "format": 1}]}, "properties[0].format", "unknown-field"),
        ({"properties": [{"name": "a", "type": "string"}] * 101}, "properties", "wrong-length"),
        ({"event_type": "$group"}, "event_type", "reserved-name"),
        ({"event_type": "a\nb"}, "event_type", "control-character"),
        ({"mode": "drop"}, "mode", "not-allowed"),
    ],
)
async def test_what_is_wrong_is_refused(client: httpx.AsyncClient, fields: Json, path: str, code: str) -> None:
    body = {"tenant": 1, "event_type": "never", "properties": [], **fields}
    answer = await client.post("/api/schemas/", json=body, headers=OWNER)
    assert answer.status_code == 422
    assert [fault[0] for fault in faults(answer)] == [path], answer.text
    assert {fault[1] for fault in faults(answer)} == {code}, answer.text


async def test_other_tenants_and_roles_are_kept_out(client: httpx.AsyncClient) -> None:
    schema = await create(client)
    path = f"/api/schemas/{schema['id']}/"
    for method, body in (("GET", None), ("PATCH", {"mode": "warn"}), ("DELETE", None)):
        assert (await client.request(method, path, json=body, headers=STRANGER)).status_code == 404
    assert (await client.get(f"{path}versions/", headers=STRANGER)).status_code == 404
    assert (await client.patch(path, json={"mode": "warn"}, headers=VIEWER)).status_code == 403
    assert (await client.delete(path, headers=BOTH)).status_code == 403
    assert (await client.get(path, headers=BOTH)).status_code == 200
    listed = await client.get("/api/schemas/", headers=STRANGER)
    assert schema["id"] not in [item["id"] for item in listed.json()["results"]]
    sent = {"event_type": schema["event_type"], "payload": {"total": 1}}
    validated = await client.post("/api/schemas/validate/", json=sent, headers=STRANGER)
    assert validated.json()["schema_id"] is None


async def test_an_event_is_validated(client: httpx.AsyncClient) -> None:
    schema = await create(client, mode="warn")
    payload = {"order_id": 7, "total": "25", "shipping": {"city": "Bonn"}, "note": None}
    body = {"tenant": 1, "event_type": schema["event_type"], "payload": payload}
    answer = (await client.post("/api/schemas/validate/", json=body, headers=VIEWER)).json()
    assert (answer["valid"], answer["schema_id"], answer["mode"]) == (False, schema["id"], "warn")
    assert (answer["payload"], answer["converted"]) == (payload | {"total": 25}, ["total"])
    detail = f"must be text in events of type `{schema['event_type']}`; it is a number"
    assert answer["errors"] == [{"path": "payload.order_id", "code": "wrong-property-type", "detail": detail}]


async def test_schemas_are_inferred_and_can_be_created_as_they_are(client: httpx.AsyncClient) -> None:
    event_type = f"type-{next(_numbers)}"
    events: list[dict[str, Any]] = [
        {"user_id": "u", "event_type": event_type, "payload": {"total": 5, "at": "2026-05-20T12:00:00Z"}},
        {"event_type": event_type, "payload": {"total": "6"}},
        {"event_type": "context_identified", "payload": {"plan": "pro"}},
    ]
    answer = await client.post("/api/schemas/infer/", json={"events": events}, headers=VIEWER)
    first, second = answer.json()["schemas"]
    assert first["draft"] == {
        "event_type": event_type,
        "properties": [
            {"name": "total", "type": "number", "required": True},
            {"name": "at", "type": "datetime", "required": False},
        ],
    }
    assert (second["draft"]["event_type"], second["events"]) == ("$identify", 1)
    await create(client, **first["draft"])


async def test_inference_needs_events_or_an_event_type(client: httpx.AsyncClient) -> None:
    for body in ({}, {"events": [{"event_type": "t"}], "event_type": "t"}):
        answer = await client.post("/api/schemas/infer/", json=body, headers=VIEWER)
        assert (answer.status_code, faults(answer)) == (422, {("events", "missing")})
    # Membership, which has the stored events, is unreachable in this test.
    answer = await client.post("/api/schemas/infer/", json={"event_type": "t"}, headers=VIEWER)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


async def test_ingestion_reads_changes_with_the_service_token_only(client: httpx.AsyncClient) -> None:
    schema = await create(client)
    body, service = {"after": 0}, {"Authorization": "Service service"}
    assert (await client.post(SCHEMA_CHANGES_PATH, json=body, headers=OWNER)).status_code == 401
    listed: set[str] = set()
    position = 0
    while schema["event_type"] not in listed:
        answer = await client.post(SCHEMA_CHANGES_PATH, json={"after": position}, headers=service)
        changes = SchemaChanges.model_validate(answer.json())
        assert changes.tenants, "the tenant of the schema is not listed"
        position = changes.tenants[-1].number
        assert changes.last >= position
        listed |= {item.event_type for of in changes.tenants if of.tenant_id == 1 for item in of.schemas}
