"""`make demo`: a tenant with a generated history, seeded through the public HTTP API of a running stack."""

from __future__ import annotations

import asyncio
import json as jsonlib
import random
import secrets
import shlex
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from segops_common.core.clock import SystemClock
from segops_local.errors import LocalError

Json = dict[str, Any]

USERS = 6_000
BATCH_EVENTS = 500
CONCURRENT_BATCHES = 4
HISTORY = timedelta(days=90)
RUN_TIMEOUT_S = 120
PLANS = ("free", "starter", "team", "enterprise")
COUNTRIES = ("DE", "FR", "GB", "US", "BR", "IN", "JP")
PAGES = ("/", "/pricing", "/docs", "/blog", "/signup", "/changelog")
PRODUCTS = (("notebook", 12.5), ("pen", 2.9), ("lamp", 39.0), ("desk", 249.0), ("chair", 149.0))


@dataclass(frozen=True, slots=True)
class Habit:
    """How a group of people behaves: its share of all, and its mean number of events of each type."""

    share: float
    plans: tuple[str, ...]
    means: dict[str, float]


HABITS = (
    Habit(0.55, ("free",), {"page_viewed": 12, "login": 3, "search": 3}),
    Habit(0.30, ("free", "starter"), {"page_viewed": 28, "login": 11, "search": 9, "added_to_cart": 3, "purchase": 1}),
    Habit(
        0.15,
        ("team", "enterprise"),
        {"page_viewed": 48, "login": 22, "search": 16, "added_to_cart": 8, "purchase": 4, "invited": 2},
    ),
)


def condition(event_type: str, operator: str, value: int, **more: Any) -> Json:
    """A count of events compared with a value."""
    return {"type": "event_count", "event_type": event_type, "operator": operator, "value": value, **more}


def trait(name: str, operator: str, value: Any) -> Json:
    """A trait compared with a value."""
    return {"type": "user_property", "property": name, "operator": operator, "value": value}


SEGMENTS: dict[str, Json] = {
    "Pricing visitors who have not bought in 30 days": {
        "logic": "AND",
        "conditions": [
            condition("page_viewed", "gte", 1, where=[{"property": "path", "operator": "eq", "value": "/pricing"}]),
            condition("purchase", "eq", 0, window={"last": "30d"}),
        ],
    },
    "Weekly regulars": {"logic": "AND", "conditions": [condition("login", "gte", 2, window={"last": "7d"})]},
    "Stopped logging in": {
        "logic": "AND",
        "conditions": [
            condition("login", "gte", 1, window={"from": "-60d", "to": "-30d"}),
            condition("login", "eq", 0, window={"last": "30d"}),
        ],
    },
    "Paying in Europe": {
        "logic": "AND",
        "conditions": [trait("plan", "in", ["team", "enterprise"]), trait("country", "in", ["DE", "FR", "GB"])],
    },
    "Bought furniture, or on a large plan": {
        "logic": "OR",
        "conditions": [
            condition("purchase", "gte", 1, where=[{"property": "price", "operator": "gte", "value": 100}]),
            trait("plan", "eq", "enterprise"),
        ],
    },
}


class History:
    """A realistic history: events of people with different habits, more of them lately, dated before `now`."""

    def __init__(self, *, seed: int, now: datetime) -> None:
        self._random = random.Random(seed)
        self._now = now

    def events(self) -> Iterator[Json]:
        """Batch items, one person after another; the same seed and instant give the same."""
        for number in range(USERS):
            habit = self._random.choices(HABITS, [habit.share for habit in HABITS])[0]
            yield from self._person(f"user-{number:05d}", habit)

    def _person(self, user_id: str, habit: Habit) -> Iterator[Json]:
        traits = {
            "email": f"{user_id}@example.com",
            "plan": self._random.choice(habit.plans),
            "country": self._random.choice(COUNTRIES),
            "seats": self._random.randint(1, 40),
        }
        yield {"type": "identify", "user_id": user_id, "traits": traits, "timestamp": self._instant(1.0)}
        liveliness = self._random.uniform(0.6, 3.0)
        for event_type, mean in habit.means.items():
            for _ in range(round(self._random.expovariate(1 / mean))):
                yield {
                    "type": "track",
                    "user_id": user_id,
                    "event_type": event_type,
                    "payload": self._payload(event_type),
                    "timestamp": self._instant(liveliness),
                }

    def _instant(self, liveliness: float) -> str:
        back = HISTORY * float(self._random.random() ** liveliness)
        return (self._now - back).isoformat(timespec="milliseconds")

    def _payload(self, event_type: str) -> Json:
        if event_type == "page_viewed":
            return {"path": self._random.choices(PAGES, (30, 8, 20, 15, 6, 5))[0], "ms": self._random.randint(40, 900)}
        if event_type in ("added_to_cart", "purchase"):
            product, price = self._random.choice(PRODUCTS)
            return {"product": product, "price": price, "quantity": self._random.randint(1, 4)}
        return {"source": self._random.choice(("web", "ios", "android"))}


async def seed(url: str) -> AsyncIterator[str]:
    """Seed a new tenant on the stack at `url`; yields lines that tell how far it is.

    Raises LocalError when the stack does not answer or refuses.
    """
    try:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            tenant = await _Tenant.sign_up(client)
            yield f"Tenant {tenant.slug} (id {tenant.id}), account {tenant.email}, password {tenant.password}"
            yield f"API key {tenant.key}"
            async for line in tenant.send(History(seed=1, now=SystemClock().now())):
                yield line
            for name, definition in SEGMENTS.items():
                yield await tenant.compute(name, definition)
            for line in tenant.next_steps(url):
                yield line
    except httpx.TransportError as error:
        raise LocalError(
            f"Nothing answers at {url} ({error}). Start it with `make run`, or name its port: `make demo PORT=8111`."
        ) from error


@dataclass(frozen=True, slots=True)
class _Tenant:
    client: httpx.AsyncClient
    id: int
    slug: str
    email: str
    password: str
    token: str
    key: str

    @classmethod
    async def sign_up(cls, client: httpx.AsyncClient) -> _Tenant:
        slug = f"demo-{secrets.token_hex(4)}"
        email, password = f"{slug}@example.com", secrets.token_urlsafe(16)
        account = await _call(
            client,
            "POST",
            "/api/auth/signup/",
            json={"email": email, "password": password, "tenant_name": "Demo", "tenant_slug": slug},
        )
        token = account["tokens"]["access_token"]
        tenant = account["tenant"]["id"]
        key = await _call(
            client, "POST", "/api/auth/api-keys/", f"Bearer {token}", json={"tenant": tenant, "name": "demo"}
        )
        return cls(client, tenant, slug, email, password, token, key["key"])

    async def send(self, history: History) -> AsyncIterator[str]:
        sent = 0
        pending: set[asyncio.Task[Json]] = set()
        async with asyncio.TaskGroup() as group:
            for batch in _batches(history.events(), BATCH_EVENTS):
                if len(pending) == CONCURRENT_BATCHES:
                    _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                pending.add(group.create_task(self._send_batch(batch)))
                sent += len(batch)
                if sent % (40 * BATCH_EVENTS) == 0:
                    yield f"{sent:,} events sent"
        yield f"{sent:,} events acknowledged"

    async def _send_batch(self, batch: list[Json]) -> Json:
        answer = await _call(self.client, "POST", "/api/ingestion/batch/", f"ApiKey {self.key}", json={"batch": batch})
        if answer["errors"]:
            raise LocalError(f"The ingest service refused part of a batch: {answer['errors'][0]}")
        return answer

    async def compute(self, name: str, definition: Json) -> str:
        bearer = f"Bearer {self.token}"
        body = {"name": name, "tenant": self.id, "segment_type": "rule", "definition": definition}
        segment = (await _call(self.client, "POST", "/api/segments/", bearer, json=body))["id"]
        queued = await _call(self.client, "POST", f"/api/segments/{segment}/compute/", bearer)
        path = f"/api/segments/{segment}/runs/{queued['run_id']}/"
        async with asyncio.timeout(RUN_TIMEOUT_S):
            run = await self._ended(path, bearer)
        if run["status"] != "succeeded":
            raise LocalError(f"Segment {name!r}: the run ended as {run['status']}: {run.get('problem')}")
        return f"Segment {segment}: {name}: {run['size']:,} members"

    def next_steps(self, url: str) -> Iterator[str]:
        """Yield commands to try, ready to copy."""
        login = shlex.quote(jsonlib.dumps({"email": self.email, "password": self.password}))
        yield "A user's segments, and a token with which to look at segments, runs and previews:"
        yield f'  curl "{url}/api/segments/membership/?user_id=user-00001" -H "Authorization: ApiKey {self.key}"'
        yield f'  curl {url}/api/auth/token/ -H "Content-Type: application/json" -d {login}'
        yield f'  curl "{url}/api/segments/?tenant={self.id}" -H "Authorization: Bearer <access_token>"'

    async def _ended(self, path: str, bearer: str) -> Json:
        while True:
            run = await _call(self.client, "GET", path, bearer)
            if run["status"] not in ("queued", "running"):
                return run
            await asyncio.sleep(0.2)


async def _call(
    client: httpx.AsyncClient, method: str, path: str, authorization: str | None = None, json: Json | None = None
) -> Json:
    headers = {"Authorization": authorization} if authorization else {}
    answer = await client.request(method, path, headers=headers, json=json)
    if answer.is_error:
        raise LocalError(f"{method} {path} was answered {answer.status_code}: {answer.text}")
    body: Json = answer.json()
    return body


def _batches(events: Iterator[Json], size: int) -> Iterator[list[Json]]:
    batch: list[Json] = []
    for event in events:
        batch.append(event)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
