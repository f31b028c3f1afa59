"""Reads what is stored about one person besides profile and events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from segops_membership.domain.privacy.records import ListEntry, MembershipChange, PersonLetter


class PersonRecords(Protocol):
    """Every method raises EngineUnavailable."""

    async def changes_of(self, tenant_id: int, user_id: str, *, after: int, limit: int) -> Sequence[MembershipChange]:
        """Return changes by published runs with a greater run id, ascending by run id, whole runs at a time."""
        ...

    async def list_entries_of(self, tenant_id: int, user_id: str) -> Sequence[ListEntry]:
        """Return the static lists that the person is in by the newest stored change, ascending by segment."""
        ...

    async def letters_of(self, tenant_id: int, user_id: str, *, after: int, limit: int) -> Sequence[PersonLetter]:
        """Return dead letters with a greater id, ascending by id."""
        ...
