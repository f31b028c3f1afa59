"""Merges users, and undoes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from segops_common.audit.trail import AuditTrail, AuditUnavailable
from segops_common.contracts.http import ForeignAction
from segops_common.core.clock import Clock
from segops_common.core.problems import Conflict, Unavailable
from segops_membership.domain.identity.merges import (
    MAX_MERGED_IDS,
    Change,
    Merge,
    MergeGraph,
    MergeRefused,
    merged,
    unmerged,
)
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.identity.merges import (
    IdentityMerges,
    MergesChanged,
    MergeStore,
)

MERGED: Final = "identity.merged"
UNMERGED: Final = "identity.unmerged"
_ATTEMPTS: Final = 5
_RETRY_AFTER_S: Final = 1
Decide = Callable[[MergeGraph], Change | Merge]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who merges: a user, or an API key."""

    user_id: int | None
    key_id: int | None

    def __str__(self) -> str:
        return f"user:{self.user_id}" if self.user_id is not None else f"api_key:{self.key_id}"


class Mergeable(Protocol):
    """Says which ids must not be merged."""

    async def check(self, tenant_id: int, ids: Mapping[str, str]) -> None:
        """Look at ids by the names of their fields. Raises a problem for an id that must not be merged."""
        ...


class Merges:
    """Merges take effect at the time of the call. Each is in the audit log before it takes effect.

    A repetition of a merge or an unmerge changes nothing, and completes what a failure left out.
    """

    def __init__(
        self, *, store: MergeStore, projected: IdentityMerges, mergeable: Mergeable, audit: AuditTrail, clock: Clock
    ) -> None:
        self._store = store
        self._mergeable = mergeable
        self._projected = projected
        self._audit = audit
        self._clock = clock

    async def merge(self, tenant_id: int, from_user_id: str, into_user_id: str, actor: Actor) -> Merge:
        """Let the events of a user and of everyone merged into them belong to another user.

        Raises Conflict (merge-cycle, already-merged, too-many-merged-ids), Unavailable, and what `Mergeable` raises.
        """
        await self._mergeable.check(tenant_id, {"from_user_id": from_user_id, "into_user_id": into_user_id})

        def decide(graph: MergeGraph) -> Change | Merge:
            return merged(graph, from_user_id, into_user_id, now=self._clock.now(), by=str(actor))

        return await self._change(tenant_id, (from_user_id, into_user_id), decide, MERGED, actor)

    async def unmerge(self, tenant_id: int, from_user_id: str, actor: Actor) -> Merge:
        """End the merge of a user. Raises Conflict (not-merged) and Unavailable."""

        def decide(graph: MergeGraph) -> Change | Merge:
            return unmerged(graph, from_user_id, now=self._clock.now(), by=str(actor))

        return await self._change(tenant_id, (from_user_id,), decide, UNMERGED, actor)

    async def _change(
        self, tenant_id: int, user_ids: Sequence[str], decide: Decide, action: ForeignAction, actor: Actor
    ) -> Merge:
        with _problems():
            for _ in range(_ATTEMPTS):
                change = decide(await self._store.graph(tenant_id, user_ids))
                if isinstance(change, Change) and not await self._append(tenant_id, change, action, actor):
                    continue
                await self._projected.reconcile(tenant_id)
                return change.merge if isinstance(change, Change) else change
        raise Unavailable("Other merges of the tenant are in progress. Retry.", retry_after_s=_RETRY_AFTER_S)

    async def _append(self, tenant_id: int, change: Change, action: ForeignAction, actor: Actor) -> bool:
        """Record and store the change. Return False if another change came before it."""
        # The audit log names no ids of users: they can be erased, and its entries cannot.
        await self._audit.record(
            tenant_id,
            actor_id=actor.user_id,
            action=action,
            target=f"merge:{change.merge.version}",
            details={"ids": str(len(change.resolutions)), "by": str(actor)},
        )
        try:
            await self._store.append(tenant_id, change)
        except MergesChanged:
            return False
        return True


@contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except MergeRefused as refusal:
        raise Conflict(_detail(refusal), slug=refusal.code) from refusal
    except AuditUnavailable as error:
        raise Unavailable(
            "The merge cannot be audited now, so it was not made. Retry.", retry_after_s=_RETRY_AFTER_S
        ) from error
    except EngineUnavailable as error:
        raise Unavailable(
            "The merge may be stored, and may not have reached the warehouse. Send the same request again, with the same "
            "`Idempotency-Key`.",
            retry_after_s=_RETRY_AFTER_S,
        ) from error


def _detail(refusal: MergeRefused) -> str:
    holder = refusal.holder
    match refusal.code:
        case "already-merged":
            return f"`from_user_id` must not be merged already: it is merged into `{holder}`. Unmerge it first."
        case "merge-cycle":
            return f"`into_user_id` must not belong to the person of `from_user_id`: both are `{holder}`'s."
        case "too-many-merged-ids":
            return f"A person must not have more than {MAX_MERGED_IDS} merged users: the person is `{holder}`."
        case "not-merged":
            return "`from_user_id` must be merged into another user: it is a person of its own."
