"""Reading events: the events of one profile, and the types and properties that a tenant sends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from segops_common.contracts.http import ObservedEvents
from segops_language.events import Event
from segops_language.lint.values import Property, ValueCounts
from segops_language.walk import Needs
from segops_membership.domain.identity.joins import IdentityFacts
from segops_membership.domain.predicates import StaticListPredicate

MAX_EVENTS: Final = 100_000
"""Events of one profile that an evaluation reads."""


class TooManyEvents(Exception):
    """A profile has more events of the requested types than one call reads."""


class UnstoredUnavailable(Exception):
    """The events that are acknowledged and not stored yet cannot be read now; the text says why."""


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """An event with its `version`: of deliveries of one event, the one with the greatest version counts."""

    event: Event
    version: int


class ProfileEvents(Protocol):
    """Reads what is stored about one profile, which has several ids if these are joined."""

    async def has_events(self, tenant_id: int, profile_ids: Collection[str], as_of_ms: int) -> bool:
        """Return whether any of the ids has an event at or before the instant."""
        ...

    async def count_known(self, tenant_id: int, profile_ids: Collection[str]) -> int:
        """Return how many of these profiles have events."""
        ...

    async def read(
        self, tenant_id: int, profile_ids: Collection[str], needs: Needs, as_of_ms: int
    ) -> Sequence[AcceptedEvent]:
        """Return its events at or before the instant, each once, in no particular order. Raises TooManyEvents."""
        ...

    async def static_segments_of(
        self, tenant_id: int, profile_ids: Collection[str], lists: Collection[StaticListPredicate]
    ) -> Collection[int]:
        """Return the segments, of those given, whose lists contain any of the ids."""
        ...


@dataclass(frozen=True, slots=True)
class UnstoredTail:
    """What a tenant sent that is not stored yet: the events of profiles, and what all of it says about whose an id is."""

    events_of: Callable[[Collection[str]], Sequence[AcceptedEvent]]
    facts: IdentityFacts


class UnstoredEvents(Protocol):
    """Reads what is acknowledged and not stored yet."""

    async def read(self, tenant_id: int, profile_id: str) -> Sequence[AcceptedEvent]:
        """Return events of a profile, in the form in which they will be stored.

        Every event that was acknowledged before the call, and is not returned, can be read in the warehouse when the call
        returns. An event may be in both, and may be returned more than once. Raises UnstoredUnavailable within some
        seconds.
        """
        ...

    async def read_all(self, tenant_id: int) -> UnstoredTail:
        """Return all that the tenant sent, as `read` does of one profile: a claim may be with any other user's events."""
        ...


class ObservedEventsReader(Protocol):
    """Reads which event types and properties a tenant has sent."""

    async def read(self, tenant_id: int, event_types: Sequence[str]) -> ObservedEvents:
        """Return all event types, and the properties of the given ones. Types without events are left out."""
        ...

    async def count_values(self, tenant_id: int, properties: Collection[Property]) -> Mapping[Property, ValueCounts]:
        """Count the values of these properties in a sample of events of each type."""
        ...
