"""Lists the ids of a person, and says why each of them belongs to the person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from segops_common.core.clock import Clock
from segops_language.values.instants import to_ms
from segops_membership.domain.identity.joins import Claim, Person, first_claims
from segops_membership.domain.identity.merges import Merge
from segops_membership.ports.identity.merges import MergeStore
from segops_membership.service.explorer.reading import reads_mapped
from segops_membership.service.identity.persons import Persons


@dataclass(frozen=True, slots=True)
class JoinedId:
    """An id of a person other than the person's own, and the claim or the merge that joins it."""

    id: str
    reason: Claim | Merge


@dataclass(frozen=True, slots=True)
class IdsOfPerson:
    """A person's id, and the ids that are joined to it, ascending."""

    person_id: str
    joined: tuple[JoinedId, ...]


class PersonIds:
    """Reads merges from PostgreSQL, because the warehouse does not know which user was merged into which."""

    def __init__(self, *, persons: Persons, merges: MergeStore, clock: Clock) -> None:
        self._persons = persons
        self._merges = merges
        self._clock = clock

    async def of(self, tenant_id: int, profile_id: str) -> IdsOfPerson:
        """Return the ids of the person that an id belongs to now. Raises ValidationFailed (too-many-ids) or Unavailable."""
        with reads_mapped():
            as_of_ms = to_ms(self._clock.now())
            person, facts = await self._persons.person_with_facts(tenant_id, profile_id, as_of_ms)
            merges = (await self._merges.graph(tenant_id, (person.person_id,))).merges
        return IdsOfPerson(person.person_id, tuple(_joined(person, merges, first_claims(facts))))


def _joined(person: Person, merges: Mapping[str, Merge], claims: Mapping[str, Claim]) -> Iterator[JoinedId]:
    for id in person.ids:
        # An id that is merged has no claim that counts. One whose merge ended between the two reads is left out.
        reason = merges.get(id) or claims.get(id)
        if id != person.person_id and reason is not None:
            yield JoinedId(id, reason)
