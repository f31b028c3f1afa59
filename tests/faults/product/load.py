"""Applications that send events through the gateway until they are acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import httpx

from tests.faults.product.delivery_record import DeliveryRecord, Sent
from tests.faults.product.running import PATIENCE_S

EVENT_TYPES = ("login", "purchase")
USERS = 25
_BATCH = 6
_SENDERS = 8
_MOST_WAIT_S = 1.0
_RETRIED = frozenset({429, 502, 503, 504})
_MUST_SAY_WHEN = frozenset({429, 503, 504})


@dataclass(frozen=True, slots=True)
class Application:
    """A sender of one tenant."""

    tenant: int
    key: str


def complaint(answer: httpx.Response) -> str | None:
    """Return what is wrong with a refusal, None if nothing: it is short, a problem document, and says when to retry."""
    if answer.status_code < 400:
        return None
    says_when = "retry-after" in answer.headers or answer.status_code not in _MUST_SAY_WHEN
    is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    if answer.status_code == 500 or not says_when or not is_problem or len(answer.content) > 16_384:
        return f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}"
    return None


@dataclass(frozen=True, slots=True)
class Request:
    """A request, the same in every try."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    events: Sequence[Sent]


@dataclass(slots=True)
class Load:
    """Sends `rate` events a second, in all forms, from `start` to `stop`. Each request is repeated until its 202.

    A fifth of the requests is repeated even after it, as by a client whose connection broke before the response.
    """

    url: str
    applications: Sequence[Application]
    seed: int
    rate: float
    record: DeliveryRecord = field(default_factory=DeliveryRecord)
    requests: list[Request] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start the senders."""
        self._tasks = [group.create_task(self._send_until_stopped(Random(f"{self.seed}/{n}"))) for n in range(_SENDERS)]

    async def stop(self) -> None:
        """Return when everything that was sent is acknowledged."""
        self._stopping.set()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*self._tasks)

    async def repeat_all(self) -> None:
        """Send every request once more, until its 202."""
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as client:
            for request in self.requests:
                await self._until_acknowledged(client, request, Random(self.seed))

    async def grows(self, events: int) -> None:
        """Return when that many more events are acknowledged."""
        aim = len(self.record.acknowledged) + events
        async with asyncio.timeout(PATIENCE_S):
            while len(self.record.acknowledged) < aim:
                await asyncio.sleep(0.05)

    async def _send_until_stopped(self, random: Random) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as client:
            while not self._stopping.is_set():
                request = self._request(random)
                self.requests.append(request)
                await self._until_acknowledged(client, request, random)
                if random.random() < 0.2:
                    await self._until_acknowledged(client, request, random)
                pause_s = len(request.events) * _SENDERS / self.rate
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause_s)

    async def _until_acknowledged(self, client: httpx.AsyncClient, request: Request, random: Random) -> None:
        while not await self._once(client, request):
            await asyncio.sleep(random.uniform(0.1, _MOST_WAIT_S))

    async def _once(self, client: httpx.AsyncClient, request: Request) -> bool:
        try:
            answer = await client.post(request.path, json=request.body, headers=request.headers)
        except httpx.TransportError:
            self.record.answers[0] += 1
            return False
        self.record.answers[answer.status_code] += 1
        if answer.status_code == 202:
            self.record.acknowledge(request.events, answer.json()["message_ids"])
            return True
        reason = complaint(answer)
        if reason is not None:
            self.record.wrong.append(reason)
        if answer.status_code not in _RETRIED:
            raise AssertionError(f"an event was refused: {answer.status_code} {answer.text}")
        return False

    def _request(self, random: Random) -> Request:
        application = random.choice(self.applications)
        own_ids = random.random() < 0.6
        single = random.random() < 0.5
        events = [self._event(application, random, own_id=own_ids) for _ in range(1 if single else _BATCH)]
        headers = {"Authorization": f"ApiKey {application.key}"}
        if not own_ids:
            headers["Idempotency-Key"] = f"request-{self.seed}-{events[0].number}"
        if single:
            call = {name: value for name, value in events[0].call.items() if name != "type"}
            return Request(f"/api/ingestion/{events[0].call['type']}/", call, headers, events)
        return Request("/api/ingestion/batch/", {"batch": [event.call for event in events]}, headers, events)

    def _event(self, application: Application, random: Random, *, own_id: bool) -> Sent:
        number, user = next(self._numbers), f"user-{random.randrange(USERS)}"
        is_track = random.random() < 0.8
        if not is_track and random.random() < 0.3:
            user = f"visitor-{number}"
        event_type = random.choice(EVENT_TYPES) if is_track else "$identify"
        call: dict[str, Any] = {"type": "track" if is_track else "identify", "user_id": user}
        call |= (
            {"event_type": event_type, "payload": {"number": number}}
            if is_track
            else {"traits": {"number": number, "is_even": number % 2 == 0}}
        )
        if own_id:
            # An id that holds no time: without a time of its own, the event needs the memory of deliveries.
            call["message_id"] = f"message-{self.seed}-{number}"
        if random.random() < 0.5:
            call["timestamp"] = _text(
                datetime.now(UTC) - timedelta(days=random.choice((0, 40)), minutes=random.randrange(600))
            )
        event = Sent(number, application.tenant, event_type, user, call)
        self.record.sent[number] = event
        return event


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
