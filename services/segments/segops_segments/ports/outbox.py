"""The transactional outbox: messages stored with the change that they publish, and relayed afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from segops_common.contracts.jobs import ComputeJob, SegmentChanged, StaticMembersChanged

TopicName = Literal["segops.compute-jobs", "segops.segments", "segops.static-members"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """A message that waits for the relay; ids ascend in the order in which a tenant's transactions committed."""

    id: int
    tenant_id: int
    topic: TopicName
    value: bytes
    traceparent: str | None


class OutboxWriter(Protocol):
    """Stores messages within a transaction."""

    async def put_segment_change(self, tenant_id: int, change: SegmentChanged) -> None:
        """Store the message about a changed segment."""
        ...

    async def put_list_change(self, tenant_id: int, portion: StaticMembersChanged) -> None:
        """Store one portion of a change of a static segment's list."""
        ...

    async def put_job(self, tenant_id: int, job: ComputeJob) -> int:
        """Store a job and return the id of its message."""
        ...

    async def recall_job(self, tenant_id: int, message_id: int) -> bool:
        """Remove a job from the outbox; return False when a relay has taken or sent it."""
        ...


class Claim(Protocol):
    """The oldest messages of some tenants, in order; no other process relays these tenants until the block ends."""

    @property
    def messages(self) -> Sequence[OutboxMessage]:
        """The messages, ascending by id."""
        ...

    async def mark_sent(self, message_id: int, at: datetime) -> None:
        """Record that the message is in the event log; kept when the block ends, discarded when it raises."""
        ...


class Outbox(Protocol):
    """The relay's view of the outbox. Every method may raise `core.problems.Unavailable`."""

    def claim(self, limit: int) -> AbstractAsyncContextManager[Claim]:
        """Take messages of tenants that no other process is relaying."""
        ...

    async def delete_sent(self, before: datetime) -> int:
        """Delete messages that were sent before that instant and return how many there were."""
        ...
