"""Small words for talking to the segments API in tests."""

import itertools
from typing import Any

import httpx

Json = dict[str, Any]

PRICING: Json = {
    "logic": "AND",
    "conditions": [{"type": "event_count", "event_type": "page_viewed", "operator": "gte", "value": 1}],
}
STARTER: Json = {
    "logic": "AND",
    "conditions": [{"type": "user_property", "property": "plan", "operator": "eq", "value": "starter"}],
}
_numbers = itertools.count(1)


def bearer(token: str) -> dict[str, str]:
    """The header of a person."""
    return {"Authorization": f"Bearer {token}"}


def api_key(key: str) -> dict[str, str]:
    """The header of a program."""
    return {"Authorization": f"ApiKey {key}"}


OWNER = bearer("owner")


async def create(client: httpx.AsyncClient, *, tenant: int = 1, token: str = "owner", **fields: object) -> Json:
    """A new segment with a name of its own."""
    body = {"name": f"Segment {next(_numbers)}", "tenant": tenant, "segment_type": "rule", **fields}
    answer = await client.post("/api/segments/", json=body, headers=bearer(token))
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def slug(answer: httpx.Response) -> str:
    """The kind of a problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    kind: str = answer.json()["type"]
    return kind.rsplit("/", 1)[-1]


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    """(path, code) of each fault of a problem."""
    return {(fault["path"], fault["code"]) for fault in answer.json()["errors"]}
