"""The exits of erased people, so that readers of changes forget them too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from segops_membership.domain.members.changes import ChangePosition, MemberChange
from segops_membership.domain.privacy.exits import ErasedExit


class ErasedExits(Protocol):
    """Keeps exits for a while. An exit has its place after all changes of a publication. Methods raise EngineUnavailable."""

    async def add(self, tenant_id: int, after: ChangePosition, exits: Sequence[ErasedExit], at: datetime) -> None:
        """Store exits after the changes of the publication of a position, all at once.

        An exit that is stored there already has no effect. The caller holds the tenant's lease.
        """
        ...

    async def between(
        self, tenant_id: int, start: ChangePosition, end: ChangePosition, *, limit: int, segment_id: int | None = None
    ) -> Sequence[MemberChange]:
        """Return at most `limit` exits after one position and up to another one, ascending by position."""
        ...

    async def end(self, tenant_id: int, after: ChangePosition) -> ChangePosition:
        """Return the position after the exits of a publication, given the one after its changes."""
        ...

    async def forget(self, before: datetime) -> None:
        """Delete older exits, of all tenants."""
        ...
