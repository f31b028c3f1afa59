"""The projection of merges, table `identity_merges`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Final

import orjson

from segops_common.contracts.warehouse import IDENTITY_MERGES_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.domain.identity.merges import Resolution
from segops_membership.ports.identity.merges import Extent
from segops_membership.sql.parameters import Bindings, select

_COLUMNS: Final = "tenant_id, at, version, user_id, canonical_id"


class ClickHouseMergeProjection:
    """See the port `MergeProjection`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def extent(self, tenant_id: int) -> Extent:
        """See the port."""
        bind = Bindings()
        sql = select(
            "count(), max(version)", f"{IDENTITY_MERGES_TABLE} FINAL", f"tenant_id = {bind.integer(tenant_id)}"
        )
        with driver_errors():
            ((count, last),) = (await self._clickhouse.query(sql, bind.values)).rows
        return Extent(int(count), int(last))

    async def store(self, tenant_id: int, resolutions: Sequence[Resolution]) -> None:
        """See the port."""
        lines = [
            orjson.dumps(
                {
                    "tenant_id": tenant_id,
                    "at": row.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
                    "version": row.version,
                    "user_id": row.user_id,
                    "canonical_id": row.canonical_id,
                }
            )
            for row in resolutions
        ]
        with driver_errors():
            await self._clickhouse.insert_json_lines(f"{IDENTITY_MERGES_TABLE} ({_COLUMNS})", b"\n".join(lines))
