"""Merges of users, tables `membership.identity_merges` and `membership.identity_resolutions`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_membership.adapters.postgres.sessions import reading, transaction
from segops_membership.domain.identity.merges import Change, Merge, MergeGraph, Resolution
from segops_membership.ports.identity.merges import Extent, MergesChanged

# Changes of one tenant wait for one another: each has the version after the last one.
_LOCK: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('membership.identity', :tenant_id))")
_LAST: Final = sa.text("""
    SELECT version, at FROM membership.identity_resolutions WHERE tenant_id = :tenant_id ORDER BY version DESC LIMIT 1""")
_AROUND: Final = sa.text("""
    WITH RECURSIVE around (id) AS (
        SELECT unnest(CAST(:user_ids AS text[]))
        UNION
        SELECT CASE WHEN m.from_user_id = around.id THEN m.into_user_id ELSE m.from_user_id END
        FROM around JOIN membership.identity_merges AS m ON m.from_user_id = around.id OR m.into_user_id = around.id
        WHERE m.tenant_id = :tenant_id AND m.unmerged_at IS NULL)
    SELECT * FROM membership.identity_merges
    WHERE tenant_id = :tenant_id AND unmerged_at IS NULL AND from_user_id IN (SELECT id FROM around)""")
_ENDED: Final = sa.text("""
    SELECT * FROM membership.identity_merges
    WHERE tenant_id = :tenant_id AND from_user_id = :user_id AND unmerged_at IS NOT NULL ORDER BY version DESC LIMIT 1""")
_ADD: Final = sa.text("""
    INSERT INTO membership.identity_merges (tenant_id, version, from_user_id, into_user_id, merged_at, merged_by)
    VALUES (:tenant_id, :version, :from_user_id, :into_user_id, :merged_at, :merged_by)""")
_END: Final = sa.text("""
    UPDATE membership.identity_merges SET unmerged_at = :unmerged_at, unmerged_by = :unmerged_by
    WHERE tenant_id = :tenant_id AND version = :version""")
_RESOLVE: Final = sa.text("""
    INSERT INTO membership.identity_resolutions (tenant_id, version, user_id, canonical_id, at)
    SELECT :tenant_id, :version, user_id, :canonical_id, :at FROM unnest(CAST(:user_ids AS text[])) AS user_id""")
_EXTENT: Final = sa.text("""
    SELECT count(*), coalesce(max(version), 0) FROM membership.identity_resolutions
    WHERE tenant_id = :tenant_id AND (CAST(:up_to AS bigint) IS NULL OR version <= :up_to)""")
_PAGE: Final = sa.text("""
    SELECT version, at, user_id, canonical_id FROM membership.identity_resolutions
    WHERE tenant_id = :tenant_id AND (version, user_id COLLATE "C") > (:version, :user_id)
    ORDER BY version, user_id COLLATE "C" LIMIT :limit""")


_OF_MERGES: Final = (
    "membership.identity_merges WHERE tenant_id = :tenant_id"
    " AND (from_user_id = ANY(:user_ids) OR into_user_id = ANY(:user_ids))"
)
_OF_RESOLUTIONS: Final = (
    "membership.identity_resolutions WHERE tenant_id = :tenant_id"
    " AND (user_id = ANY(:user_ids) OR canonical_id = ANY(:user_ids))"
)
_FORGET: Final = tuple(sa.text(" ".join(("DELETE FROM", rows))) for rows in (_OF_MERGES, _OF_RESOLUTIONS))
_COUNT: Final = tuple(sa.text(" ".join(("SELECT count(*) FROM", rows))) for rows in (_OF_MERGES, _OF_RESOLUTIONS))


class PostgresMergeStore:
    """See the port `MergeStore`."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def graph(self, tenant_id: int, user_ids: Sequence[str]) -> MergeGraph:
        """See the port.

        The version is read before the merges: a change that is stored in between makes them newer, and the version, which
        `append` then refuses, older.
        """
        tenant = {"tenant_id": tenant_id}
        async with reading(self._engine, tenant_id) as session:
            last = (await session.execute(_LAST, tenant)).one_or_none()
            merges = [_merge(row) for row in await session.execute(_AROUND, {**tenant, "user_ids": list(user_ids)})]
            ended = (await session.execute(_ENDED, {**tenant, "user_id": user_ids[0]})).one_or_none()
        return MergeGraph(
            last_version=last.version if last else 0,
            last_at=last.at if last else None,
            merges={merge.from_user_id: merge for merge in merges},
            ended=_merge(ended) if ended else None,
        )

    async def append(self, tenant_id: int, change: Change) -> None:
        """See the port."""
        merge, first = change.merge, change.resolutions[0]
        tenant = {"tenant_id": tenant_id}
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_LOCK, tenant)
            last = (await session.execute(_LAST, tenant)).one_or_none()
            if change.version != (last.version if last else 0) + 1:
                raise MergesChanged
            if merge.unmerged_at is None:
                values = {
                    "from_user_id": merge.from_user_id,
                    "into_user_id": merge.into_user_id,
                    "merged_at": merge.merged_at,
                    "merged_by": merge.merged_by,
                }
                await session.execute(_ADD, {**tenant, "version": merge.version, **values})
            else:
                values = {"unmerged_at": merge.unmerged_at, "unmerged_by": merge.unmerged_by}
                await session.execute(_END, {**tenant, "version": merge.version, **values})
            await session.execute(
                _RESOLVE,
                {
                    **tenant,
                    "version": change.version,
                    "canonical_id": first.canonical_id,
                    "at": first.at,
                    "user_ids": [row.user_id for row in change.resolutions],
                },
            )

    async def forget(self, tenant_id: int, user_ids: Collection[str]) -> None:
        """See the port."""
        values = {"tenant_id": tenant_id, "user_ids": list(user_ids)}
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_LOCK, {"tenant_id": tenant_id})
            for statement in _FORGET:
                await session.execute(statement, values)

    async def count(self, tenant_id: int, user_ids: Collection[str]) -> int:
        """See the port."""
        values = {"tenant_id": tenant_id, "user_ids": list(user_ids)}
        async with reading(self._engine, tenant_id) as session:
            return sum([int(await session.scalar(statement, values) or 0) for statement in _COUNT])

    async def extent(self, tenant_id: int, *, up_to: int | None = None) -> Extent:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            count, last = (await session.execute(_EXTENT, {"tenant_id": tenant_id, "up_to": up_to})).one()
        return Extent(int(count), int(last))

    async def resolutions(self, tenant_id: int, *, after: tuple[int, str], limit: int) -> Sequence[Resolution]:
        """See the port."""
        values = {"tenant_id": tenant_id, "version": after[0], "user_id": after[1], "limit": limit}
        async with reading(self._engine, tenant_id) as session:
            return [Resolution(*row) for row in await session.execute(_PAGE, values)]


def _merge(row: sa.Row[Any]) -> Merge:
    return Merge(
        version=row.version,
        from_user_id=row.from_user_id,
        into_user_id=row.into_user_id,
        merged_at=row.merged_at,
        merged_by=row.merged_by,
        unmerged_at=row.unmerged_at,
        unmerged_by=row.unmerged_by,
    )
