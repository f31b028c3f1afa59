"""Reading whose an id is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from segops_membership.domain.identity.joins import Claim
from segops_membership.domain.identity.merges import Resolution


class JoinReader(Protocol):
    """Reads stored claims and merges. Every method raises EngineUnavailable."""

    async def has_joins(self, tenant_id: int) -> bool:
        """Return whether the tenant has any claim or merge."""
        ...

    async def claims_on(self, tenant_id: int, anonymous_ids: Collection[str]) -> Sequence[Claim]:
        """Return the smallest claim on each of these ids that anyone claims."""
        ...

    async def claimed_by(self, tenant_id: int, user_ids: Collection[str], limit: int) -> Sequence[str]:
        """Return at most `limit` anonymous ids that these users claim. Others may have claimed them before."""
        ...

    async def known_since(self, tenant_id: int, ids: Collection[str]) -> Mapping[str, int]:
        """Return when ids were first the `user_id` of an event, in milliseconds. Ids that never were are left out."""
        ...

    async def resolutions(self, tenant_id: int, ids: Collection[str]) -> Sequence[Resolution]:
        """Return the resolutions of these users, and of the users who were ever merged into them."""
        ...
