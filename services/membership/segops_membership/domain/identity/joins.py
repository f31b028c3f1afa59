"""Whose an id is as of an instant: claims of anonymous ids, and merges of users."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field

from segops_language.values.instants import to_ms
from segops_membership.domain.identity.merges import Resolution


@dataclass(frozen=True, slots=True)
class Claim:
    """What an event with two ids, which may join, says: from its time on, the anonymous id is the user's."""

    anonymous_id: str
    user_id: str
    timestamp_ms: int
    message_id: str

    @property
    def order(self) -> tuple[int, bytes, bytes]:
        """A sort key: of the claims of an id, the smallest one holds."""
        return self.timestamp_ms, self.message_id.encode(), self.user_id.encode()


@dataclass(frozen=True, slots=True)
class IdentityFacts:
    """What is known about some ids. The order in which it became known does not matter."""

    claims: tuple[Claim, ...] = ()
    known_since: Mapping[str, int] = field(default_factory=dict)
    """When an id was first the `user_id` of an event, in milliseconds."""
    resolutions: tuple[Resolution, ...] = ()

    def with_more(self, other: IdentityFacts) -> IdentityFacts:
        """Return both together."""
        ids = self.known_since.keys() | other.known_since.keys()
        never = 2**63
        first = {id: min(self.known_since.get(id, never), other.known_since.get(id, never)) for id in ids}
        return IdentityFacts(self.claims + other.claims, first, self.resolutions + other.resolutions)

    @property
    def ids(self) -> Set[str]:
        """Every id that is named."""
        claims = {id for claim in self.claims for id in (claim.anonymous_id, claim.user_id)}
        return (
            claims
            | self.known_since.keys()
            | {id for row in self.resolutions for id in (row.user_id, row.canonical_id)}
        )

    def without(self, ids: Collection[str]) -> IdentityFacts:
        """Return what is known without what names one of these ids."""
        return IdentityFacts(
            tuple(claim for claim in self.claims if {claim.anonymous_id, claim.user_id}.isdisjoint(ids)),
            {id: since_ms for id, since_ms in self.known_since.items() if id not in ids},
            tuple(row for row in self.resolutions if {row.user_id, row.canonical_id}.isdisjoint(ids)),
        )


@dataclass(frozen=True, slots=True)
class Person:
    """A person: the id that names the profile, and all ids (ascending) whose events belong to it."""

    person_id: str
    ids: tuple[str, ...]


def persons_of(facts: IdentityFacts, as_of_ms: int) -> dict[str, str]:
    """Return the person of each id that is joined to another id as of the instant.

    The smallest claim of an anonymous id holds, unless the id is a known user's by then: the `user_id` of an event, or named
    by a merge. The claimant may be merged into another user.
    """
    by_then = [resolution for resolution in facts.resolutions if to_ms(resolution.at) <= as_of_ms]
    merged = _canonical_ids(by_then)
    users = {id for id, since_ms in facts.known_since.items() if since_ms <= as_of_ms}
    users |= {id for resolution in by_then for id in (resolution.user_id, resolution.canonical_id)}
    persons = {
        id: merged.get(claim.user_id, claim.user_id)
        for id, claim in first_claims(facts).items()
        if claim.timestamp_ms <= as_of_ms and id not in users
    }
    return {id: person for id, person in (persons | merged).items() if id != person}


def first_claims(facts: IdentityFacts) -> dict[str, Claim]:
    """Return the smallest claim of each anonymous id."""
    first: dict[str, Claim] = {}
    for claim in facts.claims:
        if claim.anonymous_id not in first or claim.order < first[claim.anonymous_id].order:
            first[claim.anonymous_id] = claim
    return first


def _canonical_ids(resolutions: Iterable[Resolution]) -> dict[str, str]:
    latest: dict[str, Resolution] = {}
    for resolution in sorted(resolutions, key=lambda resolution: (resolution.at, resolution.version)):
        latest[resolution.user_id] = resolution
    return {id: resolution.canonical_id for id, resolution in latest.items()}
