"""One delivery of a compute job in a process of its own, ended or frozen at a named point.

Arguments: the addresses of ClickHouse, PostgreSQL, Redis and the event log, the job as JSON, the point, `crash` or `freeze`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from segops_common.contracts.jobs import ComputeJob
from segops_common.core.faults import FaultPoints
from segops_common.runtime.crash_points import CrashAt
from segops_membership.ports.tenant_leases import LeaseLost
from tests.integration.membership.harness import opened

PATIENT_LEASE_S = 300.0
"""Outlasts a worker on any machine; a test ends the lease of a dead worker itself."""
FROZEN_LEASE_S = 5.0
"""The lease of a worker that is frozen past it."""


class FreezeAt:
    """Freezes the process at a point, as a stalled machine would, until SIGCONT."""

    def __init__(self, point: str) -> None:
        self._point = point

    def reach(self, name: str) -> None:
        if name == self._point:
            os.kill(os.getpid(), signal.SIGSTOP)


async def deliver(addresses: Sequence[str], job: ComputeJob, faults: FaultPoints, lease_s: float) -> str:
    """Deliver the job and return its outcome."""
    clickhouse_url, postgres_url, redis_url, event_log_url = addresses
    async with opened(
        clickhouse_url=clickhouse_url,
        postgres_url=postgres_url,
        redis_url=redis_url,
        event_log_url=event_log_url,
        faults=faults,
        lease_s=lease_s,
    ) as harness:
        try:
            await harness.compute.run(job)
        except LeaseLost:
            return "lease lost"
        return "finished"


def main() -> None:
    """Deliver the job and print its outcome."""
    *addresses, text, point, how = sys.argv[1:]
    faults, lease_s = (CrashAt(point), PATIENT_LEASE_S) if how == "crash" else (FreezeAt(point), FROZEN_LEASE_S)
    job = ComputeJob.model_validate_json(text)
    sys.stdout.write(asyncio.run(deliver(addresses, job, faults, lease_s)))


if __name__ == "__main__":
    main()
