"""What the use cases need from the engines. Every method may raise `Outage`: the same call may succeed later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from pyroaring import BitMap

from segops_common.contracts.http import ObservedEvents
from segops_common.contracts.jobs import ComputeResult, SegmentChanged, StaticMembersChanged
from segops_language.events import Event
from segops_language.walk import Needs
from segops_membership.domain.definitions import SegmentDefinition
from segops_membership.domain.digest import Digest
from segops_membership.domain.predicates import Predicate, StaticListPredicate
from segops_membership.domain.publication import (
    Attempt,
    Changed,
    Proposal,
    Publication,
    SegmentHead,
    SegmentOutcome,
    TenantHead,
)
from segops_membership.domain.static_list import StaticList


class Outage(Exception):
    """An engine does not answer, or is short of something; what was asked may or may not have been done."""


class QueryRefused(Exception):
    """The warehouse will not evaluate a definition: too costly, or beyond what it can express."""

    def __init__(self, code: int, lacking: str = "") -> None:
        """`code` is the warehouse's own; `lacking` says what ran out, if anything did."""
        why = f" for want of {lacking}" if lacking else ""
        super().__init__(f"The warehouse gave up on a query{why}, with its error {code}.")
        self.code = code


class LeaseLost(Exception):
    """Another worker holds the tenant's lease, or may: what was prepared under it must not be shown."""


class LeaseTaken(Exception):
    """Another worker holds the tenant's lease now; try again when it may have lapsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Everyone, who satisfies each atom, the atoms that were refused instead, and what reading it took."""

    universe: BitMap
    atoms: Mapping[Predicate, BitMap]
    rows_read: int
    bytes_read: int
    refused: Mapping[Predicate, QueryRefused] = field(default_factory=dict)


Watch = Callable[[int], None]
"""Told how many more questions are answered, as it happens."""


def unwatched(count: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Query:
    """A statement with its bound parameters, how many atoms its row of bitmaps answers, and the rows it reads at most."""

    sql: str
    parameters: Mapping[str, object]
    atoms: int
    rows: int


class Evaluation(Protocol):
    """Questions to the events of a tenant."""

    async def answer(
        self,
        tenant_id: int,
        atoms: Collection[Predicate],
        as_of_ms: int,
        watch: Watch = unwatched,
        *,
        universe: BitMap | None = None,
        apart: bool = False,
    ) -> Answers:
        """Profiles by their numbers, those without one left out; the universe is read unless it is given.

        Raises QueryRefused. With `apart`, atoms that are refused are told from those that were only asked with them, which
        takes several tries; it is raised for the universe alone.
        """
        ...

    async def queries(self, tenant_id: int, atoms: Collection[Predicate], as_of_ms: int) -> Sequence[Query]:
        """What `answer` would ask, the universe first; no row is read. Raises QueryRefused."""
        ...


class Profiles(Protocol):
    """The dense numbers of a tenant's profiles; users of the given static lists are profiles too, events or not."""

    async def unnumbered(self, tenant_id: int, lists: Collection[StaticListPredicate] = ()) -> int:
        """How many profiles have no number yet."""
        ...

    async def number(
        self, tenant_id: int, first: int, count: int, fence: int, lists: Collection[StaticListPredicate] = ()
    ) -> None:
        """Give up to `count` profiles without a number one from `first` on; on return they can be read."""
        ...

    async def names(self, tenant_id: int, numbers: Collection[int]) -> Mapping[int, str]:
        """The ids of a few profiles by their numbers; a number that nobody has is left out."""
        ...


class StaticLists(Protocol):
    """The lists of static segments: every change is stored before it counts, and then counts as a whole."""

    async def known(self, tenant_id: int, segment_ids: Collection[int]) -> Mapping[int, StaticList]:
        """How far each list is known; a segment without any is left out."""
        ...

    async def store(self, tenant_id: int, portions: Sequence[StaticMembersChanged]) -> None:
        """Keep what portions add and remove, counting for nobody yet; repeatable."""
        ...

    async def save(self, tenant_id: int, segment_id: int, found: StaticList) -> None:
        """Remember how far the list is known; never goes back."""
        ...

    async def forget(self, tenant_id: int, segment_id: int, before: int) -> None:
        """Drop what changes before that one added and removed."""
        ...


class Observed(Protocol):
    """What the events of a tenant look like."""

    async def look(self, tenant_id: int, event_types: Sequence[str]) -> ObservedEvents:
        """The types of all events, and the properties of those named; what has no events is left out."""
        ...


class Intake(Protocol):
    """The way of events into the warehouse."""

    async def settle(self) -> None:
        """Return when every event acknowledged before the call is in the warehouse, or after a few seconds.

        Never raises: a late event counts in the next run.
        """
        ...


class Runs(Protocol):
    """What runs found, tagged with the attempt that wrote it: invisible until its publication is shown."""

    async def members(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> Mapping[int, BitMap]:
        """The published members of each segment."""
        ...

    async def write_outcomes(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome], as_of_ms: int, at: datetime
    ) -> None:
        """Store bitmaps and sizes."""
        ...

    async def digests(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome]
    ) -> Mapping[int, Digest]:
        """Of the attempt's stored outcomes, by segment: the digest that their base's leads to, or that of all members."""
        ...

    async def write_changes(
        self, tenant_id: int, attempt: Attempt, outcomes: Sequence[SegmentOutcome], at: datetime
    ) -> None:
        """Store a row for every profile that the outcomes, as the attempt has stored them, let enter or exit."""
        ...

    async def show(self, tenant_id: int, publication: Publication) -> None:
        """Let readers see the publication; repeatable."""
        ...

    def changes(self, tenant_id: int, publication: Publication) -> AsyncIterator[Changed]:
        """Every change of a publication with the user's id, in portions that fit in memory."""
        ...


class Ledger(Protocol):
    """Who may work on a tenant, and the chain of its publications: the place where everything is decided."""

    async def acquire(self, tenant_id: int, holder: str, ttl: timedelta) -> int:
        """Take the lease and return its fencing number, greater than all before. Raises LeaseTaken."""
        ...

    async def renew(self, tenant_id: int, fence: int, ttl: timedelta) -> None:
        """Hold the lease for `ttl` from now. Raises LeaseLost."""
        ...

    async def release(self, tenant_id: int, fence: int) -> None:
        """Give the lease back; nothing happens if it is another's."""
        ...

    async def reserve_numbers(self, tenant_id: int, count: int) -> int:
        """The first of `count` profile numbers that nobody else gets."""
        ...

    async def head(self, tenant_id: int) -> TenantHead:
        """The end of the chain, with the published state of every segment."""
        ...

    async def publication(self, tenant_id: int, run_id: int) -> Publication | None:
        """The run's link in the chain; None while it has none."""
        ...

    async def not_shown(self, tenant_id: int) -> Sequence[Publication]:
        """Links that may not be visible to readers yet, oldest first."""
        ...

    async def append(self, tenant_id: int, proposal: Proposal) -> Publication:
        """Make the run the new end of the chain, if the lease is still the proposer's and the base still the end.

        Raises LeaseLost if not; then nothing has changed.
        """
        ...

    async def mark_shown(self, tenant_id: int, run_id: int) -> None:
        """Remember that readers see the publication."""
        ...

    async def begin_announcing(self, tenant_id: int, run_id: int, ends: Mapping[int, int]) -> Mapping[int, int] | None:
        """Remember where the log of changes ended before the first was told; what an earlier worker remembered if any."""
        ...

    async def mark_announced(self, tenant_id: int, run_id: int) -> None:
        """Remember that the result and every change were announced."""
        ...


class Definitions(Protocol):
    """The present definitions of segments, as far as their changes have been announced."""

    async def keep(self, changes: Sequence[SegmentChanged]) -> None:
        """Take changes in, in any order and as often as they come: the highest version stands, a deletion for good."""
        ...

    async def current(self, tenant_id: int, segment_id: int) -> SegmentDefinition | None:
        """The segment; None when the tenant has none of that id."""
        ...

    async def of_tenant(self, tenant_id: int) -> Mapping[int, SegmentDefinition]:
        """All segments of the tenant by their ids."""
        ...

    async def owner(self, tenant_ids: Collection[int], segment_id: int) -> int | None:
        """Which of these tenants has the segment; None when it is none of them."""
        ...


Change = tuple[int, str, str]
"""Segment, user, and whether entered or exited: what a change of one run is known by."""


class TooManyEvents(Exception):
    """A profile has more events of what was asked for than are read."""


class ProfileEvents(Protocol):
    """What is known of one profile."""

    async def is_seen(self, tenant_id: int, profile_id: str, as_of_ms: int) -> bool:
        """Whether it has any event at or before the instant."""
        ...

    async def events(self, tenant_id: int, profile_id: str, needs: Needs, as_of_ms: int) -> Sequence[Event]:
        """Its events at or before the instant, each once, in no order. Raises TooManyEvents."""
        ...

    async def lists_with(
        self, tenant_id: int, profile_id: str, lists: Collection[StaticListPredicate]
    ) -> Collection[int]:
        """The static segments of these whose lists have the profile."""
        ...


class Announcer(Protocol):
    """Tells other services; a result may arrive more than once."""

    async def result(self, result: ComputeResult) -> None:
        """Report a change of a run's state, in order within a tenant."""
        ...

    async def changes(self, publication: Publication, changed: Changed) -> None:
        """Report who entered or exited, in order within a profile."""
        ...

    async def ends(self) -> Mapping[int, int]:
        """By partition, where the next reported change will stand."""
        ...

    async def told_since(self, tenant_id: int, run_id: int, starts: Mapping[int, int]) -> Collection[Change]:
        """The changes of a run that were reported from these places on; none when too much was reported since."""
        ...


class PublicationSignal(Protocol):
    """Tells readers at once that a tenant has a newer publication; they find out by themselves a little later."""

    async def raise_to(self, tenant_id: int, number: int) -> None:
        """Never raises: a lost signal costs readers a moment, not the truth."""
        ...


class MembershipReader(Protocol):
    """What readers may see: published changes only."""

    async def numbers(self, tenant_ids: Collection[int]) -> Mapping[int, int]:
        """The number of the newest publication that is shown of each tenant; a tenant without any is left out."""
        ...

    async def segments_of(self, tenant_id: int, user_id: str, number: int, as_of_ms: int | None) -> tuple[int, ...]:
        """The user's segments, rising, by all publications up to `number`; with `as_of_ms`, by those as of then."""
        ...

    async def check(self) -> None:
        """Return when the warehouse answers."""
        ...


@dataclass(frozen=True, slots=True)
class CacheAnswer:
    """One look into the cache: the number that publications have reached, as far as it knows, and the entry."""

    hint: int | None
    segment_ids: tuple[int, ...] | None


class MembershipCache(Protocol):
    """Answers kept for a while under the publication number they belong to. Unreadable entries are none."""

    async def read(self, tenant_id: int, number: int, user_id: str) -> CacheAnswer:
        """One round trip."""
        ...

    async def write(self, tenant_id: int, number: int, user_id: str, segment_ids: tuple[int, ...]) -> None:
        """Keep an answer."""
        ...

    async def claim(self, tenant_id: int, number: int, user_id: str) -> bool:
        """Whether the caller is the one process that should ask the warehouse now."""
        ...

    async def correct(self, tenant_id: int, number: int) -> None:
        """Replace a hint that is not true."""
        ...

    async def check(self) -> None:
        """Return when the cache answers."""
        ...
