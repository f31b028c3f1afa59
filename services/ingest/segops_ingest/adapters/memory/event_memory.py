"""The memory of deliveries in a dictionary."""

from __future__ import annotations

from collections.abc import Sequence

from segops_ingest.ports.event_memory import FirstNote, MemoryUnavailable, Note


class MemoryEventMemory:
    """Forgets nothing. Set `reachable` to False for an outage."""

    def __init__(self) -> None:
        self.reachable = True
        self._notes: dict[tuple[int, str], FirstNote] = {}

    async def first(self, tenant_id: int, notes: Sequence[Note]) -> Sequence[FirstNote | None]:
        """See `EventMemory`."""
        if not self.reachable:
            raise MemoryUnavailable("unreachable")
        first = [self._notes.get((tenant_id, note.key)) for note in notes]
        for note in notes:
            self._notes.setdefault((tenant_id, note.key), FirstNote(note.time, note.content))
        return first
