"""From the outbox to the event log: at least once, and in order per tenant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from segops_common.contracts.topics import (
    COMPUTE_JOBS,
    SCHEMA_VERSION_HEADER,
    SEGMENTS,
    STATIC_MEMBERS,
    TRACEPARENT_HEADER,
    Topic,
    tenant_key,
)
from segops_common.core.clock import Clock
from segops_common.core.faults import FaultPoints
from segops_common.streams.log import EventLog, Header
from segops_segments.ports.transactions import Outbox, OutboxMessage, TopicName

TOPICS: Final[Mapping[TopicName, Topic]] = {
    "segops.compute-jobs": COMPUTE_JOBS,
    "segops.segments": SEGMENTS,
    "segops.static-members": STATIC_MEMBERS,
}
SCHEMA_VERSION: Final = b"1"
KEEP_SENT: Final = timedelta(days=7)
"""How long relayed messages stay for whoever looks into an incident."""


class OutboxRelay:
    """Moves messages; of several relays, each tenant is served by one at a time."""

    def __init__(self, *, outbox: Outbox, log: EventLog, clock: Clock, faults: FaultPoints) -> None:
        self._outbox = outbox
        self._log = log
        self._clock = clock
        self._faults = faults

    async def relay(self, limit: int = 100) -> int:
        """Move up to `limit` messages; how many. Raises `LogUnavailable`, and then moves the same ones again."""
        async with self._outbox.claim(limit) as claim:
            for message in claim.messages:
                self._faults.reach("before_outbox_append")
                # One after the other: only awaited appends keep their order within a partition.
                key = tenant_key(message.tenant_id)
                await self._log.append(TOPICS[message.topic], key, message.value, headers=_headers(message))
                self._faults.reach("after_outbox_append")
                await claim.mark_sent(message.id, self._clock.now())
            return len(claim.messages)

    async def forget(self) -> int:
        """Delete what was relayed long ago."""
        return await self._outbox.forget_sent(self._clock.now() - KEEP_SENT)


def _headers(message: OutboxMessage) -> list[Header]:
    trace = [(TRACEPARENT_HEADER, message.traceparent.encode())] if message.traceparent else []
    return [(SCHEMA_VERSION_HEADER, SCHEMA_VERSION), *trace]
