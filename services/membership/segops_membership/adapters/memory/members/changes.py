"""What publications changed, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import xxhash

from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.domain.members.changes import ChangedUser
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable


class MemoryChangeHistory:
    """See the port `ChangeHistory`. Unless it is `reachable`, calls raise EngineUnavailable."""

    def __init__(self, *, results: MemoryRunResults) -> None:
        self._results = results
        self.reachable = True

    async def changed_segments(
        self, tenant_id: int, attempts: Collection[Attempt], segment_id: int | None = None
    ) -> Mapping[Attempt, Collection[int]]:
        """See the port."""
        if not self.reachable:
            raise EngineUnavailable("switched off")
        changed: defaultdict[Attempt, list[int]] = defaultdict(list)
        for (tenant, segment, attempt), outcome in self._results.outcomes.items():
            if (
                (tenant == tenant_id and attempt in attempts and outcome.published)
                and segment_id in (None, segment)
                and any(True for _ in self._changes(tenant_id, segment, attempt))
            ):
                changed[attempt].append(segment)
        return changed

    async def changed_users(
        self, tenant_id: int, attempt: Attempt, segment_ids: Collection[int], *, first_key: int, limit: int
    ) -> Sequence[ChangedUser]:
        """See the port."""
        by_user: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
        for segment_id in sorted(segment_ids):
            for user_id, entered in self._changes(tenant_id, segment_id, attempt):
                by_user[user_id].append((segment_id, entered))
        users = [
            ChangedUser(xxhash.xxh64_intdigest(user_id.encode()), user_id, sorted(changes))
            for user_id, changes in by_user.items()
        ]
        return sorted((user for user in users if user.key >= first_key), key=lambda user: user.key)[:limit]

    def _changes(self, tenant_id: int, segment_id: int, attempt: Attempt) -> Iterator[tuple[str, bool]]:
        if (tenant_id, segment_id, attempt) not in self._results.outcomes:
            return
        for change, user_ids in self._results.unreported(tenant_id, segment_id, attempt):
            for user_id in user_ids:
                yield user_id, change == "entered"
