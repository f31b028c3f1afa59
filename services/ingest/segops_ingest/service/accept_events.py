"""Accepts events: every accepted event is stored in the event log before the caller gets a response."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from random import Random
from typing import Any, Final

import orjson

from segops_common.contracts.events import EventKind
from segops_common.contracts.topics import (
    EVENT_IMPORTS,
    EVENTS,
    QUARANTINED_EVENTS,
    SCHEMA_VERSION_HEADER,
    TRACEPARENT_HEADER,
    Topic,
)
from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.problems import Unavailable
from segops_common.streams.log import EventLog, Header, LogUnavailable, Message
from segops_common.telemetry.tracing import current_traceparent
from segops_ingest.domain.batch import always_track, kind_of
from segops_ingest.domain.content_ids import content_digest
from segops_ingest.domain.event import CALL_SHAPES, IMPORT_SHAPES, ITEM_SHAPES, CallShape, RowBuilder
from segops_ingest.domain.identity import Delivery, distinct
from segops_ingest.domain.inspection import is_wide, serialise
from segops_ingest.domain.instants import TimestampRange
from segops_ingest.domain.limits import MAX_EVENT_BYTES
from segops_ingest.domain.messages import pack
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.ports.event_memory import EventMemory, MemoryUnavailable
from segops_ingest.ports.observer import IngestObserver, Outcome
from segops_ingest.service.first_deliveries import FirstDeliveries, Recalled
from segops_ingest.service.import_backlog import ImportBacklog
from segops_ingest.service.schemas.directory import EventSchemas
from segops_ingest.service.schemas.quarantine import quarantine_messages
from segops_ingest.service.schemas.ruling import Ruling, Violated, rule
from segops_ingest.service.suppressions import Suppressions

SCHEMA_VERSION: Final = b"1"
"""Version of the rows in the topics of events. Fields are only ever added, so readers accept versions that they do not know."""

FUTURE: Final = "future-timestamp"
"""Code of the warning about an event that is in the future even after a correction."""

DROPPED: Final = "user-erased"
"""Code of the warning about an event that was dropped, because its user was erased."""

RETRY_AFTER_S = (1, 5)
"""Retry-After is a random number of seconds in this range, so that callers do not all return at the same time."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the sender of an accepted event should know."""

    index: int
    code: str
    detail: str


@dataclass(slots=True)
class Receipt:
    """The outcome of one request: accepted message ids in their order, and refusals by index.

    `duplicates` and `conflicting` are accepted too: events that were delivered before, and those with other content. So are
    `violated` ones, which violate the schema of their type; some of them are quarantined.
    """

    message_ids: list[str] = field(default_factory=list)
    duplicates: int = 0
    conflicting: tuple[int, ...] = ()
    warnings: list[Warned] = field(default_factory=list)
    violated: list[Violated] = field(default_factory=list)
    refused: list[tuple[int, EventRefused]] = field(default_factory=list)


class Ingest:
    """Accepts events of a tenant. A response must not be 2xx before a method of this class has returned."""

    def __init__(
        self,
        *,
        log: EventLog,
        memory: EventMemory,
        ids: Ids,
        clock: Clock,
        random: Random,
        observer: IngestObserver,
        schemas: EventSchemas,
        suppressions: Suppressions | None = None,
    ) -> None:
        """Without `suppressions`, events of all users are accepted."""
        self._suppressions = suppressions
        self._log = log
        self._first = FirstDeliveries(memory=memory)
        self._import_backlog = ImportBacklog(log=log, random=random)
        self._ids = ids
        self._clock = clock
        self._random = random
        self._observer = observer
        self._schemas = schemas

    async def accept_one(
        self, tenant_id: int, kind: EventKind, call: Any, *, idempotency_key: str | None, joins: bool = False
    ) -> Receipt:
        """Store one event. `joins` says whether the sender's events join their ids, here and in the other methods.

        Raises EventRefused, ValidationFailed for a reused key, or Unavailable if the event could not be remembered or the
        log did not confirm it.
        """
        builder = self._row_builder(tenant_id, idempotency_key, joins)
        try:
            delivery = _delivery(builder, call, kind, 0, CALL_SHAPES)
        except EventRefused:
            self._observer.received(Outcome(refused=1))
            raise
        return _single(await self._store(builder, [delivery], Receipt(), EVENTS))

    async def accept_batch(
        self,
        tenant_id: int,
        items: Sequence[Any],
        *,
        idempotency_key: str | None,
        sent_at: str | None = None,
        joins: bool = False,
    ) -> Receipt:
        """Store the valid items, each with its kind in `type`. The receipt contains the refusals of the others.

        Raises EventRefused for a wrong `sent_at`, ValidationFailed for a reused key, and Unavailable if events could not
        be remembered, or the log did not confirm all of them. Some may be stored.
        """
        builder = self._live_builder(tenant_id, idempotency_key, sent_at, joins)
        return await self._store_valid(builder, items, ITEM_SHAPES, EVENTS)

    async def accept_tracked(
        self,
        tenant_id: int,
        calls: Sequence[Any],
        *,
        idempotency_key: str | None,
        sent_at: str | None = None,
        joins: bool = False,
    ) -> Receipt:
        """Store the valid calls of a request with track calls only, as `accept_batch` does.

        Without message ids and an Idempotency-Key, ids are made from the content, so that a repeated request counts once.
        """
        builder = self._live_builder(tenant_id, idempotency_key, sent_at, joins)
        if idempotency_key is None:
            builder = replace(builder, content=content_digest(tenant_id, calls))
        return await self._store_valid(builder, calls, CALL_SHAPES, EVENTS, always_track)

    async def accept_import(
        self, tenant_id: int, items: Sequence[Any], *, idempotency_key: str | None, joins: bool = False
    ) -> Receipt:
        """Store the valid items, of any age, apart from live events. The receipt contains the refusals of the others.

        Raises ValidationFailed for a reused key, and Unavailable while too many imports are on their way, or if the log did
        not confirm all of them. Some may be stored.
        """
        try:
            await self._import_backlog.check()
        except LogUnavailable as error:
            raise self._unconfirmed() from error
        builder = replace(
            self._row_builder(tenant_id, idempotency_key, joins),
            span=TimestampRange.of_imports(self._clock.now()),
            compares=False,
        )
        return await self._store_valid(builder, items, IMPORT_SHAPES, EVENT_IMPORTS)

    async def accept_again(
        self, tenant_id: int, kind: EventKind, call: Any, *, position: int, joins: bool = False
    ) -> None:
        """Store an event that the warehouse did not store, of any age. It must have its message id and time.

        It is not quarantined: if it violates the schema of its type, it is refused unless the schema only warns.

        Raises EventRefused, and Unavailable if the log did not confirm it.
        """
        builder = self._row_builder(tenant_id, None, joins)
        live = builder.span
        builder = replace(builder, span=TimestampRange.of_imports(self._clock.now()), compares=False)
        delivery = _delivery(builder, call, kind, position, IMPORT_SHAPES)
        is_live = live.oldest <= delivery.row["timestamp"]
        topic = EVENTS if is_live else EVENT_IMPORTS
        _single(await self._store(builder, [delivery], Receipt(), topic, is_replay=True))

    async def _store_valid(
        self,
        builder: RowBuilder,
        items: Sequence[Any],
        shapes: Mapping[EventKind, CallShape],
        topic: Topic,
        kind_of: Callable[[Any], EventKind] = kind_of,
    ) -> Receipt:
        receipt = Receipt()
        deliveries: list[Delivery] = []
        for index, item in enumerate(items):
            try:
                deliveries.append(_delivery(builder, item, kind_of(item), index, shapes))
            except EventRefused as refusal:
                receipt.refused.append((index, refusal))
        return await self._store(builder, deliveries, receipt, topic)

    def _live_builder(
        self, tenant_id: int, idempotency_key: str | None, sent_at: str | None, joins: bool
    ) -> RowBuilder:
        builder = self._row_builder(tenant_id, idempotency_key, joins)
        return builder if sent_at is None else replace(builder, skew=builder.skew_of(sent_at))

    def _row_builder(self, tenant_id: int, idempotency_key: str | None, joins: bool) -> RowBuilder:
        return RowBuilder(
            tenant_id=tenant_id,
            span=TimestampRange.around(self._clock.now()),
            ids=self._ids,
            idempotency_key=idempotency_key,
            joins=joins,
        )

    async def _store(
        self,
        builder: RowBuilder,
        deliveries: list[Delivery],
        receipt: Receipt,
        topic: Topic,
        *,
        is_replay: bool = False,
    ) -> Receipt:
        allowed = self._of_erased_users(builder.tenant_id, deliveries, receipt)
        erased = {warning.index for warning in receipt.warnings}
        stored = [delivery for delivery in allowed if delivery.index not in erased]
        ruling = rule(self._schemas.of_tenant(builder.tenant_id), stored, refuses_all=is_replay)
        recalled = await self._recall(builder, ruling.accepted, deliveries)
        held = [delivery for delivery in recalled.deliveries if delivery.is_quarantined]
        events = distinct(delivery for delivery in recalled.deliveries if not delivery.is_quarantined)
        quarantined = distinct(held).first if held else ()
        dropped = [delivery for delivery in allowed if delivery.index in erased]
        answered = sorted([*ruling.accepted, *dropped], key=lambda delivery: delivery.index)
        receipt.message_ids = [delivery.row["message_id"] for delivery in answered]
        first = (*events.first, *quarantined)
        seen_before = sum(delivery.index in recalled.seen_before for delivery in first)
        receipt.duplicates = len(ruling.accepted) - len(first) + seen_before
        receipt.conflicting = events.conflicting
        receipt.warnings += _warnings(recalled.deliveries)
        receipt.violated = ruling.violated
        receipt.refused = sorted([*receipt.refused, *ruling.refused], key=itemgetter(0))
        await self._append(ruling.converted(events.first), topic)
        await self._quarantine(ruling.converted(quarantined), ruling.violated)
        self._observer.received(_outcome(receipt, ruling))
        return receipt

    def _of_erased_users(self, tenant_id: int, deliveries: list[Delivery], receipt: Receipt) -> list[Delivery]:
        """Return the deliveries that are accepted. Events of erased users are refused or dropped, by the tenant's policy.

        Dropped ones are accepted, and have a warning.
        """
        suppressions = self._suppressions
        if suppressions is None:
            return deliveries
        erased = [
            delivery.index
            for delivery in deliveries
            if suppressions.covers(tenant_id, delivery.identity[0], delivery.row["received_at"])
        ]
        if not erased:
            return deliveries
        if suppressions.policy(tenant_id) == "drop":
            receipt.warnings += [Warned(index, DROPPED, "was not stored: the user was erased") for index in erased]
            return deliveries
        detail = "must not be the id of a user who was erased: send no events of this user"
        receipt.refused = sorted(
            [*receipt.refused, *((index, EventRefused("user_id", "user-erased", detail)) for index in erased)],
            key=lambda refused: refused[0],
        )
        return [delivery for delivery in deliveries if delivery.index not in erased]

    async def _recall(self, builder: RowBuilder, deliveries: list[Delivery], sent: list[Delivery]) -> Recalled:
        """Recall deliveries. The key is bound to all that were `sent`: what schemas refuse may change until a retry."""
        try:
            if builder.idempotency_key is not None and deliveries:
                await self._first.check_key(builder.tenant_id, builder.idempotency_key, sent)
            return await self._first.recall(builder.tenant_id, deliveries)
        except MemoryUnavailable as error:
            self._observer.not_remembered(len(deliveries))
            raise Unavailable(
                "The events were not stored, because they could not be remembered, so a retry might count twice. Send them "
                "again with the same `message_id` or `Idempotency-Key`. Events with a `timestamp` need no memory if neither `sent_at` "
                "nor `Idempotency-Key` is sent.",
                retry_after_s=self._random.randint(*RETRY_AFTER_S),
            ) from error

    async def _append(self, deliveries: Sequence[Delivery], topic: Topic) -> None:
        if deliveries:
            await self._append_messages(topic, pack(deliveries, _headers(), topic))

    async def _quarantine(self, deliveries: Sequence[Delivery], violated: Sequence[Violated]) -> None:
        if deliveries:
            refusals = {violation.index: violation.refusal for violation in violated}
            messages = quarantine_messages(deliveries, refusals, _headers())
            await self._append_messages(QUARANTINED_EVENTS, messages)

    async def _append_messages(self, topic: Topic, messages: Sequence[Message]) -> None:
        try:
            await self._log.append_many(topic, messages)
        except LogUnavailable as error:
            raise self._unconfirmed() from error

    def _unconfirmed(self) -> Unavailable:
        return Unavailable(
            "The event log did not confirm the events, which may be stored. Send them again with the same `message_id`.",
            retry_after_s=self._random.randint(*RETRY_AFTER_S),
        )


def _delivery(
    builder: RowBuilder, call: Any, kind: EventKind, index: int, shapes: Mapping[EventKind, CallShape]
) -> Delivery:
    row, time = builder.row(call, kind, index, shapes)
    text = serialise(row, shapes[kind].payload_name)
    if len(text) > MAX_EVENT_BYTES and len(orjson.dumps(call)) > MAX_EVENT_BYTES:
        raise EventRefused("", "event-too-large", f"must be at most {MAX_EVENT_BYTES} bytes as compact JSON")
    return Delivery(index, row, text, time.client, time.memory, payload_name=shapes[kind].payload_name)


def _single(receipt: Receipt) -> Receipt:
    """Return the receipt of one event. Raises EventRefused if a schema refuses it."""
    if receipt.refused:
        raise receipt.refused[0][1]
    return receipt


def _outcome(receipt: Receipt, ruling: Ruling) -> Outcome:
    quarantined = sum(violation.is_quarantined for violation in ruling.violated)
    return Outcome(
        accepted=len(ruling.accepted),
        duplicates=receipt.duplicates,
        conflicting=len(receipt.conflicting),
        future=len(receipt.warnings),
        wide=sum(is_wide(delivery.text) for delivery in ruling.accepted),
        refused=len(receipt.refused),
        quarantined=quarantined,
        schema_warned=len(ruling.violated) - quarantined,
        schema_refused=len(ruling.refused),
    )


def _warnings(deliveries: Iterable[Delivery]) -> Iterator[Warned]:
    for delivery in deliveries:
        row = delivery.row
        if row["timestamp"] > row["received_at"]:
            detail = f"is after its receipt at {row['received_at']} UTC: segments ignore the event until its own time"
            yield Warned(delivery.index, FUTURE, f"{row['timestamp']} UTC {detail}")


def _headers() -> list[Header]:
    trace = current_traceparent()
    return [(SCHEMA_VERSION_HEADER, SCHEMA_VERSION), *([(TRACEPARENT_HEADER, trace.encode())] if trace else [])]
