"""Generated worlds in which ids are joined: claims by events with two ids, merges and unmerges, in any order of arrival."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
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
from tests.corpus.scenario import LISTED, OFFSETS, USERS, Scenario

UNSEEN: Final = ("device", "d'evice {p0:String}")
"""Ids that have no event of their own."""
IDS: Final = (*USERS, *UNSEEN)
_MOVED: Final = 0.35


class Way(Enum):
    """What must agree about the ids of a world."""

    SQL = "a run"
    SPLIT = "a run whose statements are split by user key"
    LOOKUP = "a look-up"
    NOW = "a look-up now"
    EXPLAIN = "an explanation"
    MERGES = "calls that merge users"


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


@dataclass(frozen=True, slots=True)
class MergeCall:
    """A call that merges a user into another one, or ends their merge."""

    at_ms: int
    from_user_id: str
    into_user_id: str | None
    stored: tuple[Resolution, ...]
    """Nothing if the call is refused."""


@dataclass(slots=True, kw_only=True)
class JoinedWorld:
    """Users whose ids are joined. Deliveries are in the order in which they were accepted."""

    ids: tuple[str, ...]
    events: list[SentEvent]
    calls: Sequence[MergeCall]
    resolutions: list[Resolution]
    as_of_ms: int
    references: dict[int, Group]
    lists: dict[int, frozenset[str]]

    @property
    def segments(self) -> Mapping[int, Group]:
        """The segments that are computed from definitions."""
        return {id: group for id, group in self.references.items() if id not in self.lists}

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

    def members(self) -> dict[int, frozenset[str]]:
        """Return the members of each segment by the language's reference; a listed id counts for its person."""
        persons = self.persons()
        listed = {id: frozenset(persons.get(user, user) for user in users) for id, users in self.lists.items()}
        events = [sent.event for sent in self.events]
        return listed | {
            id: evaluate(
                definition,
                events,
                self.as_of_ms,
                segment_id=id,
                references=self.references,
                lists=self.lists,
                persons=persons,
            )
            for id, definition in self.segments.items()
        }


def joined_world(seed: int, *, definitions: int = 8, first: int = SEGMENT + 1) -> JoinedWorld:
    """Return the world of a seed. Its segments are that of everyone, and one for each definition, from `first` on."""
    random = Random(seed)
    scenario = Scenario(random)
    visitors = [user for user in USERS if random.random() < 0.5]
    events = [_sent(random, event, visitors) for event in _moved(random, scenario)]
    calls = list(_calls(random))
    as_of_ms = random.choice((NOW_MS, NOW_MS, scenario.as_of_ms, NOW_MS + random.choice(OFFSETS)))
    # Everyone: the universe itself must be right, without the joined ids.
    scenario.references[SEGMENT] = Group(logic="AND", conditions=())
    for number in range(definitions):
        scenario.definition(first + number)
    return JoinedWorld(
        ids=tuple(sorted({*IDS, *LISTED})),
        events=events,
        calls=calls,
        resolutions=[resolution for call in calls for resolution in call.stored],
        as_of_ms=as_of_ms,
        references=scenario.references,
        lists=scenario.lists,
    )


def together(worlds: Sequence[JoinedWorld]) -> JoinedWorld:
    """Return several worlds as one, at the instant of the first one. Each keeps ids of its own, all have all segments."""
    named = [_renamed(world, f"~{number}") for number, world in enumerate(worlds)]
    references = {id: definition for world in named for id, definition in world.references.items()}
    return JoinedWorld(
        ids=tuple(id for world in named for id in world.ids),
        events=[sent for world in named for sent in world.events],
        calls=(),
        resolutions=[resolution for world in named for resolution in world.resolutions],
        as_of_ms=worlds[0].as_of_ms,
        references=references,
        lists={id: frozenset(user for world in named for user in world.lists[id]) for id in worlds[0].lists},
    )


def _renamed(world: JoinedWorld, ending: str) -> JoinedWorld:
    return replace(
        world,
        ids=tuple(id + ending for id in world.ids),
        events=[
            SentEvent(
                replace(sent.event, profile_id=sent.event.profile_id + ending),
                sent.user_id and sent.user_id + ending,
                sent.anonymous_id and sent.anonymous_id + ending,
                sent.joins,
            )
            for sent in world.events
        ],
        resolutions=[
            replace(row, user_id=row.user_id + ending, canonical_id=row.canonical_id + ending)
            for row in world.resolutions
        ],
        lists={id: frozenset(user + ending for user in users) for id, users in world.lists.items()},
    )


def _moved(random: Random, scenario: Scenario) -> Iterator[Event]:
    """Yield the events; some happened to several ids alike, with one time and message_id."""
    for event in scenario.events:
        yield event
        if random.random() < _MOVED:
            other = random.choice(USERS)
            position = random.choice((event.position, event.position + 1))
            yield replace(event, profile_id=other, position=position)


def _sent(random: Random, event: Event, visitors: Sequence[str]) -> SentEvent:
    if event.profile_id in visitors and random.random() < 0.9:
        return SentEvent(event, "", event.profile_id, random.random() < 0.2)
    anonymous_id = random.choice((*IDS, *visitors, "")) if random.random() < 0.6 else ""
    return SentEvent(event, event.profile_id, anonymous_id, random.random() < 0.8)


def _calls(random: Random) -> Iterator[MergeCall]:
    """Yield a few merges and unmerges. Some come in one millisecond, lead in a circle, or lead to an id without events.

    Each change is stored with a time of its own.
    """
    parents: dict[str, str] = {}
    canonical = {id: id for id in IDS}
    version, last_ms = 0, 0
    for at_ms in sorted(NOW_MS + random.choice(OFFSETS) for _ in range(random.choice((0, 0, 1, 2, 3, 5)))):
        source, target = random.sample(IDS, 2)
        is_merged = source in parents
        if is_merged:
            del parents[source]
        elif _end(parents, target) != source:
            parents[source] = target
        moved = {id: _end(parents, id) for id in IDS if _end(parents, id) != canonical[id]}
        if moved:
            version, last_ms = version + 1, max(at_ms, last_ms + 1)
            canonical |= moved
        stored = tuple(Resolution(version, from_ms(last_ms), id, person) for id, person in moved.items())
        yield MergeCall(at_ms, source, None if is_merged else target, stored)


def _end(parents: dict[str, str], id: str) -> str:
    while id in parents:
        id = parents[id]
    return id
