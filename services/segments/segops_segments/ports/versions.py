"""Storing and reading the versions of segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from segops_segments.domain.segment import Version


class VersionReader(Protocol):
    """Reads versions. Only versions that changed the definition exist."""

    async def list_versions(
        self, tenant_id: int, segment_id: int, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[Version]:
        """Return versions with a number less than `before`, newest first. `offset` skips so many."""
        ...

    async def version_count(self, tenant_id: int, segment_id: int) -> int:
        """Return the number of the segment's versions."""
        ...

    async def newest_versions(self, tenant_id: int, at_most: Mapping[int, int]) -> Mapping[int, Version]:
        """Return the newest version at or below the given number, for each segment that has one."""
        ...


class VersionWriter(VersionReader, Protocol):
    """Reads and stores versions."""

    async def add_version(self, tenant_id: int, version: Version) -> None:
        """Store a definition under its number."""
        ...
