"""Versions in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from segops_segments.adapters.postgres.rows import version_of, version_values
from segops_segments.adapters.postgres.sessions import SessionReads, SessionWrites
from segops_segments.adapters.postgres.tables import versions
from segops_segments.domain.segment import Version


class VersionReads(SessionReads):
    """See the port `VersionReader`."""

    async def list_versions(
        self, tenant_id: int, segment_id: int, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[Version]:
        own = (versions.c.tenant_id == tenant_id, versions.c.segment_id == segment_id, versions.c.number < before)
        query = sa.select(versions).where(*own).order_by(versions.c.number.desc()).limit(limit).offset(offset)
        return [version_of(row) for row in (await self._execute(tenant_id, query)).mappings()]

    async def version_count(self, tenant_id: int, segment_id: int) -> int:
        own = (versions.c.tenant_id == tenant_id, versions.c.segment_id == segment_id)
        query = sa.select(sa.func.count()).where(*own)
        return int((await self._execute(tenant_id, query)).scalar_one())

    async def newest_versions(self, tenant_id: int, at_most: Mapping[int, int]) -> Mapping[int, Version]:
        query = _select_newest_versions(tenant_id, at_most)
        return {row["segment_id"]: version_of(row) for row in (await self._execute(tenant_id, query)).mappings()}


class VersionWrites(SessionWrites, VersionReads):
    """See the port `VersionWriter`."""

    async def add_version(self, tenant_id: int, version: Version) -> None:
        await self._execute(tenant_id, sa.insert(versions).values(version_values(tenant_id, version)))


def _select_newest_versions(tenant_id: int, at_most: Mapping[int, int]) -> sa.Select[Any]:
    keys = sa.literal(list(at_most), ARRAY(sa.BigInteger)), sa.literal(list(at_most.values()), ARRAY(sa.BigInteger))
    columns = [sa.column(name, sa.BigInteger) for name in ("segment_id", "number")]
    limits = sa.func.unnest(*keys).table_valued(*columns, name="limits").render_derived()
    own = (versions.c.tenant_id == tenant_id, versions.c.segment_id == limits.c.segment_id)
    newest = (
        sa.select(versions)
        .where(*own, versions.c.number <= limits.c.number)
        .order_by(versions.c.number.desc())
        .limit(1)
        .lateral("newest")
    )
    return sa.select(newest).select_from(limits.join(newest, sa.true()))
