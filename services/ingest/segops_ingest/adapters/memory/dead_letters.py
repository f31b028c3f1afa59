"""Dead letters in a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import md5

from segops_common.contracts.topics import EVENTS
from segops_ingest.domain.replay import row_of
from segops_ingest.domain.rows import CONFLICTING, QUARANTINED
from segops_ingest.ports.dead_letters import DeadLetter, DeadLettersUnavailable, PendingFilter


class MemoryDeadLetters:
    """Set `reachable` to False for an outage."""

    def __init__(self) -> None:
        self.reachable = True
        self._letters: dict[tuple[int, str], DeadLetter] = {}

    def add(
        self,
        tenant_id: int,
        line: bytes,
        *,
        code: int,
        reason: str,
        at_ms: int,
        message_id: str,
        place: tuple[int, int],
        topic: str = EVENTS.name,
    ) -> str:
        """Add a letter and return its id."""
        partition, offset = place
        own = "" if topic in ("", EVENTS.name) else f"{topic}:"
        name = f"{own}{partition}:{offset}:{message_id}"
        letter_id = md5(name.encode(), usedforsecurity=False).hexdigest()
        self._letters[tenant_id, letter_id] = DeadLetter(
            id=letter_id,
            at_ms=at_ms,
            code=code,
            reason=reason,
            message_id=message_id,
            line=line,
            topic=topic,
            source_partition=partition,
            source_offset=offset,
        )
        return letter_id

    async def page(self, tenant_id: int, *, before: tuple[int, str], limit: int, offset: int) -> Sequence[DeadLetter]:
        """See `DeadLetters`."""
        self._check()
        letters = [letter for (tenant, _), letter in self._letters.items() if tenant == tenant_id]
        ordered = sorted(letters, key=lambda letter: (letter.at_ms, letter.id), reverse=True)
        return [letter for letter in ordered if (letter.at_ms, letter.id) < before][offset : offset + limit]

    async def letter(self, tenant_id: int, letter_id: str) -> DeadLetter | None:
        """See `DeadLetters`."""
        self._check()
        return self._letters.get((tenant_id, letter_id))

    async def pending(
        self, tenant_id: int, pending: PendingFilter, *, before: tuple[int, str], limit: int
    ) -> Sequence[DeadLetter]:
        """See `DeadLetters`."""
        letters = await self.page(tenant_id, before=before, limit=len(self._letters), offset=0)
        return [letter for letter in letters if _is_pending(letter, pending)][:limit]

    async def count_pending(self, tenant_id: int, pending: PendingFilter, *, before: tuple[int, str]) -> int:
        """See `DeadLetters`."""
        return len(await self.pending(tenant_id, pending, before=before, limit=len(self._letters)))

    async def mark_replayed(self, tenant_id: int, letters: Sequence[DeadLetter], at: datetime) -> None:
        """See `DeadLetters`."""
        self._check()
        for letter in letters:
            self._letters[tenant_id, letter.id] = replace(letter, replayed_at=at)

    def _check(self) -> None:
        if not self.reachable:
            raise DeadLettersUnavailable("unreachable")


def _is_pending(letter: DeadLetter, pending: PendingFilter) -> bool:
    if letter.replayed_at is not None or letter.code == CONFLICTING:
        return False
    row = row_of(letter.line)
    return pending.event_type in (None, row.event_type if row else "") and pending.cause in (
        None,
        "schema" if letter.code == QUARANTINED else "warehouse",
    )
