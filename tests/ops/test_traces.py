"""The spans of a whole product at a collector: one trace leads from a request to the result of its run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from segops_local.supervisor.local_stack import LocalStack
from tests.e2e.people import patient_client, send, sign_up
from tests.shared.collector import Collector, ReceivedSpan, collecting

PATIENCE_S = 60


def traceparent(trace: str) -> str:
    return f"00-{trace}-b7ad6b7169203331-01"


async def spans_of(collector: Collector, trace: str, *processes: str) -> dict[str, ReceivedSpan]:
    """Return the spans of a trace by process, once all of these have sent one."""
    spans: dict[str, ReceivedSpan] = {}
    for _ in range(PATIENCE_S * 2):
        spans = {span.process: span for span in collector.spans if span.trace == trace}
        if spans.keys() >= set(processes):
            return spans
        await asyncio.sleep(0.5)
    raise AssertionError(f"{sorted(processes)} must have sent spans, and {sorted(spans)} have")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
async def stack(engines_folder: Path, collector: Collector) -> AsyncIterator[LocalStack]:
    variables = {"SEGOPS_TRACES_URL": collector.url, "SEGOPS_TRACES_SHARE": "0"}
    stack = LocalStack(engines_folder / "traced", env={"*": variables})
    await stack.start()
    yield stack
    await stack.stop()


async def test_a_trace_leads_from_a_request_to_the_end_of_its_run(stack: LocalStack, collector: Collector) -> None:
    event, run = os.urandom(16).hex(), os.urandom(16).hex()
    async with patient_client(stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        client.headers["traceparent"] = traceparent(event)
        await send(client, key, "track", {"user_id": "ada", "event_type": "page_viewed"})
        del client.headers["traceparent"]
        segment = await person.new_segment("all")
        client.headers["traceparent"] = traceparent(run)
        await person.compute(segment)
    stored = await spans_of(collector, event, "ingest.api", "ingest.sink")
    assert stored["ingest.sink"].name == "process segops.events"
    assert stored["ingest.sink"].parent == stored["ingest.api"].id
    await spans_of(collector, run, "segments.api", "membership.worker", "segments.results")
    spans = [span for span in collector.spans if span.trace == run]
    names = {span.name for span in spans}
    assert {"process segops.compute-jobs", "process segops.compute-results"} <= names
    [requested] = [span for span in spans if span.name.startswith("POST") and span.name.endswith("/compute/")]
    [computed] = [span for span in spans if span.name == "process segops.compute-jobs"]
    assert computed.parent == requested.id
    assert not any(span.is_error for span in spans)


async def test_traces_that_nobody_asked_for_are_not_kept(collector: Collector, stack: LocalStack) -> None:
    """The share of this stack is 0."""
    async with patient_client(stack.url) as client:
        await sign_up(client)
    await stack.stop()
    assert not [span for span in collector.spans if "signup" in span.name]
