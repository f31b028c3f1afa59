"""Lists users, and shows one with traits, segments and explanations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.pagination import Page, PageQuery, decode_cursor, encode_cursor
from segops_common.core.problems import NotFound
from segops_language.reference.explain import Explained
from segops_language.reference.forecast import Forecast
from segops_language.text.labels import label_of
from segops_language.values.instants import to_ms
from segops_membership.domain.explorer.records import Trait, UserEvents, UserPosition, UserSearch, UserSummary
from segops_membership.ports.explorer.segments import SegmentSizes
from segops_membership.ports.explorer.users import UserDirectory
from segops_membership.ports.publication_log import PublicationLog
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.explorer.reading import reads_mapped
from segops_membership.service.identity.persons import Persons

MAX_COUNTED: Final = 10_000
"""A list of more users has no count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserProfile:
    """A user: what they did in numbers, and their traits."""

    user_id: str
    events: UserEvents
    traits: Sequence[Trait]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSegment:
    """A segment that a user is in. Times are in milliseconds."""

    segment_id: int
    name: str
    member_count: int
    computed_ms: int
    since_ms: int
    forecast: Forecast | None = None
    stale_reason: str | None = None
    """Why the forecast may lack acknowledged events."""


@dataclass(frozen=True, slots=True)
class ConditionLine:
    """A condition on the top level of a definition, with its verdict on a user."""

    label: str
    node: Explained


class ExploreUsers:
    """The use cases of the routes about users."""

    def __init__(
        self,
        *,
        users: UserDirectory,
        definitions: SegmentDefinitions,
        publications: PublicationLog,
        sizes: SegmentSizes,
        explain: Explain,
        persons: Persons,
        clock: Clock,
    ) -> None:
        self._persons = persons
        self._clock = clock
        self._users = users
        self._definitions = definitions
        self._publications = publications
        self._sizes = sizes
        self._explain = explain

    async def search(self, tenant_id: int, search: UserSearch, query: PageQuery) -> Page[UserSummary]:
        """Return a page of users. Raises MalformedRequest (invalid-cursor) or Unavailable."""
        after = _position(query.cursor)
        with reads_mapped():
            users, count = await asyncio.gather(
                self._users.search(tenant_id, search, after, query.limit + 1, query.offset),
                self._users.count(tenant_id, search, MAX_COUNTED),
            )
        page = tuple(users[: query.limit])
        return Page(page, _cursor(page[-1].position) if len(users) > query.limit else None, count)

    async def profile(self, tenant_id: int, user_id: str) -> UserProfile:
        """Return the user that an id belongs to now.

        Raises NotFound for a user without events, ValidationFailed (too-many-ids) and Unavailable.
        """
        with reads_mapped():
            person = await self._persons.person(tenant_id, user_id, to_ms(self._clock.now()))
            events, traits = await asyncio.gather(
                self._users.events_of(tenant_id, person), self._users.traits_of(tenant_id, person)
            )
        if events is None:
            raise NotFound("There is no such user.")
        return UserProfile(user_id=person.person_id, events=events, traits=traits)

    async def segments(self, tenant_id: int, user_id: str, *, forecast: bool = False) -> Sequence[UserSegment]:
        """Return the segments of a user, ascending by id; with `forecast`, when time alone changes the verdicts.

        Raises Unavailable, and with `forecast` ValidationFailed (too-many-events).
        """
        with reads_mapped():
            head, definitions = await asyncio.gather(
                self._publications.head(tenant_id), self._definitions.of_tenant(tenant_id)
            )
            # As a look-up: joined as of the newest publication.
            as_of_ms = max((segment.as_of_ms for segment in head.segments.values()), default=0)
            persons = await self._persons.persons_of(tenant_id, [user_id], as_of_ms)
            memberships = await self._users.memberships_of(tenant_id, persons[user_id])
            # A segment may be deleted before the publication that empties it.
            shown = [id for id in memberships if id in head.segments and id in definitions]
            sizes = await self._sizes.sizes(tenant_id, {id: head.segments[id] for id in shown}) if shown else {}
        segments = [
            UserSegment(
                segment_id=id,
                name=definitions[id].title,
                member_count=sizes[id],
                computed_ms=head.segments[id].as_of_ms,
                since_ms=memberships[id],
            )
            for id in shown
        ]
        return await self._with_forecasts(tenant_id, user_id, segments) if forecast and segments else segments

    async def _with_forecasts(
        self, tenant_id: int, user_id: str, segments: Sequence[UserSegment]
    ) -> Sequence[UserSegment]:
        ids = [segment.segment_id for segment in segments]
        forecasts = await self._explain.forecasts(tenant_id, user_id, ids)
        return [
            replace(
                segment,
                forecast=forecasts.by_segment.get(segment.segment_id),
                stale_reason=forecasts.stale_reason,
            )
            for segment in segments
        ]

    async def explain(self, tenant_id: int, user_id: str, segment_id: int) -> Sequence[ConditionLine]:
        """Return the conditions on the top level of a segment's definition. Raises the errors of `Explain.explain`."""
        explained = await self._explain.explain(tenant_id, user_id, segment_id=segment_id, definition=None, as_of=None)
        nodes = explained.explanation.tree.children
        return [
            ConditionLine(label_of(condition), node)
            for condition, node in zip(explained.definition.conditions, nodes, strict=True)
        ]


def _cursor(position: UserPosition) -> str:
    return encode_cursor([position.rank, position.user_id])


def _position(cursor: str | None) -> UserPosition | None:
    if cursor is None:
        return None
    rank, user_id = decode_cursor(cursor, int, str)
    return UserPosition(int(rank), str(user_id))
