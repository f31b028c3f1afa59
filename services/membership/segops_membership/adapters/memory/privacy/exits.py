"""The exits of erased people, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from segops_membership.domain.members.changes import ChangePosition, MemberChange
from segops_membership.domain.privacy.exits import ErasedExit, place_of


class MemoryErasedExits:
    """See the port `ErasedExits`."""

    def __init__(self) -> None:
        self._changes: defaultdict[int, list[MemberChange]] = defaultdict(list)
        self._sequence = 0

    async def add(self, tenant_id: int, after: ChangePosition, exits: Sequence[ErasedExit], at: datetime) -> None:
        """See the port."""
        changes = self._changes[tenant_id]
        stored = {(change.position.number, change.user_id, change.segment_id) for change in changes}
        for exited in exits:
            if (after.number, exited.user_id, exited.segment_id) not in stored:
                self._sequence += 1
                changes.append(exited.change(place_of(after, self._sequence), at))

    async def between(
        self, tenant_id: int, start: ChangePosition, end: ChangePosition, *, limit: int, segment_id: int | None = None
    ) -> Sequence[MemberChange]:
        """See the port."""
        changes = [
            change
            for change in self._changes[tenant_id]
            if start < change.position <= end and segment_id in (None, change.segment_id)
        ]
        return changes[:limit]

    async def end(self, tenant_id: int, after: ChangePosition) -> ChangePosition:
        """See the port."""
        positions = [item.position for item in self._changes[tenant_id] if item.position.number == after.number]
        return max([after, *positions])

    async def forget(self, before: datetime) -> None:
        """See the port."""
        for tenant_id, changes in self._changes.items():
            self._changes[tenant_id] = [change for change in changes if change.at >= before]
