"""The list of suppressions in ClickHouse, which ingest reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from datetime import UTC, datetime
from typing import Final

from segops_common.contracts.person_hash import PersonHash
from segops_common.contracts.warehouse import SUPPRESSIONS_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.domain.privacy.erasure import Policy, Suppression

_TIMEOUT_S: Final = 5.0
_COLUMNS: Final = ("tenant_id", "subject", "state", "at", "key_id")
_POLICY: Final = ""
_FIND: Final = """
SELECT state, at FROM suppressions FINAL WHERE tenant_id = {tenant:UInt64} AND subject = {subject:String}"""

_SUPPRESSED: Final = """
SELECT subject FROM suppressions FINAL WHERE tenant_id = {tenant:UInt64} AND state = 'suppressed'"""


_OF_ALL_TENANTS: Final = """
SELECT tenant_id, groupArray(subject) FROM suppressions FINAL
WHERE subject != '' AND key_id = {key:String} GROUP BY tenant_id"""


class ClickHouseSuppressions:
    """See the port `Suppressions`. `key_id` tells the key of the hashes from others."""

    def __init__(self, *, clickhouse: ClickHouse, key_id: str) -> None:
        self._clickhouse = clickhouse
        self._key_id = key_id

    async def suppress(self, tenant_id: int, subjects: Collection[str], at: datetime) -> None:
        """See the port."""
        await self._write([(tenant_id, subject, "suppressed", at, self._key_id) for subject in subjects])

    async def lift(self, tenant_id: int, subject: str, at: datetime) -> None:
        """See the port."""
        await self._write([(tenant_id, subject, "lifted", at, self._key_id)])

    async def find(self, tenant_id: int, subject: str) -> Suppression | None:
        """See the port."""
        row = await self._row(tenant_id, subject)
        if row is None:
            return None
        state, at = row
        return Suppression(since=at, lifted_at=at if state == "lifted" else None)

    async def suppressed(self, tenant_id: int) -> Collection[str]:
        """See the port."""
        with driver_errors():
            result = await self._clickhouse.query(_SUPPRESSED, {"tenant": tenant_id}, timeout_s=_TIMEOUT_S)
        return frozenset(str(subject) for (subject,) in result.rows)

    async def of_all_tenants(self) -> Mapping[int, Set[str]]:
        """See the port."""
        with driver_errors():
            result = await self._clickhouse.query(_OF_ALL_TENANTS, {"key": self._key_id}, timeout_s=_TIMEOUT_S)
        return {int(tenant_id): frozenset(map(str, subjects)) for tenant_id, subjects in result.rows}

    async def policy(self, tenant_id: int) -> Policy:
        """See the port."""
        row = await self._row(tenant_id, _POLICY)
        return "drop" if row is not None and row[0] == "drop" else "refuse"

    async def set_policy(self, tenant_id: int, policy: Policy, at: datetime) -> None:
        """See the port."""
        await self._write([(tenant_id, _POLICY, policy, at, self._key_id)])

    async def _row(self, tenant_id: int, subject: str) -> tuple[str, datetime] | None:
        values = {"tenant": tenant_id, "subject": subject}
        with driver_errors():
            result = await self._clickhouse.query(_FIND, values, timeout_s=_TIMEOUT_S)
        for state, at in result.rows:
            return str(state), at if at.tzinfo else at.replace(tzinfo=UTC)
        return None

    async def _write(self, rows: list[tuple[int, str, str, datetime, str]]) -> None:
        with driver_errors():
            await self._clickhouse.insert(SUPPRESSIONS_TABLE, rows, _COLUMNS, timeout_s=_TIMEOUT_S)


def person_hash_of(key: str) -> PersonHash | None:
    """Return the hash by which people are known; None without a key."""
    return PersonHash(key=key) if key else None


def suppressions_on(clickhouse: ClickHouse, key: str) -> ClickHouseSuppressions:
    """Return the list of suppressions. Without a key, nothing is ever written to it."""
    return ClickHouseSuppressions(clickhouse=clickhouse, key_id=PersonHash(key=key).key_id)
