"""Server CPU per request of the fast ingest route, against a bare ASGI app that reads the body and answers 202.

- The fast route runs the whole product without the event log. A log's round trip is waiting, not CPU, so the log here
  discards what it gets.
- A second bare app also parses the body and writes a line for each event, which no route can avoid.
- A bare FastAPI route calls `request.json()` and checks nothing.
- The usual FastAPI route validates the same bodies with the documented pydantic models, makes a model of each row and
  appends row by row to the same log.

Only the fast route authenticates its callers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from random import SystemRandom

import httpx
import orjson
from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.harness.calls import TENANT, items
from bench.harness.pairs import in_turn
from bench.harness.serving import Served, request, served
from bench.report import Budget, Ratio, at_least, at_most
from segops_common.contracts.events import EventRow
from segops_common.contracts.http import INTROSPECT_PATH, KeyIntrospection
from segops_common.contracts.topics import EVENTS, Topic, profile_key
from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.security import permissions as scopes
from segops_common.security.api_keys import new_key
from segops_common.security.introspect import RemoteAuthenticator
from segops_common.streams.log import Message, Position
from segops_common.streams.memory import MemoryEventLog
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Running
from segops_ingest.adapters.memory.dead_letters import MemoryDeadLetters
from segops_ingest.adapters.memory.event_schemas import MemoryEventSchemas
from segops_ingest.adapters.memory.identity_claims import MemoryIdentityClaims
from segops_ingest.adapters.memory.rejections import MemoryRejectionLog
from segops_ingest.adapters.memory.tenant_directory import MemoryTenantDirectory
from segops_ingest.adapters.metrics import IngestMetrics
from segops_ingest.api.schemas import Accepted, BatchCall
from segops_ingest.app import api_app, collect_cycles_less_often
from segops_ingest.domain.instants import warehouse_text
from segops_ingest.ports.event_memory import FirstNote, Note
from segops_ingest.service.accept_events import Ingest
from segops_ingest.service.aliases import Aliases
from segops_ingest.service.dead_letters import DeadLetterReplays
from segops_ingest.service.rejections import Rejections
from segops_ingest.service.sandbox import Sandbox
from segops_ingest.service.use_cases import UseCases

ROUNDS = 5
SIZES: Mapping[int, Budget] = {1: at_most(1.6), 20: at_most(2.5), 100: at_most(4.2), 1000: at_most(4.2)}
USUAL: Mapping[int, Budget] = {20: at_least(4), 1000: at_least(10)}
PATH = "/api/ingestion/batch/"
ANSWER = b'{"status":"accepted"}'


class DiscardingLog(MemoryEventLog):
    """A log that discards everything."""

    async def append_many(self, topic: Topic, messages: Sequence[Message]) -> Sequence[Position]:  # noqa: ARG002
        """Discard the messages."""
        return ()


class NoMemory:
    """Knows no earlier message. The notes of events with `sent_at` are made, but not sent."""

    async def first(self, tenant_id: int, notes: Sequence[Note]) -> Sequence[FirstNote | None]:  # noqa: ARG002
        """Return nothing."""
        return [None] * len(notes)


def authenticator() -> RemoteAuthenticator:
    """Return the product's authenticator with an auth service in this process that accepts every key."""
    auth = FastAPI()

    async def introspect() -> KeyIntrospection:
        return KeyIntrospection(
            active=True, key_id=1, tenant_id=TENANT, kind=scopes.KeyKind.SECRET, scopes=(scopes.Scope.EVENTS_WRITE,)
        )

    auth.post(INTROSPECT_PATH)(introspect)
    transport = httpx.ASGITransport(app=auth)
    return RemoteAuthenticator(
        auth_url="http://auth", service_token="bench", redis=None, clock=SystemClock(), transport=transport
    )


def fast() -> ASGIApp:
    """Return the product's API in a process that is set up as in production."""
    collect_cycles_less_often()
    return product()


def product() -> FastAPI:
    """Return the product's API on a log that discards everything."""
    clock, metrics = SystemClock(), Metrics()
    service = Ingest(
        log=DiscardingLog(clock=clock),
        memory=NoMemory(),
        ids=SystemIds(clock),
        clock=clock,
        random=SystemRandom(),
        observer=IngestMetrics(metrics),
        schemas=MemoryEventSchemas(),
    )

    directory = MemoryTenantDirectory()
    use_cases = UseCases(
        service,
        Rejections(log=MemoryRejectionLog(clock=clock), directory=directory, ids=SystemIds(clock), clock=clock),
        DeadLetterReplays(letters=MemoryDeadLetters(), ingest=service, clock=clock),
        Sandbox(directory=directory, ingest=service),
        Aliases(claims=MemoryIdentityClaims(), ingest=service, clock=clock),
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        async with authenticator() as key_checker:
            yield Running(use_cases, authenticator=key_checker)

    return api_app(lifespan, metrics)


def usual() -> FastAPI:
    """Return a route as FastAPI's tutorial writes it: models in, models out, and a message for each event."""
    app, clock = FastAPI(), SystemClock()
    log = DiscardingLog(clock=clock)

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
        return Accepted(
            status="accepted",
            accepted=len(ids),
            duplicates=0,
            conflicting=[],
            quarantined=[],
            warnings=[],
            message_ids=ids,
            errors=[],
        )

    app.post(PATH, status_code=202)(batch)
    return app


def bare() -> ASGIApp:
    """Return an app that reads the body and answers 202."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _read(receive)
            await _answer(send)

    return app


def parsing() -> ASGIApp:
    """Return an app that reads and parses the body, writes each event as a line, and answers 202 without any check."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            batch = orjson.loads(await _read(receive))["batch"]
            b"\n".join([orjson.dumps(item) for item in batch])
            await _answer(send)

    return app


def plain() -> FastAPI:
    """Return a FastAPI route that accepts any JSON."""
    app = FastAPI()

    async def batch(request: Request) -> dict[str, str]:
        await request.json()
        return {"status": "accepted"}

    app.post(PATH, status_code=202)(batch)
    return app


async def _read(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _answer(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def a_key() -> str:
    """Return a new, well-formed API key."""
    return new_key(scopes.KeyKind.SECRET, SystemIds(SystemClock()))


def request_of(events: int) -> bytes:
    """Return the request for a batch as an SDK sends it."""
    now = SystemClock().now().isoformat(timespec="milliseconds")
    body = orjson.dumps({"batch": items(events), "sent_at": now})
    return request("POST", PATH, body, f"Authorization: ApiKey {a_key()}\r\n")


async def run() -> list[Ratio]:
    """Measure all servers in turn, so that all meet the same conditions in each round."""
    async with AsyncExitStack() as stack:
        builders = (bare, parsing, plain, fast, usual)
        servers = [await stack.enter_async_context(served(build)) for build in builders]
        return [ratio for events in SIZES for ratio in await _measured(servers, events)]


async def _measured(servers: Sequence[Served], events: int) -> list[Ratio]:
    message, times = request_of(events), max(40, 8000 // (events + 4))
    samples = [partial(server.cpu_us, message, times) for server in servers]
    if events not in USUAL:
        samples.pop()
    bare_us, parsing_us, plain_us, fast_us, *usual_us = await in_turn(ROUNDS, *samples)
    what = f"fast route, {events:,} {'event' if events == 1 else 'events'}"
    return [
        Ratio(what, "bare ASGI that reads", fast_us, bare_us, "us", SIZES[events]),
        Ratio(what, "bare ASGI that parses and writes lines", fast_us, parsing_us, "us"),
        Ratio(what, "bare FastAPI route with request.json()", fast_us, plain_us, "us"),
        *(
            Ratio(f"usual route, {events:,} events", "fast route", slow, fast_us, "us", USUAL[events])
            for slow in usual_us
        ),
    ]
