"""Calls as applications send them, and the rows that the product makes from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_ingest.domain.event import ITEM_SHAPES, RowBuilder
from segops_ingest.domain.identity import Delivery
from segops_ingest.domain.inspection import serialise
from segops_ingest.domain.instants import TimestampRange

USERS = 50
TENANT = 1


def items(count: int, *, users: int = USERS) -> list[dict[str, Any]]:
    """Return the items of one batch, with message ids and timestamps as an SDK sets them."""
    clock = SystemClock()
    ids, now = SystemIds(clock), clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [
        {
            "type": "track",
            "user_id": f"user-{number % users}",
            "event_type": "page_viewed",
            "message_id": ids.uuid7(),
            "timestamp": now,
            "payload": {"path": "/pricing", "position": number, "referrer": "https://example.com/"},
        }
        for number in range(count)
    ]


def drafts(calls: list[dict[str, Any]]) -> Iterator[Delivery]:
    """Yield the calls as rows with their lines for the log."""
    clock = SystemClock()
    builder = RowBuilder(
        tenant_id=TENANT, span=TimestampRange.around(clock.now()), ids=SystemIds(clock), idempotency_key=None
    )
    for index, call in enumerate(calls):
        row, time = builder.row(call, "track", index, ITEM_SHAPES)
        yield Delivery(index, row, serialise(row, "payload"), time.client, time.memory)
