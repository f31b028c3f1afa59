"""A workspace that has been in use for some weeks: what the screens show in tests and pictures."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, Final

import httpx

from segops_common.core.clock import SystemClock
from tests.console.shop import History
from tests.e2e.people import PASSWORD, Person, send, sign_up

Json = dict[str, Any]

BATCH: Final = 500
NAME: Final = "Lumen Coffee"


def group(*conditions: Json, logic: str = "AND") -> Json:
    return {"logic": logic, "conditions": list(conditions)}


def did(event_type: str, operator: str, value: float, **more: Any) -> Json:
    return {"type": "event_count", "event_type": event_type, "operator": operator, "value": value, **more}


def trait(name: str, operator: str, value: Any) -> Json:
    return {"type": "user_property", "property": name, "operator": operator, "value": value}


_ON_PRICING: Final = [{"property": "path", "operator": "eq", "value": "/pricing"}]
_ORDERS: Final = {"type": "event_aggregate", "event_type": "order_placed", "property": "total", "function": "sum"}
_LAST_VISIT: Final = {"type": "event_time", "event_type": "page_viewed", "occurrence": "last"}
SEGMENTS: Final[dict[str, tuple[str, Json]]] = {
    "Pricing visitors without an order": (
        "For the reminder on Tuesdays",
        group(
            did("page_viewed", "gte", 1, where=_ON_PRICING, window={"last": "30d"}),
            did("order_placed", "eq", 0, window={"last": "30d"}),
        ),
    ),
    "Weekly regulars": (
        "Came in at least three of the last four weeks",
        group({"type": "event_regularity", "event_type": "page_viewed", "period": "7d", "of": 4, "at_least": 3}),
    ),
    "Left a cart": (
        "Added to the cart, but placed no order within two days",
        group(
            did("added_to_cart", "gte", 1, window={"last": "7d"}),
            {
                "type": "event_sequence",
                "steps": [{"event_type": "added_to_cart"}, {"event_type": "order_placed"}],
                "within": "2d",
                "window": {"last": "7d"},
                "negate": True,
            },
        ),
    ),
    "High value": (
        "Orders of at least 100 EUR in 60 days",
        group(_ORDERS | {"operator": "gte", "value": 100, "window": {"last": "60d"}}),
    ),
    "Quiet for two weeks": (
        "Win back before they forget us",
        group(_LAST_VISIT | {"operator": "not_within_last", "value": "14d"}),
    ),
    "Plus and business customers in the euro area": (
        "",
        group(trait("plan", "in", ["plus", "business"]), trait("country", "in", ["DE", "FR", "NL", "AT"])),
    ),
    "Newsletter readers": (
        "",
        group(trait("newsletter", "eq", True), did("newsletter_opened", "gte", 2, window={"last": "30d"})),
    ),
    "New this week": (
        "",
        group(
            {"type": "event_time", "event_type": "*", "occurrence": "first", "operator": "within_last", "value": "7d"}
        ),
    ),
}
TAGS: Final = {
    "Pricing visitors without an order": ["mail", "weekly"],
    "High value": ["vip"],
    "Plus and business customers in the euro area": ["crm", "north-west europe", "b2b", "q4"],
}
HOURLY: Final = ("Left a cart", "Quiet for two weeks")
MAIN: Final = "Pricing visitors without an order"


@dataclass(frozen=True, slots=True)
class Workspace:
    """What was made: its owner, and what addresses of screens name."""

    owner: Person
    segment: int
    list: int
    user: str
    invite: str
    """The token of an invite that is not accepted yet."""
    activation: int

    @property
    def ids(self) -> dict[str, object]:
        """What addresses of screens name."""
        return {"segment": self.segment, "list": self.list, "user": self.user, "activation": self.activation}


async def open_workspace(client: httpx.AsyncClient, *, runs: int) -> Workspace:
    """Make a workspace with events, segments, keys, people and refusals, and compute its segments on `runs` days."""
    owner = await sign_up(client, "growth")
    await owner.ask("PATCH", f"/api/auth/tenants/{owner.tenant}/", 200, {"name": NAME})
    key = (await owner.new_key(name="shop backend"))["key"]
    await _send(client, key)
    segments = await _segments(owner)
    guests = await _list(client, owner)
    invite = await _settings(client, owner)
    await _refusals(client, key)
    now = SystemClock().now()
    for day in range(runs - 1, -1, -1):
        await _compute(owner, segments[MAIN], as_of=(now - timedelta(days=day)).isoformat() if day else None)
    # Not before: an hourly run of the present would be newer than the runs of earlier days.
    for name in HOURLY:
        await owner.ask("PATCH", f"/api/segments/{segments[name]}/", 200, {"refresh": "hourly"})
    user = await _somebody(owner, segments[MAIN])
    activation = await _activations(owner, segments)
    merge = {"tenant": owner.tenant, "from_user_id": f"{user}-before", "into_user_id": user}
    await owner.ask("POST", "/api/identity/merge/", 200, merge)
    return Workspace(owner, segments[MAIN], guests, user, invite, activation)


async def _send(client: httpx.AsyncClient, key: str) -> None:
    calls = History(SystemClock().now()).events()
    while batch := list(islice(calls, BATCH)):
        await send(client, key, "batch", {"batch": batch})


async def _segments(owner: Person) -> dict[str, int]:
    ids: dict[str, int] = {}
    for name, (description, definition) in SEGMENTS.items():
        ids[name] = await owner.new_segment(name, definition)
        about = {"description": description, "tags": TAGS.get(name, [])}
        await owner.ask("PATCH", f"/api/segments/{ids[name]}/", 200, about)
    win_back = group(
        {"type": "segment", "segment_id": ids["Quiet for two weeks"]},
        group({"type": "segment", "segment_id": ids["High value"]}, trait("plan", "eq", "business"), logic="OR"),
    )
    ids["Win back by mail"] = await owner.new_segment("Win back by mail", win_back)
    draft = group(did("review_written", "gte", 1))
    ids["Wrote a review"] = await owner.new_segment("Wrote a review")
    await owner.ask("PATCH", f"/api/segments/{ids['Wrote a review']}/", 200, {"definition": draft})
    wider = group(did("page_viewed", "gte", 1, where=_ON_PRICING, window={"last": "30d"}))
    for definition in (wider, SEGMENTS[MAIN][1]):
        await owner.ask("PATCH", f"/api/segments/{ids[MAIN]}/", 200, {"definition": definition})
    return ids


async def _list(client: httpx.AsyncClient, owner: Person) -> int:
    body = {"name": "Guests of the tasting", "tenant": owner.tenant, "segment_type": "static"}
    guests = int((await owner.ask("POST", "/api/segments/", 201, body))["id"])
    rows = "\n".join(["user_id", *(f"user-{1001 + 7 * number}" for number in range(48))])
    answer = await client.put(
        f"/api/segments/{guests}/members/", content=rows, headers=owner.bearer | {"Content-Type": "text/csv"}
    )
    assert answer.status_code == 202, answer.text
    await owner.run_succeeds(guests, answer.json()["run_id"])
    return guests


async def _settings(client: httpx.AsyncClient, owner: Person) -> str:
    """Make keys of several kinds, a colleague, and an invite that is not accepted yet; return its token."""
    origins = ["https://www.lumen.example", "https://*.lumen.example"]
    await owner.new_key(name="shop pages", kind="publishable", allowed_origins=origins)
    await owner.new_key(name="mail export", scopes=["segments:read", "membership:read"])
    mark = secrets.token_hex(3)
    colleague = f"analyst-{mark}@lumen.example"
    invites = f"/api/auth/tenants/{owner.tenant}/invites/"
    invite = await owner.ask("POST", invites, 201, {"email": colleague, "role": "member"})
    joined = await client.post(
        "/api/auth/invites/accept/", json={"token": invite["token"], "email": colleague, "password": PASSWORD}
    )
    assert joined.status_code == 200, joined.text
    pending = await owner.ask("POST", invites, 201, {"email": f"agency-{mark}@partner.example", "role": "viewer"})
    return str(pending["token"])


async def _activations(owner: Person, segments: dict[str, int]) -> int:
    """Make an activation of each connector; return the id of that with a template."""
    tool = {
        "url": "https://rest.lumen.example/users/track",
        "headers": {"Authorization": "Bearer {{secret}}"},
        "secret": secrets.token_hex(16),
        "template": {"attributes": {"{{#users}}": {"external_id": "{{user_id}}", "cart_reminder": "{{entered}}"}}},
        "batch_size": 75,
    }
    about = {"description": "Reminder mails", "consent": "newsletter", "max_change_share": 0.5}
    hook = {"url": "https://hooks.lumen.example/segops", "secret": secrets.token_hex(16)}
    made = [
        await owner.ask("POST", "/api/activations/", 201, {"tenant": owner.tenant, **body})
        for body in (
            {"segment": segments[MAIN], "connector_type": "http", "config": tool, **about},
            {"segment": segments["High value"], "connector_type": "webhook", "config": hook},
            {"segment": segments["Left a cart"], "connector_type": "file", "config": {"format": "parquet"}},
        )
    ]
    await owner.ask("PATCH", f"/api/activations/{made[1]['id']}/", 200, {"status": "active"})
    await owner.ask("POST", f"/api/activations/{made[0]['id']}/test/", 202)
    return int(made[0]["id"])


async def _refusals(client: httpx.AsyncClient, key: str) -> None:
    """Requests that were refused for several reasons, and a repeated id with other content."""
    headers = {"Authorization": f"ApiKey {key}"}
    event = {"user_id": "user-1001", "event_type": "page_viewed"}
    for body in (
        {"events": [{"user_id": "user-1001"}, event]},
        {"events": [event, event | {"timestamp": "2019-05-01T10:00:00Z"}]},
        {"events": [event, event | {"payload": "/pricing"}]},
    ):
        answer = await client.post("/api/ingestion/track/batch/", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
    await client.post("/api/ingestion/track/", json=event, headers={"Authorization": f"Bearer {key}"})
    await client.post("/api/ingestion/track/", json=event, headers=headers | {"Origin": "https://www.lumen.example"})
    for total in (41.9, 14.9):
        order = {
            "user_id": "user-1003",
            "event_type": "order_placed",
            "message_id": "order-7731",
            "payload": {"total": total},
        }
        await send(client, key, "track", order)


async def _compute(owner: Person, follow: int, as_of: str | None) -> None:
    body = {"tenant": owner.tenant} | ({} if as_of is None else {"as_of": as_of})
    accepted = await owner.ask("POST", "/api/segments/compute/", 202, body)
    await asyncio.gather(
        *(owner.run_succeeds(run["segment_ids"][0], run["run_id"]) for run in accepted["runs"] if run["segment_ids"])
    )
    assert any(follow in run["segment_ids"] for run in accepted["runs"])


async def _somebody(owner: Person, segment: int) -> str:
    """Return a member of the segment with many events."""
    members = (await owner.ask("GET", f"/api/segments/{segment}/members/?limit=50", 200))["results"]
    profiles = [await owner.ask("GET", f"/api/explorer/users/{row['user_id']}/", 200) for row in members[:25]]
    return str(max(profiles, key=lambda profile: profile["event_count"])["user_id"])
