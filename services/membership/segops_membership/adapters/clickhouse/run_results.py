"""What runs found, in ClickHouse: bitmaps and changes tagged with run and fence, and the publications that show them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from pyroaring import BitMap

from segops_common.stores.clickhouse import ClickHouse, ResultSet
from segops_language.instants import from_ms, to_ms
from segops_membership.adapters.clickhouse.bitmap_state import decode_state, state_as_json
from segops_membership.adapters.clickhouse.driver_errors import outages
from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import Attempt, Changed, Publication, SegmentHead, SegmentOutcome
from segops_membership.ports import Outage
from segops_membership.sql.parameters import cut_instant, select

T = TypeVar("T")

_TIMEOUT_S: Final = 300
_OUTCOMES_AT_ONCE: Final = 16
_CHANGES_AT_ONCE: Final = 10_000
"""Made in one go, some 20 ms: the loop that makes them also renews the lease."""
_OF_ATTEMPT: Final = "tenant_id = {tenant:UInt64} AND run_id = {run:UInt64} AND fence = {fence:UInt64}"
_OF_SEGMENTS: Final = f"{_OF_ATTEMPT} AND segment_id IN {{segments:Array(UInt64)}}"


class ClickHouseRuns:
    """See the port `Runs`. A join holds up to `numbers_in_memory` changed numbers, beyond that the tenant's profiles.

    A statement expands the bitmaps of one segment, or of several with `numbers_at_once` numbers at most. Some `names_at_once`
    user ids are in memory while changes are read.
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

    async def members(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> Mapping[int, BitMap]:
        """Reads bitmaps a few at a time: each may be as large as the tenant."""
        found: dict[int, BitMap] = {}
        for portion in _portions(sorted(heads.items()), _OUTCOMES_AT_ONCE):
            found.update(await self._members(tenant_id, portion))
        if found.keys() != heads.keys():
            raise Outage("a published bitmap cannot be read")
        return found

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
            with outages():
                await self._clickhouse.insert_json_lines("segment_runs", lines, timeout_s=_TIMEOUT_S)

    async def write_changes(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome], at: datetime
    ) -> None:
        """Expands the stored bitmaps inside of ClickHouse."""
        changed = " UNION ALL ".join(
            select(f"segment_id, arrayJoin(bitmapToArray({column})) AS n, {change} AS change", _SOURCE, _OF_SEGMENTS)
            for column, change in (("entered_members", 1), ("exited_members", -1))
        )
        numbers = select("user_key, n", "profiles FINAL", "tenant_id = {tenant:UInt64}")
        rows = select(
            "{tenant:UInt64}, user_key, segment_id, {run:UInt64}, {fence:UInt64}, change, "
            "fromUnixTimestamp64Milli({at:Int64}, 'UTC')",
            f"({changed}) AS changed INNER JOIN ({numbers}) AS numbered USING (n)",
        )
        columns = "tenant_id, user_key, segment_id, run_id, fence, change, at"
        for segments, _ in self._together({each.segment_id: each.changed for each in outcomes}):
            values = {**_named(tenant_id, attempt), "segments": segments, "at": to_ms(at)}
            await self._command(f"INSERT INTO membership_changes ({columns}) {rows}", values)

    async def digests(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome]
    ) -> Mapping[int, Digest]:
        """Sums up inside of ClickHouse, from the stored bitmaps, what has changed only where the base is known."""
        to_sum = {each.segment_id: len(each.members) if each.base_digest is None else each.changed for each in outcomes}
        whole = [each.segment_id for each in outcomes if each.base_digest is None]
        summed: dict[int, Digest] = {}
        for segments, count in self._together(to_sum):
            summed |= await self._sums(tenant_id, attempt, segments, whole, count)
        nothing = Digest()
        return {
            each.segment_id: (each.base_digest or nothing) + summed.get(each.segment_id, nothing) for each in outcomes
        }

    def _together(self, numbers: Mapping[int, int]) -> Iterator[tuple[Sequence[int], int]]:
        """Segments that one statement is about, and how many numbers they have; those without any are left out."""
        together: list[int] = []
        total = 0
        for segment_id, count in numbers.items():
            if together and total + count > self._numbers_at_once:
                yield together, total
                together, total = [], 0
            if count:
                together.append(segment_id)
                total += count
        if together:
            yield together, total

    async def _sums(
        self, tenant_id: int, attempt: Attempt, segments: Sequence[int], whole: Sequence[int], count: int
    ) -> Mapping[int, Digest]:
        parts = (("entered_members", 0, "NOT"), ("exited_members", 1, "NOT"), ("members", 0, ""))
        numbers = " UNION ALL ".join(
            select(
                f"segment_id, arrayJoin(bitmapToArray({column})) AS n, {leaves} AS leaves",
                _SOURCE,
                f"{_OF_SEGMENTS} AND segment_id {part} IN {{whole:Array(UInt64)}}",
            )
            for column, leaves, part in parts
        )
        hashes = select("n, user_key, xxh3(user_id) AS other", "profiles FINAL", "tenant_id = {tenant:UInt64}")
        # The right side of a join is held in memory, and making it is most of the work.
        sides = [f"({hashes}) AS numbered", f"({numbers}) AS summed"]
        left, right = sides if count <= self._numbers_in_memory else reversed(sides)
        # `user_key` is the XXH64 of the user id.
        columns = "segment_id, sumIf(user_key, NOT leaves), sumIf(other, NOT leaves), sumIf(user_key, leaves), sumIf(other, leaves)"
        found = await self._query(
            select(columns, f"{left} INNER JOIN {right} USING (n)", tail="GROUP BY segment_id"),
            {**_named(tenant_id, attempt), "segments": segments, "whole": whole},
        )
        return {int(segment): Digest(*sums[:2]) - Digest(*sums[2:]) for segment, *sums in found.rows}

    async def show(self, tenant_id: int, publication: Publication) -> None:
        """See the port; a repetition is a row with the same key."""
        values = {
            **_named(tenant_id, publication.attempt),
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

    async def changes(self, tenant_id: int, publication: Publication) -> AsyncIterator[Changed]:
        """Reads bitmaps and names a few at a time, names by ranges of the user's key: a profile is read once, not for every range of numbers."""
        changed = [each.segment_id for each in publication.result.segments if each.entered or each.exited]
        for segments in _portions(changed, _OUTCOMES_AT_ONCE):
            found = await self._differences(tenant_id, publication.attempt, segments)
            parts = 1 + len(BitMap.union(BitMap(), *(bitmap for _, _, bitmap in found))) // self._names_at_once
            for part in range(parts):
                names = await self._names(tenant_id, publication.attempt, segments, part, parts)
                numbers = BitMap(names)
                for segment_id, change, bitmap in found:
                    for some in _portions(bitmap & numbers, _CHANGES_AT_ONCE):
                        yield Changed(segment_id, change, [names[n] for n in some])

    async def _differences(
        self, tenant_id: int, attempt: Attempt, segments: Sequence[int]
    ) -> Sequence[tuple[int, Literal["entered", "exited"], BitMap]]:
        found = await self._query(
            select(f"segment_id, {_base64('entered_members')}, {_base64('exited_members')}", _SOURCE, _OF_SEGMENTS),
            {**_named(tenant_id, attempt), "segments": segments},
        )
        changes: list[tuple[int, Literal["entered", "exited"], BitMap]] = []
        for segment_id, entered, exited in found.rows:
            changes.append((int(segment_id), "entered", _bitmap(entered)))
            changes.append((int(segment_id), "exited", _bitmap(exited)))
        return changes

    async def _members(self, tenant_id: int, heads: Sequence[tuple[int, SegmentHead]]) -> Iterator[tuple[int, BitMap]]:
        values: dict[str, Any] = {"tenant": tenant_id}
        wanted = []
        for i, (segment_id, head) in enumerate(heads):
            values |= {f"s{i}": segment_id, f"r{i}": head.attempt.run_id, f"f{i}": head.attempt.fence}
            wanted.append(f"({{s{i}:UInt64}}, {{r{i}:UInt64}}, {{f{i}:UInt64}})")
        condition = f"tenant_id = {{tenant:UInt64}} AND (segment_id, run_id, fence) IN ({', '.join(wanted)})"
        found = await self._query(select(f"segment_id, {_base64('members')}", "segment_runs", condition), values)
        return ((int(segment_id), _bitmap(state)) for segment_id, state in found.rows)

    async def _names(
        self, tenant_id: int, attempt: Attempt, segments: Sequence[int], part: int, parts: int
    ) -> dict[int, str]:
        """Who entered or exited one of the segments, and has a key in that part of all keys."""
        bitmaps = select("arrayJoin([entered_members, exited_members]) AS changed", _SOURCE, _OF_SEGMENTS)
        changed = select("groupBitmapMergeState(changed)", f"({bitmaps})")
        condition = (
            "tenant_id = {tenant:UInt64} AND user_key BETWEEN {first:UInt64} AND {last:UInt64}"
            f" AND bitmapContains(({changed}), n)"
        )
        keys = {"first": part * 2**64 // parts, "last": (part + 1) * 2**64 // parts - 1}
        found = await self._query(
            select("n, user_id", "profiles FINAL", condition),
            {**_named(tenant_id, attempt), "segments": segments, **keys},
        )
        return {int(n): str(user_id) for n, user_id in found.rows}

    async def _query(self, sql: str, values: Mapping[str, Any]) -> ResultSet:
        with outages():
            return await self._clickhouse.query(sql, values, timeout_s=_TIMEOUT_S)

    async def _command(self, sql: str, values: Mapping[str, Any]) -> None:
        with outages():
            await self._clickhouse.command(sql, values, timeout_s=_TIMEOUT_S)


# One row an attempt and segment, also when an insert was repeated and its parts are not merged yet.
_SOURCE: Final = "segment_runs FINAL"


def _named(tenant_id: int, attempt: Attempt) -> dict[str, Any]:
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
    bitmaps = (
        ("members", outcome.members),
        ("entered_members", outcome.entered),
        ("exited_members", outcome.exited),
    )
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
