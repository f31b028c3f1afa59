"""Results of runs in ClickHouse: bitmaps and changes by run and fence, and the publications that make them visible."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from pyroaring import BitMap

from segops_common.stores.clickhouse import ClickHouse, ResultSet
from segops_language.values.instants import from_ms, to_ms
from segops_membership.adapters.clickhouse.bitmap_state import decode_state, state_as_json
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import Attempt, MemberChanges, Publication, SegmentHead, SegmentOutcome
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.sql.parameters import cut_instant, select

T = TypeVar("T")

_TIMEOUT_S: Final = 300
_OUTCOMES_AT_ONCE: Final = 16
_CHANGES_AT_ONCE: Final = 10_000
"""Takes about 20 ms: the event loop that does it also renews the lease."""
_OF_ATTEMPT: Final = "tenant_id = {tenant:UInt64} AND run_id = {run:UInt64} AND fence = {fence:UInt64}"
_OF_SEGMENTS: Final = f"{_OF_ATTEMPT} AND segment_id IN {{segments:Array(UInt64)}}"


class ClickHouseRunResults:
    """See the port `RunResults`.

    A join holds at most `numbers_in_memory` changed numbers; with more it holds the tenant's profiles instead. A
    statement expands the bitmaps of one segment, or of several with at most `numbers_at_once` numbers. About
    `names_at_once` user ids are in memory while changes are read.
    """

    def __init__(
        self,
        *,
        clickhouse: ClickHouse,
        numbers_in_memory: int = 500_000,
        numbers_at_once: int = 2_000_000,
        names_at_once: int = 50_000,
    ) -> None:
        self._clickhouse = clickhouse
        self._names_at_once = names_at_once
        self._numbers_in_memory = numbers_in_memory
        self._numbers_at_once = numbers_at_once

    async def published_members(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> Mapping[int, BitMap]:
        """See the port. Reads a few bitmaps at a time: each may be as large as the tenant."""
        bitmaps: dict[int, BitMap] = {}
        for portion in _portions(sorted(heads.items()), _OUTCOMES_AT_ONCE):
            bitmaps.update(await self._members(tenant_id, portion))
        if bitmaps.keys() != heads.keys():
            raise EngineUnavailable("a published bitmap cannot be read")
        return bitmaps

    async def write_outcomes(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome], as_of_ms: int, at: datetime
    ) -> None:
        """See the port."""
        common = {
            "tenant_id": tenant_id,
            "run_id": attempt.run_id,
            "fence": attempt.fence,
            "as_of": _time(as_of_ms),
            "at": _time(to_ms(at)),
        }
        for portion in _portions(outcomes, _OUTCOMES_AT_ONCE):
            lines = b"".join(_outcome_line(common, outcome) for outcome in portion)
            with driver_errors():
                await self._clickhouse.insert_json_lines("segment_runs", lines, timeout_s=_TIMEOUT_S)

    async def write_changes(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome], at: datetime
    ) -> None:
        """See the port. Expands the stored bitmaps inside ClickHouse."""
        changed = " UNION ALL ".join(
            select(f"segment_id, arrayJoin(bitmapToArray({column})) AS n, {change} AS change", SOURCE, _OF_SEGMENTS)
            for column, change in (("entered_members", 1), ("exited_members", -1))
        )
        numbers = select("user_key, n", "profiles FINAL", "tenant_id = {tenant:UInt64}")
        rows = select(
            "{tenant:UInt64}, user_key, segment_id, {run:UInt64}, {fence:UInt64}, change, "
            "fromUnixTimestamp64Milli({at:Int64}, 'UTC')",
            f"({changed}) AS changed INNER JOIN ({numbers}) AS numbered USING (n)",
        )
        columns = "tenant_id, user_key, segment_id, run_id, fence, change, at"
        for segments, _ in self._batches({outcome.segment_id: outcome.changed for outcome in outcomes}):
            values = {**_attempt_values(tenant_id, attempt), "segments": segments, "at": to_ms(at)}
            await self._command(f"INSERT INTO membership_changes ({columns}) {rows}", values)

    async def digests(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome]
    ) -> Mapping[int, Digest]:
        """See the port. Sums up inside ClickHouse."""
        counts = {
            outcome.segment_id: len(outcome.members) if outcome.base_digest is None else outcome.changed
            for outcome in outcomes
        }
        whole = [outcome.segment_id for outcome in outcomes if outcome.base_digest is None]
        summed: dict[int, Digest] = {}
        for segments, count in self._batches(counts):
            summed |= await self._sums(tenant_id, attempt, segments, whole, count)
        none = Digest()
        return {
            outcome.segment_id: (outcome.base_digest or none) + summed.get(outcome.segment_id, none)
            for outcome in outcomes
        }

    def _batches(self, numbers: Mapping[int, int]) -> Iterator[tuple[Sequence[int], int]]:
        """Yield the segments of each statement with their total of numbers. Segments without numbers are left out."""
        batch: list[int] = []
        total = 0
        for segment_id, count in numbers.items():
            if batch and total + count > self._numbers_at_once:
                yield batch, total
                batch, total = [], 0
            if count:
                batch.append(segment_id)
                total += count
        if batch:
            yield batch, total

    async def _sums(
        self, tenant_id: int, attempt: Attempt, segments: Sequence[int], whole: Sequence[int], count: int
    ) -> Mapping[int, Digest]:
        parts = (("entered_members", 0, "NOT"), ("exited_members", 1, "NOT"), ("members", 0, ""))
        numbers = " UNION ALL ".join(
            select(
                f"segment_id, arrayJoin(bitmapToArray({column})) AS n, {leaves} AS leaves",
                SOURCE,
                f"{_OF_SEGMENTS} AND segment_id {part} IN {{whole:Array(UInt64)}}",
            )
            for column, leaves, part in parts
        )
        hashes = select("n, user_key, xxh3(user_id) AS other", "profiles FINAL", "tenant_id = {tenant:UInt64}")
        # A join holds its right side in memory, and building it is most of the work.
        sides = [f"({hashes}) AS numbered", f"({numbers}) AS summed"]
        left, right = sides if count <= self._numbers_in_memory else reversed(sides)
        # `user_key` is the XXH64 of the user id.
        columns = "segment_id, sumIf(user_key, NOT leaves), sumIf(other, NOT leaves), sumIf(user_key, leaves), sumIf(other, leaves)"
        result = await self._query(
            select(columns, f"{left} INNER JOIN {right} USING (n)", tail="GROUP BY segment_id"),
            {**_attempt_values(tenant_id, attempt), "segments": segments, "whole": whole},
        )
        return {int(segment): Digest(*sums[:2]) - Digest(*sums[2:]) for segment, *sums in result.rows}

    async def make_visible(self, tenant_id: int, publication: Publication) -> None:
        """See the port. A repetition writes a row with the same key."""
        values = {
            **_attempt_values(tenant_id, publication.attempt),
            "number": publication.number,
            "base": publication.base_run_id,
            "as_of": cut_instant(publication.as_of_ms),
            "at": to_ms(publication.at),
        }
        columns = "tenant_id, run_id, fence, number, base_run_id, as_of, at"
        await self._command(
            f"INSERT INTO publications ({columns}) SELECT {{tenant:UInt64}}, {{run:UInt64}}, {{fence:UInt64}}, "
            "{number:UInt64}, {base:UInt64}, fromUnixTimestamp64Milli({as_of:Int64}, 'UTC'), "
            "fromUnixTimestamp64Milli({at:Int64}, 'UTC')",
            values,
        )

    async def changes(self, tenant_id: int, publication: Publication) -> AsyncIterator[MemberChanges]:
        """See the port. Reads a few bitmaps and user ids at a time."""
        segment_ids = await self._segments_to_report(tenant_id, publication.attempt)
        for segments in _portions(segment_ids, _OUTCOMES_AT_ONCE):
            changes = await self._changed_numbers(tenant_id, publication.attempt, segments)
            # User ids are read by ranges of the user's key: so each profile is read once, not once a range of numbers.
            parts = 1 + len(BitMap.union(BitMap(), *(bitmap for _, _, bitmap in changes))) // self._names_at_once
            for part in range(parts):
                user_ids = await self._changed_users(tenant_id, publication.attempt, segments, part, parts)
                numbers = BitMap(user_ids)
                for segment_id, change, bitmap in changes:
                    for portion in _portions(bitmap & numbers, _CHANGES_AT_ONCE):
                        yield MemberChanges(segment_id, change, [user_ids[n] for n in portion])

    async def _segments_to_report(self, tenant_id: int, attempt: Attempt) -> Sequence[int]:
        has_changes = f"{_OF_ATTEMPT} AND (has_unreported OR entered > 0 OR exited > 0)"
        result = await self._query(
            select("segment_id", SOURCE, has_changes, "ORDER BY segment_id"), _attempt_values(tenant_id, attempt)
        )
        return [int(segment_id) for (segment_id,) in result.rows]

    async def _changed_numbers(
        self, tenant_id: int, attempt: Attempt, segments: Sequence[int]
    ) -> Sequence[tuple[int, Literal["entered", "exited"], BitMap]]:
        result = await self._query(
            select(f"segment_id, {_base64(ENTERED)}, {_base64(EXITED)}", SOURCE, _OF_SEGMENTS),
            {**_attempt_values(tenant_id, attempt), "segments": segments},
        )
        changes: list[tuple[int, Literal["entered", "exited"], BitMap]] = []
        for segment_id, entered, exited in result.rows:
            changes.append((int(segment_id), "entered", _bitmap(entered)))
            changes.append((int(segment_id), "exited", _bitmap(exited)))
        return changes

    async def _members(self, tenant_id: int, heads: Sequence[tuple[int, SegmentHead]]) -> Iterator[tuple[int, BitMap]]:
        values: dict[str, Any] = {"tenant": tenant_id}
        keys = []
        for i, (segment_id, head) in enumerate(heads):
            values |= {f"s{i}": segment_id, f"r{i}": head.attempt.run_id, f"f{i}": head.attempt.fence}
            keys.append(f"({{s{i}:UInt64}}, {{r{i}:UInt64}}, {{f{i}:UInt64}})")
        condition = f"tenant_id = {{tenant:UInt64}} AND (segment_id, run_id, fence) IN ({', '.join(keys)})"
        result = await self._query(select(f"segment_id, {_base64('members')}", "segment_runs", condition), values)
        return ((int(segment_id), _bitmap(state)) for segment_id, state in result.rows)

    async def _changed_users(
        self, tenant_id: int, attempt: Attempt, segments: Sequence[int], part: int, parts: int
    ) -> dict[int, str]:
        """Return the ids, by number, of users who entered or exited one of the segments and have a key in that part."""
        bitmaps = select(f"arrayJoin([{ENTERED}, {EXITED}]) AS changed", SOURCE, _OF_SEGMENTS)
        changed = select("groupBitmapMergeState(changed)", f"({bitmaps})")
        condition = (
            "tenant_id = {tenant:UInt64} AND user_key BETWEEN {first:UInt64} AND {last:UInt64}"
            f" AND bitmapContains(({changed}), n)"
        )
        keys = {"first": part * 2**64 // parts, "last": (part + 1) * 2**64 // parts - 1}
        result = await self._query(
            select("n, user_id", "profiles FINAL", condition),
            {**_attempt_values(tenant_id, attempt), "segments": segments, **keys},
        )
        return {int(n): str(user_id) for n, user_id in result.rows}

    async def _query(self, sql: str, values: Mapping[str, Any]) -> ResultSet:
        with driver_errors():
            return await self._clickhouse.query(sql, values, timeout_s=_TIMEOUT_S)

    async def _command(self, sql: str, values: Mapping[str, Any]) -> None:
        with driver_errors():
            await self._clickhouse.command(sql, values, timeout_s=_TIMEOUT_S)


# FINAL gives one row for each attempt and segment, even when a repeated insert is not merged yet.
SOURCE: Final = "segment_runs FINAL"
# What is reported of an attempt.
ENTERED: Final = "if(has_unreported, unreported_entered, entered_members)"
EXITED: Final = "if(has_unreported, unreported_exited, exited_members)"


def _attempt_values(tenant_id: int, attempt: Attempt) -> dict[str, Any]:
    return {"tenant": tenant_id, "run": attempt.run_id, "fence": attempt.fence}


def _outcome_line(common: Mapping[str, object], outcome: SegmentOutcome) -> bytes:
    plain = {
        **common,
        "segment_id": outcome.segment_id,
        "version": outcome.version,
        "published": outcome.published,
        "base_run_id": outcome.base.attempt.run_id if outcome.base else 0,
        "size": len(outcome.members),
        "entered": len(outcome.entered),
        "exited": len(outcome.exited),
    }
    bitmaps = [
        ("members", outcome.members),
        ("entered_members", outcome.entered),
        ("exited_members", outcome.exited),
    ]
    if outcome.unreported is not None:
        plain["has_unreported"] = True
        bitmaps.append(("unreported_entered", outcome.unreported.entered))
        bitmaps.append(("unreported_exited", outcome.unreported.exited))
    states = b"".join(b',"%s":%s' % (name.encode(), state_as_json(bitmap)) for name, bitmap in bitmaps)
    return json.dumps(plain).encode()[:-1] + states + b"}\n"


def _time(milliseconds: int) -> str:
    return from_ms(cut_instant(milliseconds)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _base64(column: str) -> str:
    return f"base64Encode(toString({column}))"


def _bitmap(state: str) -> BitMap:
    return decode_state(base64.b64decode(state))


def _portions(items: Iterable[T], size: int) -> Iterator[list[T]]:
    portion: list[T] = []
    for item in items:
        portion.append(item)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion
