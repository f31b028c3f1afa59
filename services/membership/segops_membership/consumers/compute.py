"""Consumes compute jobs; a job that cannot be read is reported as failed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from segops_common.contracts.jobs import ComputeJob
from segops_common.streams.loop.consumer import BadRecord, BadRecords, Batch
from segops_membership.service.compute.run import ComputeRun


class _Identity(BaseModel):
    """The part of a job that can be read when this version cannot read its definitions."""

    model_config = ConfigDict(extra="ignore")

    run_id: int
    tenant_id: int


class ComputeJobs:
    """See `BatchHandler`. The jobs of a batch run one after the other; repeating a finished job has no effect."""

    def __init__(self, *, compute: ComputeRun) -> None:
        self._compute = compute

    async def handle(self, batch: Batch) -> None:
        """Run the jobs. Raises BadRecords for records that name no run; any other error is retried."""
        bad = []
        for record in batch.records:
            for line in record.value.splitlines():
                if not await self._handle_line(line):
                    bad.append(BadRecord(record.offset, "not-a-compute-job", "a line must name a run and its tenant"))
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
            identity = _Identity.model_validate_json(line)
        except ValidationError:
            return False
        await self._compute.refuse(identity.tenant_id, identity.run_id)
        return True
