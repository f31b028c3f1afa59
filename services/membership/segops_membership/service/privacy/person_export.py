"""Writes everything about a person as NDJSON, a page of rows at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import orjson

from segops_common.core.clock import Clock
from segops_common.security.principal import Principal
from segops_language.values.instants import from_ms
from segops_membership.domain.explorer.records import EventFilter, EventPosition, StoredEvent
from segops_membership.domain.identity.joins import Person
from segops_membership.ports.explorer.events import StoredEvents
from segops_membership.ports.explorer.users import UserDirectory
from segops_membership.ports.privacy.records import PersonRecords
from segops_membership.service.privacy.erasures import ErasePeople, unavailable

PAGE: Final = 500
"""Rows in memory at a time."""


class ExportPeople:
    """The use case of the export of a person."""

    def __init__(
        self,
        *,
        users: UserDirectory,
        events: StoredEvents,
        records: PersonRecords,
        erase: ErasePeople,
        clock: Clock,
    ) -> None:
        self._users = users
        self._events = events
        self._records = records
        self._erase = erase
        self._clock = clock

    async def lines(self, tenant_id: int, caller: Principal, user_id: str) -> AsyncGenerator[bytes, None]:
        """Return the lines. The first ones are read before, so that an engine that is down is a refusal.

        Raises Conflict (erasure-not-configured), ValidationFailed (too-many-ids) or Unavailable. An error later breaks the stream before its line `end`.
        """
        subject = self._erase.person_hash.of(tenant_id, user_id)
        ids = await self._erase.ids_of(tenant_id, user_id)
        with unavailable():
            head = [line async for line in self._profile(tenant_id, ids[0])]
            await self._erase.audit(tenant_id, caller, "profile.exported", f"profile:{subject}", {})
        begin = {"user_id": user_id, "ids": ids, "exported_at": self._clock.now()}
        return self._all(tenant_id, ids, [_line("export", begin), *head])

    async def _all(self, tenant_id: int, ids: tuple[str, ...], head: list[bytes]) -> AsyncGenerator[bytes, None]:
        count = len(head)
        for line in head:
            yield line
        for id in ids:
            async for line in self._lines_of(tenant_id, id, with_profile=id != ids[0]):
                count += 1
                yield line
        yield _line("end", {"lines": count + 1})

    async def _lines_of(self, tenant_id: int, id: str, *, with_profile: bool) -> AsyncIterator[bytes]:
        if with_profile:
            async for line in self._profile(tenant_id, id):
                yield line
        async for line in self._rows(tenant_id, id):
            yield line

    async def _profile(self, tenant_id: int, id: str) -> AsyncIterator[bytes]:
        events = await self._users.events_of(tenant_id, Person(id, (id,)))
        if events is not None:
            profile = {
                "id": id,
                "is_anonymous": events.user_id is None,
                "anonymous_ids": events.anonymous_ids,
                "event_count": sum(of_type.count for of_type in events.event_types),
                "first_seen": from_ms(min(of_type.first_seen_ms for of_type in events.event_types)),
                "last_seen": from_ms(max(of_type.last_seen_ms for of_type in events.event_types)),
            }
            yield _line("profile", profile)
        for trait in await self._users.traits_of(tenant_id, Person(id, (id,))):
            fields = {"name": trait.name, "value": trait.value, "set_at": from_ms(trait.set_at_ms)}
            yield _line("trait", {**fields, "message_id": trait.message_id})
        for segment_id, since_ms in (await self._users.memberships_of(tenant_id, id)).items():
            yield _line("membership", {"segment_id": segment_id, "since": from_ms(since_ms)})

    async def _rows(self, tenant_id: int, id: str) -> AsyncIterator[bytes]:
        async for event in self._all_events(tenant_id, id):
            yield _line("event", _event(event))
        run_id = 0
        while changes := await self._records.changes_of(tenant_id, id, after=run_id, limit=PAGE):
            run_id = changes[-1].run_id
            for change in changes:
                fields = {"segment_id": change.segment_id, "change": change.change, "run_id": str(change.run_id)}
                yield _line("membership_change", {**fields, "at": from_ms(change.as_of_ms)})
        for entry in await self._records.list_entries_of(tenant_id, id):
            yield _line("list_entry", asdict(entry))
        letter_id = 0
        while letters := await self._records.letters_of(tenant_id, id, after=letter_id, limit=PAGE):
            letter_id = letters[-1].id
            for letter in letters:
                about = {"code": letter.code, "reason": letter.reason, "event": letter.line}
                yield _line("dead_letter", {"at": from_ms(letter.at_ms), **about})

    async def _all_events(self, tenant_id: int, id: str) -> AsyncIterator[StoredEvent]:
        before: EventPosition | None = None
        while True:
            page = await self._events.newest(tenant_id, EventFilter(user_id=id), before, PAGE)
            for event in page.events:
                yield event
            if page.before is None:
                return
            before = page.before


def _event(event: StoredEvent) -> Mapping[str, Any]:
    return {
        "message_id": event.message_id,
        "event_type": event.event_type,
        "user_id": event.user_id or None,
        "anonymous_id": event.anonymous_id or None,
        "occurred_at": from_ms(event.at.timestamp_ms),
        "received_at": from_ms(event.received_ms),
        "original_timestamp": None if event.original_ms is None else from_ms(event.original_ms),
        "payload": event.payload,
    }


def _line(type_name: str, fields: Mapping[str, Any]) -> bytes:
    line = {"type": type_name, **fields}
    return orjson.dumps(line, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
