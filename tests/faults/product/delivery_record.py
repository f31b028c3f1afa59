"""What was sent and acknowledged, and the comparison of the warehouse with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from segops_common.stores.clickhouse import ClickHouse


@dataclass(frozen=True, slots=True)
class Sent:
    """An event of the load. `number` is in its payload, and no other event has it."""

    number: int
    tenant: int
    event_type: str
    user: str
    call: Mapping[str, Any]
    """The call as in a batch, with `type`. It may have an own id and time, or neither."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of `events`."""

    number: int
    tenant: int
    event_type: str
    user: str
    message_id: str
    time: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Numbers of events that were acknowledged and are not stored as such, are stored twice, or were never sent."""

    lost: frozenset[int]
    doubled: frozenset[int]
    invented: frozenset[int]


@dataclass(slots=True)
class DeliveryRecord:
    """Events by number, and the message id under which each was acknowledged."""

    sent: dict[int, Sent] = field(default_factory=dict)
    acknowledged: dict[int, str] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    """Responses by status, 0 for none."""
    wrong: list[str] = field(default_factory=list)
    """Responses that the product must never give."""

    def acknowledge(self, events: Iterable[Sent], message_ids: Iterable[str]) -> None:
        """Record a 202. A repetition must name the same ids."""
        for event, message_id in zip(events, message_ids, strict=True):
            first = self.acknowledged.setdefault(event.number, message_id)
            if first != message_id:
                self.wrong.append(f"event {event.number} was acknowledged as {first} and as {message_id}")

    def compare(self, rows: Iterable[Stored]) -> Comparison:
        """Compare by what each event is, never by counts alone."""
        stored: defaultdict[int, list[Stored]] = defaultdict(list)
        for row in rows:
            stored[row.number].append(row)
        lost = (number for number, id_ in self.acknowledged.items() if not self._is_stored(number, id_, stored[number]))
        return Comparison(
            lost=frozenset(lost),
            doubled=frozenset(number for number, same in stored.items() if len(same) > 1),
            invented=frozenset(number for number, same in stored.items() if same and number not in self.sent),
        )

    def users_with(self, tenant: int, event_type: str, least: int) -> frozenset[str]:
        """Return the users of a tenant who have that many acknowledged events of the type."""
        events = (self.sent[number] for number in self.acknowledged)
        counts = Counter(event.user for event in events if (event.tenant, event.event_type) == (tenant, event_type))
        return frozenset(user for user, count in counts.items() if count >= least)

    def _is_stored(self, number: int, message_id: str, rows: Iterable[Stored]) -> bool:
        event = self.sent[number]
        time = event.call.get("timestamp")
        return any(
            (row.tenant, row.event_type, row.user, row.message_id)
            == (event.tenant, event.event_type, event.user, message_id)
            and time in (None, f"{row.time.replace(' ', 'T')}Z")
            for row in rows
        )


async def stored_events(clickhouse: ClickHouse, tenants: Iterable[int], *, final: bool = True) -> list[Stored]:
    """Return the events of the tenants as every reader sees them."""
    listed = ", ".join(map(str, tenants))
    result = await clickhouse.query(
        "SELECT toInt64(payload.number), tenant_id, event_type, user_id, message_id, toString(timestamp) "
        f"FROM events {'FINAL' * final} WHERE tenant_id IN ({listed})"
    )
    return [Stored(int(number), int(tenant), *map(str, rest)) for number, tenant, *rest in result.rows]
