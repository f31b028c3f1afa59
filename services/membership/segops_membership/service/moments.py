"""Answers as of an instant, outside of runs: exact like theirs, and read once for all edits of a definition."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pyroaring import BitMap

from segops_common.core.clock import Clock
from segops_common.core.problems import Fault, ValidationFailed
from segops_language.instants import to_ms
from segops_membership.domain.predicates import Predicate, StaticListPredicate
from segops_membership.ports import Evaluation, Intake, LeaseTaken, Ledger, Profiles, Query
from segops_membership.service.atom_cache import AtomCache, Moment
from segops_membership.service.leases import Leases
from segops_membership.service.static_lists import ListsAtHand

MAX_AGE_MS: Final = 5_000
"""Who names no instant may get one that others asked for, if it is no older."""
_CLOCKS_APART_MS: Final = 5_000
"""An instant that another process said is now may be a little later than now."""
_WAIT_FOR_LEASE: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The answers to atoms, how many of them were known before, and what reading the others took.

    `unnumbered` profiles are left out of all of it: a run that numbers them has not ended yet.
    """

    as_of_ms: int
    universe: BitMap
    atoms: Mapping[Predicate, BitMap]
    cached_atoms: int
    unnumbered: int
    rows_read: int
    bytes_read: int


class Moments:
    """Reads what is not kept yet."""

    def __init__(
        self,
        *,
        cache: AtomCache,
        leases: Leases,
        ledger: Ledger,
        intake: Intake,
        lists: ListsAtHand,
        profiles: Profiles,
        evaluation: Evaluation,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._leases = leases
        self._ledger = ledger
        self._intake = intake
        self._lists = lists
        self._profiles = profiles
        self._evaluation = evaluation
        self._clock = clock

    def instant(self, tenant_id: int, as_of: datetime | None) -> int:
        """The instant to answer as of, in milliseconds; without a wish now, or a moment ago when that is at hand.

        Raises ValidationFailed for one in the future.
        """
        now_ms = to_ms(self._clock.now())
        if as_of is None:
            recent = self._cache.newest(tenant_id, MAX_AGE_MS, now_ms)
            return now_ms if recent is None else recent
        if to_ms(as_of) > now_ms + _CLOCKS_APART_MS:
            fault = Fault("as_of", "out-of-range", "as_of is not later than now")
            raise ValidationFailed("A preview cannot look into the future.", errors=[fault])
        return to_ms(as_of)

    async def queries(self, tenant_id: int, atoms: Collection[Predicate], as_of_ms: int) -> Sequence[Query]:
        """What would be read for the atoms if nothing of it were kept. Raises Outage or QueryRefused."""
        return await self._evaluation.queries(tenant_id, atoms, as_of_ms)

    async def read(self, tenant_id: int, atoms: Collection[Predicate], as_of_ms: int) -> Reading:
        """Raises Outage, LeaseLost or QueryRefused."""
        rows_read = bytes_read = 0
        lists = [atom for atom in atoms if isinstance(atom, StaticListPredicate)]
        moment = self._cache.get(tenant_id, as_of_ms)
        # The users of a list that was not asked for had no number, perhaps, when the other atoms were read.
        if moment is None or not moment.atoms.keys() >= set(lists):
            moment, rows_read, bytes_read = await self._begun(tenant_id, as_of_ms, lists)
        missing = [atom for atom in atoms if atom not in moment.atoms]
        if missing:
            answers = await self._evaluation.answer(tenant_id, missing, as_of_ms, universe=moment.universe)
            rows_read += answers.rows_read
            bytes_read += answers.bytes_read
            await self._lists.check(tenant_id, lists)
            self._cache.add(moment, answers.atoms)
        return Reading(
            as_of_ms=as_of_ms,
            universe=moment.universe,
            atoms={atom: moment.atoms[atom] for atom in atoms},
            cached_atoms=len(atoms) - len(missing),
            unnumbered=moment.unnumbered,
            rows_read=rows_read,
            bytes_read=bytes_read,
        )

    async def _begun(
        self, tenant_id: int, as_of_ms: int, lists: Collection[StaticListPredicate]
    ) -> tuple[Moment, int, int]:
        """The universe is read before any atom, so that all atoms know each profile in it by its number."""
        await self._intake.settle()
        unnumbered = await self._number_profiles(tenant_id, lists)
        born = self._clock.monotonic()
        answers = await self._evaluation.answer(tenant_id, (), as_of_ms)
        moment = Moment(
            tenant_id=tenant_id, as_of_ms=as_of_ms, universe=answers.universe, unnumbered=unnumbered, born=born
        )
        if not unnumbered:
            self._cache.keep(moment)
        return moment, answers.rows_read, answers.bytes_read

    async def _number_profiles(self, tenant_id: int, lists: Collection[StaticListPredicate]) -> int:
        """Number what has no number, as a run does; how many are left because a run holds the lease for longer."""
        if not await self._profiles.unnumbered(tenant_id, lists):
            return 0
        try:
            async with self._leases.hold(tenant_id, wait=_WAIT_FOR_LEASE) as lease:
                count = await self._profiles.unnumbered(tenant_id, lists)
                if count:
                    first = await self._ledger.reserve_numbers(tenant_id, count)
                    lease.check()
                    await self._profiles.number(tenant_id, first, count, lease.fence, lists)
                return 0
        except LeaseTaken:
            return await self._profiles.unnumbered(tenant_id, lists)
