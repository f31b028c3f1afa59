"""Whole runs as a worker makes them, on a warehouse and a PostgreSQL, with an event log in memory."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from bench.harness.history import AS_OF, TENANT
from segops_common.contracts.jobs import ComputeJob, JobSegment
from segops_common.contracts.topics import COMPUTE_RESULTS, EVENTS, MEMBERSHIP_CHANGES
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.memory import MemoryEventLog
from segops_common.telemetry.metrics import Metrics
from segops_language import Group
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation, ClickHouseProfiles
from segops_membership.adapters.clickhouse.run_results import ClickHouseRuns
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.adapters.log.ingest_watermark import LogIntake
from segops_membership.adapters.log.reports import LogAnnouncer
from segops_membership.adapters.postgres.ledger import PostgresLedger
from segops_membership.service.compute import ComputeRun
from segops_membership.service.leases import Leases
from segops_membership.service.publishing import Publisher
from segops_membership.service.static_lists import ListsAtHand


class _NobodyLooksUp:
    """Where there are no readers, nobody needs to be told of a new publication."""

    async def raise_to(self, tenant_id: int, number: int) -> None:
        """See the port `PublicationSignal`."""


async def runs_on(clickhouse: ClickHouse, engine: AsyncEngine) -> Callable[[int, Group], Coroutine[Any, Any, None]]:
    """Computes a definition as the segment of an id, in a run of its own."""
    clock = SystemClock()
    log = MemoryEventLog(clock=clock)
    await log.ensure_topics([EVENTS, COMPUTE_RESULTS, MEMBERSHIP_CHANGES])
    ledger, runs = PostgresLedger(engine=engine), ClickHouseRuns(clickhouse=clickhouse)
    announcer = LogAnnouncer(log=log, metrics=Metrics())
    lists = StoredStaticLists(clickhouse=clickhouse, engine=engine)
    compute = ComputeRun(
        leases=Leases(ledger=ledger, holder="bench", ttl=timedelta(seconds=30), clock=clock),
        ledger=ledger,
        intake=LogIntake(log=log, clock=clock),
        lists=ListsAtHand(lists=lists, clock=clock),
        profiles=ClickHouseProfiles(clickhouse=clickhouse),
        evaluation=ClickHouseEvaluation(clickhouse=clickhouse),
        runs=runs,
        publisher=Publisher(ledger=ledger, runs=runs, announcer=announcer, signal=_NobodyLooksUp(), faults=NO_FAULTS),
        clock=clock,
        faults=NO_FAULTS,
    )
    run_ids = count(1)

    async def run(segment_id: int, definition: Group) -> None:
        segment = JobSegment(id=segment_id, version=1, definition=definition)
        job = ComputeJob(
            run_id=next(run_ids), tenant_id=TENANT, segments=(segment,), as_of=AS_OF, requested_by="user:1"
        )
        await compute.run(job)

    return run
