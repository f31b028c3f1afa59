"""Finds the person that an id belongs to, and all ids of that person, as of an instant."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Set
from typing import Final

from segops_common.core.problems import ValidationFailed
from segops_membership.domain.identity.joins import IdentityFacts, Person, persons_of
from segops_membership.ports.identity.joins import JoinReader

MAX_IDS: Final = 1_000
"""Ids of one person that are read."""
MAX_CLAIMED: Final = 5_000
"""Anonymous ids that the users of one person claim; most of them may be others'."""
NO_FACTS: Final = IdentityFacts()


class TooManyIds(Exception):
    """A person has more ids than one call reads."""


def too_many_ids() -> ValidationFailed:
    """Return the problem of a person with too many ids."""
    return ValidationFailed(f"The user must have at most {MAX_IDS:,} ids.", slug="too-many-ids")


class Persons:
    """Reads claims and merges. `more` is what is not stored yet."""

    def __init__(self, *, reader: JoinReader, max_ids: int = MAX_IDS, max_claimed: int = MAX_CLAIMED) -> None:
        self._reader = reader
        self._max_ids = max_ids
        self._max_claimed = max_claimed

    async def has_joins(self, tenant_id: int) -> bool:
        """Return whether any id of the tenant may be joined. Raises EngineUnavailable."""
        return await self._reader.has_joins(tenant_id)

    async def persons_of(
        self, tenant_id: int, ids: Collection[str], as_of_ms: int, more: IdentityFacts = NO_FACTS
    ) -> Mapping[str, str]:
        """Return the person of each of these ids; an id that is not joined is its own. Raises EngineUnavailable."""
        if not await self.has_joins(tenant_id):
            return {id: id for id in ids}
        facts = (await self._about(tenant_id, ids)).with_more(more)
        holders = {claim.user_id for claim in facts.claims if claim.anonymous_id in ids}
        merges = await self._reader.resolutions(tenant_id, holders - set(ids))
        persons = persons_of(facts.with_more(IdentityFacts(resolutions=tuple(merges))), as_of_ms)
        return {id: persons.get(id, id) for id in ids}

    async def person(self, tenant_id: int, profile_id: str, as_of_ms: int, more: IdentityFacts = NO_FACTS) -> Person:
        """Return the person that an id belongs to. Raises EngineUnavailable or TooManyIds."""
        return (await self.person_with_facts(tenant_id, profile_id, as_of_ms, more))[0]

    async def person_with_facts(
        self, tenant_id: int, profile_id: str, as_of_ms: int, more: IdentityFacts = NO_FACTS
    ) -> tuple[Person, IdentityFacts]:
        """Return the person that an id belongs to, and what joins the ids. Raises EngineUnavailable or TooManyIds."""
        if not await self.has_joins(tenant_id) and more == NO_FACTS:
            return Person(profile_id, (profile_id,)), NO_FACTS
        person_id = (await self.persons_of(tenant_id, [profile_id], as_of_ms, more))[profile_id]
        ids, facts = await self._ids_of(tenant_id, {person_id}, as_of_ms, more)
        return Person(person_id, tuple(sorted(ids))), facts

    async def all_ids(self, tenant_id: int, ids: Collection[str], as_of_ms: int) -> Set[str]:
        """Return these ids and every other id of the same persons. Raises EngineUnavailable or TooManyIds."""
        if not await self.has_joins(tenant_id):
            return {*ids}
        persons = {*(await self.persons_of(tenant_id, ids, as_of_ms)).values()}
        joined, _ = await self._ids_of(tenant_id, persons, as_of_ms, NO_FACTS)
        return {*ids} | joined

    async def _ids_of(
        self, tenant_id: int, persons: Set[str], as_of_ms: int, more: IdentityFacts
    ) -> tuple[Set[str], IdentityFacts]:
        """Return all ids of these persons, and what joins them."""
        resolutions = await self._reader.resolutions(tenant_id, persons)
        users = {*persons, *(resolution.user_id for resolution in resolutions)}
        claimed = await self._reader.claimed_by(tenant_id, users, self._max_claimed + 1)
        if len(claimed) > self._max_claimed:
            raise TooManyIds
        candidates = {*claimed, *(claim.anonymous_id for claim in more.claims if claim.user_id in users)}
        # A claim of `more` on the person itself has no effect if the person is stored as a user.
        about = await self._about(tenant_id, candidates | persons)
        facts = about.with_more(more).with_more(IdentityFacts(resolutions=tuple(resolutions)))
        joined = persons_of(facts, as_of_ms)
        ids = {id for id in users | candidates if joined.get(id, id) in persons}
        if len(ids) > self._max_ids:
            raise TooManyIds
        return ids, facts

    async def _about(self, tenant_id: int, ids: Collection[str]) -> IdentityFacts:
        """Return the claims on these ids, since when they are users, and the merges that name them."""
        claims, known_since, resolutions = await asyncio.gather(
            self._reader.claims_on(tenant_id, ids),
            self._reader.known_since(tenant_id, ids),
            self._reader.resolutions(tenant_id, ids),
        )
        return IdentityFacts(tuple(claims), known_since, tuple(resolutions))
