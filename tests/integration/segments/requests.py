"""Requests to the segments API, and reading its problems."""

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
    """Return the header of a user."""
    return {"Authorization": f"Bearer {token}"}


def api_key(key: str) -> dict[str, str]:
    """Return the header of an API key."""
    return {"Authorization": f"ApiKey {key}"}


OWNER = bearer("owner")
BOTH = bearer("both")
"""A member of tenants 1 and 2."""


async def create(client: httpx.AsyncClient, *, tenant: int = 1, token: str = "owner", **fields: object) -> Json:
    """Create a segment with a unique name."""
    body = {"name": f"Segment {next(_numbers)}", "tenant": tenant, "segment_type": "rule", **fields}
    answer = await client.post("/api/segments/", json=body, headers=bearer(token))
    assert answer.status_code == 201, answer.text
    segment: Json = answer.json()
    return segment


def slug(answer: httpx.Response) -> str:
    """Return the last part of a problem's type."""
    assert answer.headers["content-type"] == "application/problem+json"
    kind: str = answer.json()["type"]
    return kind.rsplit("/", 1)[-1]


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    """Return (path, code) of each error of a problem."""
    return {(fault["path"], fault["code"]) for fault in answer.json()["errors"]}
