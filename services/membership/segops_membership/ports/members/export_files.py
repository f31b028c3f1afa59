"""Storage of the files of exports."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Protocol

from segops_membership.domain.members.exports import Export
from segops_membership.domain.members.sets import MemberSet

OnRows = Callable[[int], None]
"""Receives the number of rows that were written so far."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file to pass on, with its size in bytes."""

    size: int
    chunks: AsyncGenerator[bytes, None]


@dataclass(frozen=True, slots=True)
class FileLink:
    """An address at which whoever knows it may read the file, for an hour."""

    url: str


class ExportFiles(Protocol):
    """Writes files once: a file is there with all rows, or not at all. Every call raises EngineUnavailable."""

    async def write(self, tenant_id: int, export: Export, members: MemberSet, on_rows: OnRows) -> None:
        """Write the file of an export. A repetition replaces it by the same rows."""
        ...

    async def open(self, tenant_id: int, export: Export) -> StoredFile | FileLink | None:
        """Return the file, or where it is; None when it is known to be gone."""
        ...

    async def remove(self, tenant_id: int, export: Export) -> None:
        """Remove the file and what attempts have left behind. Can be repeated."""
        ...
