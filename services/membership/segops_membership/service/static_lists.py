"""Static lists: storing their changes, and the versions that an evaluation reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Final

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.core.clock import Clock
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.domain.static_list import StaticListState
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.static_lists import StaticLists
from segops_membership.service.privacy.people import ErasedPeople

WAIT_S: Final = 20.0
_POLL_S: Final = 0.05


class StaticListIncomplete(Exception):
    """A part of a change never arrived, so the list is unknown until it is replaced; the text names the segment."""

    def __init__(self, segment_id: int) -> None:
        super().__init__(f"A part of the list of segment {segment_id} is missing; upload the list again.")
        self.segment_id = segment_id


class StoreStaticLists:
    """Stores the changes of lists as they arrive."""

    def __init__(self, *, lists: StaticLists, erased: ErasedPeople | None = None) -> None:
        """Without `erased`, all users are stored."""
        self._lists = lists
        self._erased = erased

    async def store(self, portions: Sequence[StaticMembersChanged]) -> list[StaticMembersChanged]:
        """Store portions in their order and return those that cannot be stored.

        A portion cannot be stored when one before it is missing; of each change only the first such portion is
        returned. Raises EngineUnavailable: then call again with all portions.
        """
        rejected: list[StaticMembersChanged] = []
        for (tenant_id, segment_id), own in groupby(portions, lambda portion: (portion.tenant_id, portion.segment_id)):
            rejected += await self._store(tenant_id, segment_id, list(own))
        return rejected

    async def _store(
        self, tenant_id: int, segment_id: int, portions: Sequence[StaticMembersChanged]
    ) -> list[StaticMembersChanged]:
        before = (await self._lists.states(tenant_id, [segment_id])).get(segment_id, StaticListState())
        state = before
        new: list[StaticMembersChanged] = []
        rejected: list[StaticMembersChanged] = []
        for portion in portions:
            after = state.after(portion)
            if after is not state:
                (rejected if after.lost else new).append(portion)
            state = after
        await self._lists.store(tenant_id, new if self._erased is None else await self._erased.left_out(tenant_id, new))
        if state != before:
            await self._lists.save_state(tenant_id, segment_id, state)
        if state.kept > before.kept:
            await self._lists.forget(tenant_id, segment_id, state.kept)
        return rejected


class StaticListVersions:
    """Finds the versions of static lists that an evaluation reads."""

    def __init__(self, *, lists: StaticLists, clock: Clock, wait_s: float = WAIT_S) -> None:
        self._lists = lists
        self._clock = clock
        self._wait_s = wait_s

    async def at_least(self, tenant_id: int, versions: Mapping[int, int]) -> dict[int, StaticListPredicate]:
        """Return the current list of each segment, waiting until it has at least the given version.

        Segments without a list are left out when version 0 is requested. Raises EngineUnavailable when a version does
        not arrive within some seconds, StaticListIncomplete when it never will.
        """
        deadline = self._clock.monotonic() + self._wait_s
        while versions:
            states = await self._lists.states(tenant_id, versions)
            late = [
                segment_id
                for segment_id, version in versions.items()
                if states.get(segment_id, StaticListState()).version < version
            ]
            if not late:
                return {
                    segment_id: StaticListPredicate(segment_id, state.since, state.version)
                    for segment_id, state in states.items()
                }
            for segment_id in late:
                state = states.get(segment_id)
                if state is not None and state.lost and state.coming >= versions[segment_id]:
                    raise StaticListIncomplete(segment_id)
            if self._clock.monotonic() >= deadline:
                raise EngineUnavailable(f"the lists of segments {late} have not arrived")
            await self._clock.sleep(_POLL_S)
        return {}

    async def check_still_stored(self, tenant_id: int, lists: Collection[StaticListPredicate]) -> None:
        """Raise EngineUnavailable when a list was replaced twice, and so deleted, perhaps while it was read."""
        if lists:
            states = await self._lists.states(tenant_id, [predicate.segment_id for predicate in lists])
            if any(states[predicate.segment_id].kept > predicate.since for predicate in lists):
                raise EngineUnavailable("a list was replaced while it was read")
