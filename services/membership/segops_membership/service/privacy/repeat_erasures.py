"""Erases people again whom a restored backup has brought back.

The list of suppressions outlives a backup: `segops restore` adds the newest one. It has keyed hashes only, so the ids of the
installation are hashed and compared with it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from segops_common.contracts.person_hash import PersonHash
from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_membership.domain.privacy.erasure import MAX_USERS, REQUESTED_BY_RESTORE, Erasure
from segops_membership.ports.privacy.erasures import Erasures
from segops_membership.ports.privacy.stores import PersonStores
from segops_membership.ports.privacy.suppressions import Suppressions

PAGE: Final = 20_000
"""Ids that are hashed at a time."""
_log = logging.getLogger(__name__)


class RepeatErasures:
    """Queues erasures of people who are on the list of suppressions and in no erasure.

    A request stores its erasure before it changes the list, so only a restored installation has such people.
    """

    def __init__(
        self,
        *,
        erasures: Erasures,
        suppressions: Suppressions,
        people: PersonStores,
        person_hash: PersonHash,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._erasures = erasures
        self._suppressions = suppressions
        self._people = people
        self._hash = person_hash
        self._clock = clock
        self._ids = ids

    async def queue(self) -> None:
        """Queue what is missing. Can be repeated. Raises EngineUnavailable."""
        for tenant_id, subjects in (await self._suppressions.of_all_tenants()).items():
            missing = subjects - await self._erasures.subjects(tenant_id)
            if missing:
                await self._queue(tenant_id, missing)

    async def _queue(self, tenant_id: int, subjects: Collection[str]) -> None:
        user_ids = await self._user_ids(tenant_id, subjects)
        _log.warning(
            "tenant %d: %d erased people were in a restored backup, of %d that it did not know as erased",
            tenant_id,
            len(user_ids),
            len(subjects),
        )
        for part in _parts(sorted(subjects)):
            erasure = Erasure(
                tenant_id=tenant_id,
                id=self._ids.uuid7(),
                subjects=part,
                user_ids=tuple(user_ids[subject] for subject in part if subject in user_ids),
                requested_by=REQUESTED_BY_RESTORE,
                created_at=self._clock.now(),
            )
            await self._erasures.add_unknown(erasure)

    async def _user_ids(self, tenant_id: int, subjects: Collection[str]) -> Mapping[str, str]:
        """Return the ids that are stored, by their hashes."""
        user_ids: dict[str, str] = {}
        async for ids in self._people.all_ids(tenant_id, PAGE):
            hashes = {self._hash.of(tenant_id, id): id for id in ids}
            user_ids |= {subject: hashes[subject] for subject in hashes.keys() & subjects}
        return user_ids


def _parts(subjects: list[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(subjects), MAX_USERS):
        yield tuple(subjects[start : start + MAX_USERS])
