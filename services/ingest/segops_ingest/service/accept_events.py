"""The use case of ingestion: every accepted event is in the log before the caller hears so."""

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
from segops_ingest.ports import FirstSeenTimestamps, IngestObserver

SCHEMA_VERSION: Final = b"1"
"""Of the rows in `segops.events`; a reader that does not know it reads on, since fields are only ever added."""

RETRY_AFTER_S = (1, 5)
"""A refused caller comes back after a random number of seconds in this span, so that callers do not come together."""


@dataclass(slots=True)
class Receipt:
    """What became of the events of one request, in their order. `duplicates` are among the accepted."""

    message_ids: list[str] = field(default_factory=list)
    duplicates: int = 0
    refused: list[tuple[int, EventRefused]] = field(default_factory=list)


class Ingest:
    """Accepts events for a tenant; 2xx is due only after a method here has returned."""

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
        """Store one event. Raises EventRefused, or Unavailable when the log did not confirm it."""
        builder = self._row_builder(tenant_id, idempotency_key)
        try:
            draft = _draft(builder, call, kind, 0, CALL_SHAPES)
        except EventRefused:
            self._observer.received(accepted=0, duplicates=0, refused=1)
            raise
        return await self._store(builder, [draft], Receipt([draft.row["message_id"]]))

    async def accept_batch(self, tenant_id: int, items: Sequence[Any], *, idempotency_key: str | None) -> Receipt:
        """Store the good items, each with its kind in `type`; the receipt says why the others were refused.

        Raises Unavailable when the log did not confirm all of them; some may have been stored then.
        """
        builder = self._row_builder(tenant_id, idempotency_key)
        receipt = Receipt()
        drafts: list[SerializedRow] = []
        for index, item in enumerate(items):
            try:
                kind = kind_of(item)
                draft = _draft(builder, item, kind, index, ITEM_SHAPES)
            except EventRefused as refusal:
                receipt.refused.append((index, refusal))
            else:
                drafts.append(draft)
                receipt.message_ids.append(draft.row["message_id"])
        return await self._store(builder, drafts, receipt)

    def _row_builder(self, tenant_id: int, idempotency_key: str | None) -> RowBuilder:
        return RowBuilder(
            tenant_id=tenant_id,
            span=TimestampRange.around(self._clock.now()),
            ids=self._ids,
            idempotency_key=idempotency_key,
        )

    async def _store(self, builder: RowBuilder, drafts: list[SerializedRow], receipt: Receipt) -> Receipt:
        unique: dict[str, SerializedRow] = {}
        for draft in drafts:
            unique.setdefault(draft.row["message_id"], draft)
        known = await self._date_rows(builder, unique)
        receipt.duplicates = len(drafts) - len(unique) + known
        if unique:
            await self._append(unique.values())
        self._observer.received(accepted=len(drafts), duplicates=receipt.duplicates, refused=len(receipt.refused))
        return receipt

    async def _append(self, drafts: Iterable[SerializedRow]) -> None:
        messages = pack(drafts, _headers())
        try:
            await self._log.append_many(EVENTS, messages)
        except LogUnavailable as error:
            raise Unavailable(
                "The events may have been stored: send them again with the same message_id.",
                retry_after_s=self._random.randint(*RETRY_AFTER_S),
            ) from error

    async def _date_rows(self, builder: RowBuilder, unique: dict[str, SerializedRow]) -> int:
        """Give every event without an instant of its own the first one its message id ever had; how many were known."""
        waiting = [message_id for message_id, draft in unique.items() if not draft.row["timestamp"]]
        if not waiting:
            return 0
        now = builder.span.received_at
        known = await self._first_seen.first_seen(builder.tenant_id, waiting, now)
        for message_id in waiting:
            row = {**unique[message_id].row, "timestamp": known.get(message_id, now)}
            unique[message_id] = SerializedRow(row, orjson.dumps(row))
        return len(known)


def _draft(
    builder: RowBuilder, call: Any, kind: EventKind, index: int, forms: Mapping[EventKind, CallShape]
) -> SerializedRow:
    row = builder.row(call, kind, index, forms)
    text = serialise(row, forms[kind].payload_name)
    if len(text) > MAX_EVENT_BYTES and len(orjson.dumps(call)) > MAX_EVENT_BYTES:
        raise EventRefused("", "event-too-large", f"an event has at most {MAX_EVENT_BYTES} bytes as compact JSON")
    return SerializedRow(row, text)


def _headers() -> list[Header]:
    trace = current_traceparent()
    return [(SCHEMA_VERSION_HEADER, SCHEMA_VERSION), *([(TRACEPARENT_HEADER, trace.encode())] if trace else [])]
