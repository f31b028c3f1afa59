"""Reports results and changes as records of the event log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import orjson

from segops_common.contracts.jobs import ComputeResult, MembershipChanged
from segops_common.contracts.topics import (
    COMPUTE_RESULTS,
    MEMBERSHIP_CHANGES,
    SCHEMA_VERSION_HEADER,
    TRACEPARENT_HEADER,
    profile_key,
    tenant_key,
)
from segops_common.streams.log import EventLog, Header, Message, partition_of
from segops_common.telemetry.metrics import Metric, Metrics
from segops_common.telemetry.tracing import current_traceparent
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.domain.publication import MemberChanges, Publication
from segops_membership.ports.reporter import ReportedChange

SCHEMA_VERSION: Final = b"1"
_MAX_RECORDS_READ_BACK: Final = 10_000
"""Records of a partition that are read after a crash in the middle of a report."""
_MAX_RECORDS_SINCE: Final = 100
_MAX_VALUE_BYTES: Final = 512 * 1024
"""Half of the largest record the log takes."""


class LogReporter:
    """See the port `Reporter`. Changes share a record per partition, one line each."""

    def __init__(self, *, log: EventLog, metrics: Metrics) -> None:
        self._log = log
        self._runs = metrics.counter(Metric.RUNS)
        for status in ("succeeded", "failed", "superseded"):
            self._runs.labels(status)
        self._incomplete = metrics.counter(Metric.RUNS_INCOMPLETE)

    async def report_result(self, result: ComputeResult) -> None:
        """See the port."""
        value = result.model_dump_json().encode() + b"\n"
        with driver_errors():
            await self._log.append(COMPUTE_RESULTS, tenant_key(result.tenant_id), value, headers=_headers())
        if result.status != "running":
            self._runs.labels(result.status).inc()
        if result.status == "succeeded" and result.behind is not None:
            self._incomplete.inc()

    async def report_changes(self, publication: Publication, changes: MemberChanges) -> None:
        """See the port."""
        if not changes.user_ids:
            return
        before, after = _around_user(publication, changes)
        lines: defaultdict[int, list[bytes]] = defaultdict(list)
        for user_id in changes.user_ids:
            partition = partition_of(MEMBERSHIP_CHANGES, profile_key(publication.tenant_id, user_id))
            lines[partition].append(before + orjson.dumps(user_id) + after)
        key, headers = tenant_key(publication.tenant_id), _headers()
        messages = [
            Message(key=key, value=value, headers=headers, partition=partition)
            for partition, grouped in lines.items()
            for value in _values(grouped)
        ]
        with driver_errors():
            await self._log.append_many(MEMBERSHIP_CHANGES, messages)

    async def report_erasure(self, tenant_id: int, user_id: str, runs: Mapping[int, int], at: datetime) -> None:
        """See the port."""
        changes = [
            MembershipChanged(
                tenant_id=tenant_id,
                segment_id=segment_id,
                user_id=user_id,
                change="exited",
                run_id=run_id,
                at=at,
                reason="erasure",
            )
            for segment_id, run_id in runs.items()
        ]
        lines = [change.model_dump_json().encode() + b"\n" for change in changes]
        key, headers = profile_key(tenant_id, user_id), _headers()
        partition = partition_of(MEMBERSHIP_CHANGES, key)
        messages = [Message(key=key, value=value, headers=headers, partition=partition) for value in _values(lines)]
        with driver_errors():
            await self._log.append_many(MEMBERSHIP_CHANGES, messages)

    async def change_ends(self) -> Mapping[int, int]:
        """See the port."""
        with driver_errors():
            return await self._log.ends(MEMBERSHIP_CHANGES)

    async def reported_since(
        self, tenant_id: int, run_id: int, starts: Mapping[int, int]
    ) -> Collection[ReportedChange]:
        """See the port."""
        reported: set[ReportedChange] = set()
        for partition, end in (await self.change_ends()).items():
            start = starts.get(partition, 0)
            if end - start > _MAX_RECORDS_READ_BACK:
                return ()
            if end > start:
                reported.update(await self._reported(tenant_id, run_id, partition, range(start, end)))
        return reported

    async def _reported(self, tenant_id: int, run_id: int, partition: int, part: range) -> Iterator[ReportedChange]:
        with driver_errors():
            # The tail is counted from the end, which may have moved on since.
            records = await self._log.tail(MEMBERSHIP_CHANGES, partition, len(part) + _MAX_RECORDS_SINCE)
        lines = (line for record in records if record.offset in part for line in record.value.splitlines())
        changes = (MembershipChanged.model_validate_json(line) for line in lines)
        return (
            (change.segment_id, change.user_id, change.change)
            for change in changes
            if (change.tenant_id, change.run_id) == (tenant_id, run_id)
        )


def _headers() -> tuple[Header, ...]:
    """Return the version of the schema, and the trace that the run belongs to."""
    version, trace = (SCHEMA_VERSION_HEADER, SCHEMA_VERSION), current_traceparent()
    return (version,) if trace is None else (version, (TRACEPARENT_HEADER, trace.encode()))


def _around_user(publication: Publication, changes: MemberChanges) -> tuple[bytes, bytes]:
    """Return what precedes and follows the user's id in each line."""
    # Serialising the model for each user takes six times as long.
    segment = next(item for item in publication.result.segments if item.segment_id == changes.segment_id)
    line = MembershipChanged(
        tenant_id=publication.tenant_id,
        segment_id=changes.segment_id,
        user_id="",
        change=changes.change,
        run_id=publication.attempt.run_id,
        at=publication.at,
        version=segment.version,
        reason=segment.reason,
    ).model_dump_json()
    before, name, after = line.encode().partition(b'"user_id":')
    return before + name, after.removeprefix(b'""') + b"\n"


def _values(lines: Sequence[bytes]) -> list[bytes]:
    """Join lines into as few values as the size allows."""
    values = [bytearray()]
    for line in lines:
        if values[-1] and len(values[-1]) + len(line) > _MAX_VALUE_BYTES:
            values.append(bytearray())
        values[-1] += line
    return [bytes(value) for value in values]
