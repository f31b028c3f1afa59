"""Analytics, the status and the live stream over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from segops_common.contracts.events import EventRow
from segops_common.contracts.topics import EVENTS, profile_key
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from tests.corpus.builders import count, group, job
from tests.integration.membership.explorer_api import BOUGHT, Api, explorer_api, named_segment, slug_of
from tests.integration.membership.harness import MembershipHarness


@pytest.fixture
async def api(harness: MembershipHarness) -> AsyncIterator[Api]:
    async with explorer_api(harness) as api:
        yield api


async def test_analytics_count_what_is_published(api: Api) -> None:
    assert await api.json("overview/", api="analytics") == {"segment_count": 2, "total_members": 2, "events_30d": 0}
    trends = await api.json("segments/", api="analytics")
    assert [(item["id"], item["name"], item["member_count"], item["last_computed_at"]) for item in trends] == [
        (42, "Buyers", 1, "2026-03-01T12:00:00Z"),
        (57, "Segment 57", 1, "2026-03-01T12:00:00Z"),
    ]
    assert [(len(item["trend"]), item["trend"][-1]["count"]) for item in trends] == [(30, 1), (30, 1)]
    assert await api.json("overlap/", api="analytics") == []
    usage = await api.json("usage/", api="analytics", days=7)
    assert (len(usage["events"]), usage["received_events"], usage["stored_events"]) == (7, 0, 4)
    assert usage["stored_bytes"] > 0


async def test_the_largest_overlap_comes_first(api: Api, harness: MembershipHarness) -> None:
    everyone = group(count("buy"))
    names = {1: "A", 2: "B", 3: "C"}
    definitions = PostgresSegmentDefinitions(engine=harness.engine)
    await definitions.apply([named_segment(api.tenant, id, everyone, name) for id, name in names.items()])
    await harness.compute.run(job(api.tenant, 2, {1: everyone, 2: everyone, 3: BOUGHT}))
    pairs = await api.json("overlap/", api="analytics")
    assert pairs[0] == {
        "seg_a_id": 1,
        "seg_a_name": "A",
        "seg_b_id": 2,
        "seg_b_name": "B",
        "overlap": 2,
        "overlap_pct": 100.0,
    }
    assert {(pair["seg_a_id"], pair["seg_b_id"], pair["overlap"]) for pair in pairs[1:]} == {
        *((1, 3, 1), (1, 42, 1), (1, 57, 1), (2, 3, 1), (2, 42, 1), (2, 57, 1), (3, 42, 1))
    }


@pytest.mark.parametrize("path", ["overview/", "segments/", "overlap/", "usage/"])
async def test_who_may_read_analytics(api: Api, path: str) -> None:
    assert (await api.get(path, None, api="analytics")).status_code == 401
    assert slug_of(await api.get(path, "ApiKey lookup", api="analytics")) == (403, "insufficient-scope")
    refused = await api.get(path, "ApiKey theirs", api="analytics", tenant=api.tenant)
    assert slug_of(refused) == (403, "tenant-mismatch")
    assert (await api.get(path, "Bearer viewer", api="analytics")).status_code == 200
    assert (await api.get(path, api="analytics", days=0)).status_code == 422


async def test_owners_read_the_status(api: Api) -> None:
    answer = await api.json("", api="status", credential="Bearer owner")
    assert (answer["status"], answer["services"]) == ("ok", [{"name": "auth.api", "status": "ready"}])
    delay = answer["storage"].pop("delay")
    assert answer["storage"] == {
        "behind_records": 0,
        "behind_seconds": 0.0,
        "last_received_at": "2026-03-01T11:59:57Z",
    }
    assert (delay["events"], answer["runs"]) == (4, {"in_progress": 0, "queued": 0})
    assert 0 < delay["p50_seconds"] <= delay["p95_seconds"] <= delay["p99_seconds"]
    assert (answer["computing"], answer["last_publication"]["as_of"]) == (False, "2026-03-01T12:00:00Z")
    assert (await api.get("", None, api="status")).status_code == 401
    assert slug_of(await api.get("", "ApiKey ours", api="status")) == (401, "access-token-required")
    assert slug_of(await api.get("", "Bearer viewer", api="status")) == (403, "insufficient-role")
    assert slug_of(await api.get("", "Bearer owner", api="status", tenant=api.other)) == (403, "tenant-mismatch")


async def test_events_are_streamed_as_they_are_accepted(api: Api, harness: MembershipHarness) -> None:
    await harness.log.ensure_topics([EVENTS])
    path = "/api/explorer/events/stream/"
    line = EventRow(
        tenant_id=api.tenant,
        kind="track",
        event_type="buy",
        user_id="ada",
        anonymous_id="",
        message_id="live",
        timestamp="2026-03-01 12:00:00.000",
        received_at="2026-03-01 12:00:00.120",
        payload={"total": 5},
        context={},
        removed=(),
    ).model_dump_json()
    ends = await harness.log.ends(EVENTS)
    start = ".".join(str(ends[partition]) for partition in range(EVENTS.partitions))
    await harness.log.append(EVENTS, profile_key(api.tenant, "ada"), line.encode())
    for credential, payload in (("ApiKey ours", {"total": 5}), ("ApiKey events", None)):
        headers = {"Authorization": credential, "Last-Event-ID": start}
        answer = await api.http.get(path, params={"timeout": 1}, headers=headers)
        assert answer.headers["content-type"].startswith("text/event-stream")
        (data,) = [text for text in answer.text.splitlines() if text.startswith("data: ")]
        event = json.loads(data.removeprefix("data: "))
        assert (event["message_id"], event["payload"], event["stored"]) == ("live", payload, False)
        assert event["received_at"] == "2026-03-01T12:00:00.120000Z"
    assert (await api.get("events/stream/", None)).status_code == 401
    assert slug_of(await api.get("events/stream/", "ApiKey lookup")) == (403, "insufficient-scope")
    assert slug_of(await api.get("events/stream/", "ApiKey theirs", tenant=api.tenant)) == (403, "tenant-mismatch")
    assert slug_of(await api.get("events/stream/", "ApiKey events", q="5")) == (403, "insufficient-scope")
    refused = await api.http.get(path, headers={"Authorization": "ApiKey ours", "Last-Event-ID": "x"})
    assert refused.status_code == 422
