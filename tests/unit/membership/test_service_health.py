"""Whether processes are ready, asked over HTTP; and how far the warehouse is behind."""

from __future__ import annotations

import json

import httpx

from segops_common.contracts.http import OpenRuns
from segops_common.contracts.jobs import IngestLag, SegmentChanged
from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS, SINK_GROUP
from segops_common.core.clock import SystemClock
from segops_common.streams.log import TopicPartition
from segops_common.streams.memory import MemoryEventLog
from segops_membership.adapters.http.segments_service import HttpSegmentsService
from segops_membership.adapters.http.service_health import HttpServiceHealth
from segops_membership.adapters.log.ingest_progress import LogIngestProgress
from tests.corpus.builders import count, group


async def test_each_process_is_asked_once() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        if request.url.host == "down":
            raise httpx.ConnectError("refused")
        return httpx.Response({"ready": 200, "busy": 503}[request.url.host], json={"checks": {"secret": "x"}})

    addresses = {"c": "http://down", "b": "http://busy/", "a": "http://ready"}
    async with HttpServiceHealth(addresses=addresses, transport=httpx.MockTransport(answer)) as health:
        states = await health.states()
    assert list(states.items()) == [("a", "ready"), ("b", "not-ready"), ("c", "unreachable")]


async def test_apis_say_the_versions_of_their_tables() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/versions"
        if request.url.host == "down":
            raise httpx.ConnectError("refused")
        if request.url.host == "earlier":
            return httpx.Response(404, json={})
        return httpx.Response(
            200,
            json={
                "schemas": {
                    "postgres": {"applied": 8, "expected": 9},
                    "clickhouse": {"applied": 7, "expected": 6},
                    "other": {"applied": None, "expected": 6},
                    "same": {"applied": 6, "expected": 6},
                },
                "unknown": 1,
            },
        )

    addresses = {"d.api": "http://down", "c.api": "http://earlier", "b.api": "http://up/", "a.sink": "http://worker"}
    async with HttpServiceHealth(addresses=addresses, transport=httpx.MockTransport(answer)) as health:
        schemas = await health.schemas()
    assert [(schema.service, schema.store, schema.status) for schema in schemas] == [
        ("b", "clickhouse", "newer"),
        ("b", "other", "unknown"),
        ("b", "postgres", "older"),
        ("b", "same", "current"),
    ]


async def test_segments_counts_the_runs() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.url.path, request.headers["authorization"]) == ("/internal/open-runs/", "Service token")
        assert json.loads(request.content) == {"tenant_id": 7}
        if request.url.host == "down":
            raise httpx.ConnectError("refused")
        return (
            httpx.Response(200, json={"queued": 2, "running": 1}) if request.url.host == "up" else httpx.Response(500)
        )

    counts = {}
    for host in ("up", "down", "broken"):
        transport = httpx.MockTransport(answer)
        async with HttpSegmentsService(
            segments_url=f"http://{host}/", service_token="token", transport=transport
        ) as runs:
            counts[host] = await runs.open_runs(7)
    assert counts == {"up": OpenRuns(queued=2, running=1), "down": None, "broken": None}
    async with HttpSegmentsService(segments_url=None, service_token="token") as runs:
        assert await runs.open_runs(7) is None


async def test_segments_is_asked_for_a_segment() -> None:
    segment = SegmentChanged(
        tenant_id=7, segment_id=2, version=1, definition=group(count("a")), refresh="manual", deleted=False
    )

    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.url.path, request.headers["authorization"]) == ("/internal/segment/", "Service token")
        body = json.loads(request.content)
        assert body["tenant_ids"] == [7, 9]
        status = {2: 200, 3: 404}.get(body["segment_id"], 500)
        return httpx.Response(status, content=segment.model_dump_json())

    async with HttpSegmentsService(
        segments_url="http://up", service_token="token", transport=httpx.MockTransport(answer)
    ) as segments:
        assert [await segments.segment([9, 7], id) for id in (2, 3, 4)] == [segment, None, None]


async def test_the_lag_counts_what_is_not_stored() -> None:
    log = MemoryEventLog(clock=SystemClock())
    progress = LogIngestProgress(log=log, clock=SystemClock())
    await log.ensure_topics([EVENTS, EVENT_IMPORTS])
    assert await progress.lag() == IngestLag(positions=0, seconds=0.0)
    stored = [await log.append(EVENTS, b"1:a", b"{}") for _ in range(3)]
    lag = await progress.lag()
    assert lag.positions == 3
    assert lag.seconds is not None
    async with log.consumer(SINK_GROUP, [EVENTS]) as sink:
        await sink.poll(max_records=10, max_bytes=10**6, wait_s=0)
        await sink.commit(TopicPartition(EVENTS.name, stored[0].partition), stored[1].offset)
    assert (await progress.lag()).positions == 2
    log.reachable = False
    assert await progress.lag() == IngestLag(positions=None, seconds=None)
