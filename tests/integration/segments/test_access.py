"""Permissions: every route without credentials, without the scope or the role, and from another tenant."""

import httpx
import pytest
from fastapi.routing import APIRoute

from segops_segments.api.router import ROUTERS
from tests.integration.segments.requests import OWNER, PRICING, Json, api_key, bearer, create, slug

Call = tuple[str, str, Json | None, bool]
CALLS: dict[str, Call] = {
    "list_segments": ("GET", "/api/segments/", None, False),
    "create_segment": ("POST", "/api/segments/", {"name": "Mine", "tenant": 1, "segment_type": "rule"}, True),
    "validate_definition": ("POST", "/api/segments/validate/", {"definition": PRICING}, False),
    "get_segment": ("GET", "/api/segments/{id}/", None, False),
    "update_segment": ("PATCH", "/api/segments/{id}/", {"description": "changed"}, True),
    "delete_segment": ("DELETE", "/api/segments/{id}/", None, True),
    "compute_segment": ("POST", "/api/segments/{id}/compute/", None, True),
    "compute_segments": ("POST", "/api/segments/compute/", {"tenant": 1}, True),
    "list_runs": ("GET", "/api/segments/{id}/runs/", None, False),
    "get_run": ("GET", "/api/segments/{id}/runs/{run}/", None, False),
    "list_versions": ("GET", "/api/segments/{id}/versions/", None, False),
    "get_version": ("GET", "/api/segments/{id}/versions/1/", None, False),
    "compare_versions": ("GET", "/api/segments/{id}/versions/1/diff/", None, False),
    "restore_version": ("POST", "/api/segments/{id}/restore/", {"version": 1}, True),
    "describe_definition": ("POST", "/api/segments/describe/", {"definition": PRICING}, False),
    "replace_members": ("PUT", "/api/segments/{id}/members/", {"user_ids": []}, True),
    "add_members": ("POST", "/api/segments/{id}/members/", {"user_ids": []}, True),
    "change_members": ("PATCH", "/api/segments/{id}/members/", {"add": ["user-1"]}, True),
    "list_schemas": ("GET", "/api/schemas/", None, False),
    "create_schema": ("POST", "/api/schemas/", {"tenant": 1, "event_type": "theirs", "properties": []}, True),
    "infer_schemas": ("POST", "/api/schemas/infer/", {"events": [{"event_type": "login"}]}, False),
    "validate_event": ("POST", "/api/schemas/validate/", {"tenant": 1, "event_type": "login", "payload": {}}, False),
    "get_schema": ("GET", "/api/schemas/{schema}/", None, False),
    "update_schema": ("PATCH", "/api/schemas/{schema}/", {"mode": "warn"}, True),
    "delete_schema": ("DELETE", "/api/schemas/{schema}/", None, True),
    "list_schema_versions": ("GET", "/api/schemas/{schema}/versions/", None, False),
}
OF_ONE = {name: call for name, call in CALLS.items() if "{id}" in call[1] or "{schema}" in call[1]}


@pytest.fixture(scope="module")
async def ids(client: httpx.AsyncClient) -> dict[str, object]:
    """Create a segment of tenant 1, a run of it, and an event schema."""
    segment = await create(client, definition=PRICING)
    queued = await client.post(f"/api/segments/{segment['id']}/compute/", headers=OWNER)
    body = {"tenant": 1, "event_type": "access", "properties": []}
    schema = await client.post("/api/schemas/", json=body, headers=OWNER)
    return {"id": segment["id"], "run": queued.json()["run_id"], "schema": schema.json()["id"]}


async def send(
    client: httpx.AsyncClient, call: Call, ids: dict[str, object], headers: dict[str, str]
) -> httpx.Response:
    method, path, body, _ = call
    return await client.request(method, path.format(**ids), json=body, headers=headers)


def test_every_route_is_in_the_table() -> None:
    documented = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    routes = {route.name for route in documented if route.include_in_schema}
    assert routes == {*CALLS, "follow_run"}, "test_run_events has the cases of a stream"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("headers", [{}, bearer("nobody"), api_key("nothing"), {"Authorization": "Basic b3duZXI6"}])
async def test_a_request_without_a_credential_is_refused(
    client: httpx.AsyncClient, ids: dict[str, object], call: Call, headers: dict[str, str]
) -> None:
    answer = await send(client, call, ids, headers)
    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_a_key_without_the_scope_is_refused(
    client: httpx.AsyncClient, ids: dict[str, object], call: Call
) -> None:
    answer = await send(client, call, ids, api_key("events"))
    assert (answer.status_code, slug(answer)) == (403, "insufficient-scope")
    if call[3]:
        answer = await send(client, call, ids, api_key("reader"))
        assert (answer.status_code, slug(answer)) == (403, "insufficient-scope")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_a_viewer_can_read_and_cannot_write(
    client: httpx.AsyncClient, ids: dict[str, object], call: Call
) -> None:
    for token in ("viewer", "both"):
        answer = await send(client, call, ids, bearer(token))
        if call[3]:
            assert (answer.status_code, slug(answer)) == (403, "insufficient-role")
        else:
            assert answer.status_code == 200


@pytest.mark.parametrize("call", OF_ONE.values(), ids=OF_ONE.keys())
async def test_what_is_of_another_tenant_looks_absent(
    client: httpx.AsyncClient, ids: dict[str, object], call: Call
) -> None:
    theirs = await send(client, call, ids, bearer("stranger"))
    absent = await send(client, call, {"id": 2**62, "run": 1, "schema": 2**62}, bearer("stranger"))
    same = ("type", "title", "status", "detail", "errors")
    assert theirs.status_code == absent.status_code == 404
    assert [theirs.json()[name] for name in same] == [absent.json()[name] for name in same]


async def test_a_caller_cannot_create_or_compute_in_another_tenant(client: httpx.AsyncClient) -> None:
    for tenant in (2, 999_999):
        body = {"name": "Theirs", "tenant": tenant, "segment_type": "rule"}
        for path, content in (("", body), ("compute/", {"tenant": tenant})):
            answer = await client.post(f"/api/segments/{path}", json=content, headers=OWNER)
            assert (answer.status_code, slug(answer)) == (403, "tenant-mismatch")


async def test_a_run_of_another_segment_is_absent(client: httpx.AsyncClient, ids: dict[str, object]) -> None:
    other = await create(client)
    answer = await client.get(f"/api/segments/{other['id']}/runs/{ids['run']}/", headers=OWNER)
    assert (answer.status_code, slug(answer)) == (404, "not-found")


@pytest.mark.parametrize(
    ("segment_id", "status"),
    [("0", 404), ("-1", 404), (str(2**63 - 1), 404), (str(2**63), 422), ("1e3", 422), ("42;drop", 422), ("x", 422)],
)
async def test_ids_that_no_segment_has(client: httpx.AsyncClient, segment_id: str, status: int) -> None:
    assert (await client.get(f"/api/segments/{segment_id}/", headers=OWNER)).status_code == status
    assert (await client.post(f"/api/segments/{segment_id}/compute/", headers=OWNER)).status_code == status
