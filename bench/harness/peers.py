"""Queries as other products write them, in our own SQL, on a copy of the same events in a layout like theirs.

Events are sorted by day and type, and properties are a JSON string. A join with the person's ids finds the person. Each
segment is one query: it groups the events by person and counts each condition in a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.harness.history import AS_OF_MS, TENANT
from segops_common.stores.clickhouse import ClickHouse

_TABLES: Final = (
    "CREATE TABLE peer_events (team_id UInt64, event String, distinct_id String, timestamp DateTime64(3, 'UTC'),"
    " uuid String, properties String CODEC(ZSTD(3))) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(timestamp)"
    " ORDER BY (team_id, toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid))",
    "CREATE TABLE peer_person_ids (team_id UInt64, distinct_id String, person_id UUID, version UInt64)"
    " ENGINE = ReplacingMergeTree(version) ORDER BY (team_id, distinct_id)",
    "CREATE TABLE peer_persons (team_id UInt64, id UUID, properties String CODEC(ZSTD(3)), version UInt64)"
    " ENGINE = ReplacingMergeTree(version) ORDER BY (team_id, id)",
)
_COPIES: Final = (
    "INSERT INTO peer_events SELECT tenant_id, event_type, user_id, timestamp, message_id, toJSONString(payload)"
    " FROM events WHERE kind = 'track' AND toYYYYMM(timestamp) = {month:UInt32}",
    "INSERT INTO peer_person_ids SELECT tenant_id, user_id, reinterpretAsUUID(sipHash128(user_id)), 1"
    " FROM events WHERE event_type = '$identify' AND toYYYYMM(timestamp) = {month:UInt32}",
    "INSERT INTO peer_persons SELECT tenant_id, reinterpretAsUUID(sipHash128(user_id)), toJSONString(payload), 1"
    " FROM events WHERE event_type = '$identify' AND toYYYYMM(timestamp) = {month:UInt32}",
)
_DAY_MS: Final = 86_400_000
_PERSONS: Final = (
    "(SELECT distinct_id, argMax(person_id, version) AS person_id FROM peer_person_ids"
    f" WHERE team_id = {TENANT} GROUP BY distinct_id)"
)
_NOW: Final = f"fromUnixTimestamp64Milli({AS_OF_MS}, 'UTC')"


async def copy(clickhouse: ClickHouse) -> None:
    """Copy the generated events into the other layout and merge the copy."""
    for statement in _TABLES:
        await clickhouse.command(statement)
    months = await clickhouse.query("SELECT DISTINCT toYYYYMM(timestamp) FROM events")
    for statement in _COPIES:
        for (month,) in months.rows:
            await clickhouse.command(statement, {"month": month}, timeout_s=1_800)
    for table in ("peer_events", "peer_person_ids", "peer_persons"):
        await clickhouse.command(f"OPTIMIZE TABLE {table} FINAL", timeout_s=1_800)


@dataclass(frozen=True, slots=True)
class Did:
    """A condition on events in such a query. Names and values come from the benchmark, so they need no escaping."""

    event_type: str
    since_ms: int | None = None
    where: str = "1"

    @property
    def matches(self) -> str:
        """Return the SQL expression that is true for events that count."""
        return f"event = '{self.event_type}' AND {self._since} AND {self.where}"

    @property
    def _since(self) -> str:
        return "1" if self.since_ms is None else f"timestamp > fromUnixTimestamp64Milli({self.since_ms}, 'UTC')"


def query_of(conditions: Sequence[Did], verdict: str) -> str:
    """Return a query that counts the people for whom `verdict` is true; c0, c1, … are the counts of the conditions."""
    types = ", ".join(f"'{name}'" for name in dict.fromkeys(condition.event_type for condition in conditions))
    starts = [condition.since_ms for condition in conditions]
    since = "" if None in starts else f" AND timestamp > fromUnixTimestamp64Milli({min(_numbers(starts))}, 'UTC')"
    counts = ", ".join(f"countIf({condition.matches}) AS c{i}" for i, condition in enumerate(conditions))
    return (
        f"SELECT count() FROM (SELECT person_id, {counts} FROM peer_events AS e"
        f" INNER JOIN {_PERSONS} AS p ON e.distinct_id = p.distinct_id"
        f" WHERE team_id = {TENANT} AND event IN ({types}) AND timestamp <= {_NOW}{since}"
        f" GROUP BY person_id HAVING {verdict})"
    )


def never_query(condition: Did) -> str:
    """Return a query that counts the people without such an event, by an anti-join with the people who have one."""
    did = query_of([condition], "c0 > 0").removeprefix("SELECT count() FROM ")
    everybody = f"(SELECT id FROM peer_persons WHERE team_id = {TENANT} GROUP BY id)"
    return f"SELECT count() FROM {everybody} AS everybody LEFT ANTI JOIN {did} AS did ON everybody.id = did.person_id"


def trait_query(key: str, value: str) -> str:
    """Return a query that counts the people whose property has this value now."""
    latest = f"SELECT id, argMax(properties, version) AS latest FROM peer_persons WHERE team_id = {TENANT} GROUP BY id"
    return f"SELECT count() FROM ({latest}) WHERE JSONExtractString(latest, '{key}') = '{value}'"


def sequence_query(event_types: Sequence[str], within_ms: int) -> str:
    """Return a query that counts the people who did the events in this order."""
    types = ", ".join(f"'{name}'" for name in event_types)
    steps = ", ".join(f"event = '{name}'" for name in event_types)
    funnel = f"windowFunnel({within_ms})(toUInt64(toUnixTimestamp64Milli(timestamp)), {steps})"
    return (
        f"SELECT count() FROM (SELECT person_id FROM peer_events AS e"
        f" INNER JOIN {_PERSONS} AS p ON e.distinct_id = p.distinct_id"
        f" WHERE team_id = {TENANT} AND event IN ({types}) AND timestamp <= {_NOW}"
        f" GROUP BY person_id HAVING {funnel} = {len(event_types)})"
    )


def sum_query(event_type: str, key: str, least: float) -> str:
    """Return a query that counts the people whose values sum to at least `least`."""
    return (
        f"SELECT count() FROM (SELECT person_id FROM peer_events AS e"
        f" INNER JOIN {_PERSONS} AS p ON e.distinct_id = p.distinct_id"
        f" WHERE team_id = {TENANT} AND event = '{event_type}' AND timestamp <= {_NOW}"
        f" GROUP BY person_id HAVING sum(JSONExtractFloat(properties, '{key}')) >= {least})"
    )


def query_of_definition(conditions: Sequence[dict[str, Any]]) -> str:
    """Return the query of a segment whose conditions are all counts and must all be true."""
    parts = [
        Did(
            condition["event_type"],
            _since_ms(condition.get("window")),
            " AND ".join(["1", *_where(condition.get("where", ()))]),
        )
        for condition in conditions
    ]
    verdict = " AND ".join(f"c{i} >= {condition['value']}" for i, condition in enumerate(conditions))
    return query_of(parts, verdict)


def _since_ms(window: dict[str, str] | None) -> int | None:
    if window is None:
        return None
    hours = int(window["last"][:-1]) * {"h": 1, "d": 24}[window["last"][-1]]
    return AS_OF_MS - hours * 3_600_000


def _where(filters: Sequence[dict[str, Any]]) -> Iterator[str]:
    for check in filters:
        yield f"JSONExtractFloat(properties, '{check['property']}') >= {check['value']}"


def _numbers(starts: Sequence[int | None]) -> list[int]:
    return [start for start in starts if start is not None]
