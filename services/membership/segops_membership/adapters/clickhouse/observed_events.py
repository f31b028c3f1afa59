"""Reads event types from all events in ClickHouse, and properties from a sample of each type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from segops_common.contracts.http import ObservedEvents, PropertyKind
from segops_common.contracts.warehouse import EVENTS_TABLE
from segops_common.stores.clickhouse import ClickHouse, ResultSet
from segops_language.lint.values import MAX_TEXT_CHARS, MAX_TEXTS, Property, ValueCounts
from segops_language.values import path_keys
from segops_language.values.instants import RFC3339_INSTANT
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.sql.filters import JSON_NUMBER
from segops_membership.sql.instants import instant_sql
from segops_membership.sql.json_paths import property_of
from segops_membership.sql.parameters import Bindings, select

MAX_EVENT_TYPES: Final = 1_000
SAMPLE_EVENTS: Final = 2_000
_SAMPLE: Final = f"LIMIT {SAMPLE_EVENTS}"
_TIMEOUT_S: Final = 2.0
_SETTINGS: Final[dict[str, str | int | float]] = {"max_execution_time": _TIMEOUT_S}
_RFC3339: Final = rf"^{RFC3339_INSTANT}\z"
_NUMBERS: Final = ("Int", "UInt", "Float", "Decimal")


class ClickHouseObservedEvents:
    """See the port `Observed`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def read(self, tenant_id: int, event_types: Sequence[str]) -> ObservedEvents:
        """See the port."""
        names = await self._event_types(tenant_id)
        existing = set(names)
        sampled = [name for name in dict.fromkeys(event_types) if name in existing]
        return ObservedEvents(
            event_types=tuple(names[:MAX_EVENT_TYPES]),
            complete=len(names) <= MAX_EVENT_TYPES,
            properties=await self._properties(tenant_id, sampled) if sampled else {},
        )

    async def count_values(self, tenant_id: int, properties: Collection[Property]) -> Mapping[Property, ValueCounts]:
        """See the port."""
        ordered = tuple(properties)
        if not ordered:
            return {}
        bind = Bindings()
        selects = [_counts_sql(tenant_id, index, *item, bind) for index, item in enumerate(ordered)]
        result = await self._query(" UNION ALL ".join(selects), bind)
        return {ordered[int(row[0])]: _counts(row[1:]) for row in result.rows}

    async def _event_types(self, tenant_id: int) -> list[str]:
        tail = f"GROUP BY event_type ORDER BY count() DESC, event_type LIMIT {MAX_EVENT_TYPES + 1}"
        bind = Bindings()
        sql = select("event_type", EVENTS_TABLE, f"tenant_id = {bind.integer(tenant_id)}", tail)
        return [str(row[0]) for row in (await self._query(sql, bind)).rows]

    async def _properties(
        self, tenant_id: int, event_types: Sequence[str]
    ) -> dict[str, dict[str, tuple[PropertyKind, ...]]]:
        bind = Bindings()
        tenant = f"tenant_id = {bind.integer(tenant_id)}"
        samples = " UNION ALL ".join(
            select("event_type, payload", EVENTS_TABLE, f"{tenant} AND event_type = {bind.text(name)}", _SAMPLE)
            for name in event_types
        )
        paths = "arrayJoin(CAST(JSONAllPathsWithTypes(payload), 'Array(Tuple(String, String))'))"
        result = await self._query(
            select(
                "DISTINCT event_type, path.1, path.2", f"({select(f'event_type, {paths} AS path', f'({samples})')})"
            ),
            bind,
        )
        kinds: defaultdict[str, defaultdict[str, set[PropertyKind]]] = defaultdict(lambda: defaultdict(set))
        for event_type, path, type_name in result.rows:
            kinds[event_type][_path(path)].add(_kind(type_name))
        return {
            event_type: {path: tuple(sorted(of_path)) for path, of_path in sorted(of_type.items())}
            for event_type, of_type in kinds.items()
        }

    async def _query(self, sql: str, bind: Bindings) -> ResultSet:
        with driver_errors():
            return await self._clickhouse.query(sql, bind.values, settings=_SETTINGS, timeout_s=_TIMEOUT_S)


def _counts_sql(tenant_id: int, index: int, event_type: str, path: str, bind: Bindings) -> str:
    """Return a SELECT of one row: the index, and the columns of `_counts`."""
    value = property_of(path_keys(path), bind)
    strict = f"match({value.text}, {bind.text(_RFC3339)})"
    columns = (
        f"{value.present} AS present, {value.text} AS text, {value.number} AS number,"
        f" {instant_sql(value, bind)} AS at, {strict} AS strict"
    )
    where = f"tenant_id = {bind.integer(tenant_id)} AND event_type = {bind.text(event_type)}"
    counts = (
        "countIf(present)",
        "countIf(isNotNull(number))",
        "countIf(isNotNull(text))",
        f"countIf(match(text, {bind.text(JSON_NUMBER)}))",
        "countIf(isNotNull(at))",
        "countIf(isNotNull(at) AND isNotNull(text) AND NOT ifNull(strict, 0))",
        f"groupUniqArrayIf({MAX_TEXTS + 1})(substringUTF8(ifNull(text, ''), 1, {MAX_TEXT_CHARS}), isNotNull(text))",
    )
    return select(f"{bind.integer(index)}, {', '.join(counts)}", f"({select(columns, EVENTS_TABLE, where, _SAMPLE)})")


def _counts(row: Sequence[Any]) -> ValueCounts:
    present, numbers, strings, numerals, instants, short_instants, texts = row
    return ValueCounts(
        present=int(present),
        numbers=int(numbers),
        strings=int(strings),
        numerals=int(numerals),
        instants=int(instants),
        short_instants=int(short_instants),
        texts=tuple(sorted(map(str, texts))[:MAX_TEXTS]),
        has_all_texts=len(texts) <= MAX_TEXTS,
    )


def _path(stored: str) -> str:
    """Return the path as the language writes it. The column stores a dot within a key as %2E."""
    return stored.replace("%2E", "\\.")


def _kind(type_name: str) -> PropertyKind:
    if type_name.startswith("Array"):
        return "array"
    if type_name.startswith(_NUMBERS):
        return "number"
    return "boolean" if type_name == "Bool" else "string"
