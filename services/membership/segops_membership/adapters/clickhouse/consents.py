"""Reads consents from identify events in ClickHouse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final

import xxhash

from segops_common.core.clock import Clock
from segops_common.stores.clickhouse import ClickHouse
from segops_language.events import IDENTIFY_EVENT
from segops_language.values import path_keys
from segops_language.values.instants import to_ms
from segops_membership.adapters.clickhouse.explorer.queries import MERGED_SETTINGS, EventsSource, Reader
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.domain.activations.consent import Consent
from segops_membership.sql.joined import EVENT_ID_OF_PERSON, joined_as_of
from segops_membership.sql.parameters import Bindings, select
from segops_membership.sql.selections import order_key

_COLUMNS: Final = "timestamp, position, message_id, user_id, anonymous_id, user_key, removed, empty_objects"
_KEYS_OF_EMPTY: Final = "arrayMap(path -> replaceAll(splitByChar('.', path)[1], '%2E', '.'), empty_objects)"


class ClickHouseConsents:
    """See the port `Consents`. Reads the identify events of these persons only."""

    def __init__(self, *, clickhouse: ClickHouse, clock: Clock) -> None:
        self._reader = Reader(clickhouse)
        self._joins = ClickHouseJoinReader(clickhouse=clickhouse)
        self._clock = clock

    async def consents(self, tenant_id: int, user_ids: Collection[str], path: str) -> Mapping[str, Consent]:
        """See the port."""
        if not user_ids:
            return {}
        persons = {_key(user_id): _key(user_id) for user_id in user_ids}
        if await self._joins.has_joins(tenant_id):
            persons |= await self._joined(tenant_id, user_ids)
        bind = Bindings(event_id=EVENT_ID_OF_PERSON)
        source = await self._reader.events_of_profiles()
        sql = _statement(tenant_id, persons, path, source, bind)
        of_person = defaultdict(list)
        for key, last, is_true, was_true in (await self._reader.rows(sql, bind, MERGED_SETTINGS)).rows:
            of_person[persons[int(key)]].append((str(last), bool(is_true), bool(was_true)))
        return {user_id: _consent(of_person.get(_key(user_id), [])) for user_id in user_ids}

    async def _joined(self, tenant_id: int, user_ids: Collection[str]) -> Mapping[int, int]:
        """Return the keys of other ids of these persons, and the person of each."""
        bind = Bindings()
        joined = joined_as_of(bind.integer(tenant_id), bind.instant(to_ms(self._clock.now())))
        sql = select("key, person", f"({joined})", f"person IN {bind.keys(user_ids)}")
        return {int(key): int(person) for key, person in (await self._reader.rows(sql, bind)).rows}


def _statement(tenant_id: int, keys: Collection[int], path: str, source: EventsSource, bind: Bindings) -> str:
    """Return a SELECT by key: the order of the last event that sets or removes the trait, whether it is true, and was."""
    names = [bind.text(name) for name in path_keys(path)]
    top = names[0]
    is_present = f"(JSONHas(text, {top}) OR has(removed, {top}) OR has({_KEYS_OF_EMPTY}, {top}))"
    is_true = f"JSONExtractRaw(text, {', '.join(names)}) = 'true'"
    where = f"tenant_id = {bind.integer(tenant_id)} AND user_key IN {bind.key_numbers(keys)}"
    columns = f"{_COLUMNS}, {source.text} AS text"
    events = select(columns, f"{source.table} FINAL", f"{where} AND event_type = {bind.text(IDENTIFY_EVENT)}")
    order = order_key(bind, of_one_type=True)
    columns = f"user_key, hex(max({order})), argMax({is_true}, {order}), max({is_true})"
    return select(columns, f"({events})", is_present, "GROUP BY user_key ORDER BY user_key")


def _key(user_id: str) -> int:
    return xxhash.xxh64_intdigest(user_id.encode())


def _consent(of_ids: list[tuple[str, bool, bool]]) -> Consent:
    """Return the consent of a person: the last event of any id counts."""
    if not any(was_true for *_, was_true in of_ids):
        return Consent.NEVER_GIVEN
    _, is_true, _ = max(of_ids)
    return Consent.GIVEN if is_true else Consent.WITHDRAWN
