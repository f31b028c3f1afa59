"""Caches what was read as of an instant, so that an edited definition reads only its new predicates."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pyroaring import BitMap

from segops_common.contracts.jobs import IngestLag
from segops_common.core.clock import Clock
from segops_membership.domain.predicates import Predicate

MAX_BYTES: Final = 64 * 1024 * 1024
TTL_S: Final = 60.0
"""A late event may belong before a cached instant; for at most this long it is not counted there."""


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """A tenant as of an instant: the universe, and the members of the predicates read so far.

    All of it is numbered alike: profiles without a number when the universe was read are left out of it.
    """

    tenant_id: int
    as_of_ms: int
    universe: BitMap
    pending_profiles: int
    created: float
    has_joins: bool = False
    behind: IngestLag | None = None
    members: dict[Predicate, BitMap] = field(default_factory=dict)
    size_bytes: int = 0


class SnapshotCache:
    """Caches snapshots by tenant and instant, for `ttl_s`. The least recently used go first beyond `max_bytes`."""

    def __init__(self, *, clock: Clock, max_bytes: int = MAX_BYTES, ttl_s: float = TTL_S) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._snapshots: OrderedDict[tuple[int, int], Snapshot] = OrderedDict()
        self._size_bytes = 0

    def get(self, tenant_id: int, as_of_ms: int) -> Snapshot | None:
        """Return the snapshot; None when it is absent or expired."""
        self._drop_expired()
        snapshot = self._snapshots.get((tenant_id, as_of_ms))
        if snapshot is not None:
            self._snapshots.move_to_end((tenant_id, as_of_ms))
        return snapshot

    def newest(self, tenant_id: int, max_age_ms: int, now_ms: int) -> int | None:
        """Return the latest cached instant of the tenant, if it is at most `max_age_ms` old."""
        self._drop_expired()
        instants = [as_of_ms for tenant, as_of_ms in self._snapshots if tenant == tenant_id and as_of_ms <= now_ms]
        latest = max(instants, default=None)
        return latest if latest is not None and now_ms - latest <= max_age_ms else None

    def keep(self, snapshot: Snapshot) -> None:
        """Cache a new snapshot, in place of one of the same instant."""
        self._drop((snapshot.tenant_id, snapshot.as_of_ms))
        snapshot.size_bytes = _size_bytes(snapshot.universe)
        self._snapshots[snapshot.tenant_id, snapshot.as_of_ms] = snapshot
        self._size_bytes += snapshot.size_bytes
        self._drop_excess()

    def add(self, snapshot: Snapshot, members: Mapping[Predicate, BitMap]) -> None:
        """Add the members of predicates to a snapshot, whether it is still cached or not."""
        new = {predicate: bitmap for predicate, bitmap in members.items() if predicate not in snapshot.members}
        snapshot.members.update(new)
        added = sum(len(repr(predicate)) + _size_bytes(bitmap) for predicate, bitmap in new.items())
        snapshot.size_bytes += added
        if self._snapshots.get((snapshot.tenant_id, snapshot.as_of_ms)) is snapshot:
            self._size_bytes += added
            self._drop_excess()

    def _drop_expired(self) -> None:
        oldest = self._clock.monotonic() - self._ttl_s
        for key in [key for key, snapshot in self._snapshots.items() if snapshot.created <= oldest]:
            self._drop(key)

    def _drop_excess(self) -> None:
        while self._size_bytes > self._max_bytes:
            self._drop(next(iter(self._snapshots)))

    def _drop(self, key: tuple[int, int]) -> None:
        snapshot = self._snapshots.pop(key, None)
        if snapshot is not None:
            self._size_bytes -= snapshot.size_bytes


def _size_bytes(bitmap: BitMap) -> int:
    return len(bitmap.serialize())
