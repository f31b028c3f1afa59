"""Merges of users. PostgreSQL decides; the warehouse has a projection that statements read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from segops_membership.domain.identity.merges import Change, MergeGraph, Resolution


class MergesChanged(Exception):
    """Another change has taken the version."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How many resolutions there are, and the greatest version, 0 without any."""

    count: int
    last_version: int


class IdentityMerges(Protocol):
    """Brings the projection up to date."""

    async def reconcile(self, tenant_id: int) -> None:
        """Write to the warehouse what a failure left out. Cheap if that is nothing. Raises EngineUnavailable."""
        ...


class MergeStore(Protocol):
    """Keeps merges, and whose each id has been since when."""

    async def graph(self, tenant_id: int, user_ids: Sequence[str]) -> MergeGraph:
        """Return the merges in force of these users' persons, with the ended merge of the first user."""
        ...

    async def append(self, tenant_id: int, change: Change) -> None:
        """Store a change, whose version must follow the last one. Raises MergesChanged."""
        ...

    async def extent(self, tenant_id: int, *, up_to: int | None = None) -> Extent:
        """Return the extent of all resolutions; with `up_to`, of no later versions."""
        ...

    async def resolutions(self, tenant_id: int, *, after: tuple[int, str], limit: int) -> Sequence[Resolution]:
        """Return at most `limit` resolutions after this version and user, ascending by both."""
        ...

    async def forget(self, tenant_id: int, user_ids: Collection[str]) -> None:
        """Delete every merge and resolution with one of these users, for their erasure."""
        ...

    async def count(self, tenant_id: int, user_ids: Collection[str]) -> int:
        """Return the number of merges and resolutions with one of these users."""
        ...


class MergeProjection(Protocol):
    """The resolutions in the warehouse. Storing one again has no effect."""

    async def extent(self, tenant_id: int) -> Extent:
        """Return the extent of what is stored."""
        ...

    async def store(self, tenant_id: int, resolutions: Sequence[Resolution]) -> None:
        """Store resolutions."""
        ...
