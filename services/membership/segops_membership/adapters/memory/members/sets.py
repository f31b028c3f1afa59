"""Published member sets in memory."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import UTC, date, datetime

import xxhash

from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.domain.members.sets import DaySize, Member, MemberFormat, MemberSet
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable


class MemoryMemberSets:
    """See the port `MemberSets`. Unless it is `reachable`, calls raise EngineUnavailable. It writes no Parquet."""

    def __init__(self, *, results: MemoryRunResults) -> None:
        self._results = results
        self.reachable = True
        self.breaks_after: int | None = None
        """After how many chunks a stream fails; None for never."""

    async def newest(self, tenant_id: int, segment_id: int, as_of_ms: int | None = None) -> MemberSet | None:
        """See the port."""
        sets = [
            members for members in self._sets(tenant_id, segment_id) if as_of_ms is None or members.as_of_ms <= as_of_ms
        ]
        return sets[-1] if sets else None

    async def find(self, tenant_id: int, segment_id: int, attempt: Attempt) -> MemberSet | None:
        """See the port."""
        return next((members for members in self._sets(tenant_id, segment_id) if members.attempt == attempt), None)

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
        matches = [
            member
            for member in self._members(tenant_id, segment_id, members)
            if member.key > after and member.user_id.startswith(prefix)
        ]
        return matches[offset : offset + limit]

    async def stream(
        self, tenant_id: int, segment_id: int, members: MemberSet, member_format: MemberFormat
    ) -> AsyncGenerator[bytes, None]:
        """See the port. Yields one chunk for each row."""
        if member_format is MemberFormat.PARQUET:
            raise NotImplementedError("only ClickHouse writes Parquet")
        rows = [(member.user_id, member.since) for member in self._members(tenant_id, segment_id, members)]
        chunks = _csv(rows) if member_format is MemberFormat.CSV else _ndjson(rows)
        for number, chunk in enumerate(chunks):
            if number == self.breaks_after:
                raise EngineUnavailable("the warehouse stopped in the middle")
            yield chunk

    async def history(
        self, tenant_id: int, segment_id: int, *, before_run: int, limit: int, offset: int = 0
    ) -> Sequence[MemberSet]:
        """See the port."""
        sets = [members for members in self._sets(tenant_id, segment_id) if members.attempt.run_id < before_run]
        return sets[::-1][offset : offset + limit]

    async def publication_count(self, tenant_id: int, segment_id: int) -> int:
        """See the port."""
        return len(self._sets(tenant_id, segment_id))

    async def daily(self, tenant_id: int, segment_ids: Collection[int], first: date) -> Mapping[int, Sequence[DaySize]]:
        """See the port."""
        days: defaultdict[int, list[DaySize]] = defaultdict(list)
        for segment_id in segment_ids:
            for members in self._sets(tenant_id, segment_id):
                of_segment, day = days[segment_id], members.at.astimezone(UTC).date()
                entered, exited = members.entered, members.exited
                if of_segment and of_segment[-1].day == day:
                    before = of_segment.pop()
                    entered, exited = entered + before.entered, exited + before.exited
                elif day < first:
                    of_segment.clear()
                of_segment.append(DaySize(day, members.size, entered, exited))
        return days

    def _sets(self, tenant_id: int, segment_id: int) -> Sequence[MemberSet]:
        """Return the published sets of a segment, ascending by run."""
        if not self.reachable:
            raise EngineUnavailable("the warehouse does not answer")
        sets = []
        for (tenant, attempt), publication in self._results.visible.items():
            outcome = self._results.outcomes.get((tenant, segment_id, attempt))
            if tenant == tenant_id and outcome is not None and outcome.published:
                sizes = (len(outcome.members), len(outcome.entered), len(outcome.exited))
                sets.append(MemberSet(attempt, publication.as_of_ms, publication.at, *sizes))
        return sorted(sets, key=lambda members: members.attempt.run_id)

    def _members(self, tenant_id: int, segment_id: int, members: MemberSet) -> Sequence[Member]:
        published = {earlier.attempt: earlier.at for earlier in self._sets(tenant_id, segment_id)}
        since: dict[str, tuple[int, datetime]] = {}
        for (tenant, user_id, segment, attempt), entered in self._results.change_rows.items():
            is_earlier = attempt in published and attempt.run_id <= members.attempt.run_id
            if (tenant, segment) == (tenant_id, segment_id) and entered and is_earlier:
                since[user_id] = max((attempt.run_id, published[attempt]), since.get(user_id, (0, members.at)))
        user_ids = self._results.member_ids(tenant_id, segment_id, members.attempt)
        return sorted(
            (
                Member(xxhash.xxh64_intdigest(user_id.encode()), user_id, since.get(user_id, (0, members.at))[1])
                for user_id in user_ids
            ),
            key=lambda member: member.key,
        )


def _time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _csv(rows: Sequence[tuple[str, datetime]]) -> list[bytes]:
    lines = []
    for row in [("user_id", "computed_at"), *((user_id, _time(since)) for user_id, since in rows)]:
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(row)
        lines.append(text.getvalue().encode())
    return lines


def _ndjson(rows: Sequence[tuple[str, datetime]]) -> list[bytes]:
    return [
        json.dumps({"user_id": user_id, "computed_at": _time(since)}, separators=(",", ":")).encode() + b"\n"
        for user_id, since in rows
    ]
