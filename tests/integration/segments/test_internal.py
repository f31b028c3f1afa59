"""What segments tells the other services."""

from __future__ import annotations

import httpx

from segops_common.contracts.http import OPEN_RUNS_PATH, SEGMENT_PATH
from segops_common.security.permissions import Role
from segops_testkit.auth import FakeAuthenticator
from tests.corpus.builders import new_tenant

SERVICE = {"Authorization": "Service service"}


async def test_open_runs_are_counted_for_services_only(client: httpx.AsyncClient, callers: FakeAuthenticator) -> None:
    tenant = new_tenant()
    callers.add_user("computing", 77, {tenant: Role.OWNER})
    headers = {"Authorization": "Bearer computing"}
    created = await client.post("/api/segments/", json={"name": "a"}, headers=headers)
    run = await client.post(f"/api/segments/{created.json()['id']}/compute/", headers=headers)
    assert run.status_code == 202, run.text
    answers = [
        await client.post(OPEN_RUNS_PATH, json={"tenant_id": tenant_id}, headers=SERVICE)
        for tenant_id in (tenant, new_tenant())
    ]
    assert [answer.json() for answer in answers] == [{"queued": 1, "running": 0}, {"queued": 0, "running": 0}]
    for refused in ({}, headers, {"Authorization": "Service wrong"}):
        assert (await client.post(OPEN_RUNS_PATH, json={"tenant_id": tenant}, headers=refused)).status_code == 401
    assert (await client.post(OPEN_RUNS_PATH, json={}, headers=SERVICE)).status_code == 422


async def test_a_segment_is_told_to_services_only(client: httpx.AsyncClient, callers: FakeAuthenticator) -> None:
    tenant = new_tenant()
    callers.add_user("defining", 78, {tenant: Role.OWNER})
    headers = {"Authorization": "Bearer defining"}
    id = (await client.post("/api/segments/", json={"name": "a"}, headers=headers)).json()["id"]
    request = {"tenant_ids": [new_tenant(), tenant], "segment_id": id}
    segment = (await client.post(SEGMENT_PATH, json=request, headers=SERVICE)).json()
    assert (segment["tenant_id"], segment["segment_id"], segment["version"], segment["name"]) == (tenant, id, 1, "a")
    others = await client.post(SEGMENT_PATH, json={**request, "tenant_ids": [new_tenant()]}, headers=SERVICE)
    assert others.status_code == 404
    for refused in ({}, headers, {"Authorization": "Service wrong"}):
        assert (await client.post(SEGMENT_PATH, json=request, headers=refused)).status_code == 401
