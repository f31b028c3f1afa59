"""Files of exports in a folder that the API and the worker share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import BinaryIO, Final

from segops_membership.adapters.clickhouse.members.sets import RowCount
from segops_membership.domain.members.exports import Export
from segops_membership.domain.members.sets import MemberSet
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.members.export_files import OnRows, StoredFile
from segops_membership.ports.members.sets import MemberSets

_CHUNK: Final = 1024**2


class ExportFolder:
    """See the port `ExportFiles`. A file gets its name when all of it is on the disk."""

    def __init__(self, *, folder: Path, sets: MemberSets) -> None:
        self._folder = folder
        self._sets = sets

    async def write(self, tenant_id: int, export: Export, members: MemberSet, on_rows: OnRows) -> None:
        """See the port."""
        part = self._folder / f"{export.id}.{export.attempts}.part"
        rows = RowCount(export.member_format)
        chunks = self._sets.stream(tenant_id, export.segment_id, members, export.member_format)
        try:
            file = await asyncio.to_thread(_create, part)
            with file:
                async with aclosing(chunks):
                    async for chunk in chunks:
                        await asyncio.to_thread(file.write, chunk)
                        rows.add(chunk)
                        on_rows(rows.rows)
                await asyncio.to_thread(_sync, file)
            await asyncio.to_thread(part.replace, self._folder / export.file_name)
        except OSError as error:
            raise EngineUnavailable(f"the file of an export cannot be written: {error.strerror}") from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    async def open(self, tenant_id: int, export: Export) -> StoredFile | None:  # noqa: ARG002 ids are unique
        """See the port."""
        try:
            file = await asyncio.to_thread((self._folder / export.file_name).open, "rb")
            return StoredFile(os.fstat(file.fileno()).st_size, _chunks(file))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EngineUnavailable(f"the file of an export cannot be read: {error.strerror}") from error

    async def remove(self, tenant_id: int, export: Export) -> None:  # noqa: ARG002 ids are unique
        """See the port."""
        try:
            for path in [self._folder / export.file_name, *self._folder.glob(f"{export.id}.*.part")]:
                await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            raise EngineUnavailable(f"the file of an export cannot be removed: {error.strerror}") from error


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


async def _chunks(file: BinaryIO) -> AsyncGenerator[bytes, None]:
    with file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
