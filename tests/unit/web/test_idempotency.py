"""Idempotency-Key at the door: carried out once, answered again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx
import pytest

from segops_common.core.idempotency import IdempotencyStore
from segops_testkit.clock import ManualClock
from segops_testkit.idempotency import IdempotencyContract, MemoryIdempotency
from tests.unit.web.conftest import KEY, START, VIEWER, WRITER, Works


@dataclass
class MemoryHarness:
    store: IdempotencyStore
    clock: ManualClock


class TestMemoryIdempotency(IdempotencyContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        clock = ManualClock(START)
        return MemoryHarness(MemoryIdempotency(clock=clock), clock)


async def make(client: httpx.AsyncClient, name: str, key: str = "k", **headers: str) -> httpx.Response:
    return await client.post("/api/things/", json={"name": name}, headers=WRITER | {"Idempotency-Key": key} | headers)


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"].rsplit("/", 1)[1])


async def test_a_repetition_is_answered_again(client: httpx.AsyncClient, works: Works) -> None:
    first, second = await make(client, "a"), await make(client, "a")
    assert works.made == 1
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"


async def test_another_key_is_another_request(client: httpx.AsyncClient, works: Works) -> None:
    await make(client, "a", "1")
    await make(client, "a", "2")
    assert works.made == 2


async def test_another_body_or_path_or_caller_is_not_the_same_request(client: httpx.AsyncClient, works: Works) -> None:
    await make(client, "a")
    reused = await make(client, "b")
    assert (reused.status_code, slug(reused)) == (422, "idempotency-key-reused")
    computed = await client.post("/api/things/1/compute/", headers=WRITER | {"Idempotency-Key": "k"})
    assert computed.status_code == 202
    refused = await client.post("/api/things/", json={"name": "a"}, headers=VIEWER | {"Idempotency-Key": "k"})
    assert refused.status_code == 403
    assert works.made == 1


async def test_a_lasting_refusal_is_an_answer(client: httpx.AsyncClient, works: Works) -> None:
    answers = [await make(client, "taken") for _ in range(2)]
    assert [(answer.status_code, slug(answer)) for answer in answers] == [(409, "name-taken")] * 2
    assert works.made == 1
    assert answers[1].headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["many", "broken"])
async def test_transient_failures_are_not_stored(client: httpx.AsyncClient, works: Works, name: str) -> None:
    for _ in range(2):
        assert (await make(client, name)).status_code in (429, 500)
    assert works.made == 2


async def test_a_request_that_is_not_valid_does_not_use_up_its_key(client: httpx.AsyncClient) -> None:
    assert (await make(client, "")).status_code == 422
    assert (await make(client, "a")).status_code == 201


async def test_a_secret_is_not_shown_twice(client: httpx.AsyncClient, works: Works) -> None:
    headers = WRITER | {"Idempotency-Key": "k"}
    first = await client.post("/api/things/secrets/", headers=headers)
    second = await client.post("/api/things/secrets/", headers=headers)
    assert (first.status_code, first.json()["name"]) == (201, "hidden")
    assert (second.status_code, slug(second)) == (409, "idempotency-replayed")
    assert works.made == 1
    assert b"hidden" not in second.content


async def test_while_the_first_is_being_worked_on(client: httpx.AsyncClient, works: Works) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(make(client, "slow"))
        await works.arrived.wait()
        second = await make(client, "slow")
        works.gate.set()
    assert (second.status_code, slug(second)) == (409, "idempotency-in-progress")
    assert first.result().status_code == 201
    assert works.made == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ä"])
async def test_a_key_of_another_form_is_refused(client: httpx.AsyncClient, works: Works, key: str) -> None:
    headers = [*WRITER.items(), ("Idempotency-Key", key.encode("latin-1"))]
    answer = await client.post("/api/things/", json={"name": "a"}, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "header.Idempotency-Key"
    assert works.made == 0


async def test_reading_takes_no_key(client: httpx.AsyncClient) -> None:
    for number in (1, 2):
        answer = await client.get(f"/api/things/{number}/", headers=KEY | {"Idempotency-Key": "k"})
        assert answer.json()["number"] == number
