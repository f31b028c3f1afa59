"""What one tenant sent that is in the log and not in the warehouse yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson

from segops_common.contracts.topics import EVENT_IMPORTS, Topic
from segops_common.contracts.warehouse import version_of
from segops_common.streams.log import Record
from segops_language.values.instants import to_ms
from segops_membership.adapters.log.stored_form import stored_event
from segops_membership.domain.identity.joins import Claim, IdentityFacts
from segops_membership.ports.events import AcceptedEvent


class TenantTail:
    """Collects the lines of a tenant by profile, and whom they say an id belongs to."""

    def __init__(self, tenant_id: int) -> None:
        self._tenant_id = tenant_id
        self._needle = orjson.dumps({"tenant_id": tenant_id})[1:-1]
        self._lines: defaultdict[str, list[tuple[bytes, int]]] = defaultdict(list)
        self._claims: list[Claim] = []
        self._known_since: dict[str, int] = {}

    def add(self, record: Record, topic: Topic) -> None:
        """Collect the lines of a record. The tenant is sought first, because parsing takes much longer."""
        if self._needle not in record.value:
            return
        version = version_of(record.offset, is_import=topic == EVENT_IMPORTS)
        for line in record.value.split(b"\n"):
            if self._needle in line:
                # A line that is no event is not stored.
                with suppress(ValueError, KeyError, TypeError):
                    self._add(line, orjson.loads(line), version)

    def _add(self, line: bytes, row: dict[str, Any], version: int) -> None:
        if row["tenant_id"] != self._tenant_id:
            return
        user_id, anonymous_id = row["user_id"], row["anonymous_id"]
        at_ms = to_ms(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC))
        self._lines[user_id or anonymous_id].append((line, version))
        if user_id:
            self._known_since[user_id] = min(self._known_since.get(user_id, at_ms), at_ms)
            if row.get("joins") and anonymous_id and user_id != anonymous_id:
                self._claims.append(Claim(anonymous_id, user_id, at_ms, row["message_id"]))

    def facts(self) -> IdentityFacts:
        """Return the claims, and since when ids are users."""
        return IdentityFacts(tuple(self._claims), self._known_since)

    def events_of(self, profile_ids: Collection[str]) -> Sequence[AcceptedEvent]:
        """Return the events of profiles."""
        lines = [item for profile_id in profile_ids for item in self._lines.get(profile_id, ())]
        parsed = [(stored_event(line), version) for line, version in lines]
        return [AcceptedEvent(event[1], version) for event, version in parsed if event is not None]
