"""The list by which ingest keeps events of erased people out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from datetime import datetime
from typing import Protocol

from segops_membership.domain.privacy.erasure import Policy, Suppression


class Suppressions(Protocol):
    """Writes and reads the list. Subjects are keyed hashes. Every method raises EngineUnavailable."""

    async def suppress(self, tenant_id: int, subjects: Collection[str], at: datetime) -> None:
        """Keep out all events of these people, from now on."""
        ...

    async def lift(self, tenant_id: int, subject: str, at: datetime) -> None:
        """Accept events of a person again that are received after this instant."""
        ...

    async def find(self, tenant_id: int, subject: str) -> Suppression | None:
        """Return the state of a person; None for one who was never suppressed."""
        ...

    async def suppressed(self, tenant_id: int) -> Collection[str]:
        """Return the subjects whose events are kept out now."""
        ...

    async def of_all_tenants(self) -> Mapping[int, Set[str]]:
        """Return the subjects that are or were suppressed with the present key, by tenant."""
        ...

    async def policy(self, tenant_id: int) -> Policy:
        """Return what happens to later events of erased people: `refuse`, unless the tenant has chosen."""
        ...

    async def set_policy(self, tenant_id: int, policy: Policy, at: datetime) -> None:
        """Store the choice of a tenant."""
        ...
