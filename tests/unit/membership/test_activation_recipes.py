"""The recipes of docs/activations.md: each is accepted, and sends what the tool documents."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from segops_membership.ports.activations.sender import Answer
from tests.unit.membership.activating import BODY, World

PAGE = (Path(__file__).parents[3] / "docs" / "activations.md").read_text()
ANSWERS = {
    "rest.iad-01.braze.com": Answer(201, 5, '{"message":"success","attributes_processed":3}'),
    "track.customer.io": Answer(200, 5, "{}"),
    "hooks.slack.com": Answer(200, 5, "ok"),
}


class Tool:
    """Keeps requests, and answers as the tool does."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    async def __call__(self, url: str, headers: Any, body: bytes) -> Answer:
        self.requests.append((url, dict(headers), json.loads(body)))
        return ANSWERS[url.split("/")[2]]


def recipe(name: str) -> dict[str, Any]:
    """Return the request body below a heading of the page."""
    section = PAGE.partition(f"\n### {name}\n")[2].partition("\n#")[0]
    match = re.search(r"```json\n(.*?)\n```", section, re.DOTALL)
    assert match is not None, name
    body: dict[str, Any] = json.loads(match[1])
    return body


async def sent(world: World, name: str) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    """Activate a recipe, let three users enter, and return its requests."""
    world.sender.receiver = tool = Tool()
    path = await world.started(**recipe(name))
    await world.run("cyd", "dan", "eve")
    await world.later(3)
    assert (await world.show(path))["last_error"] is None
    return tool.requests


async def test_braze_gets_attributes(world: World) -> None:
    ((url, headers, body),) = await sent(world, "Braze")
    assert url == "https://rest.iad-01.braze.com/users/track"
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer YOUR_REST_API_KEY", "application/json")
    name = f"segops_{BODY['segment']}"
    assert list(body) == ["attributes"]
    attributes = sorted(body["attributes"], key=lambda item: str(item["external_id"]))
    assert attributes == [
        {"external_id": user, "_update_existing_only": True, name: True} for user in ("cyd", "dan", "eve")
    ]
    assert recipe("Braze")["config"]["batch_size"] == 75


async def test_customer_io_gets_people(world: World) -> None:
    ((url, headers, body),) = await sent(world, "Customer.io")
    assert url == "https://track.customer.io/api/v2/batch"
    scheme, _, credentials = headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials)) == ("Basic", b"SITE_ID:API_KEY")
    assert sorted(item["identifiers"]["id"] for item in body["batch"]) == ["cyd", "dan", "eve"]
    for item in body["batch"]:
        assert {**item, "identifiers": {}} == {
            "type": "person",
            "action": "identify",
            "identifiers": {},
            "attributes": {"_update": True, f"segops_{BODY['segment']}": True},
        }


async def test_slack_gets_a_message(world: World) -> None:
    ((url, headers, body),) = await sent(world, "Slack")
    assert url == f"https://hooks.slack.com/services/{recipe('Slack')['config']['secret']}"
    assert (body, headers["Content-Type"]) == ({"text": "Segment 42 has 5 members."}, "application/json")
