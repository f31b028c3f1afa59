"""Compute jobs from the topic: read, handed to the use case, reported when they cannot be read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from segops_common.contracts.jobs import ComputeJob
from segops_common.streams.loop.consumer import BadRecord, BadRecords, Batch
from segops_membership.service.compute import ComputeRun


class _Identity(BaseModel):
    """What is left of a job whose definitions this version cannot read."""

    model_config = ConfigDict(extra="ignore")

    run_id: int
    tenant_id: int


class ComputeJobs:
    """See `BatchHandler`. The jobs of a batch run one after the other; a finished one that comes again does nothing."""

    def __init__(self, *, compute: ComputeRun) -> None:
        self._compute = compute

    async def handle(self, batch: Batch) -> None:
        """Raises BadRecords for records that say no run; whatever else is raised is tried again."""
        bad = []
        for record in batch.records:
            for line in record.value.splitlines():
                if not await self._handle_line(line):
                    bad.append(BadRecord(record.offset, "not-a-compute-job", "the line names no run of a tenant"))
        if bad:
            raise BadRecords(bad)

    async def _handle_line(self, line: bytes) -> bool:
        try:
            job = ComputeJob.model_validate_json(line)
        except ValidationError:
            return await self._refuse(line)
        await self._compute.run(job)
        return True

    async def _refuse(self, line: bytes) -> bool:
        try:
            named = _Identity.model_validate_json(line)
        except ValidationError:
            return False
        await self._compute.refuse(named.tenant_id, named.run_id)
        return True
