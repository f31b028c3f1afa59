"""Who a person is, and who was erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.contracts.person_hash import PersonHash
from segops_common.core.problems import ValidationFailed
from segops_membership.ports.identity.joins import JoinReader
from segops_membership.ports.identity.merges import IdentityMerges
from segops_membership.ports.privacy.suppressions import Suppressions
from segops_membership.service.identity.persons import Persons

MAX_IDS: Final = 5_000
"""How many ids the people of one erasure may have together."""
_EVER_MS: Final = 2**53
"""After every event: a join counts also if the clock of its sender is ahead."""


class AllIds:
    """Finds every id of people: the ones that are joined by claims and by merges."""

    def __init__(self, *, reader: JoinReader, merges: IdentityMerges) -> None:
        self._persons = Persons(reader=reader, max_ids=MAX_IDS)
        self._merges = merges

    async def of(self, tenant_id: int, user_ids: Sequence[str]) -> tuple[str, ...]:
        """Return these ids, then the others of the same persons, ascending. Raises EngineUnavailable or TooManyIds."""
        await self._merges.reconcile(tenant_id)
        ids = await self._persons.all_ids(tenant_id, user_ids, _EVER_MS)
        return (*dict.fromkeys(user_ids), *sorted(ids - {*user_ids}))


def too_many_ids() -> ValidationFailed:
    """Return the problem of people with too many ids."""
    return ValidationFailed(
        f"The users must have at most {MAX_IDS:,} ids together, and {MAX_IDS:,} anonymous ids that they have claimed.",
        slug="too-many-ids",
    )


class ErasedPeople:
    """Keeps erased people out of static lists, also those whose portions were on their way when they were erased."""

    def __init__(self, *, suppressions: Suppressions, person_hash: PersonHash) -> None:
        self._suppressions = suppressions
        self._hash = person_hash

    async def left_out(self, tenant_id: int, portions: Sequence[StaticMembersChanged]) -> list[StaticMembersChanged]:
        """Return the portions without erased people. Raises EngineUnavailable."""
        subjects = await self._suppressions.suppressed(tenant_id) if portions else ()
        if not subjects:
            return list(portions)

        def kept(user_ids: Sequence[str]) -> tuple[str, ...]:
            return tuple(user_id for user_id in user_ids if self._hash.of(tenant_id, user_id) not in subjects)

        return [
            portion.model_copy(update={"add": kept(portion.add), "remove": kept(portion.remove)})
            for portion in portions
        ]
