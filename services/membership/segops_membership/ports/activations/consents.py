"""Consent of users, as a trait says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from segops_membership.domain.activations.consent import Consent


class Consents(Protocol):
    """Reads traits that are consents. All calls raise EngineUnavailable."""

    async def consents(self, tenant_id: int, user_ids: Collection[str], path: str) -> Mapping[str, Consent]:
        """Return the consent of each of these persons, as the stored events of all their ids say."""
        ...
