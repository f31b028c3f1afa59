"""Gives each delivery of an event the time of the first one, and compares what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from segops_common.core.problems import ValidationFailed
from segops_ingest.domain.identity import Delivery, Memory, digest_of
from segops_ingest.ports.event_memory import EventMemory, FirstNote, MemoryUnavailable, Note


@dataclass(frozen=True, slots=True)
class Recalled:
    """Deliveries with their times, and the indices of those that an earlier request delivered."""

    deliveries: list[Delivery]
    seen_before: frozenset[int]


class FirstDeliveries:
    """Asks the memory about the deliveries of one request."""

    def __init__(self, *, memory: EventMemory) -> None:
        self._memory = memory

    async def check_key(self, tenant_id: int, idempotency_key: str, deliveries: Sequence[Delivery]) -> None:
        """Bind the key to these events.

        Raises ValidationFailed (idempotency-key-reused) if it is bound to others, and MemoryUnavailable.
        """
        digest = digest_of(deliveries)
        key = f"k:{sha256(idempotency_key.encode()).hexdigest()}"
        (first,) = await self._memory.first(tenant_id, [Note(key, "", digest)])
        if first is not None and first.content != digest:
            detail = "`Idempotency-Key` must not be used for different bodies. Use a new `Idempotency-Key` for a changed body."
            raise ValidationFailed(detail, slug="idempotency-key-reused")

    async def recall(self, tenant_id: int, deliveries: list[Delivery]) -> Recalled:
        """Return the deliveries with the times of the first ones. Raises MemoryUnavailable if one needs the memory."""
        notes: dict[str, Note] = {}
        key_of: dict[int, str] = {}
        for delivery in deliveries:
            if delivery.memory is not Memory.NEEDLESS:
                note = _note(delivery)
                earlier = notes.setdefault(note.key, note)
                if note.required and not earlier.required:
                    notes[note.key] = replace(earlier, required=True)
                key_of[delivery.index] = note.key
        first = await self._first(tenant_id, list(notes.values()))
        recalled: list[Delivery] = []
        for delivery in deliveries:
            key = key_of.get(delivery.index)
            recalled.append(delivery if key is None else _recalled(delivery, notes[key], first.get(key)))
        return Recalled(recalled, frozenset(index for index, key in key_of.items() if key in first))

    async def _first(self, tenant_id: int, notes: Sequence[Note]) -> dict[str, FirstNote]:
        if not notes:
            return {}
        try:
            first = await self._memory.first(tenant_id, notes)
        except MemoryUnavailable:
            if any(note.required for note in notes):
                raise
            return {}
        return {note.key: earlier for note, earlier in zip(notes, first, strict=True) if earlier is not None}


def _note(delivery: Delivery) -> Note:
    row = delivery.row
    required = delivery.memory is Memory.REQUIRED
    older = "" if delivery.client_time else row["message_id"]
    # A quarantined event may be sent again with other content, which then is the first that is stored.
    content = "" if delivery.is_quarantined else delivery.content()
    return Note(f"e:{delivery.key()}", row["timestamp"], content, required, older)


def _recalled(delivery: Delivery, note: Note, first: FirstNote | None) -> Delivery:
    """Return the delivery with the time of the first request, or of the first delivery in this one."""
    if first is None:
        return delivery.at(note.time)
    differs = not delivery.is_quarantined and first.content not in ("", delivery.content())
    return replace(delivery.at(first.time), conflicting=differs)
