"""What the engines hold after a run: published members, and reported changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from segops_common.contracts.jobs import MembershipChanged
from segops_common.contracts.topics import MEMBERSHIP_CHANGES
from segops_common.core.clock import SystemClock
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.open import open_event_log

_MOST_RECORDS = 10_000

_PUBLISHED = """
WITH published AS (
    SELECT runs.segment_id AS segment_id, argMax(runs.members, publications.number) AS members
    FROM segment_runs AS runs FINAL
    INNER JOIN publications FINAL
        ON runs.tenant_id = publications.tenant_id AND runs.run_id = publications.run_id AND runs.fence = publications.fence
    WHERE runs.tenant_id = {tenant:UInt64} AND publications.tenant_id = {tenant:UInt64}
    GROUP BY runs.segment_id
)
SELECT segment_id, user_id FROM profiles FINAL CROSS JOIN published
WHERE tenant_id = {tenant:UInt64} AND bitmapContains(members, n)
"""


async def published_members(clickhouse: ClickHouse, tenant: int) -> dict[int, set[str]]:
    """Return the users in the newest published bitmap of each segment."""
    result = await clickhouse.query(_PUBLISHED, {"tenant": tenant})
    members: defaultdict[int, set[str]] = defaultdict(set)
    for segment, user in result.rows:
        members[int(segment)].add(str(user))
    return members


async def reported_changes(event_log_url: str, tenants: Iterable[int]) -> list[MembershipChanged]:
    """Return all changes on the topic."""
    log = open_event_log(event_log_url, clock=SystemClock())
    chosen = frozenset(tenants)
    try:
        parts = [
            await log.tail(MEMBERSHIP_CHANGES, part, _MOST_RECORDS) for part in range(MEMBERSHIP_CHANGES.partitions)
        ]
    finally:
        await log.close()
    lines = (line for records in parts for record in records for line in record.value.splitlines())
    changes = map(MembershipChanged.model_validate_json, lines)
    return [change for change in changes if change.tenant_id in chosen]
