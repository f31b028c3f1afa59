"""What was read as of an instant, kept for a short while: an edit of a definition asks only what is new in it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pyroaring import BitMap

from segops_common.core.clock import Clock
from segops_membership.domain.predicates import Predicate

MAX_BYTES: Final = 64 * 1024 * 1024
TTL_S: Final = 60.0
"""An event that comes late may belong before a kept instant: for so long it is not counted there."""


@dataclass(slots=True, kw_only=True)
class Moment:
    """A tenant as of an instant: everyone, and who satisfies the atoms that were asked so far; all of one reading."""

    tenant_id: int
    as_of_ms: int
    universe: BitMap
    unnumbered: int
    born: float
    atoms: dict[Predicate, BitMap] = field(default_factory=dict)
    size_bytes: int = 0


class AtomCache:
    """Moments by tenant and instant; the least recently used go first when there are too many bytes."""

    def __init__(self, *, clock: Clock, max_bytes: int = MAX_BYTES, ttl_s: float = TTL_S) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._moments: OrderedDict[tuple[int, int], Moment] = OrderedDict()
        self._size_bytes = 0

    def get(self, tenant_id: int, as_of_ms: int) -> Moment | None:
        """The moment, unless it is too old."""
        self._drop_old()
        moment = self._moments.get((tenant_id, as_of_ms))
        if moment is not None:
            self._moments.move_to_end((tenant_id, as_of_ms))
        return moment

    def newest(self, tenant_id: int, max_age_ms: int, now_ms: int) -> int | None:
        """The latest instant kept of the tenant, if it is no older than that."""
        self._drop_old()
        known = [as_of_ms for tenant, as_of_ms in self._moments if tenant == tenant_id and as_of_ms <= now_ms]
        latest = max(known, default=None)
        return latest if latest is not None and now_ms - latest <= max_age_ms else None

    def keep(self, moment: Moment) -> None:
        """Keep a new moment, in place of one of the same instant."""
        self._drop((moment.tenant_id, moment.as_of_ms))
        moment.size_bytes = _bytes_of(moment.universe)
        self._moments[moment.tenant_id, moment.as_of_ms] = moment
        self._size_bytes += moment.size_bytes
        self._drop_excess()

    def add(self, moment: Moment, atoms: Mapping[Predicate, BitMap]) -> None:
        """Add what was asked; the moment has it from now on, whether it is kept or not."""
        new = {atom: members for atom, members in atoms.items() if atom not in moment.atoms}
        moment.atoms.update(new)
        added = sum(len(repr(atom)) + _bytes_of(members) for atom, members in new.items())
        moment.size_bytes += added
        if self._moments.get((moment.tenant_id, moment.as_of_ms)) is moment:
            self._size_bytes += added
            self._drop_excess()

    def _drop_old(self) -> None:
        oldest = self._clock.monotonic() - self._ttl_s
        for key in [key for key, moment in self._moments.items() if moment.born <= oldest]:
            self._drop(key)

    def _drop_excess(self) -> None:
        while self._size_bytes > self._max_bytes:
            self._drop(next(iter(self._moments)))

    def _drop(self, key: tuple[int, int]) -> None:
        moment = self._moments.pop(key, None)
        if moment is not None:
            self._size_bytes -= moment.size_bytes


def _bytes_of(members: BitMap) -> int:
    return len(members.serialize())
