"""People of a tenant who compute its segments and applications that look users up, while the product has faults."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import httpx

from tests.e2e.people import Person, sign_up
from tests.faults.product.consumers import Consumers, consuming
from tests.faults.product.load import EVENT_TYPES, USERS, Application, complaint
from tests.faults.product.running import PATIENCE_S

LEAST = {"login": 3, "purchase": 1}
"""A user is in the segment of an event type with that many events of it."""
IS_EVEN = {
    "logic": "AND",
    "conditions": [{"type": "user_property", "property": "is_even", "operator": "eq", "value": True}],
}
"""Users enter and leave it all the time."""
_PAUSE_S = 1.0
_POLL_S = 0.2


def _definition(event_type: str) -> dict[str, Any]:
    condition = {"type": "event_count", "event_type": event_type, "operator": "gte", "value": LEAST[event_type]}
    return {"logic": "AND", "conditions": [condition]}


@dataclass(slots=True)
class Workspace:
    """A tenant with segments, its runs, consumers of its changes, and what lookups have answered."""

    person: Person
    key: str
    segments: Mapping[str, int]
    """By event type."""
    even: int
    """The segment of `IS_EVEN`."""
    random: Random
    consumers: Consumers = field(init=False)
    runs: set[tuple[int, str]] = field(default_factory=set)
    """Each part of a run that was accepted, by segment and run."""
    lookups: int = 0
    wrong: list[str] = field(default_factory=list)
    _memberships: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _numbers: count[int] = field(default_factory=count)

    @property
    def application(self) -> Application:
        """The sender of this tenant's events."""
        return Application(self.person.tenant, self.key)

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[None]:
        """Let consumers of all changes of all segments be there until the block ends."""
        segments = (*self.segments.values(), self.even)
        async with consuming(self.person, self.call, segments, self.random) as self.consumers:
            yield

    def works(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """What people and consumers of the tenant do again and again."""
        reader, consumers = self.consumers.reader, self.consumers
        return (
            self.compute_again_and_again,
            self.look_up_again_and_again,
            reader.read_again_and_again,
            consumers.send_again_and_again,
        )

    async def compute_again_and_again(self) -> None:
        """Request a run of all segments every second or so."""
        while True:
            await self.compute()
            await asyncio.sleep(_PAUSE_S)

    async def look_up_again_and_again(self) -> None:
        """Look users up. None of them may leave the segment of an event type: no event disappears."""
        while True:
            user = f"user-{self.random.randrange(USERS)}"
            answer = await self.call("GET", "/api/segments/membership/", params={"user_id": user})
            if answer is not None:
                self._note(user, set(answer["segment_ids"]) - {self.even})
            await asyncio.sleep(_PAUSE_S / 10)

    async def compute(self) -> set[tuple[int, str]]:
        """Request a run of all segments until it is accepted, and return its parts."""
        headers = {"Idempotency-Key": f"compute-{next(self._numbers)}"}
        while True:
            body = {"tenant": self.person.tenant}
            answer = await self.call("POST", "/api/segments/compute/", json=body, headers=headers)
            if answer is not None:
                parts = {(segment, run["run_id"]) for run in answer["runs"] for segment in run["segment_ids"]}
                self.runs |= parts
                return parts
            await asyncio.sleep(_POLL_S)

    async def ended(self, parts: Iterable[tuple[int, str]]) -> list[Mapping[str, Any]]:
        """Return the parts when all have ended."""
        return [await self._ended(segment, run_id) for segment, run_id in sorted(parts)]

    async def complete(self) -> Mapping[int, str]:
        """Return the digest of each segment when a run has seen all events that were acknowledged before this call."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                parts = await self.ended(await self.compute())
                if all(part["status"] == "succeeded" and not part["incomplete"] for part in parts):
                    return {int(part["segment_id"]): str(part["digest"]) for part in parts}

    async def members(self) -> dict[str, set[str]]:
        """Return the users of each segment by lookups, by event type."""
        members: dict[str, set[str]] = {event_type: set() for event_type in EVENT_TYPES}
        for user in (f"user-{n}" for n in range(USERS)):
            body = await self._until_answered("/api/segments/membership/", user_id=user)
            for event_type, segment in self.segments.items():
                if segment in body["segment_ids"]:
                    members[event_type].add(user)
        return members

    def _note(self, user: str, segments: set[int]) -> None:
        self.lookups += 1
        if not self._memberships[user] <= segments:
            self.wrong.append(f"{user} was in {self._memberships[user]}, then in {segments}")
        self._memberships[user] |= segments

    async def _ended(self, segment: int, run_id: str) -> Mapping[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                path = f"/api/segments/{segment}/runs/{run_id}/"
                part = await self._until_answered(path)
                if part["status"] not in ("queued", "running"):
                    return part
                await asyncio.sleep(_POLL_S)

    async def _until_answered(self, path: str, **params: str) -> Mapping[str, Any]:
        while True:
            answer = await self.call("GET", path, params=params)
            if answer is not None:
                return answer
            await asyncio.sleep(_POLL_S)

    async def call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **request: Any
    ) -> Mapping[str, Any] | None:
        """Send a request by the key; None if it was refused or not answered. What no refusal may be is noted."""
        authorization = {"Authorization": f"ApiKey {self.key}"}
        try:
            answer = await self.person.client.request(
                method, path, headers=authorization | dict(headers or {}), **request
            )
        except httpx.TransportError:
            return None
        reason = complaint(answer)
        if reason is not None:
            self.wrong.append(reason)
        body: Mapping[str, Any] | None = answer.json() if answer.is_success else None
        return body


async def new_workspace(client: httpx.AsyncClient, seed: int) -> Workspace:
    """Return a new tenant with its segments."""
    person = await sign_up(client, "chaos")
    key = str((await person.new_key())["key"])
    segments = {event_type: await person.new_segment(event_type, _definition(event_type)) for event_type in EVENT_TYPES}
    even = await person.new_segment("even", IS_EVEN)
    return Workspace(person, key, segments, even, Random(seed))


@asynccontextmanager
async def busy(workspaces: Sequence[Workspace]) -> AsyncIterator[None]:
    """Compute and look up in all workspaces until the block ends."""
    async with asyncio.TaskGroup() as group:
        works = [work for space in workspaces for work in space.works()]
        tasks = [group.create_task(work()) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
