"""Server CPU per request of the hot ingest route, against a bare ASGI app that reads the body and answers 202.

The hot route is the product's whole stack, but for the event log, which takes everything at once: its round trip is
waiting, not CPU. The usual FastAPI route validates the same bodies with the documented pydantic models, makes a model of
each row and appends row by row, to the same log.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import SystemRandom
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.report import Ratio
from segops_common.contracts.events import EventRow
from segops_common.contracts.topics import EVENTS, Topic, profile_key
from segops_common.kit.clock import SystemClock
from segops_common.kit.ids import SystemIds
from segops_common.security import scopes
from segops_common.security.principal import KeyPrincipal, Principal
from segops_common.streams.log import Message, Position
from segops_common.streams.memory import MemoryEventLog
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Running
from segops_ingest.adapters.metrics import IntakeMetrics
from segops_ingest.api.models import Accepted, BatchCall
from segops_ingest.app import api_app, spare_the_collector
from segops_ingest.domain.instants import warehouse_text
from segops_ingest.service import Ingest

ROUNDS = 5
CONNECTIONS = 4
BUDGETS = {1: "at most 1.6x", 20: "at most 2.5x", 100: "at most 4.2x", 1000: "at most 4.2x"}
USUAL_BUDGETS = {20: "at least 4x", 1000: "at least 10x"}
PATH = "/api/ingestion/batch/"
ANSWER = b'{"status":"accepted"}'


class Nowhere(MemoryEventLog):
    """A log that takes everything and keeps nothing."""

    async def append_many(self, topic: Topic, messages: Sequence[Message]) -> Sequence[Position]:  # noqa: ARG002
        """Stored, as far as anybody can tell."""
        return ()


class NoStamps:
    """The events of the benchmark carry their own instant."""

    async def first_stamps(self, tenant_id: int, message_ids: Sequence[str], now: str) -> Mapping[str, str]:  # noqa: ARG002
        """Nothing was seen before."""
        return {}


class OneCaller:
    """Authentication as it is for a key that is known."""

    def __init__(self) -> None:
        self._known: dict[str, Principal] = {
            "ApiKey bench": KeyPrincipal(
                key_id=1,
                tenant_id=1,
                scopes=frozenset({scopes.Scope.EVENTS_WRITE}),
                kind=scopes.KeyKind.SECRET,
            )
        }

    async def authenticate(self, authorization: str | None) -> Principal:
        """Whoever holds the one key."""
        return self._known[authorization or ""]


def hot() -> ASGIApp:
    """The product's API."""
    clock, metrics = SystemClock(), Metrics()
    service = Ingest(
        log=Nowhere(clock=clock),
        stamps=NoStamps(),
        ids=SystemIds(clock),
        clock=clock,
        random=SystemRandom(),
        observer=IntakeMetrics(metrics),
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[Ingest]]:
        yield Running(service, authenticator=OneCaller())

    spare_the_collector()
    return api_app(lifespan, metrics)


def usual() -> ASGIApp:
    """A route as FastAPI's tutorial writes it: models in, models out, a message for each."""
    app, clock = FastAPI(), SystemClock()
    log = Nowhere(clock=clock)

    async def batch(call: BatchCall) -> Accepted:
        for item in call.batch:
            instant = datetime.fromisoformat(item.timestamp)
            row = EventRow(
                tenant_id=1,
                kind=item.type,
                event_type=item.event_type if item.type == "track" else f"${item.type}",
                user_id=item.user_id,
                anonymous_id=item.anonymous_id,
                message_id=item.message_id,
                timestamp=warehouse_text(instant),
                received_at=warehouse_text(clock.now()),
                payload=item.payload if item.type == "track" else {},
                context=item.context,
                removed=(),
            )
            key = profile_key(row.tenant_id, row.profile_id)
            await log.append_many(EVENTS, [Message(key=key, value=row.model_dump_json().encode())])
        ids = [item.message_id for item in call.batch]
        return Accepted(status="accepted", accepted=len(ids), duplicates=0, message_ids=ids, errors=[])

    app.post(PATH, status_code=202)(batch)
    return app


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, answers 202."""
    if scope["type"] != "http":
        return
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


APPS: dict[str, Callable[[], ASGIApp]] = {"bare": lambda: bare, "hot": hot, "usual": usual}


def serve(name: str, port: int) -> None:
    """One server process, with uvicorn as the product runs it."""
    uvicorn.run(
        APPS[name](), port=port, loop="uvloop", http="httptools", lifespan="auto", access_log=False, log_level="error"
    )


@dataclass(frozen=True, slots=True)
class Server:
    """A server under measurement."""

    pid: int
    port: int

    async def cpu_us(self, request: bytes, times: int) -> float:
        """Microseconds of the server's CPU per request."""
        before = self._cpu_s()
        await asyncio.gather(*(self._send(request, times // CONNECTIONS) for _ in range(CONNECTIONS)))
        return (self._cpu_s() - before) / (times // CONNECTIONS * CONNECTIONS) * 1e6

    def _cpu_s(self) -> float:
        # The scheduler's own account, in nanoseconds: user and system time advance in steps of 10 ms.
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    async def _send(self, request: bytes, times: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for _ in range(times):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(head.decode())
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
        writer.close()


@asynccontextmanager
async def server(name: str) -> AsyncIterator[Server]:
    """The named app in a process of its own, answering."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(name, port), daemon=True)
    process.start()
    try:
        await _answers(port)
        assert process.pid is not None
        yield Server(process.pid, port)
    finally:
        process.terminate()
        process.join()


async def _answers(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError("the server did not start")


def request_of(events: int) -> bytes:
    """A batch as an SDK sends it."""
    ids, now = SystemIds(SystemClock()), SystemClock().now().isoformat(timespec="milliseconds")
    body = orjson.dumps({"batch": [_event(number, ids.uuid7(), now) for number in range(events)], "sent_at": now})
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: ingest\r\nAuthorization: ApiKey bench\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _event(number: int, message_id: str, now: str) -> dict[str, Any]:
    return {
        "type": "track",
        "user_id": f"user-{number % 50}",
        "event_type": "page_viewed",
        "message_id": message_id,
        "timestamp": now.replace("+00:00", "Z"),
        "payload": {"path": "/pricing", "position": number, "referrer": "https://example.com/"},
    }


async def run() -> list[Ratio]:
    """All ratios; the servers take turns, so that each pair saw the same machine."""
    found: list[Ratio] = []
    async with server("bare") as bare_one, server("hot") as hot_one, server("usual") as usual_one:
        for events, budget in BUDGETS.items():
            request, times = request_of(events), max(100, 8000 // (events + 4))
            await asyncio.gather(*(each.cpu_us(request, times) for each in (bare_one, hot_one, usual_one)))
            pairs = [
                (await bare_one.cpu_us(request, times), await hot_one.cpu_us(request, times)) for _ in range(ROUNDS)
            ]
            ours, theirs = [pair[1] for pair in pairs], [pair[0] for pair in pairs]
            found.append(Ratio(f"hot route, {events} events", "bare ASGI", ours, theirs, "us", budget))
            if events in USUAL_BUDGETS:
                slow = [await usual_one.cpu_us(request, times) for _ in range(ROUNDS)]
                found.append(
                    Ratio(f"usual route, {events} events", "hot route", slow, ours, "us", USUAL_BUDGETS[events])
                )
    return found
