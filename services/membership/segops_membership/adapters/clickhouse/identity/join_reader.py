"""Reads claims and merges from ClickHouse, by the keys of a few ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from segops_common.contracts.warehouse import (
    IDENTITY_CLAIMS_BY_USER_TABLE,
    IDENTITY_CLAIMS_TABLE,
    IDENTITY_MERGES_TABLE,
    PROFILE_SEEN_TABLE,
)
from segops_common.stores.clickhouse import ClickHouse, ResultSet
from segops_language.values.instants import from_ms
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.domain.identity.joins import Claim
from segops_membership.domain.identity.merges import Resolution
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.sql.joined import any_join
from segops_membership.sql.parameters import Bindings, select

_MS: Final = "toUnixTimestamp64Milli({})"
NEVER_KNOWN_MS: Final = 10_413_705_600_000
"""The time that stands for never: 2299-12-31."""


class ClickHouseJoinReader:
    """See the port `JoinReader`. A tenant that has joins keeps them, so it is asked about until then only."""

    def __init__(self, *, clickhouse: ClickHouse, timeout_s: float = 5.0) -> None:
        self._clickhouse = clickhouse
        self._timeout_s = timeout_s
        self._joining: set[int] = set()

    async def has_joins(self, tenant_id: int) -> bool:
        """See the port."""
        if tenant_id not in self._joining:
            bind = Bindings()
            result = await self._query(any_join(bind.integer(tenant_id)), bind)
            if not result.rows:
                raise EngineUnavailable("ClickHouse ended its answer before the first row")
            if not int(result.rows[0][0]):
                return False
            self._joining.add(tenant_id)
        return True

    async def claims_on(self, tenant_id: int, anonymous_ids: Collection[str]) -> Sequence[Claim]:
        """See the port."""
        bind = Bindings()
        first = f"min(first_claim) AS first, {_MS.format('first.1')}, first.2, first.3"
        of_ids = _of_keys(tenant_id, "anonymous_key", anonymous_ids, bind)
        sql = select(f"any(anonymous_id), {first}", IDENTITY_CLAIMS_TABLE, of_ids, "GROUP BY anonymous_key")
        return [
            Claim(str(id), str(user_id), int(at_ms), str(message_id))
            for id, _, at_ms, message_id, user_id in await self._rows(sql, bind, anonymous_ids)
            if id in anonymous_ids
        ]

    async def claimed_by(self, tenant_id: int, user_ids: Collection[str], limit: int) -> Sequence[str]:
        """See the port."""
        bind = Bindings()
        tail = f"GROUP BY anonymous_key LIMIT {bind.integer(limit)}"
        of_users = _of_keys(tenant_id, "user_key", user_ids, bind)
        sql = select("any(anonymous_id)", IDENTITY_CLAIMS_BY_USER_TABLE, of_users, tail)
        return [str(id) for (id,) in await self._rows(sql, bind, user_ids)]

    async def known_since(self, tenant_id: int, ids: Collection[str]) -> Mapping[str, int]:
        """See the port."""
        bind = Bindings()
        tail = f"GROUP BY user_key HAVING known < {NEVER_KNOWN_MS}"
        columns = f"any(user_id), {_MS.format('min(first_known)')} AS known"
        sql = select(columns, PROFILE_SEEN_TABLE, _of_keys(tenant_id, "user_key", ids, bind), tail)
        return {str(id): int(at_ms) for id, at_ms in await self._rows(sql, bind, ids)}

    async def resolutions(self, tenant_id: int, ids: Collection[str]) -> Sequence[Resolution]:
        """See the port."""
        bind = Bindings()
        of_ids = _of_keys(tenant_id, "user_key", ids, bind)
        merged = select("user_key", IDENTITY_MERGES_TABLE, _of_keys(tenant_id, "canonical_key", ids, bind))
        columns = f"user_id, canonical_id, {_MS.format('at')}, version"
        of_tenant = f"tenant_id = {bind.integer(tenant_id)}"
        condition = f"{of_tenant} AND (({of_ids}) OR user_key IN ({merged}))"
        sql = select(columns, f"{IDENTITY_MERGES_TABLE} FINAL", condition)
        return [
            Resolution(int(version), from_ms(int(at_ms)), str(user_id), str(canonical_id))
            for user_id, canonical_id, at_ms, version in await self._rows(sql, bind, ids)
        ]

    async def _rows(self, sql: str, bind: Bindings, ids: Collection[str]) -> Sequence[Sequence[Any]]:
        """Return the rows of a statement about some ids, which come in one row: no rows would have no bytes."""
        if not ids:
            return ()
        result = await self._query(select("groupArray(tuple(*))", f"({sql})"), bind)
        if not result.rows:
            raise EngineUnavailable("ClickHouse ended its answer before the first row")
        rows: Sequence[Sequence[Any]] = result.rows[0][0]
        return rows

    async def _query(self, sql: str, bind: Bindings) -> ResultSet:
        with driver_errors():
            return await self._clickhouse.query(sql, bind.values, timeout_s=self._timeout_s)


def _of_keys(tenant_id: int, column: str, ids: Collection[str], bind: Bindings) -> str:
    return f"tenant_id = {bind.integer(tenant_id)} AND {column} IN {bind.keys(ids)}"
