"""Reading users: lists of them, and what is stored about one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from segops_membership.domain.explorer.records import Trait, UserEvents, UserPosition, UserSearch, UserSummary
from segops_membership.domain.identity.joins import Person


class UserDirectory(Protocol):
    """Finds users with events. Every method raises EngineUnavailable."""

    async def search(
        self, tenant_id: int, search: UserSearch, after: UserPosition | None, limit: int, offset: int = 0
    ) -> Sequence[UserSummary]:
        """Return users after a place in the list, ascending by place, without the first `offset`."""
        ...

    async def count(self, tenant_id: int, search: UserSearch, most: int) -> int | None:
        """Return how many users the search finds; None when there are more than `most`."""
        ...

    async def events_of(self, tenant_id: int, person: Person) -> UserEvents | None:
        """Return the events of a user in numbers; None when the user has none."""
        ...

    async def traits_of(self, tenant_id: int, person: Person) -> Sequence[Trait]:
        """Return the traits that are not null, ascending by name."""
        ...

    async def memberships_of(self, tenant_id: int, user_id: str) -> Mapping[int, int]:
        """Return the segments of a user by published runs, with the instant of the run that let the user in, in ms."""
        ...
