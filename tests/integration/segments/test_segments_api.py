"""Segments over HTTP on real PostgreSQL."""

import asyncio

import httpx
import pytest

from tests.integration.segments.requests import OWNER, PRICING, STARTER, Json, api_key, bearer, create, faults, slug


async def test_the_quickstart_creates_defines_and_computes_a_segment(client: httpx.AsyncClient) -> None:
    creation = await client.post(
        "/api/segments/",
        json={"name": "Pricing Page Visitors", "tenant": 1, "segment_type": "rule"},
        headers=OWNER,
    )
    assert creation.status_code == 201
    segment = creation.json()
    assert segment["name"] == "Pricing Page Visitors"
    assert isinstance(segment["id"], int)
    assert set(segment) == {
        "id",
        "name",
        "tenant",
        "segment_type",
        "definition",
        "description",
        "refresh",
        "version",
        "references",
        "referenced_by",
        "created_at",
        "updated_at",
    }
    assert creation.headers["location"] == f"/api/segments/{segment['id']}/"
    path = f"/api/segments/{segment['id']}"
    defined = await client.patch(f"{path}/", json={"definition": PRICING}, headers=OWNER)
    assert defined.status_code == 200
    assert defined.json()["definition"] == PRICING
    for ending in ("/", ""):
        queued = await client.post(f"{path}/compute{ending}", headers=OWNER)
        assert queued.status_code == 202
        assert set(queued.json()) == {"status", "run_id"}
        assert queued.json()["status"] == "queued"
        assert isinstance(queued.json()["run_id"], str)


async def test_a_segment_is_read_as_it_was_written(client: httpx.AsyncClient) -> None:
    segment = await create(client, definition=PRICING, description="who looked at the prices")
    read = await client.get(f"/api/segments/{segment['id']}/", headers=OWNER)
    shown = read.json()
    served = shown.pop("membership")
    assert shown == segment
    assert (served["run_id"], served["stale"], served["stale_reason"]) == (None, True, "never-computed")
    assert read.headers["etag"] == '"1"'


async def test_only_a_change_with_an_effect_makes_a_version(client: httpx.AsyncClient) -> None:
    path = f"/api/segments/{(await create(client))['id']}/"
    steps: list[tuple[Json, int]] = [
        ({}, 1),
        ({"definition": PRICING}, 2),
        ({"definition": PRICING}, 2),
        ({"description": "new"}, 3),
        ({"definition": STARTER, "description": "newer"}, 4),
    ]
    for body, version in steps:
        answer = await client.patch(path, json=body, headers=OWNER)
        assert (answer.json()["version"], answer.headers["etag"]) == (version, f'"{version}"')
    listed = (await client.get(f"{path}versions/", headers=OWNER)).json()
    assert [(version["version"], version["definition"], version["created_by"]) for version in listed["items"]] == [
        (4, STARTER, "user:1"),
        (2, PRICING, "user:1"),
        (1, {"logic": "OR", "conditions": []}, "user:1"),
    ]


async def test_an_old_version_is_restored_as_a_new_one(client: httpx.AsyncClient) -> None:
    path = f"/api/segments/{(await create(client, definition=PRICING))['id']}/"
    await client.patch(path, json={"definition": STARTER}, headers=OWNER)
    restored = await client.post(f"{path}restore/", json={"version": 1}, headers=OWNER)
    assert (restored.status_code, restored.json()["version"], restored.json()["definition"]) == (200, 3, PRICING)
    unknown = await client.post(f"{path}restore/", json={"version": 9}, headers=OWNER)
    assert (unknown.status_code, slug(unknown)) == (404, "not-found")


async def test_only_one_of_two_changes_to_one_version_succeeds(client: httpx.AsyncClient) -> None:
    path = f"/api/segments/{(await create(client))['id']}/"
    headers = {**OWNER, "If-Match": '"1"'}
    answers = await asyncio.gather(
        *(client.patch(path, json={"description": text}, headers=headers) for text in ("one", "other"))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    for stale in ('"1"', 'W/"2"', "2", '"x"'):
        answer = await client.delete(path, headers={**OWNER, "If-Match": stale})
        assert (answer.status_code, slug(answer)) == (412, "precondition-failed")
    assert (await client.patch(path, json={"name": "Any version"}, headers={**OWNER, "If-Match": "*"})).is_success


async def test_a_name_is_unique_in_its_tenant(client: httpx.AsyncClient) -> None:
    first, second = await create(client, name="Loyal"), await create(client)
    body = {"name": "Loyal", "tenant": 1, "segment_type": "rule"}
    again = await client.post("/api/segments/", json=body, headers=OWNER)
    assert (again.status_code, slug(again), faults(again)) == (409, "name-taken", {("name", "name-taken")})
    renamed = await client.patch(f"/api/segments/{second['id']}/", json={"name": "Loyal"}, headers=OWNER)
    assert (renamed.status_code, slug(renamed)) == (409, "name-taken")
    await create(client, name="Loyal", tenant=2, token="stranger")
    assert (await client.delete(f"/api/segments/{first['id']}/", headers=OWNER)).status_code == 204
    await create(client, name="Loyal")


async def test_a_deleted_segment_is_absent_everywhere(client: httpx.AsyncClient) -> None:
    path = f"/api/segments/{(await create(client, definition=PRICING))['id']}/"
    await client.post(f"{path}compute/", headers=OWNER)
    assert (await client.delete(path, headers=OWNER)).content == b""
    answers = [
        await client.get(path, headers=OWNER),
        await client.get(f"{path}runs/", headers=OWNER),
        await client.get(f"{path}versions/", headers=OWNER),
        await client.post(f"{path}compute/", headers=OWNER),
        await client.patch(path, json={}, headers=OWNER),
        await client.delete(path, headers=OWNER),
    ]
    assert {(answer.status_code, slug(answer)) for answer in answers} == {(404, "not-found")}


async def test_the_list_is_paged_and_filtered_by_tenant(client: httpx.AsyncClient) -> None:
    foreign_ids = [(await create(client, tenant=2, token="stranger"))["id"] for _ in range(3)]
    mine: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "2", "tenant": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/segments/", params=query, headers=bearer("both"))).json()
        assert len(page["items"]) <= 2
        assert {segment["tenant"] for segment in page["items"]} == {2}
        mine += [segment["id"] for segment in page["items"]]
        cursor = page["next_cursor"]
    assert mine == sorted(mine)
    assert set(foreign_ids) <= set(mine)
    everything = (await client.get("/api/segments/?limit=1000", headers=bearer("both"))).json()
    assert {segment["tenant"] for segment in everything["items"]} == {1, 2}


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("?limit=0", 422, "validation-failed"),
        ("?limit=1001", 422, "validation-failed"),
        ("?limit=x", 422, "validation-failed"),
        ("?cursor=nonsense", 400, "invalid-cursor"),
        ("?cursor=WyJhIl0", 400, "invalid-cursor"),
        ("?tenant=2", 403, "tenant-mismatch"),
        ("?tenant=999999", 403, "tenant-mismatch"),
        ("?tenant=0", 422, "validation-failed"),
    ],
)
async def test_an_invalid_query_is_refused(client: httpx.AsyncClient, query: str, status: int, kind: str) -> None:
    answer = await client.get(f"/api/segments/{query}", headers=OWNER)
    assert (answer.status_code, slug(answer)) == (status, kind)


BAD_BODIES: dict[str, tuple[Json, str]] = {
    "no name": ({"name": ""}, "name"),
    "blank name": ({"name": "  "}, "name"),
    "long name": ({"name": "a" * 300}, "name"),
    "null name": ({"name": None}, "name"),
    "tenant text": ({"tenant": "1"}, "tenant"),
    "tenant boolean": ({"tenant": True}, "tenant"),
    "unknown type": ({"segment_type": "magic"}, "segment_type"),
    "unknown refresh": ({"refresh": "daily"}, "refresh"),
    "null definition": ({"definition": None}, "definition"),
    "definition no group": ({"definition": []}, "definition"),
    "unknown field": ({"is_admin": True}, "is_admin"),
    "prototype": ({"__proto__": {}}, "__proto__"),
    "bad value": (
        {"definition": {"logic": "AND", "conditions": [{**PRICING["conditions"][0], "value": "5"}]}},
        "definition.conditions[0].value",
    ),
    "bad regex": (
        {
            "definition": {
                "logic": "AND",
                "conditions": [
                    PRICING["conditions"][0],
                    {"type": "user_property", "property": "a", "operator": "matches", "value": "(?=a)"},
                ],
            }
        },
        "definition.conditions[1].value",
    ),
    "too many": ({"definition": {"logic": "OR", "conditions": PRICING["conditions"] * 201}}, "definition"),
}


@pytest.mark.parametrize(("fields", "path"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_an_invalid_body_is_refused_with_its_path(client: httpx.AsyncClient, fields: Json, path: str) -> None:
    body = {"name": "Refused", "tenant": 1, "segment_type": "rule", **fields}
    answer = await client.post("/api/segments/", json=body, headers=OWNER)
    assert (answer.status_code, slug(answer)) == (422, "validation-failed")
    assert path in {fault_path for fault_path, _ in faults(answer)}


@pytest.mark.parametrize("body", [{"name": None}, {"definition": None}, {"tenant": 2}, {"segment_type": "rule"}, []])
async def test_an_invalid_change_is_refused(client: httpx.AsyncClient, body: object) -> None:
    path = f"/api/segments/{(await create(client))['id']}/"
    answer = await client.patch(path, json=body, headers=OWNER)
    assert (answer.status_code, slug(answer)) == (422, "validation-failed")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"refresh": "live"}, "refresh"),
    ],
)
async def test_a_feature_that_is_not_available_yet_is_refused_as_such(
    client: httpx.AsyncClient, fields: Json, path: str
) -> None:
    body = {"name": "Later", "tenant": 1, "segment_type": "rule", **fields}
    answer = await client.post("/api/segments/", json=body, headers=OWNER)
    assert (answer.status_code, slug(answer)) == (422, "not-available-yet")
    assert faults(answer) == {(path, "not-available-yet")}
    assert "not available yet" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (PRICING, []),
        (None, [("definition", "wrong-type")]),
        ({"logic": "AND", "conditions": [{"type": "median"}]}, [("definition.conditions[0].type", "not-allowed")]),
    ],
)
async def test_validation_returns_every_error(
    client: httpx.AsyncClient, definition: object, expected: list[tuple[str, str]]
) -> None:
    answer = await client.post("/api/segments/validate/", json={"definition": definition}, headers=bearer("viewer"))
    assert answer.status_code == 200
    verdict = answer.json()
    assert [(fault["path"], fault["code"]) for fault in verdict["errors"]] == expected
    assert verdict["valid"] is (not expected)


async def test_texts_that_look_like_code_are_stored_unchanged(client: httpx.AsyncClient) -> None:
    hostile = "'); DROP TABLE segments-- ${x} {x:String} ` \\ %s \u2028 😀"
    segment = await create(
        client,
        name=hostile,
        definition={
            "logic": "AND",
            "conditions": [{"type": "user_property", "property": hostile, "operator": "eq", "value": 1e300}],
        },
    )
    read = (await client.get(f"/api/segments/{segment['id']}/", headers=OWNER)).json()
    assert (read["name"], read["definition"]["conditions"][0]["property"]) == (hostile, hostile)
    assert read["definition"]["conditions"][0]["value"] == 1e300


async def test_a_creation_that_is_repeated_with_its_key_happens_once(client: httpx.AsyncClient) -> None:
    headers = {**OWNER, "Idempotency-Key": "create-once"}
    body = {"name": "Made once", "tenant": 1, "segment_type": "rule"}
    first = await client.post("/api/segments/", json=body, headers=headers)
    second = await client.post("/api/segments/", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    other = await client.post("/api/segments/", json={**body, "name": "Other"}, headers=headers)
    assert (other.status_code, slug(other)) == (422, "idempotency-key-reused")


async def test_a_key_with_both_segment_scopes_can_use_all_routes(client: httpx.AsyncClient) -> None:
    body = {"name": "By a program", "tenant": 1, "segment_type": "rule", "definition": PRICING}
    creation = await client.post("/api/segments/", json=body, headers=api_key("writer"))
    assert creation.status_code == 201
    path = f"/api/segments/{creation.json()['id']}/"
    assert (await client.get(path, headers=api_key("reader"))).status_code == 200
    versions = (await client.get(f"{path}versions/", headers=api_key("reader"))).json()
    assert versions["items"][0]["created_by"].startswith("key:")
