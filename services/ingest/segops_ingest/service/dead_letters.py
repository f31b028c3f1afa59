"""Reads dead letters and replays them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from segops_common.core.clock import Clock
from segops_common.core.pagination import Page, PageQuery, decode_cursor, encode_cursor
from segops_common.core.problems import NotFound, Unavailable
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.domain.replay import call_of, row_of
from segops_ingest.domain.rows import CONFLICTING
from segops_ingest.ports.dead_letters import NEWEST, DeadLetter, DeadLetters, DeadLettersUnavailable
from segops_ingest.service.accept_events import Ingest

Outcome = Literal["replayed", "conflicting", "refused"]


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of a letter: `replayed_at` for a replayed one, `refusal` for a refused one."""

    letter: DeadLetter
    outcome: Outcome
    replayed_at: datetime | None = None
    refusal: EventRefused | None = None


class DeadLetterReplays:
    """Shows dead letters and appends their events again. Every method raises Unavailable."""

    def __init__(self, *, letters: DeadLetters, ingest: Ingest, clock: Clock) -> None:
        self._letters = letters
        self._ingest = ingest
        self._clock = clock

    async def page(self, tenant_id: int, query: PageQuery) -> Page[DeadLetter]:
        """Return letters, newest first. Raises MalformedRequest (invalid-cursor)."""
        before = NEWEST
        if query.cursor is not None:
            at_ms, letter_id = decode_cursor(query.cursor, int, str)
            before = int(at_ms), str(letter_id)
        try:
            letters = await self._letters.page(tenant_id, before=before, limit=query.limit + 1, offset=query.offset)
        except DeadLettersUnavailable as error:
            raise _unavailable() from error
        results = tuple(letters[: query.limit])
        cursor = encode_cursor([results[-1].at_ms, results[-1].id]) if len(letters) > query.limit else None
        return Page(results, cursor)

    async def replay(self, tenant_id: int, letter_id: str) -> Replay:
        """Append the event of a letter to the log, with its ids and time, if it is valid. Raises NotFound.

        A letter is replayed once; afterwards the outcome is the same, and nothing is appended.
        """
        letter = await self._letter(tenant_id, letter_id)
        if letter.replayed_at is not None:
            return Replay(letter, "replayed", letter.replayed_at)
        if letter.code == CONFLICTING:
            return Replay(letter, "conflicting")
        refusal = await self._append(tenant_id, letter)
        if refusal is not None:
            return Replay(letter, "refused", refusal=refusal)
        at = self._clock.now()
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        try:
            # Without the mark, another replay appends the event again, which is stored once.
            await self._letters.mark_replayed(tenant_id, letter, at)
        except DeadLettersUnavailable as error:
            raise _unavailable() from error
        return Replay(letter, "replayed", at)

    async def _append(self, tenant_id: int, letter: DeadLetter) -> EventRefused | None:
        row = row_of(letter.line)
        if row is None:
            return EventRefused("", "wrong-type", "must be an event row: the record in the log is damaged")
        try:
            await self._ingest.accept_again(tenant_id, row.kind, call_of(row), position=row.position, joins=row.joins)
        except EventRefused as refusal:
            return refusal
        return None

    async def _letter(self, tenant_id: int, letter_id: str) -> DeadLetter:
        try:
            letter = await self._letters.letter(tenant_id, letter_id)
        except DeadLettersUnavailable as error:
            raise _unavailable() from error
        if letter is None:
            raise NotFound("There is no such dead letter.")
        return letter


def _unavailable() -> Unavailable:
    return Unavailable("The warehouse does not respond. Retry after `Retry-After` seconds.")
