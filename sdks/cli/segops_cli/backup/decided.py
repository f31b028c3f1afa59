"""What PostgreSQL had decided when its snapshot was taken: rows of ClickHouse beyond it are not restored.

ClickHouse is read after PostgreSQL, so it may have more: events of a tenant, numbers of profiles, runs and changes of lists
that PostgreSQL does not know. It would give the same numbers again, to others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

_OF_A_RUN = "(tenant_id, run_id, fence)"


@dataclass(frozen=True, slots=True)
class ListState:
    """The changes of versions `since` to `version` make up a static list."""

    since: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """`heads` are the numbers of the newest publications, `next_profiles` the next free numbers of profiles, by tenant.

    `not_shown` are publications (tenant, run, fence) that ClickHouse may not have yet, `lists` the static lists by
    tenant and segment, `merges` the last versions of merges of users by tenant.
    """

    tenants: tuple[int, ...]
    heads: Mapping[int, int]
    next_profiles: Mapping[int, int]
    not_shown: Collection[tuple[int, int, int]]
    lists: Mapping[tuple[int, int], ListState]
    merges: Mapping[int, int] = field(default_factory=dict)

    def condition(self, table: str, columns: Collection[str]) -> str:
        """Return which rows of a table of ClickHouse belong to the backup, as SQL."""
        if "tenant_id" not in columns:
            return "1"
        # Lines that no tenant could be read from are stored under tenant 0.
        return f"tenant_id IN ({_numbers((0, *self.tenants))}) AND ({self._of_table(table)})"

    def _of_table(self, table: str) -> str:
        if table == "publications":
            return self._published
        if table in ("segment_runs", "membership_changes"):
            shown = f"{_OF_A_RUN} IN (SELECT tenant_id, run_id, fence FROM publications WHERE {self._published})"
            rest = ", ".join(f"({_numbers(key)})" for key in self.not_shown)
            return f"{shown} OR {_OF_A_RUN} IN ({rest})" if rest else shown
        if table == "profiles":
            return f"n < {_value('tenant_id', _array(self.next_profiles), self.next_profiles.values())}"
        if table == "identity_merges":
            return f"version <= {_value('tenant_id', _array(self.merges), self.merges.values())}"
        if table == "static_members":
            keys = ", ".join(f"'{tenant}/{segment}'" for tenant, segment in self.lists)
            key = "concat(toString(tenant_id), '/', toString(segment_id))"
            versions = [state.version for state in self.lists.values()]
            return f"list_version <= {_value(key, f'[{keys}]', versions)}"
        return "1"

    @property
    def _published(self) -> str:
        return f"number <= {_value('tenant_id', _array(self.heads), self.heads.values())}"


def _value(key: str, keys: str, values: Collection[int]) -> str:
    """Return an expression with the value of a key, 0 for an unknown one."""
    return f"transform({key}, {keys}, {_array(values)}, toUInt64(0))" if values else "0"


def _array(values: Iterable[int]) -> str:
    """Return one literal: a call for each number would make statements that ClickHouse refuses for their size."""
    return f"CAST([{_numbers(values)}], 'Array(UInt64)')"


def _numbers(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))
