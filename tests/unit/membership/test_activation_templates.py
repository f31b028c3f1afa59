"""Requests of the connector `http`: templates, headers and secrets, on memory adapters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import JsonValue

from segops_common.security.permissions import Role
from segops_common.security.principal import UserPrincipal
from segops_membership.domain.activations.template import filled_in
from segops_membership.ports.activations.sender import Answer
from tests.unit.membership.activating import BODY, PATH, World
from tests.unit.membership.harness import TENANT, Crash

KEY = "key-0123456789"
OWNER = UserPrincipal(user_id=7, roles={TENANT: Role.OWNER})
HTTP: dict[str, Any] = {
    "url": "https://api.example.com/import/{{secret}}",
    "headers": {"Authorization": "Bearer {{secret}}", "Content-Type": "application/vnd.api+json"},
    "template": {
        "attributes": {"{{#users}}": {"external_id": "{{user_id}}", "in_{{segment_id}}": "{{entered}}"}},
        "text": "{{count}} users {{change}} {{segment_name}}",
        "size": "{{member_count}}",
        "why": "{{reason}}",
        "ids": "{{user_ids}}",
        "kept": [1, None, True, "{ }"],
    },
    "secret": KEY,
}


def http(**config: Any) -> dict[str, Any]:
    return {"connector_type": "http", "config": HTTP | config}


class Recorder:
    """Keeps requests, and answers each with the secret that it got."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Mapping[str, str], dict[str, Any]]] = []

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.requests.append((url, headers, json.loads(body)))
        return Answer(200, 5, f"thanks, {headers['Authorization']}")


@pytest.fixture
def recorder(world: World) -> Recorder:
    world.sender.receiver = recorder = Recorder()
    return recorder


async def test_a_request_is_the_template_filled_in(world: World, recorder: Recorder) -> None:
    path = await world.started(**http(batch_size=2))
    await world.run("cyd", "dan", "eve")
    await world.later(3)
    first, second = (body for _, _, body in recorder.requests)
    assert first["text"] == "2 users entered Segment 42"
    assert (first["size"], second["size"], first["kept"]) == (5, 5, [1, None, True, "{ }"])
    assert (first["why"], second["why"]) == ("run", "run")
    ids = [*first["ids"], *second["ids"]]
    assert sorted(ids) == ["cyd", "dan", "eve"]
    assert first["attributes"] == [{"external_id": user_id, "in_42": True} for user_id in first["ids"]]
    url, headers, _ = recorder.requests[0]
    assert url == f"https://api.example.com/import/{KEY}"
    assert (headers["Authorization"], headers["Content-Type"]) == (f"Bearer {KEY}", "application/vnd.api+json")
    assert "webhook-signature" not in headers
    shown, logs = await world.show(path), await world.logs(path)
    assert (shown["config"]["secret"], logs[0]["response"]) == ("***", "thanks, Bearer ***")
    assert KEY not in json.dumps([shown, logs])
    answer = await world.api.post(f"{path}test/", None, "ApiKey writes")
    assert answer.status_code == 202
    await world.later(3)
    assert (recorder.requests[-1][2]["text"], recorder.requests[-1][2]["why"]) == ("0 users test Segment 42", "test")


async def test_exits_of_erased_users_in_a_larger_batch_are_another_request(world: World, recorder: Recorder) -> None:
    """Else a receiver that ignores what it has processed would keep the second user."""
    path = await world.started(**http(batch_size=1))
    await world.run("cyd", "dan")
    await world.later(3)
    privacy, before = world.api.membership.privacy, len(recorder.requests)
    await privacy.erase_people.request(TENANT, OWNER, ["cyd", "dan"])
    assert await privacy.run_erasures.run_next()
    world.api.membership.faults.armed = "before_position"
    world.api.membership.clock.advance(3)
    with pytest.raises(Crash):
        await world.work()
    await world.patch(path, config={"batch_size": 2})
    await world.later(120)
    exits = [(headers["webhook-id"], len(body["ids"])) for _, headers, body in recorder.requests[before:]]
    assert ([count for _, count in exits], len(dict(exits))) == ([1, 2], 2)
    assert {body["why"] for _, _, body in recorder.requests[before:]} == {"erasure"}


async def test_what_is_shown_can_be_sent_back(world: World) -> None:
    path = await world.create(**http())
    shown = await world.show(path)
    again = await world.patch(path, config=shown["config"])
    assert again["config"] == shown["config"]
    assert (await world.patch(path, config={"batch_size": 75}))["config"] == shown["config"] | {"batch_size": 75}


async def test_a_stored_secret_does_not_go_to_another_host(world: World) -> None:
    """Who may change an activation need not know the secret, and must not learn it by a host of their own."""
    path = await world.create(**http())
    for url in ("https://x.example.net/", "https://api.example.com:8443/", "https://api.example.com.x.example.net/"):
        for secret in ({}, {"secret": "***"}):
            refused = await world.api.http.patch(
                path, json={"config": {"url": url, **secret}}, headers={"Authorization": "ApiKey writes"}
            )
            assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "config.secret")
    await world.patch(path, config={"url": "https://api.example.com/v2/{{secret}}"})
    moved = await world.patch(path, config={"url": "https://x.example.net/", "secret": "another-secret"})
    assert moved["config"]["url"] == "https://x.example.net/"


def test_values_keep_their_types_when_they_are_alone() -> None:
    values: dict[str, JsonValue] = {"count": 2, "entered": True, "segment_name": 'a "b" {{count}}'}
    template: JsonValue = {"{{count}}": ["{{ count }}", "{{entered}}!", "{{segment_name}}"], "n": {"{{#users}}": 1}}
    assert filled_in(template, values, ["a", "b"]) == {"2": [2, "true!", 'a "b" {{count}}'], "n": [1, 1]}


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"template": {"x": "{{name}}"}}, "config.template"),
        ({"template": {"{{name}}": 1}}, "config.template"),
        ({"template": {"x": "{{user_id}}"}}, "config.template"),
        ({"template": {"x": "{{count"}}, "config.template"),
        ({"template": {"x": {"{{#users}}": 1, "y": 2}}}, "config.template"),
        ({"template": {"x": {"{{#users}}": [{"{{#users}}": 1}]}}}, "config.template"),
        ({"template": {"x": "y" * 9_000}}, "config.template"),
        ({"template": []}, "config.template"),
        ({"headers": {"Host": "internal"}}, "config.headers"),
        ({"headers": {"Content-length": "1"}}, "config.headers"),
        ({"headers": {"webhook-id": "1"}}, "config.headers"),
        ({"headers": {"X-One": "a\r\nHost: b"}}, "config.headers"),
        ({"headers": {"X One": "a"}}, "config.headers"),
        ({"headers": {"X-One": "a", "x-one": "b"}}, "config.headers"),
        ({"headers": {"Authorization": "Bearer in the clear"}}, "config.headers"),
        ({"headers": {"X-Api-Key": "in the clear"}}, "config.headers"),
        ({"headers": {"X-One": "{{count}}"}}, "config.headers"),
        ({"headers": {"Content-Type": "text/plain"}}, "config.headers"),
        ({"url": "https://{{secret}}/"}, "config.url"),
        ({"url": "https://api.example.com/{{count}}"}, "config.url"),
        ({"url": "https://10.0.0.1/{{secret}}"}, "config.url"),
        ({"secret": None}, "config.secret"),
        ({"secret": "a\nb"}, "config.secret"),
        ({"method": "DELETE"}, "config.method"),
        ({"batch_size": 501}, "config.batch_size"),
        ({"batch_size": 0}, "config.batch_size"),
        ({"list_id": 1}, "config.list_id"),
    ],
)
async def test_what_cannot_be_sent_is_refused(world: World, config: dict[str, Any], path: str) -> None:
    for answer in (
        await world.api.post(PATH, BODY | http(**config), "ApiKey writes"),
        await world.api.http.patch(
            await world.create(**http()), json={"config": config}, headers={"Authorization": "ApiKey writes"}
        ),
    ):
        assert answer.status_code == 422, answer.text
        assert path in [fault["path"] for fault in answer.json()["errors"]], answer.text
        assert len(answer.content) < 2_000


async def test_settings_of_another_connector_are_refused(world: World) -> None:
    path = await world.create()
    headers = {"Authorization": "ApiKey writes"}
    answer = await world.api.http.patch(path, json={"config": {"method": "PUT"}}, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "config.method")
    answer = await world.api.post(PATH, BODY | {"connector_type": "klaviyo"}, "ApiKey writes")
    assert [fault["detail"] for fault in answer.json()["errors"]] == ["must be 'webhook', 'http' or 'file'"]
