"""Relaying messages from the outbox to the event log: at least once, and in order for each tenant."""

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
from segops_segments.ports.outbox import Outbox, OutboxMessage, TopicName

TOPICS: Final[Mapping[TopicName, Topic]] = {
    "segops.compute-jobs": COMPUTE_JOBS,
    "segops.segments": SEGMENTS,
    "segops.static-members": STATIC_MEMBERS,
}
SCHEMA_VERSION: Final = b"1"
KEEP_SENT: Final = timedelta(days=7)
"""How long sent messages are kept, so that an incident can be investigated."""


class RelayOutbox:
    """Sends messages to the event log. Several processes may relay; each tenant is relayed by one at a time."""

    def __init__(self, *, outbox: Outbox, log: EventLog, clock: Clock, faults: FaultPoints) -> None:
        self._outbox = outbox
        self._log = log
        self._clock = clock
        self._faults = faults

    async def relay(self, limit: int = 100) -> int:
        """Send up to `limit` messages and return how many were sent.

        Raises LogUnavailable; the next call then sends the same messages again.
        """
        async with self._outbox.claim(limit) as claim:
            for message in claim.messages:
                self._faults.reach("before_outbox_append")
                # One at a time: only appends that are awaited keep their order within a partition.
                key = tenant_key(message.tenant_id)
                await self._log.append(TOPICS[message.topic], key, message.value, headers=_headers(message))
                self._faults.reach("after_outbox_append")
                await claim.mark_sent(message.id, self._clock.now())
            return len(claim.messages)

    async def delete_old(self) -> int:
        """Delete messages that were sent longer than KEEP_SENT ago and return how many there were."""
        return await self._outbox.delete_sent(self._clock.now() - KEEP_SENT)


def _headers(message: OutboxMessage) -> list[Header]:
    trace = [(TRACEPARENT_HEADER, message.traceparent.encode())] if message.traceparent else []
    return [(SCHEMA_VERSION_HEADER, SCHEMA_VERSION), *trace]
