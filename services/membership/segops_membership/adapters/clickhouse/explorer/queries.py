"""What the statements of the explorer share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from segops_common.contracts.warehouse import EVENTS_BY_PROFILE_TABLE, EVENTS_TABLE, HISTORY_COMPLETE_SQL
from segops_common.stores.clickhouse import ClickHouse, ResultSet, Settings
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.sql.parameters import Bindings
from segops_membership.sql.selections import JSON_READ_SETTINGS

TIMEOUT_S: Final = 8
SETTINGS: Final[Settings] = {
    "json_type_escape_dots_in_keys": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_escape_forward_slashes": 0,
    "max_execution_time": TIMEOUT_S,
    "max_memory_usage": 1_000_000_000,
}
MERGED_SETTINGS: Final[Settings] = {**JSON_READ_SETTINGS, **SETTINGS}
"""Settings of statements that read with FINAL."""


@dataclass(frozen=True, slots=True)
class EventsSource:
    """A table of events; `text` is SQL for the JSON text of a payload."""

    table: str
    text: str


EVENTS: Final = EventsSource(EVENTS_TABLE, "toJSONString(payload)")
# This table has slashes as `\\/`, which nobody searches for.
_BY_PROFILE: Final = EventsSource(EVENTS_BY_PROFILE_TABLE, r"replaceAll(payload, '\\/', '/')")


class Reader:
    """Runs the statements of the explorer, each within its time and memory."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._has_history = False

    @property
    def shards(self) -> Sequence[Reader]:
        """Readers of the tables of each shard, for what a shard says about itself."""
        return [Reader(shard) for shard in self._clickhouse.shards]

    async def events_of_profiles(self) -> EventsSource:
        """Return the table to read a few profiles from: the one in their order, once it has all events."""
        if not self._has_history:
            results = [await shard.rows(HISTORY_COMPLETE_SQL, Bindings()) for shard in self.shards]
            self._has_history = all(int(result.rows[0][0]) > 0 for result in results)
        return _BY_PROFILE if self._has_history else EVENTS

    async def rows(self, sql: str, bind: Bindings, settings: Settings = SETTINGS) -> ResultSet:
        """Return the rows of a statement. Raises EngineUnavailable."""
        with driver_errors():
            return await self._clickhouse.query(sql, bind.values, settings=settings, timeout_s=TIMEOUT_S + 1)


def of_ids(tenant_id: int, ids: Collection[str], bind: Bindings) -> str:
    """Return the condition on events of one profile, which may have several ids."""
    texts = ", ".join(bind.text(id) for id in sorted(ids))
    own = f"if(user_id = '', anonymous_id, user_id) IN ({texts})"
    return f"tenant_id = {bind.integer(tenant_id)} AND user_key IN {bind.keys(ids)} AND {own}"
