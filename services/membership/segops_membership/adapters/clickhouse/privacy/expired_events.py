"""Removes events from the tables of ClickHouse that are older than their retention.

Tables are partitioned by time, so a mutation names the partitions that have such rows; the parts of all others are not touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from segops_common.contracts.warehouse import DEAD_LETTERS_TABLE, EVENTS_BY_PROFILE_TABLE, EVENTS_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_language.events import IDENTIFY_EVENT
from segops_language.lint.retention import Retention
from segops_language.values.instants import to_ms
from segops_membership.adapters.clickhouse.privacy.stores import MUTATION_SETTINGS, MUTATION_TIMEOUT_S
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.domain.privacy.retention import TenantRetention
from segops_membership.sql.parameters import Bindings, select


@dataclass(frozen=True, slots=True)
class _Table:
    """A table with events: the expressions of the type, the time and the partition of a row."""

    name: str
    event_type: str
    time: str
    partition: str


_EVENTS: Final = _Table(EVENTS_TABLE, "event_type", "timestamp", "toYYYYMM(timestamp)")
_TABLES: Final = (
    _EVENTS,
    _Table(EVENTS_BY_PROFILE_TABLE, "event_type", "timestamp", "toYear(timestamp)"),
    _Table(DEAD_LETTERS_TABLE, "JSONExtractString(line, 'event_type')", "at", "toYYYYMM(at)"),
)


class ClickHouseExpiredEvents:
    """See the port `ExpiredEvents`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def remove(self, retentions: Sequence[TenantRetention], now: datetime) -> Mapping[int, Mapping[str, int]]:
        """See the port."""
        removed: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for tenant_id, event_type, count in await self._counts(retentions, now):
            removed[tenant_id][event_type] = count
        for table in _TABLES:
            await self._remove(table, retentions, now)
        return removed

    async def _counts(self, retentions: Sequence[TenantRetention], now: datetime) -> Sequence[tuple[int, str, int]]:
        bind = Bindings()
        where = _expired(_EVENTS, retentions, now, bind)
        sql = select("tenant_id, event_type, count()", EVENTS_TABLE, where, "GROUP BY tenant_id, event_type")
        with driver_errors():
            result = await self._clickhouse.query(sql, bind.values, timeout_s=MUTATION_TIMEOUT_S)
        return [(int(tenant_id), str(event_type), int(count)) for tenant_id, event_type, count in result.rows]

    async def _remove(self, table: _Table, retentions: Sequence[TenantRetention], now: datetime) -> None:
        bind = Bindings()
        where = _expired(table, retentions, now, bind)
        sql = select(f"DISTINCT {table.partition} AS part", table.name, where, "ORDER BY part")
        with driver_errors():
            result = await self._clickhouse.query(sql, bind.values, timeout_s=MUTATION_TIMEOUT_S)
            for partition in [int(part) for (part,) in result.rows]:
                statement = f"ALTER TABLE {table.name} DELETE IN PARTITION {partition} WHERE {where}"
                for shard in self._clickhouse.shards:
                    await shard.command(
                        statement, bind.values, settings=MUTATION_SETTINGS, timeout_s=MUTATION_TIMEOUT_S + 10
                    )


def _expired(table: _Table, retentions: Sequence[TenantRetention], now: datetime, bind: Bindings) -> str:
    """Return the condition on rows that are older than the retention of their tenant and type."""
    conditions = [
        f"(tenant_id = {bind.integer(one.tenant_id)} AND ({_of_types(table, one.retention, now, bind)}))"
        for one in retentions
    ]
    return f"({' OR '.join(conditions)})"


def _of_types(table: _Table, retention: Retention, now: datetime, bind: Bindings) -> str:
    def older(days: int) -> str:
        return f"{table.time} < {bind.instant(to_ms(now - timedelta(days=days)))}"

    conditions = [
        f"({table.event_type} = {bind.text(event_type)} AND {older(days)})"
        for event_type, days in retention.days.items()
    ]
    if retention.default_days is not None:
        others = ", ".join(map(bind.text, [*retention.days, IDENTIFY_EVENT]))
        conditions.append(f"({table.event_type} NOT IN ({others}) AND {older(retention.default_days)})")
    return " OR ".join(conditions) or "0"
