"""Reads the segments of the persons that ids belong to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from cachetools import LRUCache

from segops_membership.ports.membership import MembershipReader
from segops_membership.service.identity.persons import Persons

_TENANTS: Final = 10_000


class PersonReads:
    """Answers for the person of each id, joined as of the newest publication that counts.

    So an answer follows from the publications and the claims and merges by then, whenever it is asked for. Between
    publications, an id that is joined keeps its segments.
    """

    def __init__(self, *, reader: MembershipReader, persons: Persons) -> None:
        self._reader = reader
        self._persons = persons
        self._without_joins: LRUCache[int, int] = LRUCache(_TENANTS)
        """By tenant: the publication number at which it had no joins. Later joins are for later publications."""

    async def segments_of(
        self, tenant_id: int, user_ids: Collection[str], number: int, as_of_ms: int | None
    ) -> Mapping[str, tuple[int, ...]]:
        """Return the segments of every id, as `MembershipReader` does. Raises EngineUnavailable."""
        persons = await self._persons_of(tenant_id, user_ids, number, as_of_ms)
        segments = await self._reader.segments_of(tenant_id, set(persons.values()), number, as_of_ms)
        return {user_id: segments[persons[user_id]] for user_id in user_ids}

    async def _persons_of(
        self, tenant_id: int, user_ids: Collection[str], number: int, as_of_ms: int | None
    ) -> Mapping[str, str]:
        if self._without_joins.get(tenant_id) != number:
            if await self._persons.has_joins(tenant_id):
                instant_ms = await self._reader.instant_of(tenant_id, number, as_of_ms)
                if instant_ms is not None:
                    return await self._persons.persons_of(tenant_id, user_ids, instant_ms)
            else:
                self._without_joins[tenant_id] = number
        return {user_id: user_id for user_id in user_ids}
