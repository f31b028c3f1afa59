"""The list of suppressions in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Set
from datetime import datetime

from segops_membership.domain.privacy.erasure import Policy, Suppression
from segops_membership.ports.errors import EngineUnavailable


class MemorySuppressions:
    """See the port `Suppressions`. Unless it is `reachable`, calls raise EngineUnavailable."""

    def __init__(self) -> None:
        self._subjects: dict[tuple[int, str], Suppression] = {}
        self._policies: dict[int, Policy] = {}
        self.reachable = True

    async def suppress(self, tenant_id: int, subjects: Collection[str], at: datetime) -> None:
        """See the port."""
        self._check()
        for subject in subjects:
            self._subjects[tenant_id, subject] = Suppression(since=at)

    async def lift(self, tenant_id: int, subject: str, at: datetime) -> None:
        """See the port."""
        self._check()
        self._subjects[tenant_id, subject] = Suppression(since=at, lifted_at=at)

    async def find(self, tenant_id: int, subject: str) -> Suppression | None:
        """See the port."""
        self._check()
        return self._subjects.get((tenant_id, subject))

    async def suppressed(self, tenant_id: int) -> Collection[str]:
        """See the port."""
        self._check()
        return {
            subject
            for (tenant, subject), suppression in self._subjects.items()
            if tenant == tenant_id and suppression.lifted_at is None
        }

    async def of_all_tenants(self) -> Mapping[int, Set[str]]:
        """See the port."""
        self._check()
        subjects: defaultdict[int, set[str]] = defaultdict(set)
        for tenant_id, subject in self._subjects:
            subjects[tenant_id].add(subject)
        return subjects

    async def policy(self, tenant_id: int) -> Policy:
        """See the port."""
        self._check()
        return self._policies.get(tenant_id, "refuse")

    async def set_policy(self, tenant_id: int, policy: Policy, at: datetime) -> None:  # noqa: ARG002 no times here
        """See the port."""
        self._check()
        self._policies[tenant_id] = policy

    def _check(self) -> None:
        if not self.reachable:
            raise EngineUnavailable("the warehouse does not answer")
