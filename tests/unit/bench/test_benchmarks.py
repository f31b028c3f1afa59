"""The parts of the benchmarks that need no engine: what they send, and that both sides of a pair do the same work."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

import bench
from bench import ingest, lookup, sink, web
from bench.__main__ import names
from bench.harness import cases
from bench.harness.calls import drafts, items
from bench.harness.history import SHARES, insert_sql
from bench.harness.serving import request
from bench.log import per_event, per_request
from segops_common.contracts.topics import EVENTS
from segops_ingest.domain.rows import rows_of
from segops_local.cli.account import Account
from segops_testkit.http import in_process

PERFORMANCE = Path(bench.__file__).parents[1] / "docs" / "performance.md"


@pytest.mark.parametrize("name", names())
def test_every_benchmark_runs_alone_and_is_in_the_documents(name: str) -> None:
    assert inspect.iscoroutinefunction(importlib.import_module(f"bench.{name}").run)
    assert f"`.venv/bin/python -m bench {name}" in PERFORMANCE.read_text(encoding="utf-8")


def test_every_budget_of_ingestion_is_in_the_documents() -> None:
    text = PERFORMANCE.read_text(encoding="utf-8")

    for events, budget in [*ingest.SIZES.items(), *ingest.USUAL.items()]:
        assert re.search(rf"{events:,} event.*{budget.side} {budget.factor:g}x", text), f"{events}: {budget}"


def test_a_request_says_how_long_it_is() -> None:
    head, body = request("POST", "/x/", b'{"a":1}', "X-Y: z\r\n").split(b"\r\n\r\n", 1)

    assert head.startswith(b"POST /x/ HTTP/1.1\r\nHost: bench\r\nX-Y: z\r\n")
    assert b"Content-Length: 7" in head
    assert body == b'{"a":1}'
    assert request("GET", "/x/").endswith(b"Host: bench\r\n\r\n")


@pytest.mark.parametrize("build", [ingest.bare, ingest.parsing, ingest.plain])
async def test_each_bare_app_takes_the_batch(build: Callable[[], ASGIApp]) -> None:
    transport = httpx.ASGITransport(app=build())
    async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
        answer = await client.post(ingest.PATH, content=_batch())

    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})


@pytest.mark.parametrize("build", [ingest.product, ingest.usual])
async def test_each_route_accepts_the_batch(build: Callable[[], FastAPI]) -> None:
    headers = {"Authorization": f"ApiKey {ingest.a_key()}", "Content-Type": "application/json"}
    async with in_process(build()) as client:
        answer = await client.post(ingest.PATH, content=_batch(), headers=headers)

    assert answer.status_code == 202
    assert (answer.json()["accepted"], answer.json()["errors"]) == (3, [])


def _batch() -> bytes:
    return ingest.request_of(3).split(b"\r\n\r\n", 1)[1]


def test_packed_or_not_the_log_gets_the_same_lines_in_the_same_partitions() -> None:
    batch = list(drafts(items(100)))
    few, many = per_request(batch), per_event(batch)

    def lines(partition: int, packed: bool) -> bytes:
        messages = few if packed else many
        return b"".join(message.value for message in messages if message.partition_in(EVENTS) == partition)

    assert len(many) == 100
    assert 1 < len(few) <= EVENTS.partitions
    assert all(lines(partition, True) == lines(partition, False) for partition in range(EVENTS.partitions))


def test_a_batch_of_one_user_is_one_message() -> None:
    assert len(per_request(list(drafts(items(100, users=1))))) == 1


def test_the_rows_of_the_sink_are_as_many_as_asked_for_and_never_the_same() -> None:
    rows = [orjson.loads(line) for line in rows_of(sink.records(250, seed=1), 3).splitlines()]

    assert len(rows) == 250
    assert {row["source_partition"] for row in rows} == {3}
    assert {row["source_offset"] for row in rows} == {0, 1, 2}
    assert len({row["message_id"] for row in rows}) == 250


def test_generated_events_are_of_the_types_that_are_asked_for() -> None:
    assert (len(SHARES), sum(SHARES.values())) == (50, 1_000)
    assert all(f"'{name}'" in insert_sql(66) for name in SHARES)
    assert "% 2)" in insert_sql(66), "33 events a user"


def test_many_segments_differ_and_are_asked_in_the_others_shape_one_by_one() -> None:
    definitions = {definition.model_dump_json() for definition in cases.MANY}

    assert len(definitions) == len(set(cases.MANY_AT_OTHERS)) == cases.JOB_SEGMENTS
    assert {len(definition.conditions) for definition in cases.MANY} == {1, 2, 3}


def test_a_lookup_is_asked_with_the_key() -> None:
    account = Account(email="a@example.com", password="p", tenant_id=1, api_key="sk")

    assert lookup.lookup_of("user-7", account) == (
        b"GET /api/segments/membership/?user_id=user-7 HTTP/1.1\r\nHost: bench\r\nAuthorization: ApiKey sk\r\n\r\n"
    )


@pytest.mark.parametrize("build", [web.bare, web.ours])
async def test_each_side_of_the_factory_answers_the_same(build: Callable[[], FastAPI]) -> None:
    async with in_process(build()) as client:
        got = await client.get(web.PATH, params={"number": 3})
        posted = await client.post(web.PATH, content=web.BODY, headers={"Content-Type": "application/json"})

    assert got.json()["price"] == 3
    assert posted.json() == orjson.loads(web.BODY)
