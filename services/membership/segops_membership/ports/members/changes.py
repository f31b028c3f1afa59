"""Reads what publications changed, user by user."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from segops_membership.domain.members.changes import ChangedUser
from segops_membership.domain.publication import Attempt


class ChangeHistory(Protocol):
    """Reads what to report of attempts: the changes since the members that were reported before. Raises EngineUnavailable."""

    async def changed_segments(
        self, tenant_id: int, attempts: Collection[Attempt], segment_id: int | None = None
    ) -> Mapping[Attempt, Collection[int]]:
        """Return the published segments that each attempt changed, all or one. Attempts that changed none are left out."""
        ...

    async def changed_users(
        self, tenant_id: int, attempt: Attempt, segment_ids: Collection[int], *, first_key: int, limit: int
    ) -> Sequence[ChangedUser]:
        """Return at most `limit` users whom the attempt changed, with a key of at least `first_key`, ascending by key."""
        ...
