"""Reads dead letters and replays them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from segops_common.core.clock import Clock
from segops_common.core.pagination import Page, PageQuery, decode_cursor, encode_cursor, invalid_cursor
from segops_common.core.problems import NotFound, Unavailable
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.domain.replay import call_of, row_of
from segops_ingest.domain.rows import CONFLICTING
from segops_ingest.ports.dead_letters import NEWEST, DeadLetter, DeadLetters, DeadLettersUnavailable, PendingFilter
from segops_ingest.service.accept_events import Ingest

Outcome = Literal["replayed", "conflicting", "refused"]
MAX_REPLAYED: Final = 1_000
"""Letters in one replay of many."""
_AT_ONCE: Final = 50
"""Events that a replay of many appends together."""
_LETTER_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of a letter: `replayed_at` for a replayed one, `refusal` for a refused one."""

    letter: DeadLetter
    outcome: Outcome
    replayed_at: datetime | None = None
    refusal: EventRefused | None = None


@dataclass(frozen=True, slots=True)
class Replays:
    """What became of many letters. `remaining` counts those after the last one of them, from which `cursor` goes on."""

    replayed: int
    refused: Sequence[Replay]
    remaining: int
    cursor: str | None


class DeadLetterReplays:
    """Shows dead letters and appends their events again. Every method raises Unavailable."""

    def __init__(self, *, letters: DeadLetters, ingest: Ingest, clock: Clock) -> None:
        self._letters = letters
        self._ingest = ingest
        self._clock = clock

    async def page(self, tenant_id: int, query: PageQuery) -> Page[DeadLetter]:
        """Return letters, newest first. Raises MalformedRequest (invalid-cursor)."""
        before = _position(query.cursor, "query.cursor")
        try:
            letters = await self._letters.page(tenant_id, before=before, limit=query.limit + 1, offset=query.offset)
        except DeadLettersUnavailable as error:
            raise _unavailable() from error
        results = tuple(letters[: query.limit])
        return Page(results, _cursor(results[-1]) if len(letters) > query.limit else None)

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
        return Replay(letter, "replayed", await self._mark(tenant_id, [letter]))

    async def replay_many(self, tenant_id: int, pending: PendingFilter, *, limit: int, cursor: str | None) -> Replays:
        """Replay letters that were not replayed, newest first, beginning after the cursor. Raises MalformedRequest.

        When it is interrupted, what was appended is replayed again by the next call, and stored once.
        """
        before = _position(cursor, "cursor")
        try:
            letters = await self._letters.pending(tenant_id, pending, before=before, limit=limit)
            refused: list[Replay] = []
            for start in range(0, len(letters), _AT_ONCE):
                refused += await self._replay_some(tenant_id, letters[start : start + _AT_ONCE])
            remaining = 0
            if len(letters) == limit:
                last = letters[-1].at_ms, letters[-1].id
                remaining = await self._letters.count_pending(tenant_id, pending, before=last)
        except DeadLettersUnavailable as error:
            raise _unavailable() from error
        following = _cursor(letters[-1]) if remaining > 0 else None
        return Replays(len(letters) - len(refused), refused, remaining, following)

    async def _replay_some(self, tenant_id: int, letters: Sequence[DeadLetter]) -> Sequence[Replay]:
        """Append the events of letters together, and return the refused ones. Raises Unavailable."""
        results = await asyncio.gather(*(self._append(tenant_id, letter) for letter in letters), return_exceptions=True)
        outcomes = [*zip(letters, results, strict=True)]
        appended = [letter for letter, result in outcomes if result is None]
        if appended:
            await self._mark(tenant_id, appended)
        for _, result in outcomes:
            if result is not None and not isinstance(result, EventRefused):
                raise result
        return [
            Replay(letter, "refused", refusal=result) for letter, result in outcomes if isinstance(result, EventRefused)
        ]

    async def _mark(self, tenant_id: int, letters: Sequence[DeadLetter]) -> datetime:
        """Store that letters were replayed now, and return the instant."""
        at = self._clock.now()
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        try:
            # Without the mark, another replay appends the event again, which is stored once.
            await self._letters.mark_replayed(tenant_id, letters, at)
        except DeadLettersUnavailable as error:
            raise _unavailable() from error
        return at

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


def _position(cursor: str | None, path: str) -> tuple[int, str]:
    if cursor is None:
        return NEWEST
    at_ms, letter_id = decode_cursor(cursor, int, str, path=path)
    position = int(at_ms), str(letter_id)
    if not 0 <= position[0] <= NEWEST[0] or _LETTER_ID.fullmatch(position[1]) is None:
        raise invalid_cursor(path)
    return position


def _cursor(last: DeadLetter) -> str:
    return encode_cursor([last.at_ms, last.id])


def _unavailable() -> Unavailable:
    return Unavailable("The warehouse does not respond. Retry after `Retry-After` seconds.")
