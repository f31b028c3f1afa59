"""Generated worlds in which ids are joined: claims by events with two ids, merges and unmerges, in any order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from segops_language import Group
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from segops_language.values.instants import from_ms
from segops_membership.domain.identity.joins import Claim, IdentityFacts, persons_of
from segops_membership.domain.identity.merges import Resolution
from tests.corpus.cases import SEGMENT
from tests.corpus.instants import NOW_MS
from tests.corpus.scenario import OFFSETS, USERS, Scenario

UNSEEN: Final = ("device", "d'evice {p0:String}")
"""Ids that have no event of their own."""
IDS: Final = (*USERS, *UNSEEN)
_MOVED: Final = 0.35


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event with the ids that it was sent with. `event.profile_id` is one of them."""

    event: Event
    user_id: str
    anonymous_id: str
    joins: bool

    def claims(self) -> Iterator[Claim]:
        """Yield the claim that the event makes, if it makes one."""
        if self.joins and self.user_id and self.anonymous_id and self.user_id != self.anonymous_id:
            yield Claim(self.anonymous_id, self.user_id, self.event.timestamp_ms, self.event.message_id)


class JoinedWorld:
    """A scenario whose users are joined. Deliveries are in the order in which they were accepted."""

    def __init__(self, seed: int | bytes, *, definitions: int = 12) -> None:
        random = Random(seed)
        self.scenario = Scenario(random)
        visitors = {user for user in USERS if random.random() < 0.5}
        self.events = [self._sent(random, event, visitors) for event in self._moved(random)]
        self.resolutions = list(_resolutions(random))
        self.as_of_ms = random.choice((NOW_MS, NOW_MS, self.scenario.as_of_ms, NOW_MS + random.choice(OFFSETS)))
        # Everyone comes first: the universe itself must be right, without the joined ids.
        self.definitions = [Group(logic="AND", conditions=())]
        self.definitions += [self.scenario.definition(SEGMENT + 1 + i) for i in range(definitions)]

    @property
    def facts(self) -> IdentityFacts:
        """All that is known about the ids."""
        known_since: dict[str, int] = {}
        for sent in self.events:
            if sent.user_id:
                known_since[sent.user_id] = min(known_since.get(sent.user_id, 2**60), sent.event.timestamp_ms)
        claims = tuple(claim for sent in self.events for claim in sent.claims())
        return IdentityFacts(claims, known_since, tuple(self.resolutions))

    def persons(self) -> dict[str, str]:
        """Return the person of each id that is joined to another one."""
        return persons_of(self.facts, self.as_of_ms)

    def listed(self, segment_id: int) -> frozenset[str]:
        """Return the members of a static segment."""
        persons = self.persons()
        return frozenset(persons.get(id, id) for id in self.scenario.lists[segment_id])

    def members(self, definition: Group, *, segment_id: int = SEGMENT) -> frozenset[str]:
        """Return the members by the language's reference."""
        return evaluate(
            definition,
            [sent.event for sent in self.events],
            self.as_of_ms,
            segment_id=segment_id,
            references=self.scenario.references,
            lists=self.scenario.lists,
            persons=self.persons(),
        )

    def _moved(self, random: Random) -> Iterator[Event]:
        """Yield the events; some happened to several ids alike, with one time and message_id."""
        for event in self.scenario.events:
            yield event
            if random.random() < _MOVED:
                other = random.choice(USERS)
                position = random.choice((event.position, event.position + 1))
                yield replace(event, profile_id=other, position=position)

    def _sent(self, random: Random, event: Event, visitors: set[str]) -> SentEvent:
        if event.profile_id in visitors and random.random() < 0.9:
            return SentEvent(event, "", event.profile_id, random.random() < 0.2)
        anonymous_id = random.choice((*IDS, *visitors, "")) if random.random() < 0.6 else ""
        return SentEvent(event, event.profile_id, anonymous_id, random.random() < 0.8)


def _resolutions(random: Random) -> Iterator[Resolution]:
    """Yield what a few merges and unmerges store. Some come in one millisecond, or lead to an id that has no event."""
    parents: dict[str, str] = {}
    canonical = {id: id for id in IDS}
    instants = sorted(NOW_MS + random.choice(OFFSETS) for _ in range(random.choice((0, 0, 1, 2, 3, 5))))
    for version, at_ms in enumerate(instants, 1):
        source, target = random.sample(IDS, 2)
        if source in parents:
            del parents[source]
        elif _end(parents, target) != source:
            parents[source] = target
        for id in IDS:
            if _end(parents, id) != canonical[id]:
                canonical[id] = _end(parents, id)
                yield Resolution(version, from_ms(at_ms), id, canonical[id])


def _end(parents: dict[str, str], id: str) -> str:
    while id in parents:
        id = parents[id]
    return id
