"""The rows that the memory adapters share, as ClickHouse would hold them: events, profile numbers and static lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from segops_language.events import Event
from segops_membership.domain.identity.joins import IdentityFacts, persons_of


@dataclass(slots=True)
class TenantRows:
    """The rows of one tenant."""

    events: defaultdict[str, dict[object, Event]] = field(default_factory=lambda: defaultdict(dict))
    """By profile id, then by identity; a later delivery of an event changes nothing."""
    numbers: dict[str, int] = field(default_factory=dict)
    """The number of each numbered profile, by profile id."""
    list_changes: defaultdict[int, dict[tuple[int, str], bool]] = field(default_factory=lambda: defaultdict(dict))
    """By segment: list version and user id to whether that version added the user (False: removed)."""

    facts: IdentityFacts = field(default_factory=IdentityFacts)
    """What is known about whose an id is."""

    def persons(self, as_of_ms: int) -> Mapping[str, str]:
        """Return the person of each id that is joined to another one."""
        return persons_of(self.facts, as_of_ms)

    def add_events(self, events: Iterable[Event]) -> None:
        """Store events, in any order."""
        for event in events:
            self.events[event.profile_id].setdefault(event.identity, event)

    def first_seen_ms(self, profile_id: str) -> int | None:
        """Return the time of the profile's first event; None when it has none."""
        events = self.events.get(profile_id)
        return min(event.timestamp_ms for event in events.values()) if events else None

    def list_members(self, segment_id: int, first_version: int, last_version: int) -> frozenset[str]:
        """Return the users of a static list as its versions from first to last (both included) made it."""
        changes = self.list_changes.get(segment_id, {})
        latest: dict[str, bool] = {}
        for (version, user_id), present in sorted(changes.items()):
            if first_version <= version <= last_version:
                latest[user_id] = present
        return frozenset(user_id for user_id, present in latest.items() if present)


class MemoryWarehouse:
    """Holds the rows of all tenants."""

    def __init__(self) -> None:
        self._tenants: defaultdict[int, TenantRows] = defaultdict(TenantRows)

    def tenant(self, tenant_id: int) -> TenantRows:
        """Return the rows of a tenant; empty for a tenant that stored none."""
        return self._tenants[tenant_id]
