"""Brings the merges in the warehouse up to date with those in PostgreSQL."""

from __future__ import annotations

from typing import Final

from segops_membership.ports.identity.merges import MergeProjection, MergeStore

PAGE: Final = 10_000


class ProjectedMerges:
    """See the port `IdentityMerges`.

    An insert that failed halfway may have stored rows of a change and not all of them, so counts are compared, not only versions.
    """

    def __init__(self, *, store: MergeStore, projection: MergeProjection) -> None:
        self._store = store
        self._projection = projection

    async def reconcile(self, tenant_id: int) -> None:
        """See the port."""
        stored = await self._store.extent(tenant_id)
        if stored.count == 0:
            return
        projected = await self._projection.extent(tenant_id)
        if projected == stored:
            return
        before = await self._store.extent(tenant_id, up_to=projected.last_version)
        # From the beginning if rows before the last version are missing.
        after = (projected.last_version if before == projected else 0, "\U0010ffff" * 256)
        while rows := await self._store.resolutions(tenant_id, after=after, limit=PAGE):
            await self._projection.store(tenant_id, rows)
            after = (rows[-1].version, rows[-1].user_id)
