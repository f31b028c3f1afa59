"""The store and the outbox in memory, for tests of the use cases; the same contract suite runs on both."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime

from segops_common.contracts.jobs import ComputeJob, SegmentChanged, StaticMembersChanged
from segops_common.telemetry.tracing import current_traceparent
from segops_segments.domain.references import Graph, node_of
from segops_segments.domain.run import NewRun, Run
from segops_segments.domain.segment import MAX_SHOWN_REFERRERS, NewSegment, Segment, Version
from segops_segments.ports.transactions import NameTaken, OutboxMessage, TopicName


@dataclass(slots=True)
class _State:
    segments: dict[int, Segment] = field(default_factory=dict)
    deleted: dict[int, datetime] = field(default_factory=dict)
    versions: dict[int, list[Version]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[tuple[int, int], Run] = field(default_factory=dict)
    messages: dict[int, OutboxMessage] = field(default_factory=dict)
    claimed: set[int] = field(default_factory=set)
    sent: dict[int, datetime] = field(default_factory=dict)

    def present(self, tenants: Collection[int]) -> list[Segment]:
        return [each for each in self.segments.values() if each.tenant_id in tenants and each.id not in self.deleted]

    def due(self, before: datetime) -> list[Segment]:
        later = {run.segment_id for run in self.runs.values() if not run.fixed and run.as_of > before}
        hourly = [each for each in self.segments.values() if each.refresh == "hourly" and each.segment_type == "rule"]
        return [each for each in hourly if each.id not in later and each.id not in self.deleted]

    def unsent(self) -> list[OutboxMessage]:
        return [message for message in self.messages.values() if message.id not in self.sent]


class MemoryUnit:
    """Works on a copy of the state that replaces it when the unit ends well."""

    def __init__(self, state: _State, ids: itertools.count[int]) -> None:
        self._state = state
        self._ids = ids

    async def find_segment(self, tenants: Collection[int], segment_id: int) -> Segment | None:
        return next((each for each in self._present(tenants) if each.id == segment_id), None)

    async def list_segments(
        self, tenants: Collection[int], after: int, limit: int, *, among: Collection[int] | None = None
    ) -> Sequence[Segment]:
        wanted = [each for each in self._present(tenants) if among is None or each.id in among]
        return [each for each in wanted if each.id > after][:limit]

    async def due_segments(self, tenant_id: int, before: datetime, limit: int) -> Sequence[Segment]:
        due = {each.id for each in self._state.due(before)}
        return [each for each in self._present((tenant_id,)) if each.id in due][:limit]

    async def referring_to(self, tenant_id: int, segment_id: int) -> Collection[int]:
        above = {segment_id}
        while more := {each.id for each in self._referrers(tenant_id, above)} - above:
            above |= more
        return above - {segment_id}

    async def reference_graph(self, tenant_id: int, segment_ids: Collection[int]) -> Graph:
        return {each.id: node_of(each.definition) for each in await self.list_referred(tenant_id, segment_ids)}

    async def list_referred(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Segment]:
        present = {each.id: each for each in self._present((tenant_id,))}
        found = present.keys() & segment_ids
        while more := {ref for each in found for ref in present[each].references} - found:
            found |= more
        return [present[each] for each in sorted(found)]

    async def with_definition(self, tenant_id: int, definition_hash: str, limit: int) -> Sequence[int]:
        rules = [each for each in self._present((tenant_id,)) if each.segment_type == "rule"]
        return sorted(each.id for each in rules if each.definition_hash == definition_hash)[:limit]

    def _referrers(self, tenant_id: int, segment_ids: Collection[int]) -> list[Segment]:
        return [each for each in self._state.present((tenant_id,)) if not set(segment_ids).isdisjoint(each.references)]

    def _present(self, tenants: Collection[int]) -> list[Segment]:
        """As they are shown, with those that refer to them."""
        return [replace(each, referenced_by=self._shown_referrers(each)) for each in self._state.present(tenants)]

    def _shown_referrers(self, segment: Segment) -> tuple[int, ...]:
        ids = sorted(each.id for each in self._referrers(segment.tenant_id, (segment.id,)))
        return tuple(ids[:MAX_SHOWN_REFERRERS])

    async def list_versions(self, tenant_id: int, segment_id: int, before: int, limit: int) -> Sequence[Version]:
        return [each for each in self._versions(tenant_id, segment_id) if each.number < before][:limit]

    async def versions(self, tenant_id: int, at_most: Mapping[int, int]) -> Mapping[int, Version]:
        found = {
            key: [each for each in self._versions(tenant_id, key) if each.number <= at_most[key]] for key in at_most
        }
        return {key: those[0] for key, those in found.items() if those}

    def _versions(self, tenant_id: int, segment_id: int) -> Sequence[Version]:
        segment = self._state.segments.get(segment_id)
        if segment is None or segment.tenant_id != tenant_id:
            return ()
        return self._state.versions[segment_id][::-1]

    async def list_runs(self, tenant_id: int, segment_id: int, before: int, limit: int) -> Sequence[Run]:
        found = [run for run in self._of(tenant_id) if run.segment_id == segment_id and run.id < before]
        return found[::-1][:limit]

    async def find_runs(self, tenant_id: int, run_id: int) -> Sequence[Run]:
        found = [run for run in self._of(tenant_id) if run.id == run_id]
        return sorted(found, key=lambda run: run.segment_id)

    async def served_run(self, tenant_id: int, segment_id: int) -> Run | None:
        own = await self.list_runs(tenant_id, segment_id, 2**63 - 1, 2**63 - 1)
        return next((run for run in own if run.outcome is not None and run.outcome.published), None)

    async def settled_run(self, tenant_id: int, segment_id: int) -> Run | None:
        own = await self.list_runs(tenant_id, segment_id, 2**63 - 1, 2**63 - 1)
        return next((run for run in own if run.state in ("succeeded", "failed") and not run.fixed), None)

    def _of(self, tenant_id: int) -> list[Run]:
        return [run for run in self._state.runs.values() if run.tenant_id == tenant_id]

    async def add_segment(self, tenant_id: int, new: NewSegment, at: datetime) -> Segment:
        segment = Segment(
            id=next(self._ids),
            tenant_id=tenant_id,
            name=new.name,
            segment_type=new.segment_type,
            definition=new.definition,
            description=new.description,
            refresh=new.refresh,
            version=1,
            created_at=at,
            updated_at=at,
        )
        await self.save_segment(tenant_id, segment)
        return segment

    async def save_segment(self, tenant_id: int, segment: Segment) -> None:
        others = [each for each in self._state.present((tenant_id,)) if each.id != segment.id]
        if any(each.name == segment.name for each in others):
            raise NameTaken
        self._state.segments[segment.id] = segment

    async def delete_segment(self, tenant_id: int, segment_id: int, at: datetime) -> None:
        if await self.find_segment((tenant_id,), segment_id) is not None:
            self._state.deleted[segment_id] = at

    async def add_version(self, tenant_id: int, version: Version) -> None:
        if await self.find_segment((tenant_id,), version.segment_id) is not None:
            self._state.versions[version.segment_id].append(version)

    async def add_run(self, tenant_id: int, together: Sequence[NewRun]) -> Sequence[Run]:
        run_id = next(self._ids)
        runs = [
            Run(
                id=run_id,
                tenant_id=tenant_id,
                segment_id=new.segment_id,
                version=new.version,
                state="queued",
                as_of=new.as_of,
                fixed=new.fixed,
                requested_by=new.requested_by,
                requested_at=new.requested_at,
            )
            for new in sorted(together, key=lambda new: new.segment_id)
        ]
        self._state.runs |= {(run.id, run.segment_id): run for run in runs}
        return runs

    async def save_runs(self, tenant_id: int, runs: Sequence[Run]) -> None:
        known = {(run.id, run.segment_id) for run in self._of(tenant_id)}
        self._state.runs |= {(run.id, run.segment_id): run for run in runs if (run.id, run.segment_id) in known}

    async def queued_runs(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Run]:
        own = [run for run in self._of(tenant_id) if run.segment_id in segment_ids]
        return [run for run in own if run.state == "queued" and not run.fixed]

    async def announce_change(self, tenant_id: int, change: SegmentChanged) -> None:
        self._put(tenant_id, "segops.segments", change.model_dump_json().encode())

    async def announce_members(self, tenant_id: int, portion: StaticMembersChanged) -> None:
        self._put(tenant_id, "segops.static-members", portion.model_dump_json().encode())

    async def announce_job(self, tenant_id: int, job: ComputeJob) -> int:
        return self._put(tenant_id, "segops.compute-jobs", job.model_dump_json().encode())

    async def recall_job(self, tenant_id: int, message_id: int) -> bool:
        message = self._state.messages.get(message_id)
        if message is None or message.tenant_id != tenant_id or message_id in self._state.claimed:
            return False
        del self._state.messages[message_id]
        return True

    def _put(self, tenant_id: int, topic: TopicName, value: bytes) -> int:
        message = OutboxMessage(
            id=next(self._ids),
            tenant_id=tenant_id,
            topic=topic,
            value=value + b"\n",
            traceparent=current_traceparent(),
        )
        self._state.messages[message.id] = message
        return message.id


class MemoryClaim:
    """Messages of tenants that nobody else is relaying."""

    def __init__(self, messages: Sequence[OutboxMessage]) -> None:
        self._messages = tuple(messages)
        self.sent: dict[int, datetime] = {}

    @property
    def messages(self) -> Sequence[OutboxMessage]:
        return self._messages

    async def mark_sent(self, message_id: int, at: datetime) -> None:
        self.sent[message_id] = at


class MemoryStore:
    """Everything in one process; writes come one after the other."""

    def __init__(self) -> None:
        self._state = _State()
        self._ids = itertools.count(1)
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._lock = asyncio.Lock()
        self._relaying: set[int] = set()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[MemoryUnit]:
        yield MemoryUnit(deepcopy(self._state), self._ids)

    @asynccontextmanager
    async def writing(self, tenant_id: int) -> AsyncIterator[MemoryUnit]:
        async with self._locks[tenant_id], self._lock:
            state = deepcopy(self._state)
            yield MemoryUnit(state, self._ids)
            # What a relay did meanwhile stays done.
            self._state = replace(state, claimed=self._state.claimed, sent=self._state.sent)

    async def find_runs(self, wanted: Collection[tuple[int, int]]) -> Sequence[Run]:
        return [run for run in self._state.runs.values() if (run.tenant_id, run.id) in wanted]

    async def due_tenants(self, before: datetime, limit: int) -> Sequence[int]:
        return list(dict.fromkeys(each.tenant_id for each in self._state.due(before)))[:limit]

    async def overdue_runs(self, now: datetime, limit: int) -> Sequence[tuple[int, int]]:
        waiting = {message.id for message in self._state.unsent()}
        overdue = [
            run
            for run in self._state.runs.values()
            if not run.final
            and run.lease_until is not None
            and run.lease_until <= now
            and run.message_id not in waiting
        ]
        return list(dict.fromkeys((run.tenant_id, run.id) for run in overdue))[:limit]

    @asynccontextmanager
    async def claim(self, limit: int) -> AsyncIterator[MemoryClaim]:
        free = [message for message in self._state.unsent() if message.tenant_id not in self._relaying]
        mine = free[:limit]
        tenants = {message.tenant_id for message in mine}
        self._state.claimed |= {message.id for message in mine}
        self._relaying |= tenants
        claim = MemoryClaim(mine)
        try:
            yield claim
            self._state.sent |= claim.sent
        finally:
            self._relaying -= tenants

    async def forget_sent(self, before: datetime) -> int:
        gone = [message_id for message_id, at in self._state.sent.items() if at < before]
        for message_id in gone:
            self._state.messages.pop(message_id, None)
            del self._state.sent[message_id]
        return len(gone)
