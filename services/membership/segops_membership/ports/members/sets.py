"""Reads of published member sets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import date
from typing import Protocol

from segops_membership.domain.members.sets import DaySize, Member, MemberFormat, MemberSet
from segops_membership.domain.publication import Attempt


class MemberSets(Protocol):
    """Reads visible publications only. Every call raises EngineUnavailable."""

    async def newest(self, tenant_id: int, segment_id: int, as_of_ms: int | None = None) -> MemberSet | None:
        """Return the newest published set of the segment; with `as_of_ms`, of runs as of that instant or earlier."""
        ...

    async def find(self, tenant_id: int, segment_id: int, attempt: Attempt) -> MemberSet | None:
        """Return the set that this attempt published; None when there is none or it was removed."""
        ...

    async def page(
        self,
        tenant_id: int,
        segment_id: int,
        members: MemberSet,
        *,
        after: int = -1,
        limit: int,
        offset: int = 0,
        prefix: str = "",
    ) -> Sequence[Member]:
        """Return at most `limit` members with a key greater than `after`, ascending by key.

        `offset` skips so many of them. With `prefix`, only users count whose id begins with it.
        """
        ...

    def stream(
        self, tenant_id: int, segment_id: int, members: MemberSet, member_format: MemberFormat
    ) -> AsyncGenerator[bytes, None]:
        """Yield the whole set as a file, in no particular order. The memory does not grow with the set.

        Raises EngineUnavailable, also amid the file, when the file would not be complete.
        """
        ...

    async def history(
        self, tenant_id: int, segment_id: int, *, before_run: int, limit: int, offset: int = 0
    ) -> Sequence[MemberSet]:
        """Return at most `limit` published sets of runs with a lower id, descending. `offset` skips so many of them."""
        ...

    async def publication_count(self, tenant_id: int, segment_id: int) -> int:
        """Return the number of published sets of the segment."""
        ...

    async def daily(self, tenant_id: int, segment_ids: Collection[int], first: date) -> Mapping[int, Sequence[DaySize]]:
        """Return for each segment its days with publications, ascending, from `first` on and the newest day before.

        Days are in UTC. A segment without publications is left out.
        """
        ...
