"""Merges of users and their projection, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from segops_membership.domain.identity.merges import Change, Merge, MergeGraph, Resolution
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.identity.merges import Extent, MergesChanged


class MemoryMergeStore:
    """See the port `MergeStore`."""

    def __init__(self) -> None:
        self._merges: defaultdict[int, dict[int, Merge]] = defaultdict(dict)
        self._resolutions: defaultdict[int, list[Resolution]] = defaultdict(list)

    async def graph(self, tenant_id: int, user_ids: Sequence[str]) -> MergeGraph:
        """See the port."""
        merges, rows = self._merges[tenant_id].values(), self._resolutions[tenant_id]
        ended = [merge for merge in merges if merge.unmerged_at and merge.from_user_id == user_ids[0]]
        return MergeGraph(
            last_version=rows[-1].version if rows else 0,
            last_at=rows[-1].at if rows else None,
            merges={merge.from_user_id: merge for merge in merges if merge.unmerged_at is None},
            ended=ended[-1] if ended else None,
        )

    async def append(self, tenant_id: int, change: Change) -> None:
        """See the port."""
        rows = self._resolutions[tenant_id]
        if change.version != (rows[-1].version if rows else 0) + 1:
            raise MergesChanged
        self._merges[tenant_id][change.merge.version] = change.merge
        rows.extend(sorted(change.resolutions, key=_place))

    async def extent(self, tenant_id: int, *, up_to: int | None = None) -> Extent:
        """See the port."""
        rows = [row for row in self._resolutions[tenant_id] if up_to is None or row.version <= up_to]
        return Extent(len(rows), rows[-1].version if rows else 0)

    async def resolutions(self, tenant_id: int, *, after: tuple[int, str], limit: int) -> Sequence[Resolution]:
        """See the port."""
        place = (after[0], after[1].encode())
        return [row for row in self._resolutions[tenant_id] if _place(row) > place][:limit]

    async def forget(self, tenant_id: int, user_ids: Collection[str]) -> None:
        """See the port."""
        merges, rows = self._merges[tenant_id], self._resolutions[tenant_id]
        self._merges[tenant_id] = {
            version: merge
            for version, merge in merges.items()
            if merge.from_user_id not in user_ids and merge.into_user_id not in user_ids
        }
        self._resolutions[tenant_id] = [
            row for row in rows if row.user_id not in user_ids and row.canonical_id not in user_ids
        ]

    async def count(self, tenant_id: int, user_ids: Collection[str]) -> int:
        """See the port."""
        merges, rows = self._merges[tenant_id].values(), self._resolutions[tenant_id]
        return sum(not {merge.from_user_id, merge.into_user_id}.isdisjoint(user_ids) for merge in merges) + sum(
            not {row.user_id, row.canonical_id}.isdisjoint(user_ids) for row in rows
        )


class MemoryMergeProjection:
    """See the port `MergeProjection`. Set `reachable` to False for an outage."""

    def __init__(self) -> None:
        self.reachable = True
        self.rows: defaultdict[int, dict[tuple[int, str], Resolution]] = defaultdict(dict)

    async def extent(self, tenant_id: int) -> Extent:
        """See the port."""
        self._check()
        rows = self.rows[tenant_id]
        return Extent(len(rows), max((version for version, _ in rows), default=0))

    async def store(self, tenant_id: int, resolutions: Sequence[Resolution]) -> None:
        """See the port."""
        self._check()
        self.rows[tenant_id] |= {(row.version, row.user_id): row for row in resolutions}

    def _check(self) -> None:
        if not self.reachable:
            raise EngineUnavailable("unreachable")


def _place(row: Resolution) -> tuple[int, bytes]:
    return row.version, row.user_id.encode()
