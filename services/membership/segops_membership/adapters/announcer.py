"""Results and changes as records of the event log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from segops_common.contracts.jobs import ComputeResult, MembershipChanged
from segops_common.contracts.topics import (
    COMPUTE_RESULTS,
    MEMBERSHIP_CHANGES,
    SCHEMA_VERSION_HEADER,
    profile_key,
    tenant_key,
)
from segops_common.streams.log import EventLog, Header, LogError, Message, partition_of
from segops_common.telemetry.metrics import Metric, Metrics
from segops_membership.ports import Outage

SCHEMA_VERSION: Final = b"1"
_HEADERS: Final[tuple[Header, ...]] = ((SCHEMA_VERSION_HEADER, SCHEMA_VERSION),)
_MAX_VALUE_BYTES: Final = 512 * 1024
"""Half of the largest record the log takes."""


class LogAnnouncer:
    """See the port `Announcer`. Changes share a record per partition, one line each."""

    def __init__(self, *, log: EventLog, metrics: Metrics) -> None:
        self._log = log
        self._runs = metrics.counter(Metric.RUNS)

    async def result(self, result: ComputeResult) -> None:
        """See the port."""
        try:
            await self._log.append(
                COMPUTE_RESULTS,
                tenant_key(result.tenant_id),
                result.model_dump_json().encode() + b"\n",
                headers=_HEADERS,
            )
        except LogError as error:
            raise Outage(str(error)) from error
        if result.status != "running":
            self._runs.labels(result.status).inc()

    async def changes(self, changes: Sequence[MembershipChanged]) -> None:
        """See the port."""
        lines: defaultdict[int, list[bytes]] = defaultdict(list)
        for change in changes:
            partition = partition_of(MEMBERSHIP_CHANGES, profile_key(change.tenant_id, change.user_id))
            lines[partition].append(change.model_dump_json().encode() + b"\n")
        key = tenant_key(changes[0].tenant_id) if changes else b""
        messages = [
            Message(key=key, value=value, headers=_HEADERS, partition=partition)
            for partition, grouped in lines.items()
            for value in _values(grouped)
        ]
        try:
            await self._log.append_many(MEMBERSHIP_CHANGES, messages)
        except LogError as error:
            raise Outage(str(error)) from error


def _values(lines: Sequence[bytes]) -> list[bytes]:
    """Join lines into as few values as the size allows."""
    values = [bytearray()]
    for line in lines:
        if values[-1] and len(values[-1]) + len(line) > _MAX_VALUE_BYTES:
            values.append(bytearray())
        values[-1] += line
    return [bytes(value) for value in values]
