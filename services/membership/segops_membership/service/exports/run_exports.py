"""Writes the files of exports, and removes those that have expired. It runs in the role `worker`."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.faults import FaultPoints
from segops_common.core.tasks import spawn
from segops_membership.domain.members.exports import KEPT_FOR, LISTED_FOR, MAX_ATTEMPTS, Export
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.members.export_files import ExportFiles
from segops_membership.ports.members.exports import Exports, ExportTaken
from segops_membership.ports.members.sets import MemberSets

LEASE: Final = timedelta(seconds=30)
_RENEW_EVERY_S: Final = 2.0
_REMOVED_AT_ONCE: Final = 100
PUBLICATION_GONE: Final = "publication-gone"
EXPORT_FAILED: Final = "export-failed"
_log = logging.getLogger(__name__)


class RunExports:
    """Takes exports one after the other. What a worker that died has begun is begun anew by the next."""

    def __init__(
        self, *, exports: Exports, sets: MemberSets, files: ExportFiles, clock: Clock, faults: FaultPoints
    ) -> None:
        self._exports = exports
        self._sets = sets
        self._files = files
        self._clock = clock
        self._faults = faults

    async def run_next(self) -> bool:
        """Carry out one export, and return whether there was one. Raises EngineUnavailable."""
        export = await self._exports.take(LEASE)
        if export is None:
            return False
        with suppress(ExportTaken):
            await self._carry_out(export)
        return True

    async def remove_expired(self) -> None:
        """Remove the files of exports that have expired, and forget exports that expired long ago."""
        now = self._clock.now()
        while expired := await self._exports.expired(now, _REMOVED_AT_ONCE):
            for export in expired:
                await self._files.remove(export.tenant_id, export)
                await self._exports.mark_removed(export.tenant_id, export.id)
        await self._exports.forget(now - LISTED_FOR)

    async def _carry_out(self, export: Export) -> None:
        try:
            is_there = await self._write(export)
        except EngineUnavailable as error:
            _log.warning("export %s: attempt %d failed: %s", export.id, export.attempts, error)
            if export.attempts < MAX_ATTEMPTS:
                await self._exports.put_back(export.tenant_id, export.id, export.attempts)
                raise
            await self._fail(export, EXPORT_FAILED)
            return
        if not is_there:
            await self._fail(export, PUBLICATION_GONE)
            return
        self._faults.reach("after_export_file")
        now = self._clock.now()
        await self._exports.complete(export.tenant_id, export.id, export.attempts, now, now + KEPT_FOR)

    async def _write(self, export: Export) -> bool:
        """Write the file and return True; return False when the publication is gone. Raises ExportTaken."""
        members = await self._sets.find(export.tenant_id, export.segment_id, export.publication)
        if members is None:
            return False
        rows = 0

        def count(written: int) -> None:
            nonlocal rows
            rows = written

        self._faults.reach("before_export_file")
        writing = spawn(self._files.write(export.tenant_id, export, members, count), name=f"file of export {export.id}")
        try:
            while not writing.done():
                await asyncio.wait([writing], timeout=_RENEW_EVERY_S)
                await self._exports.renew(export.tenant_id, export.id, export.attempts, rows, LEASE)
        finally:
            writing.cancel()
            await asyncio.wait([writing])
        await writing
        return True

    async def _fail(self, export: Export, problem: str) -> None:
        now = self._clock.now()
        await self._exports.fail(export.tenant_id, export.id, export.attempts, problem, now, now + KEPT_FOR)
