"""Activations in memory: the API, the process that delivers, and a receiver."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from segops_admin.webhook import verify_webhook

from segops_common.contracts.jobs import IngestLag
from segops_common.telemetry.metrics import Metrics
from segops_membership.adapters.memory.activations.consents import MemoryConsents
from segops_membership.adapters.memory.activations.sender import MemorySender
from segops_membership.domain.activations.consent import Consent
from segops_membership.ports.activations.consents import Consents
from segops_membership.ports.activations.sender import Answer
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.activations.deliver import DeliverActivations
from segops_membership.service.activations.files import FileOutputs
from segops_membership.service.members.changes import ReadChanges
from tests.corpus.builders import NOW, count, event, group, job
from tests.unit.membership.api import IN, SEGMENT, Api
from tests.unit.membership.harness import TENANT

PATH = "/api/activations/"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
EVERY = ["segment.recomputed", "segment.entered", "segment.exited"]
BODY = {
    "segment": SEGMENT,
    "connector_type": "webhook",
    "config": {"url": "https://hooks.example.com/", "secret": SECRET, "events": EVERY},
}
NOBODY, BOUGHT = group(logic="OR"), group(count("purchase"))


@dataclass
class Receiver:
    """Keeps what it has confirmed, once for each id, and folds it."""

    status: int | None = 200
    retry_after_s: float | None = None
    requests: list[tuple[Mapping[str, str], dict[str, Any]]] = field(default_factory=list)
    confirmed: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    sizes: list[int] = field(default_factory=list)

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        assert verify_webhook(body, headers.get("X-SegOps-Signature"), SECRET)
        parsed = json.loads(body)
        self.requests.append((headers, parsed))
        if self.status is None:
            return Answer(None, 5, error="the connection failed")
        if 200 <= self.status < 300:
            self._confirm(headers["webhook-id"], parsed)
        return Answer(self.status, 5, "body", retry_after_s=self.retry_after_s)

    def _confirm(self, id: str, parsed: dict[str, Any]) -> None:
        if id in self.confirmed:
            assert self.confirmed[id] == parsed, "a repetition has the same body"
            return
        self.confirmed[id] = parsed
        if parsed["event"] == "segment.entered":
            assert self.members.isdisjoint(parsed["user_ids"])
            self.members |= set(parsed["user_ids"])
        elif parsed["event"] == "segment.exited":
            # Erased users exit from every segment that they ever were in.
            assert parsed.get("reason") == "erasure" or self.members >= set(parsed["user_ids"])
            self.members -= set(parsed["user_ids"])
        elif parsed["event"] == "segment.recomputed":
            self.sizes.append(parsed["member_count"])


@dataclass
class World:
    """The API, the process that delivers, and a receiver."""

    api: Api
    receiver: Receiver
    deliver: DeliverActivations
    sender: MemorySender
    runs: int = 1

    async def run(self, *users: str, definition: Any = IN, lag: IngestLag | None = None, version: int = 1) -> None:
        self.runs += 1
        membership = self.api.membership
        membership.watermark.lag = lag
        membership.clock.advance(1)
        membership.store(*(event(user) for user in users))
        at = NOW + timedelta(seconds=self.runs)
        await membership.compute.run(job(TENANT, self.runs, {SEGMENT: definition}, as_of=at, version=version))

    async def work(self) -> None:
        """Deliver until nothing is due."""
        while (activation := await self.deliver.take()) is not None:
            await self.deliver.deliver(activation)

    async def later(self, seconds: float) -> None:
        self.api.membership.clock.advance(seconds)
        await self.work()

    async def create(self, **more: Any) -> str:
        answer = await self.api.post(PATH, BODY | more, "ApiKey writes")
        assert answer.status_code == 201, answer.text
        return f"{PATH}{answer.json()['id']}/"

    async def started(self, **more: Any) -> str:
        path = await self.create(**more)
        await self.patch(path, status="active")
        return path

    async def patch(self, path: str, **changes: Any) -> dict[str, Any]:
        answer = await self.api.http.patch(path, json=changes, headers={"Authorization": "ApiKey writes"})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def show(self, path: str) -> dict[str, Any]:
        body: dict[str, Any] = (await self.api.get(path)).json()
        return body

    async def logs(self, path: str) -> list[dict[str, Any]]:
        logs: list[dict[str, Any]] = (await self.api.get(f"{path}logs/")).json()["results"]
        return logs


class Unreadable:
    """Consents of an engine that does not answer."""

    async def consents(self, tenant_id: int, user_ids: Collection[str], path: str) -> Mapping[str, Consent]:
        raise EngineUnavailable("it does not answer")


def world_of(api: Api, consents: Consents | None = None, person_key: str = "p" * 32) -> World:
    """Return the world of an API."""
    membership, receiver = api.membership, Receiver()
    sender = MemorySender(receiver)
    deliver = DeliverActivations(
        activations=membership.activations,
        publications=membership.publications,
        changes=ReadChanges(
            publications=membership.publications, history=membership.history, exits=membership.erased_exits
        ),
        definitions=membership.definitions,
        sender=sender,
        files=FileOutputs(exports=membership.exports, clock=membership.clock),
        consents=consents or MemoryConsents(warehouse=membership.warehouse, clock=membership.clock),
        clock=membership.clock,
        metrics=Metrics(),
        faults=membership.faults,
        random=Random(1),
        person_key=person_key,
        changes_at_once=3,
    )
    return World(api, receiver, deliver, sender)
