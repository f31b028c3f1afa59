"""The shapes in which other products ask, in SQL of our own, on a copy of the same events in a layout like theirs.

Events are sorted by day and type, properties are a JSON string, a person is found by a join with its ids, and each
segment is a query of its own: conditions of behaviour are columns of one grouping by person.
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
    """Store the generated events once more, as such a product would, merged."""
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
    """A condition of behaviour as such a query has it; names and values are the benchmark's own."""

    event_type: str
    since_ms: int | None = None
    where: str = "1"

    @property
    def matches(self) -> str:
        """Whether an event counts."""
        return f"event = '{self.event_type}' AND {self._since} AND {self.where}"

    @property
    def _since(self) -> str:
        return "1" if self.since_ms is None else f"timestamp > fromUnixTimestamp64Milli({self.since_ms}, 'UTC')"


def query_of(conditions: Sequence[Did], verdict: str) -> str:
    """How many people satisfy `verdict` over c0, c1, …, the counts of each condition's events."""
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
    """How many people have no such event: everybody is joined with those who have."""
    did = query_of([condition], "c0 > 0").removeprefix("SELECT count() FROM ")
    everybody = f"(SELECT id FROM peer_persons WHERE team_id = {TENANT} GROUP BY id)"
    return f"SELECT count() FROM {everybody} AS everybody LEFT ANTI JOIN {did} AS did ON everybody.id = did.person_id"


def trait_query(key: str, value: str) -> str:
    """How many people have that property now."""
    latest = f"SELECT id, argMax(properties, version) AS latest FROM peer_persons WHERE team_id = {TENANT} GROUP BY id"
    return f"SELECT count() FROM ({latest}) WHERE JSONExtractString(latest, '{key}') = '{value}'"


def sequence_query(event_types: Sequence[str], within_ms: int) -> str:
    """How many people did one after the other."""
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
    """How many people's values sum up to that much."""
    return (
        f"SELECT count() FROM (SELECT person_id FROM peer_events AS e"
        f" INNER JOIN {_PERSONS} AS p ON e.distinct_id = p.distinct_id"
        f" WHERE team_id = {TENANT} AND event = '{event_type}' AND timestamp <= {_NOW}"
        f" GROUP BY person_id HAVING sum(JSONExtractFloat(properties, '{key}')) >= {least})"
    )


def query_of_definition(conditions: Sequence[dict[str, Any]]) -> str:
    """The query of a segment in which all of these counts hold."""
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
