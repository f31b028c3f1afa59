"""The explorer and analytics over HTTP: who may call, what is refused, what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest

from segops_common.core.clock import SystemClock
from segops_language.values.instants import from_ms, to_ms
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from tests.corpus.builders import NOW_MS, count, event, group, job
from tests.integration.membership.explorer_api import BOUGHT, ODD, SPENT, Api, explorer_api, named_segment, slug_of
from tests.integration.membership.harness import MembershipHarness

LISTS = ("users/", "events/", "event-types/", "properties/?event_type=buy", "users/ada/", "users/ada/events/")
ARRAYS = ("users/ada/segments/", "users/ada/segments/42/explain/")


@pytest.fixture
async def api(harness: MembershipHarness) -> AsyncIterator[Api]:
    async with explorer_api(harness) as api:
        yield api


async def test_users_are_found(api: Api) -> None:
    users = await api.json("users/")
    assert {key: users[key] for key in ("count", "next", "previous", "next_cursor")} == {
        "count": 2,
        "next": None,
        "previous": None,
        "next_cursor": None,
    }
    ada = {
        "user_id": "ada",
        "event_count": 3,
        "first_seen": "2026-03-01T11:59:51Z",
        "last_seen": "2026-03-01T11:59:56Z",
    }
    assert users["results"][1] == ada
    assert (await api.json("users/", q="DA"))["results"] == [ada]
    assert (await api.json("users/", trait="plan", value="pro"))["results"] == [ada]
    assert (await api.json("users/", trait="plan", value="free"))["results"] == []
    first = await api.json("users/", limit=1)
    second = await api.http.get(first["next"], headers={"Authorization": "ApiKey ours"})
    assert [page["results"][0]["user_id"] for page in (first, second.json())] == [ODD, "ada"]
    assert (await api.json("users/", page=2, page_size=1))["results"] == [ada]


async def test_a_user_is_shown_with_traits_and_events(api: Api) -> None:
    user = await api.json("users/ada/")
    assert (user["event_count"], user["event_type_count"]) == (3, 2)
    assert user["properties"] == {"name": "Ada", "plan": "pro"}
    assert user["traits"][1] == {
        "name": "plan",
        "value": "pro",
        "set_at": "2026-03-01T11:59:51Z",
        "message_id": "i1",
    }
    assert user["ids"] == {"user_id": "ada", "anonymous_ids": []}
    events = await api.json("users/ada/events/", limit=2)
    assert [item["message_id"] for item in events["results"]] == ["b2", "b1"]
    assert (events["count"], events["results"][1]["payload"]) == (None, {"total": 20.5, "site": "https://shop/x"})
    rest = await api.http.get(events["next"], headers={"Authorization": "ApiKey ours"})
    assert [item["message_id"] for item in rest.json()["results"]] == ["i1"]
    assert [
        item["event_type"] for item in (await api.json("users/ada/events/", event_type="$identify"))["results"]
    ] == ["$identify"]
    since = await api.json("users/ada/events/", since="2026-03-01T11:59:56Z")
    assert [item["message_id"] for item in since["results"]] == ["b2"]


async def test_the_segments_of_a_user_have_names(api: Api) -> None:
    computed = "2026-03-01T12:00:00Z"
    assert await api.json("users/ada/segments/") == [
        {
            "segment_id": 42,
            "segment_name": "Buyers",
            "member_count": 1,
            "computed_at": computed,
            "since": computed,
            "forecast": None,
        }
    ]
    odd = await api.json(f"users/{quote(ODD, safe='')}/segments/")
    assert [(segment["segment_id"], segment["segment_name"]) for segment in odd] == [(57, "Segment 57")]
    assert (
        await api.json("users/stranger/segments/") == await api.json("users/stranger/segments/", forecast="true") == []
    )


async def test_a_users_verdicts_are_predicted(api: Api, harness: MembershipHarness) -> None:
    lasting, passing = {"holds": True, "next_change_at": None}, {"holds": False, "next_change_at": None}
    definitions = {42: BOUGHT, 57: SPENT, 60: group(count("buy", "gte", 2, window={"last": "7d"}))}
    names = [named_segment(api.tenant, id, definition, None) for id, definition in definitions.items()]
    await PostgresSegmentDefinitions(engine=harness.engine).apply(names)
    await harness.compute.run(job(api.tenant, 2, definitions))
    segments = await api.json("users/ada/segments/", forecast="true")
    forecasts = {segment["segment_id"]: segment["forecast"] for segment in segments}
    certain = {"next_change_unknown": False, "stale": False}
    # The events are months old, so the verdict of the window has changed for good.
    assert forecasts == {42: lasting | certain, 60: passing | certain}
    now_ms = to_ms(SystemClock().now())
    recent = [event("ada", "buy", at=now_ms - age_ms, id=f"recent {age_ms}") for age_ms in (0, 60_000)]
    await harness.insert(api.tenant, recent)
    (_, week) = await api.json("users/ada/segments/", forecast="true")
    assert week["forecast"]["holds"]
    at = datetime.fromisoformat(week["forecast"]["next_change_at"])
    assert at == from_ms(now_ms - 60_000) + timedelta(days=7)
    (line,) = await api.json("users/ada/segments/60/explain/")
    assert (line["next_change_at"], line["next_change_unknown"]) == (week["forecast"]["next_change_at"], False)
    assert (await api.get("users/ada/segments/", forecast="maybe")).status_code == 422


async def test_each_condition_is_explained_by_a_line(api: Api) -> None:
    lines = await api.json("users/ada/segments/42/explain/")
    details = [line.pop("detail") for line in lines]
    assert lines == [
        {
            "index": 0,
            "type": "event_count",
            "label": "count(buy) ≥ 2",
            "actual_value": 2,
            "threshold": 2,
            "matches": True,
            "next_change_at": None,
            "next_change_unknown": False,
        },
        {
            "index": 1,
            "type": "user_property",
            "label": 'plan = "pro"',
            "actual_value": "pro",
            "threshold": "pro",
            "matches": True,
            "next_change_at": None,
            "next_change_unknown": False,
        },
    ]
    assert [detail["path"] for detail in details] == ["definition.conditions[0]", "definition.conditions[1]"]
    spent, either = await api.json(f"users/{quote(ODD, safe='')}/segments/57/explain/")
    assert (spent["label"], spent["actual_value"], spent["matches"]) == ("sum(buy.total) ≥ 500", 600, True)
    assert (either["type"], either["label"], len(either["detail"]["children"])) == ("group", "any of 2 conditions", 2)


@pytest.mark.parametrize("user_id", [ODD, "/", "//", "\\", "a\nb", "…", "%", "x" * 256, "😀" * 256])
async def test_an_id_is_any_text(api: Api, user_id: str) -> None:
    path = f"users/{quote(user_id, safe='')}/"
    assert (await api.get(path)).status_code == (200 if user_id == ODD else 404)
    assert [item["user_id"] for item in (await api.json(f"{path}events/"))["results"]] == [ODD] * (user_id == ODD)


async def test_the_next_page_of_an_odd_user_can_be_read(api: Api, harness: MembershipHarness) -> None:
    await harness.insert(api.tenant, [event(ODD, "buy", at=NOW_MS - 1, id="b4")])
    first = await api.json(f"users/{quote(ODD, safe='')}/events/", limit=1)
    second = (await api.http.get(first["next"], headers={"Authorization": "ApiKey ours"})).json()
    assert [page["results"][0]["message_id"] for page in (first, second)] == ["b4", "b3"]


async def test_events_are_listed_and_filtered(api: Api) -> None:
    everything = (await api.json("events/"))["results"]
    assert [item["message_id"] for item in everything] == ["b3", "b2", "b1", "i1"]
    assert everything[2] == {
        "message_id": "b1",
        "event_type": "buy",
        "user_id": "ada",
        "anonymous_id": None,
        "occurred_at": "2026-03-01T11:59:55Z",
        "received_at": "2026-03-01T11:59:55Z",
        "original_timestamp": None,
        "payload": {"total": 20.5, "site": "https://shop/x"},
    }
    for query, ids in (
        ({"q": "SHOP/"}, ["b1"]),
        ({"user_id": ODD}, ["b3"]),
        ({"event_type": "buy", "until": "2026-03-01T11:59:57Z"}, ["b2", "b1"]),
    ):
        assert [item["message_id"] for item in (await api.json("events/", **query))["results"]] == ids


async def test_types_and_properties_are_listed(api: Api) -> None:
    types = await api.json("event-types/")
    assert [(item["event_type"], item["count"]) for item in types["results"]] == [("buy", 3), ("$identify", 1)]
    assert (types["count"], len(types["results"][0]["last_24_hours"])) == (2, 24)
    properties = await api.json("properties/", event_type="buy")
    assert properties["sampled_events"] == 3
    assert properties["results"][0] == {
        "path": "total",
        "types": ["number"],
        "count": 3,
        "share": 1.0,
        "top_values": [{"value": 20.5, "count": 1}, {"value": 30, "count": 1}, {"value": 600, "count": 1}],
    }
    assert (await api.json("properties/", event_type="absent"))["results"] == []


async def test_payloads_need_a_scope_of_their_own(api: Api) -> None:
    listed = await api.json("events/", credential="ApiKey events")
    assert {item["payload"] for item in listed["results"]} == {None}
    properties = await api.json("properties/", credential="ApiKey events", event_type="buy")
    assert {item["top_values"] for item in properties["results"]} == {None}
    assert slug_of(await api.get("events/", "ApiKey events", q="20.5")) == (403, "insufficient-scope")
    assert (await api.json("events/", credential="Bearer viewer"))["results"][0]["payload"] == {"total": 600}


@pytest.mark.parametrize("path", [*LISTS, *ARRAYS])
async def test_who_may_read(api: Api, path: str) -> None:
    assert (await api.get(path, None)).status_code == 401
    assert slug_of(await api.get(path, "ApiKey lookup")) == (403, "insufficient-scope")
    if path.startswith("users/"):
        assert slug_of(await api.get(path, "ApiKey events")) == (403, "insufficient-scope")
    own = f"{path}{'&' if '?' in path else '?'}tenant={api.tenant}"
    assert slug_of(await api.get(own, "ApiKey theirs")) == (403, "tenant-mismatch")
    assert (await api.get(path, "Bearer both")).status_code == 422
    assert (await api.get(own, "Bearer both")).status_code == 200


async def test_another_tenant_sees_its_own_only(api: Api) -> None:
    for path in LISTS[:4]:
        text = (await api.get(path, "ApiKey theirs")).text
        assert "b1" not in text
        assert "buy" not in text.replace("event_type=buy", "")
    assert (await api.json("users/ada/", credential="ApiKey theirs"))["event_count"] == 1
    assert slug_of(await api.get("users/ada/segments/42/explain/", "ApiKey theirs")) == (404, "not-found")


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("users/?value=x", 422, "query.trait"),
        ("users/?cursor=x", 400, "query.cursor"),
        ("users/?limit=0", 422, "query.limit"),
        ("users/?trait=" + "x" * 257, 422, "query.trait"),
        ("users/?w=1", 422, "query.w"),
        ("users/%20/", 422, "path.user_id"),
        ("users/" + "x" * 257 + "/", 422, "path.user_id"),
        ("users/ada/events/?page=2", 422, "query.page"),
        ("users/ada/segments/0/explain/", 422, "path.segment_id"),
        ("events/?since=2026-03-01T12:00:00Z&until=2026-03-01T12:00:00Z", 422, "query.since"),
        ("events/?since=yesterday", 422, "query.since"),
        ("events/?user_id=", 422, "query.user_id"),
        ("events/?cursor=WzEsMiwzLC00XQ", 400, "query.cursor"),
        ("events/?cursor=WzEsMiwzXQ", 400, "query.cursor"),
        ("properties/", 422, "query.event_type"),
    ],
)
async def test_faults_name_their_place(api: Api, path: str, status: int, named: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["path"] == named


@pytest.mark.parametrize("text", ["' OR 1=1--", "{p0:String}", "%", "_", "\\", "\\'", "😀", "a.b\\.c", "a`b"])
async def test_hostile_texts_find_nothing(api: Api, text: str) -> None:
    for path, query in (
        ("users/", {"q": text + "x"}),
        ("users/", {"trait": text, "value": text}),
        ("users/", {"trait": text}),
        ("events/", {"q": text + "x"}),
        ("events/", {"event_type": text, "user_id": text}),
        ("properties/", {"event_type": text}),
    ):
        assert (await api.json(path, **query))["results"] == []
