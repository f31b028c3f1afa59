"""The outbox in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from segops_common.contracts.jobs import ComputeJob, SegmentChanged, StaticMembersChanged
from segops_common.telemetry.tracing import current_traceparent
from segops_segments.adapters.memory.state import MemorySession
from segops_segments.ports.outbox import OutboxMessage, TopicName


class MemoryOutboxWrites(MemorySession):
    """See the port `OutboxWriter`."""

    async def put_segment_change(self, tenant_id: int, change: SegmentChanged) -> None:
        self._put(tenant_id, "segops.segments", change.model_dump_json().encode())

    async def put_list_change(self, tenant_id: int, portion: StaticMembersChanged) -> None:
        self._put(tenant_id, "segops.static-members", portion.model_dump_json().encode())

    async def put_job(self, tenant_id: int, job: ComputeJob) -> int:
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
    """Messages of tenants that no other relay has claimed."""

    def __init__(self, messages: Sequence[OutboxMessage]) -> None:
        self._messages = tuple(messages)
        self.sent: dict[int, datetime] = {}

    @property
    def messages(self) -> Sequence[OutboxMessage]:
        return self._messages

    async def mark_sent(self, message_id: int, at: datetime) -> None:
        self.sent[message_id] = at
