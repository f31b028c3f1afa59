"""Lets exports write a file of all members after a run, for the connector `file`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.core.clock import Clock
from segops_membership.domain.activations.activation import Activation, Delivery
from segops_membership.domain.members.exports import MAX_OPEN, Export, ExportStatus
from segops_membership.domain.members.sets import MemberFormat
from segops_membership.domain.publication import Publication
from segops_membership.ports.members.exports import Exports
from segops_membership.service.exports.run_exports import PUBLICATION_GONE

FILE_EVENT: Final = "file"
_MOST_FILES: Final = 100
"""Files of one run: a replay writes another one when the last has expired."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """What came of a file, for the log. `is_final`: another attempt would come to nothing too."""

    delivery: Delivery
    is_final: bool


class FileOutputs:
    """Requests one export for each run, and reports what came of it."""

    def __init__(self, *, exports: Exports, clock: Clock) -> None:
        self._exports = exports
        self._clock = clock

    async def write(self, activation: Activation, publication: Publication, size: int) -> WrittenFile | None:
        """Request the file of a run, or return what came of it; None while it is written. Raises EngineUnavailable."""
        now = self._clock.now()
        for generation in range(_MOST_FILES):
            export_id = _export_id(activation, publication, generation)
            export = await self._exports.find([activation.tenant_id], export_id)
            if export is None:
                await self._exports.add(
                    activation.tenant_id, _export(activation, publication, size, export_id, now), max_open=MAX_OPEN
                )
                return None
            if export.status is ExportStatus.COMPLETE and export.expires_at is not None and export.expires_at <= now:
                continue
            return _outcome(export, publication, now)
        return None


def _outcome(export: Export, publication: Publication, now: datetime) -> WrittenFile | None:
    if export.status not in (ExportStatus.COMPLETE, ExportStatus.FAILED):
        return None
    is_success = export.status is ExportStatus.COMPLETE
    delivery = Delivery(
        id=0,
        delivery_id=export.id,
        event=FILE_EVENT,
        run_id=publication.attempt.run_id,
        changes=export.total if is_success else 0,
        is_success=is_success,
        status_code=None,
        duration_ms=round(((export.finished_at or now) - export.created_at).total_seconds() * 1000),
        error=None if is_success else f"the file was not written: {export.problem}",
        response=f"{SEGMENTS_PREFIX}/exports/{export.id}/download/" if is_success else "",
        at=now,
    )
    return WrittenFile(delivery, is_final=is_success or export.problem == PUBLICATION_GONE)


def _export(activation: Activation, publication: Publication, size: int, export_id: str, now: datetime) -> Export:
    return Export(
        tenant_id=activation.tenant_id,
        id=export_id,
        segment_id=activation.segment_id,
        member_format=MemberFormat(activation.settings.file_format or MemberFormat.CSV),
        publication=publication.attempt,
        total=size,
        created_at=now,
    )


def _export_id(activation: Activation, publication: Publication, generation: int) -> str:
    """Return an id in the form of a UUID of version 7, the same for every process. After a failure, it is another one."""
    of_run = (publication.number, publication.attempt.run_id, publication.attempt.fence)
    parts = (
        activation.tenant_id,
        activation.id,
        activation.settings.file_format,
        *of_run,
        activation.failures,
        generation,
    )
    digest = int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:10])
    milliseconds = round(publication.at.timestamp() * 1000) & (2**48 - 1)
    version_and_variant = 0x7 << 76 | 0x2 << 62
    rest = digest & (0xFFF << 64 | (2**62 - 1))
    return str(UUID(int=milliseconds << 80 | version_and_variant | rest))
