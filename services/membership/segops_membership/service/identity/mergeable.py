"""Decides which ids may be merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segops_common.contracts.person_hash import PersonHash
from segops_common.core.clock import Clock
from segops_common.core.problems import Conflict, Fault, Unavailable, ValidationFailed
from segops_language.values.instants import to_ms
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.identity.merges import MergeStore
from segops_membership.ports.privacy.suppressions import Suppressions
from segops_membership.service.identity.persons import Persons

_RETRY_AFTER_S: Final = 1


class MergeableIds:
    """Refuses ids of people who were erased, and of visitors who belong to a user: a merge would end their claim for good.

    An id that nobody has sent is allowed: the events of a user may come after the merge.
    """

    def __init__(
        self,
        *,
        persons: Persons,
        merges: MergeStore,
        suppressions: Suppressions,
        person_hash: PersonHash | None,
        clock: Clock,
    ) -> None:
        """Without a `person_hash`, nobody was ever erased."""
        self._persons = persons
        self._merges = merges
        self._suppressions = suppressions
        self._hash = person_hash
        self._clock = clock

    async def check(self, tenant_id: int, ids: Mapping[str, str]) -> None:
        """Look at ids by the names of their fields.

        Raises Conflict (anonymous-id-claimed), ValidationFailed (user-erased), and Unavailable.
        """
        try:
            await self._check_erased(tenant_id, ids)
            await self._check_claimed(tenant_id, ids)
        except EngineUnavailable as error:
            raise Unavailable(
                "Whose the ids are cannot be read now, so nothing was merged. Retry.", retry_after_s=_RETRY_AFTER_S
            ) from error

    async def _check_erased(self, tenant_id: int, ids: Mapping[str, str]) -> None:
        if self._hash is None:
            return
        for field, id in ids.items():
            suppression = await self._suppressions.find(tenant_id, self._hash.of(tenant_id, id))
            if suppression is not None and suppression.lifted_at is None:
                fault = Fault(field, "user-erased", "must not be the id of a user who was erased")
                raise ValidationFailed("A user who was erased cannot be merged.", errors=[fault])

    async def _check_claimed(self, tenant_id: int, ids: Mapping[str, str]) -> None:
        graph = await self._merges.graph(tenant_id, tuple(ids.values()))
        persons = await self._persons.persons_of(tenant_id, tuple(ids.values()), to_ms(self._clock.now()))
        for field, id in ids.items():
            if id not in graph.merges and persons[id] != id:
                raise Conflict(
                    f"`{field}` must not be a visitor of a user: `{persons[id]}` claimed it. Merge `{persons[id]}` instead.",
                    slug="anonymous-id-claimed",
                )
