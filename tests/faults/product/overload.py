"""Far more requests at once than the product serves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

import httpx

from tests.faults.product.load import complaint
from tests.faults.product.people import Workspace

_PREVIEW = {
    "logic": "AND",
    "conditions": [{"type": "event_count", "event_type": "login", "operator": "gte", "value": 2}],
}


async def overload(url: str, space: Workspace, *, lookups: int, previews: int) -> Counter[int]:
    """Ask for cold lookups and previews, all at the same time. Return the responses by status.

    Raises AssertionError for a refusal that is not a short problem document, or does not say when to retry.
    """
    limits = httpx.Limits(max_connections=lookups + previews)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        answers = await asyncio.gather(
            *(_look_up(client, space, f"nobody-{number}") for number in range(lookups)),
            *(_preview(client, space) for _ in range(previews)),
        )
    assert [reason for answer in answers if (reason := complaint(answer)) is not None] == []
    return Counter(answer.status_code for answer in answers)


def _look_up(client: httpx.AsyncClient, space: Workspace, user: str) -> Awaitable[httpx.Response]:
    headers = {"Authorization": f"ApiKey {space.key}"}
    return client.get("/api/segments/membership/", params={"user_id": user}, headers=headers)


def _preview(client: httpx.AsyncClient, space: Workspace) -> Awaitable[httpx.Response]:
    body = {"tenant": space.person.tenant, "definition": _PREVIEW}
    return client.post("/api/segments/preview/", json=body, headers=space.person.bearer)
