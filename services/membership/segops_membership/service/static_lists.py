"""Static lists on their way from the topic into the warehouse, and from there into runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Final

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.core.clock import Clock
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.domain.static_list import StaticList
from segops_membership.ports import Outage, StaticLists

WAIT_S: Final = 20.0
_LOOK_S: Final = 0.05


class ListLost(Exception):
    """A part of a change never came, so the list cannot be known until it is replaced; the text says which."""

    def __init__(self, segment_id: int) -> None:
        super().__init__(f"A part of the list of segment {segment_id} is missing; upload the list again.")
        self.segment_id = segment_id


class TakeInLists:
    """The use case behind the topic of static lists."""

    def __init__(self, *, lists: StaticLists) -> None:
        self._lists = lists

    async def take_in(self, portions: Sequence[StaticMembersChanged]) -> list[StaticMembersChanged]:
        """Store portions, in their order; of each change that misses one, the first portion after it, else nothing.

        Raises Outage: then call again with all of them.
        """
        bad: list[StaticMembersChanged] = []
        for (tenant_id, segment_id), own in groupby(portions, lambda each: (each.tenant_id, each.segment_id)):
            bad += await self._take_in(tenant_id, segment_id, list(own))
        return bad

    async def _take_in(
        self, tenant_id: int, segment_id: int, portions: Sequence[StaticMembersChanged]
    ) -> list[StaticMembersChanged]:
        before = (await self._lists.known(tenant_id, [segment_id])).get(segment_id, StaticList())
        found = before
        new: list[StaticMembersChanged] = []
        bad: list[StaticMembersChanged] = []
        for portion in portions:
            after = found.after(portion)
            if after is not found:
                (bad if after.lost else new).append(portion)
            found = after
        await self._lists.store(tenant_id, new)
        if found != before:
            await self._lists.save(tenant_id, segment_id, found)
        if found.kept > before.kept:
            await self._lists.forget(tenant_id, segment_id, found.kept)
        return bad


class ListsAtHand:
    """The lists that a run evaluates."""

    def __init__(self, *, lists: StaticLists, clock: Clock, wait_s: float = WAIT_S) -> None:
        self._lists = lists
        self._clock = clock
        self._wait_s = wait_s

    async def at_least(self, tenant_id: int, versions: Mapping[int, int]) -> dict[int, StaticListPredicate]:
        """The present list of each segment, once it is known up to the given version.

        Raises Outage for one that is still on its way after some seconds, ListLost for one that will not come.
        """
        deadline = self._clock.monotonic() + self._wait_s
        while versions:
            known = await self._lists.known(tenant_id, versions)
            late = [each for each, version in versions.items() if known.get(each, StaticList()).version < version]
            if not late:
                return {each: StaticListPredicate(each, found.since, found.version) for each, found in known.items()}
            for segment_id in late:
                if segment_id in known and known[segment_id].lost and known[segment_id].coming >= versions[segment_id]:
                    raise ListLost(segment_id)
            if self._clock.monotonic() >= deadline:
                raise Outage(f"the lists of segments {late} are still on their way")
            await self._clock.sleep(_LOOK_S)
        return {}

    async def check(self, tenant_id: int, lists: Collection[StaticListPredicate]) -> None:
        """Raises Outage when a list was dropped, as twice replaced, perhaps while it was read."""
        if lists:
            known = await self._lists.known(tenant_id, [each.segment_id for each in lists])
            if any(known[each.segment_id].kept > each.since for each in lists):
                raise Outage("a list was replaced while it was read")
