"""Segments over HTTP on real PostgreSQL."""

import asyncio
from uuid import uuid4

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
        "owner",
        "tags",
        "version",
        "is_active",
        "status",
        "member_count",
        "last_computed_at",
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


async def test_tags_are_set_replaced_and_searched(client: httpx.AsyncClient) -> None:
    name = f"Größe {uuid4()}"
    about = f"Für Große {uuid4()}"
    segment = await create(client, name=name, tags=["b2b", "eu west"], description=about)
    path = f"/api/segments/{segment['id']}/"
    assert (segment["tags"], segment["owner"]) == (["b2b", "eu west"], "user:1")
    tag = f"t-{uuid4()}"[:40]
    for body, version in (
        ({"tags": [tag]}, 2),
        ({"tags": [tag]}, 2),
        ({"name": name}, 2),
        ({"tags": []}, 3),
        ({"tags": [tag]}, 4),
    ):
        answer = await client.patch(path, json=body, headers=OWNER)
        assert (answer.json()["version"], answer.json()["owner"]) == (version, "user:1")
    shown = (await client.get(path, headers=OWNER)).json()
    assert shown["tags"] == [tag]
    assert (await client.get(f"{path}versions/", headers=OWNER)).json()["count"] == 1

    async def listed(headers: dict[str, str] = OWNER, **params: str) -> list[int]:
        answer = await client.get("/api/segments/", params=params, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["count"] == len(answer.json()["results"])
        return [item["id"] for item in answer.json()["results"]]

    assert await listed(tag=tag) == await listed(q=name.upper()) == [segment["id"]]
    assert await listed(q=about.upper()) == [segment["id"]]
    assert segment["id"] in await listed(q=str(segment["id"]))
    assert await listed(tag=tag, owner="user:1", q="GRÖSSE") == [segment["id"]]
    assert await listed(tag=tag, owner="key:1") == await listed(tag=tag, q="other") == []
    assert await listed(bearer("stranger"), tag=tag) == []
    copy = await create(client, name=f"{name} copy", tags=[tag])
    page = (await client.get("/api/segments/", params={"tag": tag, "page_size": "1"}, headers=OWNER)).json()
    assert (page["count"], page["next"]) == (2, f"/api/segments/?tag={tag}&page_size=1&page=2")
    rest = (await client.get(page["next"], headers=OWNER)).json()
    assert [item["id"] for item in rest["results"]] == [copy["id"]]


@pytest.mark.parametrize(
    "tags", [[""], [" a"], ["a "], ["a\nb"], ["x" * 41], ["a", "a"], [f"t{n}" for n in range(21)], "a", [1], [None], {}]
)
async def test_tags_that_are_refused(client: httpx.AsyncClient, tags: Json) -> None:
    path = f"/api/segments/{(await create(client))['id']}/"
    for answer in (
        await client.patch(path, json={"tags": tags}, headers=OWNER),
        await client.post("/api/segments/", json={"name": str(uuid4()), "tags": tags}, headers=OWNER),
    ):
        assert answer.status_code == 422
        assert {path.partition("[")[0] for path, _ in faults(answer)} == {"tags"}


@pytest.mark.parametrize("params", [{"owner": "ada"}, {"tag": ""}, {"tag": "x" * 41}, {"q": "x" * 256}, {"tags": "a"}])
async def test_filters_that_are_refused(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    answer = await client.get("/api/segments/", params=params, headers=OWNER)
    assert answer.status_code == 422
    assert {path for path, _ in faults(answer)} == {f"query.{name}" for name in params}


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
    assert [(version["version"], version["definition"], version["created_by"]) for version in listed["results"]] == [
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
        assert len(page["results"]) <= 2
        assert {segment["tenant"] for segment in page["results"]} == {2}
        mine += [segment["id"] for segment in page["results"]]
        cursor = page["next_cursor"]
    assert mine == sorted(mine)
    assert set(foreign_ids) <= set(mine)
    everything = (await client.get("/api/segments/?limit=1000", headers=bearer("both"))).json()
    assert {segment["tenant"] for segment in everything["results"]} == {1, 2}


async def test_a_client_that_counts_pages_reads_all_segments_and_versions(client: httpx.AsyncClient) -> None:
    ids = {(await create(client, tenant=2, token="stranger"))["id"] for _ in range(3)}
    path = f"/api/segments/{min(ids)}/"
    for number in range(2):
        definition = {"logic": "AND", "conditions": [{**STARTER["conditions"][0], "value": f"{number}"}]}
        assert (await client.patch(path, json={"definition": definition}, headers=bearer("stranger"))).is_success
    for listed, name, at_least in (("/api/segments/", "id", ids), (f"{path}versions/", "version", {1, 2, 3})):
        results: list[int] = []
        page: Json = {"next": "first"}
        while page["next"]:
            number = 1 + len(results) // 2
            query = {"page": str(number), "page_size": "2"}
            page = (await client.get(listed, params=query, headers=bearer("stranger"))).json()
            results += [item[name] for item in page["results"]]
        assert len(results) == len(set(results)) == page["count"]
        assert at_least <= set(results)


async def test_a_segment_needs_no_tenant_and_no_type(client: httpx.AsyncClient) -> None:
    ids: list[int] = []
    for token, body in (("owner", {}), ("owner", {"segment_type": "ai"}), ("both", {"tenant_slug": "tenant-2"})):
        name = {"name": f"{token} {len(ids)} {uuid4().hex}"}
        made = await client.post("/api/segments/", json=name | body, headers=bearer(token))
        assert made.status_code == 201, made.text
        ids.append(made.json()["id"])
        assert made.json()["tenant"] == (1 if token == "owner" else 2)
        assert made.json()["segment_type"] == body.get("segment_type", "rule")
    refused = await client.post("/api/segments/", json={"name": "x", "segment_type": "lookalike"}, headers=OWNER)
    assert (refused.status_code, faults(refused)) == (422, {("segment_type", "not-available-yet")})
    refused = await client.post("/api/segments/", json={"name": "x"}, headers=bearer("both"))
    assert (refused.status_code, faults(refused)) == (422, {("tenant", "missing")})

    async def states() -> list[Json]:
        detail = (await client.get(f"/api/segments/{ids[1]}/", headers=OWNER)).json()
        listed = (await client.get("/api/segments/?limit=1000", headers=OWNER)).json()["results"]
        fields = ("is_active", "status", "member_count", "last_computed_at")
        of_list = next(segment for segment in listed if segment["id"] == ids[1])
        return [{name: segment[name] for name in fields} for segment in (detail, of_list)]

    draft = {"is_active": True, "status": "draft", "member_count": 0, "last_computed_at": None}
    assert await states() == [draft, draft]
    headers = {**OWNER, "Idempotency-Key": uuid4().hex}
    queued = await client.send(client.build_request("POST", f"/api/segments/{ids[1]}/compute/", headers=headers))
    assert "content-type" not in queued.request.headers
    assert queued.status_code == 202
    assert await states() == [draft | {"status": "computing"}] * 2


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
    assert versions["results"][0]["created_by"].startswith("key:")
