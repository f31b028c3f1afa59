"""What the use cases need from outside, besides the event log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from segops_common.contracts.http import ObservedEvents
from segops_common.contracts.jobs import ComputeJob, SegmentChanged, StaticMembersChanged
from segops_segments.domain.references import Graph
from segops_segments.domain.run import NewRun, Run
from segops_segments.domain.segment import NewSegment, Segment, Version

TopicName = Literal["segops.compute-jobs", "segops.segments", "segops.static-members"]


class NameTaken(Exception):
    """Another segment of the tenant has that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """A message that waits to be relayed; ids rise in the order in which a tenant's transactions committed."""

    id: int
    tenant_id: int
    topic: TopicName
    value: bytes
    traceparent: str | None


class ReadUnit(Protocol):
    """One consistent look at the store. A list begins after the id `after`, or before `before`, and has `limit` items."""

    async def find_segment(self, tenants: Collection[int], segment_id: int) -> Segment | None:
        """The segment when it belongs to one of these tenants and is not deleted."""
        ...

    async def list_segments(
        self, tenants: Collection[int], after: int, limit: int, *, among: Collection[int] | None = None
    ) -> Sequence[Segment]:
        """Segments of these tenants that are not deleted, by rising id; with `among` only those of these ids."""
        ...

    async def due_segments(self, tenant_id: int, before: datetime, limit: int) -> Sequence[Segment]:
        """Hourly segments of rules without a run, its instant not fixed, as of a later time than this, by rising id."""
        ...

    async def referring_to(self, tenant_id: int, segment_id: int) -> Collection[int]:
        """The segments whose definitions lead to this one, directly or through others."""
        ...

    async def reference_graph(self, tenant_id: int, segment_ids: Collection[int]) -> Graph:
        """These segments and all that their definitions lead to; ids that the tenant has no segment of are left out."""
        ...

    async def list_referred(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Segment]:
        """The same as segments, by rising id."""
        ...

    async def with_definition(self, tenant_id: int, definition_hash: str, limit: int) -> Sequence[int]:
        """The ids of rule segments whose definition has this content hash, rising."""
        ...

    async def list_versions(self, tenant_id: int, segment_id: int, before: int, limit: int) -> Sequence[Version]:
        """Versions with a definition, newest first."""
        ...

    async def versions(self, tenant_id: int, at_most: Mapping[int, int]) -> Mapping[int, Version]:
        """Of each segment the newest version with a definition whose number is not above; segments without are left out."""
        ...

    async def list_runs(self, tenant_id: int, segment_id: int, before: int, limit: int) -> Sequence[Run]:
        """Runs of the segment, newest first."""
        ...

    async def find_runs(self, tenant_id: int, run_id: int) -> Sequence[Run]:
        """What the run of that number is for each of its segments, by rising segment."""
        ...

    async def served_run(self, tenant_id: int, segment_id: int) -> Run | None:
        """The newest run of the segment that published what it found."""
        ...

    async def settled_run(self, tenant_id: int, segment_id: int) -> Run | None:
        """The newest run of the segment, its instant not fixed, that succeeded or failed."""
        ...


class WriteUnit(ReadUnit, Protocol):
    """One transaction of one tenant: all of it is kept when its block ends, nothing when the block raises.

    Transactions of a tenant happen one after the other.
    """

    async def add_segment(self, tenant_id: int, new: NewSegment, at: datetime) -> Segment:
        """Store a segment as version 1. Raises NameTaken."""
        ...

    async def save_segment(self, tenant_id: int, segment: Segment) -> None:
        """Store a segment's present state. Raises NameTaken."""
        ...

    async def delete_segment(self, tenant_id: int, segment_id: int, at: datetime) -> None:
        """Make the segment absent; its name is free again."""
        ...

    async def add_version(self, tenant_id: int, version: Version) -> None:
        """Store a definition under its number."""
        ...

    async def add_run(self, tenant_id: int, together: Sequence[NewRun]) -> Sequence[Run]:
        """Store a queued run of these segments that is not announced yet, numbered after every earlier run of the tenant.

        By rising segment.
        """
        ...

    async def save_runs(self, tenant_id: int, runs: Sequence[Run]) -> None:
        """Store the present state of runs."""
        ...

    async def queued_runs(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Run]:
        """Queued runs of these segments whose instant is not fixed, oldest first.

        Of a segment at most one that is announced and one that waits behind it.
        """
        ...

    async def announce_change(self, tenant_id: int, change: SegmentChanged) -> None:
        """Put a change of a segment into the outbox."""
        ...

    async def announce_members(self, tenant_id: int, portion: StaticMembersChanged) -> None:
        """Put a portion of a change of a static segment's list into the outbox."""
        ...

    async def announce_job(self, tenant_id: int, job: ComputeJob) -> int:
        """Put a job into the outbox; the id of its message."""
        ...

    async def recall_job(self, tenant_id: int, message_id: int) -> bool:
        """Take a job out of the outbox, unless it was relayed or is being relayed: then False."""
        ...


class Store(Protocol):
    """Where segments, versions, runs and the outbox are kept. Every method may raise `kit.errors.Unavailable`."""

    def reading(self) -> AbstractAsyncContextManager[ReadUnit]:
        """Begin to look."""
        ...

    def writing(self, tenant_id: int) -> AbstractAsyncContextManager[WriteUnit]:
        """Begin a transaction of the tenant, waiting for the one before it."""
        ...

    async def find_runs(self, wanted: Collection[tuple[int, int]]) -> Sequence[Run]:
        """The runs of these (tenant, number) that there are, for each of their segments."""
        ...

    async def due_tenants(self, before: datetime, limit: int) -> Sequence[int]:
        """Tenants that have such segments, each once."""
        ...

    async def overdue_runs(self, now: datetime, limit: int) -> Sequence[tuple[int, int]]:
        """(tenant, run) of unfinished runs whose lease has ended, and of which no message waits in the outbox."""
        ...


class Spool(Protocol):
    """User ids on their way, kept outside of memory until all of them are there."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def add(self, user_ids: Sequence[str]) -> None:
        """Keep some more."""
        ...

    @property
    def parts(self) -> int:
        """How many portions they make, at least one."""
        ...

    def portions(self) -> Iterator[Sequence[str]]:
        """All of them in their order, in portions that a message has room for; no more can be added."""
        ...


class Observed(Protocol):
    """What the events of a tenant look like."""

    async def look(self, tenant_id: int, event_types: Sequence[str]) -> ObservedEvents | None:
        """All types, and the properties of those named; None when it cannot be found out now."""
        ...


class Claim(Protocol):
    """Messages that this process alone may relay until its block ends; of each tenant the oldest, in order."""

    @property
    def messages(self) -> Sequence[OutboxMessage]:
        """By rising id."""
        ...

    async def mark_sent(self, message_id: int, at: datetime) -> None:
        """The message is in the log. Kept when the block ends, forgotten when it raises."""
        ...


class Outbox(Protocol):
    """The relay's side of the outbox."""

    def claim(self, limit: int) -> AbstractAsyncContextManager[Claim]:
        """Take messages of tenants that no other process is relaying. May raise `kit.errors.Unavailable`."""
        ...

    async def forget_sent(self, before: datetime) -> int:
        """Delete messages relayed before that instant; how many."""
        ...
