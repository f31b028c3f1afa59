"""The connector `file`: one export for each complete run, on memory adapters."""

from __future__ import annotations

from typing import Any

from segops_common.contracts.jobs import IngestLag
from segops_membership.domain.members.exports import KEPT_FOR
from tests.unit.membership.activating import BODY, PATH, World
from tests.unit.membership.api import SEGMENT, slug

CSV: dict[str, Any] = {"connector_type": "file", "config": {"format": "csv"}}


async def written(world: World) -> None:
    """Let the activation request files, exports write them, and the activation see them."""
    for _ in range(4):
        await world.later(3)
        while await world.api.membership.run_exports.run_next():
            pass
    await world.later(3)


async def contents(world: World, path: str) -> list[bytes]:
    """Return the files that the log names, oldest first."""
    logs = await world.logs(path)
    return [(await world.api.get(item["response"])).content for item in reversed(logs)]


async def test_each_complete_run_writes_a_file(world: World) -> None:
    path = await world.started(**CSV)
    await world.run("cyd")
    await world.run("late", lag=IngestLag(positions=1, seconds=1.0))
    await world.run("dan")
    await written(world)
    first, second = await contents(world, path)
    assert (first.count(b"\n"), second.count(b"\n")) == (4, 6)
    assert b"cyd" in first
    assert b"dan" not in first
    shown = await world.show(path)
    assert (shown["config"], shown["last_error"]) == ({"format": "csv"}, None)
    assert shown["last_synced_at"] is not None
    assert [(item["event"], item["status"], item["changes"]) for item in await world.logs(path)] == [
        ("file", "succeeded", 5),
        ("file", "succeeded", 3),
    ]
    listed = (await world.api.get(f"/api/segments/{SEGMENT}/export/")).json()["results"]
    assert len(listed) == 2, "they are exports"


async def test_a_replay_writes_a_file_again_once_it_has_expired(world: World) -> None:
    path = await world.started(**CSV)
    await world.run("cyd")
    await written(world)
    (before,) = [item["delivery_id"] for item in await world.logs(path)]
    for expires, same in ((False, True), (True, False)):
        if expires:
            world.api.membership.clock.advance(KEPT_FOR.total_seconds() + 1)
        await world.api.post(f"{path}replay/", {"from_run": 2}, "ApiKey writes")
        await written(world)
        newest = (await world.logs(path))[0]
        assert (newest["delivery_id"] == before) is same
        assert (await world.api.get(newest["response"])).status_code == 200


async def test_a_format_can_be_changed_and_nothing_else(world: World) -> None:
    path = await world.create(**CSV)
    assert (await world.patch(path, config={"format": "parquet"}))["config"] == {"format": "parquet"}
    headers = {"Authorization": "ApiKey writes"}
    for change, fault in (
        ({"config": {"url": "https://hooks.example.com/"}}, "config.url"),
        ({"config": {"format": "ndjson"}}, "config.format"),
        ({"consent": "consent.mail"}, "consent"),
    ):
        answer = await world.api.http.patch(path, json=change, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, fault)
    assert slug(await world.api.post(f"{path}test/", None, "ApiKey writes")) == (409, "no-receiver")
    assert (await world.api.post(PATH, BODY | CSV | {"config": {}}, "ApiKey writes")).status_code == 422
