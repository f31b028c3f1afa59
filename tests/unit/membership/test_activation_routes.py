"""The routes of activations, on memory adapters."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.membership.activating import BODY, PATH, World
from tests.unit.membership.api import SEGMENT, UNKNOWN


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"connector_type": "klaviyo"}, "connector_type"),
        ({"connector_type": "klaviyo", "config": {"list_id": 1}}, "connector_type"),
        ({"segment": UNKNOWN}, "segment"),
        ({"segment": 0}, "segment"),
        ({"config": {"url": "https://10.0.0.1/"}}, "config.url"),
        ({"config": {"url": "http://hooks.example.com/"}}, "config.url"),
        ({"config": {}}, "config.url"),
        ({"config": {"url": "https://hooks.example.com/", "events": []}}, "config.events"),
        ({"config": {"url": "https://hooks.example.com/", "events": ["all"]}}, "config.events[0]"),
        ({"config": {"url": "https://hooks.example.com/", "list_id": 1}}, "config.list_id"),
        ({"max_change_share": 0}, "max_change_share"),
        ({"what": 1}, "what"),
    ],
)
async def test_what_cannot_be_stored_is_refused(world: World, change: dict[str, Any], path: str) -> None:
    answer = await world.api.post(PATH, BODY | change, "ApiKey writes")
    assert answer.status_code == 422, answer.text
    assert path in [fault["path"] for fault in answer.json()["errors"]], answer.text
    if "connector_type" in change:
        (fault,) = answer.json()["errors"]
        assert "webhook" in fault["detail"]


async def test_callers_of_every_kind(world: World) -> None:
    path = await world.create()
    for credential, expected in (("ApiKey theirs", 404), ("ApiKey writer", 403), ("Bearer stranger", 403)):
        assert (await world.api.get(path, credential)).status_code == expected
    assert (await world.api.get(path, None)).status_code == 401
    assert (await world.api.get(path, "Bearer viewer")).status_code == 200
    for method, suffix in (("PATCH", ""), ("DELETE", ""), ("POST", "sync/"), ("POST", "test/"), ("POST", "approve/")):
        body = {"status": "active"} if method == "PATCH" else None
        for credential, expected in (("Bearer viewer", 403), ("ApiKey theirs writes", 404), ("ApiKey blind", 403)):
            answer = await world.api.http.request(
                method, path + suffix, json=body, headers={"Authorization": credential}
            )
            assert answer.status_code == expected, (method, suffix, credential, answer.text)
    assert (await world.api.http.delete(path, headers={"Authorization": "ApiKey writes"})).status_code == 204
    assert (await world.api.get(path)).status_code == 404


async def test_analytics_say_how_deliveries_go(world: World) -> None:
    path, silent = await world.started(), await world.create()
    world.receiver.status = 500
    await world.run("cyd")
    await world.later(3)
    world.receiver.status = 200
    await world.later(10)
    figures, none = (await world.api.get("/api/analytics/activations/")).json()
    assert (f"{PATH}{figures['id']}/", f"{PATH}{none['id']}/") == (path, silent)
    assert (figures["success_rate"], [log["status"] for log in figures["sync_logs"]]) == (
        round(2 / 3, 4),
        ["succeeded", "succeeded", "failed"],
    )
    assert (figures["segment_id"], figures["segment_name"], figures["member_count"]) == (SEGMENT, "Segment 42", 3)
    assert (none["success_rate"], none["sync_logs"], none["status"]) == (None, [], "inactive")
    assert (await world.api.get("/api/analytics/activations/", "ApiKey theirs")).json() == []


async def test_a_list_has_the_documented_envelope(world: World) -> None:
    paths = [await world.create() for _ in range(3)]
    page = (await world.api.get(PATH, page=1, page_size=2)).json()
    assert (page["count"], len(page["results"]), page["next"] is None) == (3, 2, False)
    rest = (await world.api.get(PATH, cursor=page["next_cursor"])).json()
    assert [f"{PATH}{item['id']}/" for item in (*page["results"], *rest["results"])] == paths
    assert (await world.api.get(PATH, segment=UNKNOWN)).json()["results"] == []
