"""The list of suppressions in ClickHouse, which membership writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from segops_common.stores.clickhouse import ClickHouse, ClickHouseError
from segops_ingest.ports.suppressions import SuppressionChange, SuppressionsUnavailable

_TIMEOUT_S: Final = 5.0
_SINCE: Final = """
SELECT tenant_id, subject, state, toUnixTimestamp64Milli(at), key_id, toUnixTimestamp64Milli(changed_at)
FROM suppressions FINAL WHERE changed_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')"""


class ClickHouseSuppressionLog:
    """See the port `SuppressionLog`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def since(self, changed_ms: int) -> Sequence[SuppressionChange]:
        """See the port."""
        try:
            result = await self._clickhouse.query(_SINCE, {"since": changed_ms}, timeout_s=_TIMEOUT_S)
        except ClickHouseError as error:
            raise SuppressionsUnavailable(str(error)) from error
        return [
            SuppressionChange(
                tenant_id=int(tenant_id),
                subject=str(subject),
                state=str(state),
                at_ms=int(at_ms),
                key_id=str(key_id),
                changed_ms=int(changed_ms),
            )
            for tenant_id, subject, state, at_ms, key_id, changed_ms in result.rows
        ]
