"""Deletes people from the warehouse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Protocol

from segops_membership.domain.publication import Attempt


class PersonStores(Protocol):
    """Counts and deletes rows of people. Deleting can be repeated. Every method raises EngineUnavailable."""

    async def count(self, tenant_id: int, user_ids: Collection[str]) -> Mapping[str, int]:
        """Return the number of rows with these people, for each table that may have some."""
        ...

    def all_ids(self, tenant_id: int, page: int) -> AsyncIterator[Collection[str]]:
        """Yield every id that is stored, at least `page` at a time but for the end; an id may come twice."""
        ...

    async def delete_events(self, tenant_id: int, user_ids: Collection[str]) -> None:
        """Delete what a later run would read: events, profiles seen, entries of lists, and dead letters.

        It returns when the rows are removed from the disk.
        """
        ...

    async def numbers(self, tenant_id: int, user_ids: Collection[str]) -> Collection[int]:
        """Return every number that these people have in bitmaps."""
        ...

    async def segments_of(self, tenant_id: int, user_ids: Collection[str]) -> Mapping[str, Collection[int]]:
        """Return the segments that each of these people ever was in. People who were in none are left out."""
        ...

    async def attempts_with(self, tenant_id: int, numbers: Collection[int]) -> Collection[tuple[int, Attempt]]:
        """Return the segments and attempts whose stored members contain one of the numbers."""
        ...

    async def delete_members(self, tenant_id: int, user_ids: Collection[str], numbers: Collection[int]) -> None:
        """Remove the numbers from all bitmaps, with their sizes, then the changes and the numbers of these people.

        The caller holds the tenant's lease.
        """
        ...
