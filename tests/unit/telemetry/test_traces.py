"""A trace goes through requests and records. Spans go to a collector, and without one nothing is made."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from segops_common.contracts.topics import TRACEPARENT_HEADER, Topic
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.runtime.settings import ServiceSettings
from segops_common.streams.log import Record
from segops_common.streams.loop.batch_trace import continued_trace
from segops_common.streams.loop.batches import Batch, Limits
from segops_common.streams.loop.consumer import ConsumerLoop
from segops_common.streams.loop.dead_letter_topic import DeadLetterTopic
from segops_common.streams.memory import MemoryEventLog
from segops_common.telemetry.otlp import OtlpTracer
from segops_common.telemetry.spans import MAX_LINKS, close_tracer, use_tracer
from segops_common.telemetry.tracing import continue_trace, current_traceparent, trace_context
from segops_common.web.app import Running, create_app, new_router
from segops_testkit.http import in_process
from segops_testkit.polling import until
from tests.shared.collector import Collector, ReceivedSpan, collecting

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE_ID}-b7ad6b7169203331-01"
NOT_SAMPLED = f"00-{TRACE_ID}-b7ad6b7169203331-00"
TOPIC = Topic("t", 1)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector to which this process sends all traces."""
    with collecting() as collector:
        use_tracer(OtlpTracer(url=collector.url, share=1.0, service="test", role="api"))
        yield collector
        close_tracer()


def sent(collector: Collector) -> list[ReceivedSpan]:
    """Return the spans, after the process has sent what is left."""
    close_tracer()
    return collector.spans


def new_app(traceparents: list[str | None]) -> FastAPI:
    router = new_router()

    @router.get("/things/{thing_id}/")
    async def read(thing_id: int) -> dict[str, int]:
        traceparents.append(current_traceparent())
        if thing_id == 0:
            raise RuntimeError("broken")
        return {"id": thing_id}

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[None]]:
        yield Running(None)

    return create_app(title="Things", description="Things.", lifespan=lifespan, routers=[router])


async def test_a_request_is_a_span_of_the_callers_trace(collector: Collector) -> None:
    traceparents: list[str | None] = []
    async with in_process(new_app(traceparents)) as client:
        await client.get("/things/7/", headers={"traceparent": SAMPLED})
        await client.get("/things/0/", headers={"traceparent": SAMPLED})
        await client.get("/livez")
    good, bad = sent(collector)
    assert (good.name, good.trace, good.parent) == ("GET /things/{thing_id}/", TRACE_ID, "b7ad6b7169203331")
    assert good.process == "test.api"
    assert good.attributes["http.response.status_code"] == 200
    assert (good.is_error, bad.is_error) == (False, True)
    assert traceparents[0] == f"00-{TRACE_ID}-{good.id}-01"


async def test_a_caller_decides_if_its_trace_is_kept(collector: Collector) -> None:
    traceparents: list[str | None] = []
    async with in_process(new_app(traceparents)) as client:
        await client.get("/things/7/", headers={"traceparent": NOT_SAMPLED})
        await client.get("/things/7/", headers={"traceparent": "nonsense"})
    [own] = sent(collector)
    assert own.trace != TRACE_ID
    assert traceparents[0] is not None
    assert traceparents[0].startswith(f"00-{TRACE_ID}-")
    assert traceparents[0].endswith("-00")


async def test_without_a_tracer_the_callers_trace_is_passed_on() -> None:
    traceparents: list[str | None] = []
    async with in_process(new_app(traceparents)) as client:
        await client.get("/things/7/", headers={"traceparent": SAMPLED})
        await client.get("/things/7/")
    assert traceparents == [SAMPLED, None]


def batch(*traces: str | None) -> Batch:
    headers = [((TRACEPARENT_HEADER, trace.encode()),) if trace else () for trace in traces]
    records = tuple(Record(offset=n, key=b"", value=b"", headers=own) for n, own in enumerate(headers))
    return Batch(topic="t", partition=0, first_offset=0, last_offset=len(records) - 1, records=records)


async def test_a_record_continues_its_trace_and_a_batch_leads_to_all(collector: Collector) -> None:
    with continued_trace(batch(SAMPLED)):
        within = current_traceparent()
    with continued_trace(batch(SAMPLED, None, SAMPLED)):
        pass
    many = [f"00-{number:032x}-b7ad6b7169203331-01" for number in range(1, 2 * MAX_LINKS)]
    with pytest.raises(RuntimeError), continued_trace(batch(*many)):
        raise RuntimeError("the engine is down")
    single, several, wide = sent(collector)
    assert (single.name, single.trace, single.parent) == ("process t", TRACE_ID, "b7ad6b7169203331")
    assert within == f"00-{TRACE_ID}-{single.id}-01"
    assert (several.parent, several.links) == ("", (TRACE_ID,))
    assert several.attributes["messaging.batch.message_count"] == 3
    assert (len(wide.links), wide.is_error) == (MAX_LINKS, True)
    assert current_traceparent() is None


async def test_a_consumer_hands_over_a_record_within_its_trace() -> None:
    traceparents: list[str | None] = []

    class Handler:
        async def handle(self, batch: Batch) -> None:
            traceparents.append(current_traceparent())

    log = MemoryEventLog(clock=SystemClock())
    await log.ensure_topics([TOPIC])
    await log.append(TOPIC, b"k", b"v", headers=[(TRACEPARENT_HEADER, SAMPLED.encode())])
    loop = ConsumerLoop(
        log=log,
        group="g",
        topic=TOPIC,
        handler=Handler(),
        dead_letters=DeadLetterTopic(log=log),
        faults=NO_FAULTS,
        clock=SystemClock(),
        limits=Limits(max_age_s=0.0),
        record_intent=False,
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(loop.run(stop))
        await until(lambda: traceparents != [])
        stop.set()
    assert traceparents == [SAMPLED]


async def test_another_service_is_asked_within_the_trace() -> None:
    traceparents: list[str | None] = []
    async with in_process(new_app(traceparents)) as client:
        client.event_hooks = {"request": [continue_trace]}
        with trace_context(SAMPLED, None):
            await client.get("/things/7/")
        await client.get("/things/7/")
    assert traceparents == [SAMPLED, None]


def test_a_collector_that_does_not_answer_delays_the_end_for_seconds_only() -> None:
    with collecting() as collector:
        url = collector.url
    tracer = OtlpTracer(url=url, share=1.0, service="test", role="api")
    span = tracer.begin("server")
    assert span is not None
    span.end("x", {}, is_error=False)
    tracer.close()


def test_a_tracer_that_the_sdk_switches_off_makes_no_spans() -> None:
    """Otherwise a switch of telemetry would stop the work."""
    code = (
        "from segops_common.telemetry.otlp import OtlpTracer\n"
        "tracer = OtlpTracer(url='http://127.0.0.1:1', share=1.0, service='test', role='api')\n"
        "print(tracer.begin('server'))"
    )
    environment = os.environ | {"OTEL_SDK_DISABLED": "true"}
    program = [sys.executable, "-c", code]
    process = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    assert process.stdout == "None\n"


@pytest.mark.parametrize("url", ["collector:4318", "ftp://collector", "grpc://collector:4317"])
def test_an_address_that_traces_cannot_be_sent_to_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must begin with http"):
        ServiceSettings(traces_url=url)
