"""The documented product's published clients work unmodified: `segops` sends events, `segops-admin` manages and reads."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import segops
from segops_admin import SegOpsAdmin
from segops_admin._errors import SegOpsApiError

from tests.e2e.people import Person, patient_client, sign_up
from tests.shared.client import RunningStack

WEEK: Final = {"type": "event_count", "event_type": "order_placed", "operator": "gte", "value": 2, "window_days": 7}
STARTER: Final = {"type": "user_property", "property": "plan", "operator": "eq", "value": "starter"}
DEFINITION: Final = {"logic": "AND", "conditions": [WEEK, STARTER]}


@dataclass(frozen=True, slots=True)
class Stack:
    """A person's tenant with a computed segment, and the clients that hold its key."""

    url: str
    person: Person
    key: str
    admin: SegOpsAdmin
    segment: int
    sent: list[BaseException]


@pytest.fixture(scope="module")
async def stack(valkey_stack: RunningStack) -> AsyncIterator[Stack]:
    """Sign up, send events by the published client, and define and compute a segment by the admin client."""
    async with patient_client(valkey_stack.url) as http:
        person = await sign_up(http)
        key = (await person.new_key())["key"]
        admin = SegOpsAdmin(key, base_url=f"{valkey_stack.url}/api")
        errors: list[BaseException] = []
        await asyncio.to_thread(send, valkey_stack.url, key, errors)
        created = await call(admin.segments.create, {"name": "Buyers", "definition": DEFINITION})
        segment = int(created["id"])
        queued = await call(admin.segments.recompute, segment)
        assert queued["status"] == "queued"
        await person.run_succeeds(segment, queued["run_id"])
        yield Stack(valkey_stack.url, person, key, admin, segment, errors)


def send(url: str, key: str, errors: list[BaseException]) -> None:
    """Use every way of the client to send: objects, dicts, keywords, in batches and one by one."""
    with segops.SegOpsClient(url, key, on_error=errors.append) as client:
        client.track(segops.Event(user_id="ann/ä", event_type="order_placed", payload={"total": 42.5}))
        client.track({"user_id": "ann/ä", "event_type": "order_placed", "payload": {"total": 8}})
        client.track(user_id="bob", event_type="order_placed")
        client.identify(segops.Context(user_id="ann/ä", traits={"plan": "starter", "seats": 3}))
        client.identify(user_id="bob", traits={"plan": "starter"})
        client.flush()
    single = segops.SegOpsClient(url, key, batch=False, on_error=errors.append)
    single.track(user_id="bob", event_type="page_viewed", payload={"path": "/pricing"})
    single.identify({"user_id": "cid", "traits": {"plan": "free"}})
    single.close()


async def call(method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call a method of the admin client, which blocks."""
    return await asyncio.to_thread(method, *arguments, **named)


async def status_of(method: Callable[..., Any], *arguments: Any) -> int:
    """The status with which a call is refused, by a problem document."""
    with pytest.raises(SegOpsApiError) as error:
        await call(method, *arguments)
    assert isinstance(error.value.body, dict)
    assert error.value.body["status"] == error.value.status
    return int(error.value.status)


async def test_events_and_traits_arrive(stack: Stack) -> None:
    assert stack.sent == []
    assert (await call(stack.admin.segments.membership, "ann/ä"))["segment_ids"] == [stack.segment]
    assert (await call(stack.admin.segments.membership, "bob"))["segment_ids"] == []


async def test_a_page_exchanges_its_key_for_a_session(stack: Stack) -> None:
    key = (await stack.person.new_key(kind="publishable", allowed_origins=[]))["key"]
    errors: list[BaseException] = []
    user = segops.UserContext(user_id="dora", anonymous_id="visitor-1")

    def visit() -> None:
        client = segops.SegOpsClient(stack.url, key, get_user=lambda: user, on_error=errors.append)
        # The server replaces the id of another user by that of the session.
        client.track(user_id="somebody else", event_type="signed_in", payload={})
        client.flush()
        client.reset_session()
        client.track(user_id="dora", event_type="signed_in", payload={})
        client.shutdown()

    await asyncio.to_thread(visit)
    assert errors == []
    twice = {"type": "event_count", "event_type": "signed_in", "operator": "eq", "value": 2}
    segment = await stack.person.new_segment("Signed in twice", {"logic": "AND", "conditions": [twice]})
    assert (await stack.person.compute(segment))["size"] == 1
    assert (await call(stack.admin.segments.membership, "dora"))["segment_ids"] == [segment]


async def test_segments_are_listed_read_changed_and_deleted(stack: Stack) -> None:
    admin = stack.admin
    names = {f"{secrets.token_hex(3)}-{number}" for number in range(3)}
    ids = {(await call(admin.segments.create, {"name": name}))["id"] for name in sorted(names)}
    page = await call(admin.segments.list, {"page_size": 2})
    assert (len(page["results"]), page["count"] >= 4, bool(page["next"])) == (2, True, True)
    every = await call(lambda: list(admin.segments.iterate({"page_size": 2})))
    assert len(every) == len({segment["id"] for segment in every}) == page["count"]
    assert ids < {segment["id"] for segment in every}

    read = await call(admin.segments.get, stack.segment)
    assert (read["name"], read["segment_type"], read["is_active"]) == ("Buyers", "rule", True)
    assert (read["member_count"], read["status"]) == (1, "computed")
    assert read["last_computed_at"]
    one = min(ids)
    assert (await call(admin.segments.update, one, {"description": "changed"}))["description"] == "changed"
    assert await call(admin.segments.delete, one) is None
    assert await status_of(admin.segments.get, one) == 404
    for other in ids - {one}:
        await call(admin.segments.delete, other)


async def test_segments_are_previewed_and_have_versions(stack: Stack) -> None:
    preview = await call(stack.admin.segments.preview, DEFINITION)
    assert (preview["matched_users"], preview["sample_user_ids"]) == (1, ["ann/ä"])
    assert preview["sql"]
    estimate = await call(stack.admin.segments.estimate, stack.segment)
    assert estimate["matched_users"] == 1
    versions = await call(stack.admin.segments.versions, stack.segment)
    assert len(versions["results"]) == 1


async def test_members_are_listed_and_exported(stack: Stack) -> None:
    page = await call(stack.admin.segments.members, stack.segment, {"limit": 10})
    assert [member["user_id"] for member in page["results"]] == ["ann/ä"]
    assert page["results"][0]["computed_at"]
    assert page["next_cursor"] is None
    queued = await call(stack.admin.segments.export, stack.segment, format="csv")
    assert queued["status"] == "pending"
    path = f"/api/segments/{stack.segment}/export/?export_id={queued['export_id']}"
    async with asyncio.timeout(60):
        while (export := await stack.person.ask("GET", path, 200))["status"] != "complete":
            assert export["status"] in ("pending", "running")
            await asyncio.sleep(0.1)
    file = await stack.person.client.get(export["download_url"], headers=stack.person.bearer)
    assert file.text.splitlines()[1].startswith('"ann/ä",')


async def test_users_are_found_and_explained(stack: Stack) -> None:
    users = stack.admin.users
    page = await call(users.search, {"q": "an", "limit": 10})
    assert [user["user_id"] for user in page["results"]] == ["ann/ä"]
    user = await call(users.get, "ann/ä")
    assert user["properties"] == {"plan": "starter", "seats": 3}
    assert user["first_seen"] <= user["last_seen"]
    events = await call(users.events, "ann/ä", {"event_type": "order_placed", "limit": 10})
    assert [event["payload"]["total"] for event in events["results"]] == [8, 42.5]
    segments = await call(users.segments, "ann/ä")
    assert stack.segment in {segment["segment_id"] for segment in segments}
    lines = await call(users.explain, "bob", stack.segment)
    assert [(line["index"], line["type"], line["matches"]) for line in lines] == [
        (0, "event_count", False),
        (1, "user_property", True),
    ]
    assert await status_of(users.get, "nobody") == 404


async def test_an_event_is_published_to_the_sandbox(stack: Stack) -> None:
    event = {"user_id": "ann/ä", "event_type": "order_placed", "payload": {"total": 1}}
    assert await status_of(stack.admin.users.publish_sandbox, event) == 409  # there is no test tenant
    await stack.person.ask(
        "POST",
        "/api/auth/tenants/",
        201,
        {"name": "Test", "slug": secrets.token_hex(6), "is_test": True, "test_of": stack.person.tenant},
    )
    published = await call(stack.admin.users.publish_sandbox, event)
    assert published["queued"] is True


async def test_analytics_count_the_tenant(stack: Stack) -> None:
    analytics = stack.admin.analytics
    overview = await call(analytics.overview)
    assert overview["segment_count"] >= 1
    assert overview["total_members"] >= 1
    assert overview["events_30d"] >= 7
    trends = {segment["id"]: segment for segment in await call(analytics.segments)}
    assert trends[stack.segment]["trend"][-1]["count"] == 1
    assert isinstance(await call(analytics.overlap), list)
    assert await call(analytics.usage)
    assert isinstance(await call(analytics.activations), list)


async def test_schemas_are_managed_and_applied_to_payloads(stack: Stack, tmp_path: Path) -> None:
    schemas = stack.admin.schemas
    events = [{"user_id": "ann/ä", "event_type": "order_shipped", "payload": {"total": 42.5, "gift": True}}]
    (inferred,) = (await call(schemas.infer, events))["schemas"]
    created = await call(schemas.create, inferred["draft"])
    assert (created["event_type"], created["mode"], len(created["properties"])) == ("order_shipped", "refuse", 2)
    assert (await call(schemas.get, created["id"])) == created
    changed = await call(schemas.update, created["id"], {"mode": "warn"})
    assert (changed["mode"], changed["version"]) == ("warn", 2)
    assert [schema["id"] for schema in (await call(schemas.list))["results"]] == [created["id"]]
    assert len(await call(lambda: list(schemas.iterate({"page_size": 1})))) == 1
    validated = await call(schemas.validate, "order_shipped", {"total": "8", "gift": "maybe"})
    assert (validated["valid"], validated["payload"]["total"]) == (False, 8)
    assert [fault["path"] for fault in validated["errors"]] == ["payload.gift"]
    assert (await command(stack, "schemas", "list"))["count"] == 1
    payload = tmp_path / "payload.json"
    payload.write_text('{"total": "8", "gift": 1}')
    assert (await command(stack, "schemas", "validate", "order_shipped", str(payload)))["valid"]
    assert await call(schemas.delete, created["id"]) is None
    assert await status_of(schemas.get, created["id"]) == 404


async def test_a_schema_is_inferred_from_stored_events(stack: Stack) -> None:
    body = {"tenant": stack.person.tenant, "event_type": "order_placed"}
    (inferred,) = (await stack.person.ask("POST", "/api/schemas/infer/", 200, body))["schemas"]
    assert inferred["draft"]["properties"] == [{"name": "total", "type": "number", "required": False}]
    assert (inferred["events"], inferred["observed"][0]["present"]) == (3, 2)
    await stack.person.ask("POST", "/api/schemas/infer/", 404, body | {"event_type": "never_sent"})


@pytest.mark.parametrize(
    "method",
    [
        lambda admin: admin.products.list(),
        lambda admin: admin.products.facets(),
        lambda admin: admin.product_segments.list(),
        lambda admin: admin.queries.list(),
        lambda admin: admin.queries.dashboard(),
        lambda admin: admin.pages.list(),
    ],
    ids=["products", "facets", "product-segments", "queries", "dashboard", "pages"],
)
async def test_what_is_not_there_says_so(stack: Stack, method: Callable[[SegOpsAdmin], Any]) -> None:
    assert await status_of(method, stack.admin) == 404


async def command(stack: Stack, *arguments: str) -> Any:
    """Run the command line and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "segops-admin"),
        *arguments,
        env={"SEGOPS_API_KEY": stack.key, "SEGOPS_API_URL": f"{stack.url}/api"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


async def test_the_command_line_manages_segments(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "segment.json"
    file.write_text(json.dumps({"name": "By the command line", "definition": DEFINITION}))
    segment = (await command(stack, "segments", "create", str(file)))["id"]
    assert (await command(stack, "segments", "get", str(segment)))["name"] == "By the command line"
    listed = await command(stack, "segments", "list", "--page_size=1")
    assert len(listed["results"]) == 1
    assert (await command(stack, "segments", "recompute", str(segment)))["status"] == "queued"
    assert len((await command(stack, "segments", "members", str(stack.segment), "--limit=5"))["results"]) == 1
    assert (await command(stack, "segments", "export", str(stack.segment), "--format=parquet"))["status"] == "pending"
    assert stack.segment in (await command(stack, "segments", "membership", "ann/ä"))["segment_ids"]
    assert await command(stack, "segments", "delete", str(segment)) == {"ok": True}


async def test_the_command_line_reads_users_and_analytics(stack: Stack) -> None:
    assert (await command(stack, "users", "search", "--q=ann"))["results"][0]["user_id"] == "ann/ä"
    assert (await command(stack, "users", "get", "ann/ä"))["properties"]["plan"] == "starter"
    assert len((await command(stack, "users", "events", "ann/ä", "--limit=1"))["results"]) == 1
    assert (await command(stack, "analytics", "overview"))["segment_count"] >= 1
    assert await command(stack, "analytics", "usage")


async def test_ids_are_joined_and_users_merged(stack: Stack) -> None:
    key = (await stack.person.new_key(scopes=["events:write", "identity:merge"]))["key"]
    admin = SegOpsAdmin(key, base_url=f"{stack.url}/api")
    visitor, user, other = (f"{name}-{secrets.token_hex(3)}" for name in ("visitor", "user", "other"))
    assert (await call(admin.identity.alias, visitor, user))["status"] == "accepted"
    assert await status_of(admin.identity.alias, user, user) == 422
    merge = await call(admin.identity.merge, user, other)
    assert (merge["from_user_id"], merge["into_user_id"], merge["unmerged_at"]) == (user, other, None)
    assert await status_of(admin.identity.merge, other, user) == 409
    assert await status_of(stack.admin.identity.merge, user, other) == 403
    log = await stack.person.ask("GET", f"/api/auth/tenants/{stack.person.tenant}/audit-log/", 200)
    entry = next(entry for entry in log["results"] if entry["action"] == "identity.merged")
    assert user not in json.dumps(entry)
    refusal = await first_refusal(admin, visitor, other)
    assert (refusal.status, f"`{user}` claimed it first" in str(refusal.body)) == (409, True)


async def first_refusal(admin: SegOpsAdmin, visitor: str, other: str) -> SegOpsApiError:
    """Claim the id for another user until the first claim is stored, which refuses it."""
    while True:
        try:
            await call(admin.identity.alias, visitor, other)
        except SegOpsApiError as error:
            return error
        await asyncio.sleep(0.2)
