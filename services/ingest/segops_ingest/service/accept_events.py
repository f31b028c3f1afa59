"""Accepts events: every accepted event is stored in the event log before the caller gets a response."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson

from segops_common.contracts.events import EventKind
from segops_common.contracts.topics import EVENTS, SCHEMA_VERSION_HEADER, TRACEPARENT_HEADER
from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.problems import Unavailable
from segops_common.streams.log import EventLog, Header, LogUnavailable
from segops_common.telemetry.tracing import current_traceparent
from segops_ingest.domain.batch import kind_of
from segops_ingest.domain.event import CALL_SHAPES, ITEM_SHAPES, CallShape, RowBuilder
from segops_ingest.domain.inspection import serialise
from segops_ingest.domain.instants import TimestampRange
from segops_ingest.domain.limits import MAX_EVENT_BYTES
from segops_ingest.domain.messages import SerializedRow, pack
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.ports.first_seen import FirstSeenTimestamps
from segops_ingest.ports.observer import IngestObserver

SCHEMA_VERSION: Final = b"1"
"""Version of the rows in `segops.events`. Fields are only ever added, so readers accept versions that they do not know."""

RETRY_AFTER_S = (1, 5)
"""Retry-After is a random number of seconds in this range, so that callers do not all return at the same time."""


@dataclass(slots=True)
class Receipt:
    """The outcome of one request: accepted message ids in their order, and refusals by index. `duplicates` are accepted too."""

    message_ids: list[str] = field(default_factory=list)
    duplicates: int = 0
    refused: list[tuple[int, EventRefused]] = field(default_factory=list)


class Ingest:
    """Accepts events of a tenant. A response must not be 2xx before a method of this class has returned."""

    def __init__(
        self,
        *,
        log: EventLog,
        first_seen: FirstSeenTimestamps,
        ids: Ids,
        clock: Clock,
        random: Random,
        observer: IngestObserver,
    ) -> None:
        self._log = log
        self._first_seen = first_seen
        self._ids = ids
        self._clock = clock
        self._random = random
        self._observer = observer

    async def accept_one(self, tenant_id: int, kind: EventKind, call: Any, *, idempotency_key: str | None) -> Receipt:
        """Store one event. Raises EventRefused, or Unavailable if the log did not confirm it."""
        builder = self._row_builder(tenant_id, idempotency_key)
        try:
            line = _serialized(builder, call, kind, 0, CALL_SHAPES)
        except EventRefused:
            self._observer.received(accepted=0, duplicates=0, refused=1)
            raise
        return await self._store(builder, [line], Receipt([line.row["message_id"]]))

    async def accept_batch(self, tenant_id: int, items: Sequence[Any], *, idempotency_key: str | None) -> Receipt:
        """Store the valid items, each with its kind in `type`. The receipt contains the refusals of the others.

        Raises Unavailable if the log did not confirm all of them. Some may be stored.
        """
        builder = self._row_builder(tenant_id, idempotency_key)
        receipt = Receipt()
        lines: list[SerializedRow] = []
        for index, item in enumerate(items):
            try:
                kind = kind_of(item)
                line = _serialized(builder, item, kind, index, ITEM_SHAPES)
            except EventRefused as refusal:
                receipt.refused.append((index, refusal))
            else:
                lines.append(line)
                receipt.message_ids.append(line.row["message_id"])
        return await self._store(builder, lines, receipt)

    def _row_builder(self, tenant_id: int, idempotency_key: str | None) -> RowBuilder:
        return RowBuilder(
            tenant_id=tenant_id,
            span=TimestampRange.around(self._clock.now()),
            ids=self._ids,
            idempotency_key=idempotency_key,
        )

    async def _store(self, builder: RowBuilder, lines: list[SerializedRow], receipt: Receipt) -> Receipt:
        unique: dict[str, SerializedRow] = {}
        for line in lines:
            unique.setdefault(line.row["message_id"], line)
        seen_before = await self._date_rows(builder, unique)
        receipt.duplicates = len(lines) - len(unique) + seen_before
        if unique:
            await self._append(unique.values())
        self._observer.received(accepted=len(lines), duplicates=receipt.duplicates, refused=len(receipt.refused))
        return receipt

    async def _append(self, lines: Iterable[SerializedRow]) -> None:
        messages = pack(lines, _headers())
        try:
            await self._log.append_many(EVENTS, messages)
        except LogUnavailable as error:
            raise Unavailable(
                "The event log did not confirm the events, which may be stored. Send them again with the same `message_id`.",
                retry_after_s=self._random.randint(*RETRY_AFTER_S),
            ) from error

    async def _date_rows(self, builder: RowBuilder, unique: dict[str, SerializedRow]) -> int:
        """Set the missing timestamps to the first-seen timestamps of the message ids. Return how many ids were seen before."""
        undated = [message_id for message_id, line in unique.items() if not line.row["timestamp"]]
        if not undated:
            return 0
        now = builder.span.received_at
        first_seen = await self._first_seen.first_seen(builder.tenant_id, undated, now)
        for message_id in undated:
            dated = {**unique[message_id].row, "timestamp": first_seen.get(message_id, now)}
            unique[message_id] = SerializedRow(dated, orjson.dumps(dated))
        return len(first_seen)


def _serialized(
    builder: RowBuilder, call: Any, kind: EventKind, index: int, shapes: Mapping[EventKind, CallShape]
) -> SerializedRow:
    row = builder.row(call, kind, index, shapes)
    text = serialise(row, shapes[kind].payload_name)
    if len(text) > MAX_EVENT_BYTES and len(orjson.dumps(call)) > MAX_EVENT_BYTES:
        raise EventRefused("", "event-too-large", f"must be at most {MAX_EVENT_BYTES} bytes as compact JSON")
    return SerializedRow(row, text)


def _headers() -> list[Header]:
    trace = current_traceparent()
    return [(SCHEMA_VERSION_HEADER, SCHEMA_VERSION), *([(TRACEPARENT_HEADER, trace.encode())] if trace else [])]
