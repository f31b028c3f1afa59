"""Published member sets in ClickHouse: the bitmap of a run says who is in it, the changes say since when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime
from typing import Any, Final

from segops_common.stores.clickhouse import ClickHouse, ResultSet, Settings
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.domain.members.sets import DaySize, Member, MemberFormat, MemberSet
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.sql.parameters import cut_instant, select

_TIMEOUT_S: Final = 10
FORMATS: Final[Mapping[MemberFormat, str]] = {
    MemberFormat.CSV: "CSVWithNames",
    MemberFormat.NDJSON: "JSONEachRow",
    MemberFormat.PARQUET: "Parquet",
}
# Both sides of the join are read in the order of their keys, so neither is held in memory.
STREAM_SETTINGS: Final[Settings] = {
    "join_algorithm": "full_sorting_merge",
    "optimize_aggregation_in_order": 1,
    "max_threads": 2,
    "max_bytes_before_external_sort": 128 * 1024**2,
    "date_time_output_format": "iso",
    "output_format_parquet_compression_method": "snappy",
    "output_format_parquet_string_as_string": 1,
    "output_format_parquet_row_group_size": 100_000,
}
_OF_SEGMENT: Final = "tenant_id = {tenant:UInt64} AND segment_id = {segment:UInt64}"
_VISIBLE: Final = f"(run_id, fence) IN ({select('run_id, fence', 'publications', 'tenant_id = {tenant:UInt64}')})"
_PUBLISHED: Final = f"{_OF_SEGMENT} AND published AND {_VISIBLE}"
_BY_THEN: Final = "as_of <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')"
_SETS: Final = "run_id, fence, toUnixTimestamp64Milli(as_of), at, size, entered, exited"
_MEMBERS: Final = select(
    "members", "segment_runs", f"{_OF_SEGMENT} AND run_id = {{run:UInt64}} AND fence = {{fence:UInt64}}", "LIMIT 1"
)
_PEOPLE: Final = f"tenant_id = {{tenant:UInt64}} AND bitmapContains(({_MEMBERS}), n)"
# Runs of a segment are published in the order of their ids, so later publications are those with greater ids.
_ENTRIES: Final = f"{_OF_SEGMENT} AND change > 0 AND run_id <= {{run:UInt64}} AND {_VISIBLE}"
_SINCE: Final = "argMax(at, run_id) AS since"
# A user without a recorded entry has been a member at the latest since this publication.
_COMPUTED_AT: Final = "if(toUnixTimestamp64Milli(since) = 0, fromUnixTimestamp64Milli({at:Int64}, 'UTC'), since)"
_PAGE: Final = select(
    "user_key, user_id",
    "profiles FINAL",
    f"{_PEOPLE} AND user_key >= {{first:UInt64}} AND startsWith(user_id, {{prefix:String}})",
    "ORDER BY user_key LIMIT {limit:UInt64} OFFSET {offset:UInt64}",
)


def _with_entries(people: str, condition: str) -> str:
    entries = select("user_key, " + _SINCE, "membership_changes", condition, "GROUP BY user_key")
    return f"({people}) AS people LEFT JOIN ({entries}) AS entries USING (user_key)"


_PAGE_OF_MEMBERS: Final = select(
    f"user_key, user_id, {_COMPUTED_AT}",
    _with_entries(_PAGE, f"{_ENTRIES} AND user_key IN ({select('user_key', f'({_PAGE})')})"),
    tail="ORDER BY user_key",
)
FILE: Final = select(
    f"user_id, {_COMPUTED_AT} AS computed_at",
    _with_entries(select("user_key, user_id", "profiles FINAL", _PEOPLE), _ENTRIES),
)
_DAILY: Final = select(
    "segment_id, toDate(at, 'UTC') AS day, argMax(size, run_id), sum(entered), sum(exited)",
    "segment_runs FINAL",
    f"tenant_id = {{tenant:UInt64}} AND segment_id IN {{segments:Array(UInt64)}} AND published AND {_VISIBLE}",
    "GROUP BY segment_id, day ORDER BY segment_id, day",
)


class ClickHouseMemberSets:
    """See the port `MemberSets`. `silence_s` is how long a stream may wait for the next bytes."""

    def __init__(self, *, clickhouse: ClickHouse, silence_s: float = _TIMEOUT_S) -> None:
        self._clickhouse = clickhouse
        self._silence_s = silence_s

    async def newest(self, tenant_id: int, segment_id: int, as_of_ms: int | None = None) -> MemberSet | None:
        """See the port."""
        values = {"tenant": tenant_id, "segment": segment_id, "as_of": cut_instant(as_of_ms or 0)}
        condition = _PUBLISHED if as_of_ms is None else f"{_PUBLISHED} AND {_BY_THEN}"
        return _one(await self._sets(condition, "ORDER BY run_id DESC LIMIT 1", values))

    async def find(self, tenant_id: int, segment_id: int, attempt: Attempt) -> MemberSet | None:
        """See the port."""
        values = {"tenant": tenant_id, "segment": segment_id, "run": attempt.run_id, "fence": attempt.fence}
        condition = f"{_PUBLISHED} AND run_id = {{run:UInt64}} AND fence = {{fence:UInt64}}"
        return _one(await self._sets(condition, "LIMIT 1", values))

    async def page(
        self,
        tenant_id: int,
        segment_id: int,
        members: MemberSet,
        *,
        after: int = -1,
        limit: int,
        offset: int = 0,
        prefix: str = "",
    ) -> Sequence[Member]:
        """See the port."""
        if after >= 2**64 - 1:
            return []
        page = {"first": after + 1, "limit": limit, "offset": offset, "prefix": prefix}
        result = await self._query(_PAGE_OF_MEMBERS, {**set_values(tenant_id, segment_id, members), **page})
        return [Member(int(key), str(user_id), _utc(since)) for key, user_id, since in result.rows]

    async def stream(
        self, tenant_id: int, segment_id: int, members: MemberSet, member_format: MemberFormat
    ) -> AsyncGenerator[bytes, None]:
        """See the port."""
        rows = RowCount(member_format)
        with driver_errors():
            chunks = self._clickhouse.stream(
                FILE,
                set_values(tenant_id, segment_id, members),
                fmt=FORMATS[member_format],
                settings=STREAM_SETTINGS,
                timeout_s=self._silence_s,
            )
            async with aclosing(chunks):
                async for chunk in chunks:
                    rows.add(chunk)
                    yield chunk
        if not rows.is_complete(members.size):
            raise EngineUnavailable("ClickHouse did not return all members")

    async def history(
        self, tenant_id: int, segment_id: int, *, before_run: int, limit: int, offset: int = 0
    ) -> Sequence[MemberSet]:
        """See the port."""
        values = {"tenant": tenant_id, "segment": segment_id, "run": before_run, "limit": limit, "offset": offset}
        tail = "ORDER BY run_id DESC LIMIT {limit:UInt64} OFFSET {offset:UInt64}"
        return await self._sets(f"{_PUBLISHED} AND run_id < {{run:UInt64}}", tail, values)

    async def publication_count(self, tenant_id: int, segment_id: int) -> int:
        """See the port."""
        result = await self._query(
            select("count()", "segment_runs FINAL", _PUBLISHED), {"tenant": tenant_id, "segment": segment_id}
        )
        return int(_row(result)[0])

    async def daily(self, tenant_id: int, segment_ids: Collection[int], first: date) -> Mapping[int, Sequence[DaySize]]:
        """See the port."""
        result = await self._query(
            select("groupArray(tuple(*))", f"({_DAILY})"), {"tenant": tenant_id, "segments": list(segment_ids)}
        )
        days: defaultdict[int, list[DaySize]] = defaultdict(list)
        for segment_id, day, size, entered, exited in _row(result)[0]:
            of_segment = days[int(segment_id)]
            if day < first:
                of_segment.clear()
            of_segment.append(DaySize(day, int(size), int(entered), int(exited)))
        return days

    async def _sets(self, condition: str, tail: str, values: Mapping[str, object]) -> Sequence[MemberSet]:
        sets = select(_SETS, "segment_runs FINAL", condition, tail)
        # A result without rows has no bytes, like the answer of a server that stops in the middle.
        result = await self._query(select("groupArray(tuple(*))", f"({sets})"), values)
        return [
            MemberSet(Attempt(int(run), int(fence)), int(as_of), _utc(at), int(size), int(entered), int(exited))
            for run, fence, as_of, at, size, entered, exited in _row(result)[0]
        ]

    async def _query(self, sql: str, values: Mapping[str, object]) -> ResultSet:
        with driver_errors():
            return await self._clickhouse.query(sql, values, timeout_s=_TIMEOUT_S)


def set_values(tenant_id: int, segment_id: int, members: MemberSet) -> dict[str, object]:
    """Return the parameters of `FILE`."""
    return {
        "tenant": tenant_id,
        "segment": segment_id,
        "run": members.attempt.run_id,
        "fence": members.attempt.fence,
        "at": round(members.at.timestamp() * 1000),
    }


class RowCount:
    """Counts the rows of a file while it passes by."""

    _ENDS: Final[Mapping[MemberFormat, bytes]] = {
        # Inside of a user id, a quote is doubled, so these bytes only end a row.
        MemberFormat.CSV: b'Z"\n',
        MemberFormat.NDJSON: b"\n",
        MemberFormat.PARQUET: b"PAR1",
    }

    def __init__(self, member_format: MemberFormat) -> None:
        self._format = member_format
        self._end = self._ENDS[member_format]
        self._tail = b""
        self._bytes = 0
        self.rows = 0
        """The rows so far; 0 for Parquet, whose footer counts them."""

    def add(self, chunk: bytes) -> None:
        """Count the rows that end in the next chunk of the file."""
        self._bytes += len(chunk)
        chunk = self._tail + chunk
        self._tail = chunk[1 - len(self._end) :] if len(self._end) > 1 else b""
        if self._format is MemberFormat.PARQUET:
            self._tail = chunk[-len(self._end) :]
        else:
            self.rows += chunk.count(self._end)

    def is_complete(self, size: int) -> bool:
        """Return whether the file has that many rows; for Parquet, whether it has its footer."""
        if self._format is not MemberFormat.PARQUET:
            return self.rows == size
        # A Parquet file begins with the mark with which it ends.
        return self._tail == self._end and self._bytes > len(self._end)


def _one(sets: Sequence[MemberSet]) -> MemberSet | None:
    return sets[0] if sets else None


def _row(result: ResultSet) -> Sequence[Any]:
    if not result.rows:
        raise EngineUnavailable("ClickHouse ended its answer before the first row")
    return result.rows[0]


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
