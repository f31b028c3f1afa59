"""Segments of segments over HTTP on real PostgreSQL."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.segments.requests import BOTH, OWNER, PRICING, STARTER, Json, bearer, create, faults, slug
from tests.integration.segments.test_compute import compute, relay_everything

PATH = "definition.conditions[0].segment_id"


def to(*segment_ids: int, **fields: object) -> Json:
    """A definition that refers to segments."""
    return {
        "logic": "AND",
        "conditions": [{"type": "segment", "segment_id": segment_id, **fields} for segment_id in segment_ids],
    }


async def change(client: httpx.AsyncClient, segment_id: int, definition: Json) -> httpx.Response:
    return await client.patch(f"/api/segments/{segment_id}/", json={"definition": definition}, headers=OWNER)


async def chain(client: httpx.AsyncClient, length: int) -> list[int]:
    """Create segments that each refer to the one before."""
    ids: list[int] = []
    for _ in range(length):
        ids.append((await create(client, definition=to(*ids[-1:])))["id"])
    return ids


async def test_references_are_shown_both_ways(client: httpx.AsyncClient) -> None:
    inner = await create(client, definition=PRICING)
    outer = await create(client, definition=to(inner["id"], inner["id"]))
    assert (outer["references"], outer["referenced_by"]) == ([inner["id"]], [])
    listed = (await client.get("/api/segments/?limit=1000", headers=OWNER)).json()["results"]
    for segments in (listed, [(await client.get(f"/api/segments/{inner['id']}/", headers=OWNER)).json()]):
        [shown] = [segment for segment in segments if segment["id"] == inner["id"]]
        assert (shown["references"], shown["referenced_by"]) == ([], [outer["id"]])
    renamed = await client.patch(f"/api/segments/{inner['id']}/", json={"description": "x"}, headers=OWNER)
    assert renamed.json()["referenced_by"] == [outer["id"]]


async def test_absent_and_foreign_segments_are_refused_alike(client: httpx.AsyncClient) -> None:
    foreign = (await create(client, tenant=2, token="stranger"))["id"]
    deleted = (await create(client))["id"]
    await client.delete(f"/api/segments/{deleted}/", headers=OWNER)
    own = await create(client, definition=PRICING)
    answers = []
    for absent in (foreign, deleted, 2**62):
        body = {"name": "Refers", "tenant": 1, "segment_type": "rule", "definition": to(absent)}
        creation = await client.post("/api/segments/", json=body, headers=OWNER)
        changed = await change(client, own["id"], to(absent))
        report = await client.post(
            "/api/segments/validate/", json={"definition": to(absent), "tenant": 1}, headers=bearer("viewer")
        )
        for answer in (creation, changed):
            assert (answer.status_code, slug(answer)) == (422, "validation-failed")
        answers += [creation.json()["errors"], changed.json()["errors"], report.json()["errors"]]
    assert all(errors == answers[0] for errors in answers)
    assert [(fault["path"], fault["code"]) for fault in answers[0]] == [(PATH, "segment-not-found")]
    read = (await client.get(f"/api/segments/{own['id']}/", headers=OWNER)).json()
    assert own.items() <= read.items()


@pytest.mark.parametrize("length", [1, 2, 5])
async def test_a_cycle_is_refused(client: httpx.AsyncClient, length: int) -> None:
    ids = await chain(client, length)
    answer = await change(client, ids[0], to(ids[-1]))
    assert (answer.status_code, slug(answer), faults(answer)) == (422, "segment-cycle", {(PATH, "segment-cycle")})
    cycle = ", ".join(map(str, [ids[0], *reversed(ids)]))
    assert f": {cycle}." in answer.json()["detail"]
    body = {"definition": to(ids[-1]), "tenant": 1, "segment_id": ids[0]}
    report = (await client.post("/api/segments/validate/", json=body, headers=OWNER)).json()
    assert (report["valid"], report["errors"]) == (False, answer.json()["errors"])
    assert (await change(client, ids[0], to())).status_code == 200


async def test_one_of_two_changes_that_make_a_cycle_is_refused(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        first, second = [(await create(client))["id"] for _ in range(2)]
        answers = await asyncio.gather(change(client, first, to(second)), change(client, second, to(first)))
        assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_restoring_must_not_make_a_cycle_or_refer_to_a_deleted_segment(client: httpx.AsyncClient) -> None:
    gone, other = [(await create(client))["id"] for _ in range(2)]
    segment = (await create(client, definition=to(gone)))["id"]
    await change(client, segment, to(other))
    await change(client, segment, PRICING)
    assert (await client.delete(f"/api/segments/{gone}/", headers=OWNER)).status_code == 204
    await change(client, other, to(segment))
    path = f"/api/segments/{segment}/restore/"
    unknown = await client.post(path, json={"version": 1}, headers=OWNER)
    cycle = await client.post(path, json={"version": 2}, headers=OWNER)
    assert (unknown.status_code, faults(unknown)) == (422, {(PATH, "segment-not-found")})
    assert (cycle.status_code, slug(cycle)) == (422, "segment-cycle")


async def test_a_segment_in_use_cannot_be_deleted(client: httpx.AsyncClient) -> None:
    hub = (await create(client))["id"]
    referrers = [(await create(client, definition=to(hub)))["id"] for _ in range(22)]
    path = f"/api/segments/{hub}/"
    kept = await client.delete(path, headers=OWNER)
    assert (kept.status_code, slug(kept)) == (409, "segment-in-use")
    assert f"segments {', '.join(map(str, referrers[:20]))} and others" in kept.json()["detail"]
    for referrer in referrers[1:]:
        assert (await client.delete(f"/api/segments/{referrer}/", headers=OWNER)).status_code == 204
    await change(client, referrers[0], PRICING)
    assert (await client.delete(path, headers=OWNER)).status_code == 204


async def test_references_that_lead_too_far_are_refused(client: httpx.AsyncClient) -> None:
    ids = await chain(client, 17)
    body = {"name": "Too deep", "tenant": 1, "segment_type": "rule", "definition": to(ids[0], ids[-1])}
    answer = await client.post("/api/segments/", json=body, headers=OWNER)
    assert (answer.status_code, slug(answer)) == (422, "validation-failed")
    assert faults(answer) == {("definition.conditions[1].segment_id", "definition-too-complex")}
    grown = await change(client, ids[0], to((await create(client))["id"]))
    assert (grown.status_code, faults(grown)) == (422, {("definition", "definition-too-complex")})
    assert f"Segment {ids[-1]}, which refers to this one" in grown.json()["errors"][0]["detail"]


async def test_validation_checks_references_only_with_a_tenant(client: httpx.AsyncClient) -> None:
    async def validate(**body: object) -> httpx.Response:
        return await client.post("/api/segments/validate/", json={"definition": to(2**62), **body}, headers=BOTH)

    report = {"valid": True, "errors": [], "warnings": [], "observed": False, "changed_segments": []}
    assert (await validate()).json() == report
    foreign = [await validate(tenant=tenant) for tenant in (3, 999_999)]
    assert {(answer.status_code, slug(answer), answer.json()["detail"]) for answer in foreign} == {
        (403, "tenant-mismatch", foreign[0].json()["detail"])
    }
    assert (await validate(tenant=1, segment_id=2**62)).status_code == 404
    alone = await validate(segment_id=5)
    assert (alone.status_code, faults(alone)) == (422, {("tenant", "missing")})


async def test_a_job_has_the_references_as_they_are_when_it_is_dispatched(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    inner = (await create(client, definition=PRICING))["id"]
    middle = (await create(client, definition=to(inner, negate=True)))["id"]
    outer = (await create(client, definition=to(middle)))["id"]
    await create(client, definition=to(outer))
    path = f"/api/segments/{outer}/"

    async def job(run_id: int) -> tuple[list[Json], list[tuple[int, Json]]]:
        [job] = [job for job in await relay_everything(engine) if job.run_id == run_id]
        parts = json.loads(job.model_dump_json())
        references = [(segment["id"], segment["definition"]) for segment in parts["references"]]
        return [segment["definition"] for segment in parts["segments"]], references

    first = await compute(client, path, as_of="2026-01-01T00:00:00Z")
    assert await job(first) == ([to(middle)], [(inner, PRICING), (middle, to(inner, negate=True))])
    await change(client, inner, STARTER)
    second = await compute(client, path, as_of="2026-01-01T00:00:00Z")
    assert (await job(second))[1][0] == (inner, STARTER)
