"""Reads what ClickHouse has about one person besides profile and events."""

from __future__ import annotations

from collections.abc import Sequence

from segops_common.contracts.warehouse import DEAD_LETTERS_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.explorer.queries import Reader
from segops_membership.domain.privacy.records import ListEntry, MembershipChange, PersonLetter
from segops_membership.questions.static_list import STATIC_MEMBERS_TABLE
from segops_membership.sql.parameters import Bindings, select


class ClickHousePersonRecords:
    """See the port `PersonRecords`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._reader = Reader(clickhouse)

    async def changes_of(self, tenant_id: int, user_id: str, *, after: int, limit: int) -> Sequence[MembershipChange]:
        """See the port. Changes of attempts that were not published are left out."""
        bind = Bindings()
        tenant = f"tenant_id = {bind.integer(tenant_id)}"
        own = f"{tenant} AND user_key = xxHash64({bind.text(user_id)}) AND run_id > {bind.integer(after)}"
        runs = select("run_id", "membership_changes", own)
        published = select(
            "run_id, fence, toUnixTimestamp64Milli(as_of) AS as_of_ms",
            "publications FINAL",
            f"{tenant} AND run_id IN ({runs})",
        )
        changes = f"({select('segment_id, run_id, fence, change', 'membership_changes FINAL', own)}) AS changes"
        joined = f"{changes} INNER JOIN ({published}) AS published USING (run_id, fence)"
        tail = f"ORDER BY run_id LIMIT {bind.integer(limit)} WITH TIES"
        sql = select("segment_id, run_id, change, as_of_ms", joined, tail=tail)
        return [
            MembershipChange(
                segment_id=int(segment),
                run_id=int(run),
                change="entered" if change > 0 else "exited",
                as_of_ms=int(as_of_ms),
            )
            for segment, run, change, as_of_ms in (await self._reader.rows(sql, bind)).rows
        ]

    async def list_entries_of(self, tenant_id: int, user_id: str) -> Sequence[ListEntry]:
        """See the port."""
        bind = Bindings()
        id = bind.text(user_id)
        where = f"tenant_id = {bind.integer(tenant_id)} AND user_key = xxHash64({id}) AND user_id = {id}"
        tail = "GROUP BY segment_id HAVING argMax(present, list_version) ORDER BY segment_id"
        sql = select("segment_id, max(list_version)", STATIC_MEMBERS_TABLE, where, tail)
        rows = (await self._reader.rows(sql, bind)).rows
        return [ListEntry(segment_id=int(segment), list_version=int(version)) for segment, version in rows]

    async def letters_of(self, tenant_id: int, user_id: str, *, after: int, limit: int) -> Sequence[PersonLetter]:
        """See the port. Ids are hashes of the places of the letters."""
        bind = Bindings()
        text = "JSONExtractString(line, 'user_id')"
        own = f"if({text} = '', JSONExtractString(line, 'anonymous_id'), {text}) = {bind.text(user_id)}"
        where = f"tenant_id = {bind.integer(tenant_id)} AND {own} AND id > {bind.integer(after)}"
        id = "xxHash64(topic, source_partition, source_offset, message_id) AS id"
        columns = f"{id}, toUnixTimestamp64Milli(at), code, reason, line"
        tail = f"ORDER BY id LIMIT {bind.integer(limit)}"
        rows = (await self._reader.rows(select(columns, f"{DEAD_LETTERS_TABLE} FINAL", where, tail), bind)).rows
        return [
            PersonLetter(id=int(id), at_ms=int(at), code=int(code), reason=str(reason), line=str(line))
            for id, at, code, reason, line in rows
        ]
