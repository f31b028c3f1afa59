"""Who a person is, and who was erased."""

from __future__ import annotations

from collections.abc import Sequence

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.contracts.person_hash import PersonHash
from segops_membership.ports.privacy.suppressions import Suppressions


async def all_ids_of(tenant_id: int, user_id: str) -> tuple[str, ...]:  # noqa: ARG001 the tenant's joined ids
    """Return every id of the person who has this one, with it first. Today a person has one id."""
    return (user_id,)


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
