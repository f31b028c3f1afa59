"""Redis and the event log freeze in the middle of a request: the retry has the identity of the first attempt."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from segops_common.contracts.topics import EVENTS, profile_key
from segops_common.streams.log import partition_of
from segops_local.engines import ValkeyEngine
from tests.integration.ingest.harness import Api, opened
from tests.integration.ingest.test_routes import PREFIX, TRACK, problem

CALL = TRACK | {"user_id": "frozen"}


@pytest.fixture
async def own_valkey(tmp_path: Path) -> AsyncIterator[ValkeyEngine]:
    """An engine that only this test freezes."""
    engine = ValkeyEngine(tmp_path / "valkey")
    await engine.start()
    yield engine
    await engine.stop()


@contextmanager
def frozen(engine: ValkeyEngine) -> Iterator[None]:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(engine.pid, signal.SIGCONT)


async def rows(api: Api) -> list[dict[str, Any]]:
    records = await api.log.tail(EVENTS, partition_of(EVENTS, profile_key(7, "frozen")), 1000)
    made = [orjson.loads(line) for record in records for line in record.value.splitlines()]
    return [row for row in made if row["user_id"] == "frozen"]


async def test_while_redis_is_frozen_nothing_is_stored_and_the_retry_counts_once(
    own_valkey: ValkeyEngine,
) -> None:
    address = own_valkey.url
    async with opened(address.replace("redis://", "valkey://"), address) as api:
        assert (await api.http.post(f"{PREFIX}/track/", json=CALL | {"message_id": "other"})).status_code == 202
        with frozen(own_valkey):
            for headers, call in (({}, CALL | {"message_id": "order-1"}), ({"Idempotency-Key": "k"}, CALL)):
                answer = await api.http.post(f"{PREFIX}/track/", json=call, headers=headers)
                assert problem(answer) == (503, "upstream-unavailable")
                assert 1 <= int(answer.headers["Retry-After"]) <= 5
        for _ in range(2):
            for headers, call in (({}, CALL | {"message_id": "order-1"}), ({"Idempotency-Key": "k"}, CALL)):
                answer = await api.http.post(f"{PREFIX}/track/", json=call, headers=headers)
                assert answer.status_code == 202
        stored = await rows(api)
        assert len(stored) == 5
        assert len({(row["message_id"], row["timestamp"]) for row in stored}) == 3


async def test_an_append_that_was_given_up_has_the_identity_of_its_retry(
    own_valkey: ValkeyEngine, redis_url: str
) -> None:
    async with opened(own_valkey.url.replace("redis://", "valkey://"), redis_url) as api:
        call = CALL | {"message_id": "order-given-up"}
        with frozen(own_valkey):
            assert problem(await api.http.post(f"{PREFIX}/track/", json=call)) == (503, "upstream-unavailable")
        assert (await api.http.post(f"{PREFIX}/track/", json=call)).status_code == 202
        assert len({(row["message_id"], row["timestamp"]) for row in await rows(api)}) == 1
