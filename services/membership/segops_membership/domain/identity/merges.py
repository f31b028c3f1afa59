"""Merges of users: whose an id is, and which merges are refused.

Merges are edges from a user to another one. Each user has at most one, and there is no cycle, so the users of a person are a tree;
its root is the person's id. A change says for each id of the moved part whose it is from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

MAX_MERGED_IDS: Final = 1_000
"""How many users may be merged into one person."""
_STEP: Final = timedelta(milliseconds=1)

Refusal = Literal["already-merged", "merge-cycle", "too-many-merged-ids", "not-merged"]


class MergeRefused(Exception):
    """The merges in force do not allow this. `holder` is the user to whom the ids belong."""

    def __init__(self, code: Refusal, holder: str) -> None:
        super().__init__(f"{code}: {holder}")
        self.code: Refusal = code
        self.holder = holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A merge, with who made and who ended it, such as `user:7` or `api_key:12`. `version` is the change that made it."""

    version: int
    from_user_id: str
    into_user_id: str
    merged_at: datetime
    merged_by: str
    unmerged_at: datetime | None = None
    unmerged_by: str | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """Whose the events of a user are from an instant on."""

    version: int
    at: datetime
    user_id: str
    canonical_id: str


@dataclass(frozen=True, slots=True)
class Change:
    """A merge as it is after a change, and the ids whose person changes. Each change of a tenant has the next version."""

    version: int
    merge: Merge
    resolutions: tuple[Resolution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeGraph:
    """The merges in force around some users of a tenant, by the user that is merged, and its last change."""

    last_version: int
    last_at: datetime | None
    merges: Mapping[str, Merge]
    ended: Merge | None = None
    """The merge of the user in question that ended last."""

    def person(self, user_id: str) -> str:
        """Return the id of the person to whom a user belongs."""
        while user_id in self.merges:
            user_id = self.merges[user_id].into_user_id
        return user_id

    def ids_of(self, user_id: str) -> tuple[str, ...]:
        """Return the user and everyone who is merged into them, directly or not."""
        below: dict[str, list[str]] = {}
        for merge in self.merges.values():
            below.setdefault(merge.into_user_id, []).append(merge.from_user_id)
        ids = [user_id]
        for id in ids:
            ids.extend(below.get(id, ()))
        return tuple(ids)

    def next_at(self, now: datetime) -> datetime:
        """Return the time of the next change: later than the one before, so that each id has one row for a time."""
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        return now if self.last_at is None else max(now, self.last_at + _STEP)


def merged(graph: MergeGraph, from_user_id: str, into_user_id: str, *, now: datetime, by: str) -> Change | Merge:
    """Return the change that merges a user into another one, or the merge if it is in force already. Raises MergeRefused."""
    existing = graph.merges.get(from_user_id)
    if existing is not None:
        if existing.into_user_id == into_user_id:
            return existing
        raise MergeRefused("already-merged", existing.into_user_id)
    person, ids = graph.person(into_user_id), graph.ids_of(from_user_id)
    if person == from_user_id:
        raise MergeRefused("merge-cycle", from_user_id)
    if len(graph.ids_of(person)) - 1 + len(ids) > MAX_MERGED_IDS:
        raise MergeRefused("too-many-merged-ids", person)
    version, at = graph.last_version + 1, graph.next_at(now)
    merge = Merge(version=version, from_user_id=from_user_id, into_user_id=into_user_id, merged_at=at, merged_by=by)
    return Change(version, merge, _moved(version, at, ids, person))


def unmerged(graph: MergeGraph, from_user_id: str, *, now: datetime, by: str) -> Change | Merge:
    """Return the change that ends a user's merge, or the merge if it has ended already. Raises MergeRefused."""
    merge = graph.merges.get(from_user_id)
    if merge is None:
        if graph.ended is None:
            raise MergeRefused("not-merged", from_user_id)
        return graph.ended
    version, at = graph.last_version + 1, graph.next_at(now)
    ended = replace(merge, unmerged_at=at, unmerged_by=by)
    return Change(version, ended, _moved(version, at, graph.ids_of(from_user_id), from_user_id))


def _moved(version: int, at: datetime, ids: Iterable[str], person: str) -> tuple[Resolution, ...]:
    return tuple(Resolution(version, at, id, person) for id in ids)
