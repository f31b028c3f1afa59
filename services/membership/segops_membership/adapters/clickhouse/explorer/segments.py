"""Reads the sizes of published segments from ClickHouse."""

from __future__ import annotations

from collections.abc import Mapping

from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.explorer.queries import Reader
from segops_membership.domain.publication import SegmentHead
from segops_membership.sql.parameters import Bindings, select


class ClickHouseSegmentSizes:
    """See the port `SegmentSizes`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._reader = Reader(clickhouse)

    async def sizes(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> Mapping[int, int]:
        """See the port."""
        if not heads:
            return {}
        bind = Bindings()
        sql = select(
            "segment_id, max(size)", "segment_runs", outcomes_of(tenant_id, heads, bind), "GROUP BY segment_id"
        )
        return {int(segment_id): int(size) for segment_id, size in (await self._reader.rows(sql, bind)).rows}


def outcomes_of(tenant_id: int, heads: Mapping[int, SegmentHead], bind: Bindings) -> str:
    """Return the condition on the rows of `segment_runs` that hold the published state of segments."""
    keys = ", ".join(
        f"({bind.integer(id)}, {bind.integer(head.attempt.run_id)}, {bind.integer(head.attempt.fence)})"
        for id, head in heads.items()
    )
    return f"tenant_id = {bind.integer(tenant_id)} AND (segment_id, run_id, fence) IN ({keys})"
