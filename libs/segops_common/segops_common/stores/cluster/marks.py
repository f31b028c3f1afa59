"""Says which shard a database is, in the comment of the database itself.

`migrate` writes the comment. Every client of a cluster compares it with its address when it connects, so that a process with
another list of servers reads and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MARK_SQL: Final = "SELECT comment FROM system.databases WHERE name = {database:String}"
"""Needs no grant of its own: a user sees each database in which it may do anything."""
_MARKED: Final = "shard "


def refusal_of_one_server(database: str, comment: str, server: str) -> str | None:
    """Return why a process may not use a database of one server alone; None if its shard has no mark.

    `comment` is the one of the database with the rows of a shard, empty if there is none.
    """
    if not comment.startswith(_MARKED):
        return None
    return f"`{database}` on {server} is the database of a cluster of shards: SEGOPS_CLICKHOUSE_URL must name a server of each"


@dataclass(frozen=True, slots=True)
class ShardMark:
    """The place of a shard, counted from 1, and the database with its rows."""

    database: str
    number: int
    count: int

    def __str__(self) -> str:
        return f"{_MARKED}{self.number} of {self.count}"

    def refusal(self, comment: str, server: str) -> str | None:
        """Return why the database on the server is not this shard. None if its comment says that it is."""
        if comment == str(self):
            return None
        if not comment:
            return f"`{self.database}` on {server} must be marked as {self}: run `migrate`"
        return (
            f"`{self.database}` on {server} is marked as {comment}, not as {self}: SEGOPS_CLICKHOUSE_URL must name the servers"
            " that `migrate` was run with, in the same order. Another number of shards needs another database: see"
            " docs/deploy.md"
        )
