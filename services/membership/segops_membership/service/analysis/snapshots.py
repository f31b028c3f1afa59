"""Evaluates predicates at a fixed instant outside a run. Results are cached, so an edit re-reads only what changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyroaring import BitMap

from segops_common.contracts.jobs import IngestLag
from segops_common.core.clock import Clock
from segops_common.core.problems import Fault, ValidationFailed
from segops_language.values.instants import to_ms
from segops_membership.domain.predicates import Predicate, StaticListPredicate
from segops_membership.ports.evaluation import Evaluation, Query
from segops_membership.ports.ingest_watermark import IngestWatermark
from segops_membership.service.analysis.snapshot_cache import Snapshot, SnapshotCache
from segops_membership.service.profile_numbering import ProfileNumbering
from segops_membership.service.static_lists import StaticListVersions

MAX_AGE_MS: Final = 5_000
"""A request without an instant may get a cached one that is at most this old."""
_CLOCK_SKEW_MS: Final = 5_000
"""An instant that another process took as now may be this much later than now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The members of predicates as of an instant, how many of the predicates were cached, and the cost of the others.

    `pending_profiles` have no number yet and are left out everywhere, because a run holds the tenant. `behind` says how
    far the warehouse was behind the events acknowledged before; None: it had them all.
    """

    as_of_ms: int
    universe: BitMap
    members: Mapping[Predicate, BitMap]
    cached_predicates: int
    pending_profiles: int
    behind: IngestLag | None
    has_joins: bool
    """Whether ids of the tenant are joined."""
    rows_read: int
    bytes_read: int


class Snapshots:
    """Reads predicates as of an instant, exactly as a run would."""

    def __init__(
        self,
        *,
        cache: SnapshotCache,
        watermark: IngestWatermark,
        lists: StaticListVersions,
        numbering: ProfileNumbering,
        evaluation: Evaluation,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._watermark = watermark
        self._lists = lists
        self._numbering = numbering
        self._evaluation = evaluation
        self._clock = clock

    def instant(self, tenant_id: int, as_of: datetime | None) -> int:
        """Return the instant to evaluate at, in milliseconds: `as_of`, else a recent cached one, else now.

        Raises ValidationFailed for an instant in the future.
        """
        now_ms = to_ms(self._clock.now())
        if as_of is None:
            recent = self._cache.newest(tenant_id, MAX_AGE_MS, now_ms)
            return now_ms if recent is None else recent
        if to_ms(as_of) > now_ms + _CLOCK_SKEW_MS:
            fault = Fault("as_of", "out-of-range", "must not be in the future")
            raise ValidationFailed("`as_of` must not be in the future.", errors=[fault])
        return to_ms(as_of)

    async def queries(self, tenant_id: int, predicates: Collection[Predicate], as_of_ms: int) -> Sequence[Query]:
        """Return the statements that an empty cache would send. Raises EngineUnavailable or QueryRefused."""
        return await self._evaluation.queries(tenant_id, predicates, as_of_ms)

    async def read(self, tenant_id: int, predicates: Collection[Predicate], as_of_ms: int) -> Reading:
        """Raise EngineUnavailable, LeaseLost or QueryRefused."""
        rows_read = bytes_read = 0
        lists = [predicate for predicate in predicates if isinstance(predicate, StaticListPredicate)]
        snapshot = self._cache.get(tenant_id, as_of_ms)
        # Users of a list that the snapshot has not read may have had no number when its universe was read.
        if snapshot is None or not snapshot.members.keys() >= set(lists):
            snapshot, rows_read, bytes_read = await self._new_snapshot(tenant_id, as_of_ms, lists)
        uncached = [predicate for predicate in predicates if predicate not in snapshot.members]
        if uncached:
            result = await self._evaluation.evaluate(tenant_id, uncached, as_of_ms, universe=snapshot.universe)
            rows_read += result.rows_read
            bytes_read += result.bytes_read
            await self._lists.check_still_stored(tenant_id, lists)
            self._cache.add(snapshot, result.members)
        return Reading(
            as_of_ms=as_of_ms,
            universe=snapshot.universe,
            members={predicate: snapshot.members[predicate] for predicate in predicates},
            cached_predicates=len(predicates) - len(uncached),
            pending_profiles=snapshot.pending_profiles,
            behind=snapshot.behind,
            has_joins=snapshot.has_joins,
            rows_read=rows_read,
            bytes_read=bytes_read,
        )

    async def _new_snapshot(
        self, tenant_id: int, as_of_ms: int, lists: Collection[StaticListPredicate]
    ) -> tuple[Snapshot, int, int]:
        """Read the universe, before any predicate: so every profile in it has a number when predicates are read."""
        behind = await self._watermark.wait_until_ingested()
        pending = await self._numbering.number_pending_if_free(tenant_id, lists)
        created = self._clock.monotonic()
        result = await self._evaluation.evaluate(tenant_id, (), as_of_ms)
        snapshot = Snapshot(
            tenant_id=tenant_id,
            as_of_ms=as_of_ms,
            universe=result.universe,
            pending_profiles=pending,
            behind=behind,
            created=created,
            has_joins=result.has_joins,
        )
        # What lacks something is read anew by the next request.
        if not pending and behind is None:
            self._cache.keep(snapshot)
        return snapshot, result.rows_read, result.bytes_read
